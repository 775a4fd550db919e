// SPDX-License-Identifier: Apache-2.0
#include "workers/record_socket.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace optimilter {

namespace {

constexpr std::size_t kControlBytes = CMSG_SPACE(kMaxDescriptors * sizeof(int));

Error io_error(const char* operation) {
    return Error{ErrorCode::kIo, std::string(operation) + ": " + std::strerror(errno)};
}

void take_descriptors(msghdr& message, std::vector<UniqueFd>& fds) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
            fds.emplace_back(fd);
        }
    }
}

void attach_descriptors(msghdr& message, std::span<const int> fds, char* control) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(part), fds.data(), fds.size_bytes());
}

}  // namespace

Result<std::pair<UniqueFd, UniqueFd>> record_socket_pair() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return io_error("socketpair");
    return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

Status send_record(int socket, ByteView record, std::span<const int> fds) {
    if (fds.size() > kMaxDescriptors) return Error{ErrorCode::kInternal, "too many descriptors to send"};
    alignas(cmsghdr) char control[kControlBytes] = {};
    iovec data{const_cast<std::uint8_t*>(record.data()), record.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (!fds.empty()) attach_descriptors(message, fds, control);
    ssize_t sent = -1;
    do {
        sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? Status(io_error("send record")) : Status(Success{});
}

Result<ReceivedRecord> receive_record(int socket, std::size_t record_bytes, bool wait) {
    ReceivedRecord received;
    received.bytes.resize(record_bytes + 1);
    alignas(cmsghdr) char control[kControlBytes] = {};
    iovec data{received.bytes.data(), received.bytes.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    ssize_t got = -1;
    do {
        got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    } while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return Error{ErrorCode::kDeadline, "no record yet"};
    if (got < 0 && errno != ECONNRESET) return io_error("receive record");
    if (got <= 0) return Error{ErrorCode::kWorkerDied, "peer closed its socket"};
    take_descriptors(message, received.fds);
    received.fds_lost = (message.msg_flags & MSG_CTRUNC) != 0;
    received.bytes.resize(static_cast<std::size_t>(got));
    return received;
}

}  // namespace optimilter
