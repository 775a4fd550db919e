// SPDX-License-Identifier: Apache-2.0
#include "console/process_client.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace optimilter {

namespace {

std::string group_name(gid_t group) {
    const ::group* entry = ::getgrgid(group);
    return entry == nullptr ? std::to_string(group) : entry->gr_name;
}

// Whose group it takes to open the socket: its own, or that of the first folder above it that lets us look.
std::string permission_text(const std::string& path) {
    struct stat found {};
    for (std::string place = path; !place.empty(); place.resize(place.rfind('/'))) {
        if (::stat(place.c_str(), &found) == 0)
            return fmt::format("{} is open to root and to group {} only", printable(place),
                               group_name(found.st_gid));
    }
    return printable(path) + " is not open to us";
}

ProcessReply unreachable(const std::string& path, int error) {
    switch (error) {
        case EACCES:
        case EPERM:
            return {Reach::kNotAllowed, permission_text(path)};
        case ENOENT:
        case ENOTDIR:
            return {Reach::kNotRunning, "there is no socket " + printable(path)};
        case ECONNREFUSED:
        case ENOTSOCK:
            return {Reach::kNotRunning, "nobody is behind " + printable(path)};
        case EAGAIN:
        case ETIMEDOUT:
            return {Reach::kNotAnswering, printable(path) + " takes no more connections"};
        default:
            return {Reach::kNotRunning, fmt::format("{}: {}", printable(path), std::strerror(error))};
    }
}

bool wait_for(int fd, short events, Deadline deadline) {
    pollfd ready{fd, events, 0};
    int found = 0;
    do {
        found = ::poll(&ready, 1, static_cast<int>(deadline.remaining_ms()));
    } while (found < 0 && errno == EINTR && !deadline.expired());
    return found > 0;
}

ProcessReply read_reply(int fd, Deadline deadline) {
    std::string text;
    char bytes[4096];
    while (text.size() <= kLongestReply) {
        if (!wait_for(fd, POLLIN, deadline)) return {Reach::kNotAnswering, "no answer in time"};
        const ssize_t size = ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        // A reset is as good an end as any: the caller sees whether the answer is whole.
        if (size <= 0 && text.empty()) return {Reach::kNotAnswering, "it hung up without an answer"};
        if (size <= 0) return {Reach::kAnswered, std::move(text)};
        text.append(bytes, static_cast<std::size_t>(size));
    }
    return {Reach::kNotAnswering, "its answer has no end"};
}

}  // namespace

ProcessReply query_process(const std::string& path, std::string_view line, std::int64_t patience_ms) {
    const Deadline deadline = Deadline::in_ms(patience_ms);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return {Reach::kNotRunning, printable(path) + " is too long for a socket"};
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return unreachable(path, errno);
    if (!line.empty()) {
        // It fits into any fresh socket's buffer. Who has hung up already may have answered all the same.
        const std::string request = std::string(line) + '\n';
        [[maybe_unused]] const ssize_t sent =
            ::send(fd.get(), request.data(), request.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return read_reply(fd.get(), deadline);
}

}  // namespace optimilter
