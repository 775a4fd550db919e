// SPDX-License-Identifier: Apache-2.0
#include "milter/queue_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "milter/guard_sockets.hpp"

namespace optimilter {

QueueSocket::Opened QueueSocket::open(const Settings& settings) {
    if (settings.queue_socket.empty()) return {UniqueFd(), "the setting queue_socket is empty"};
    const Result<SocketAddress> address = resolve_address("unix:" + settings.queue_socket);
    if (!address) return {UniqueFd(), address.error().text};
    Result<UniqueFd> fd = receive_on(*address, {settings.user, settings.queue_group, 0620});
    if (!fd) return {UniqueFd(), fd.error().text};
    return {std::move(*fd), {}};
}

QueueSocket::QueueSocket(Opened opened, std::string path)
    : fd_(std::move(opened.fd)), path_(std::move(path)), monitor_(std::move(opened.why_not)) {}

void QueueSocket::remove() const {
    if (fd_) ::unlink(path_.c_str());
}

void QueueSocket::watch(std::vector<pollfd>& descriptors) const {
    if (fd_ && !paused_) descriptors.push_back({fd_.get(), POLLIN, 0});
}

void QueueSocket::serve() {
    if (!fd_) return;
    if (round_ends_.expired()) {
        round_ends_ = Deadline::in_ms(kRoundMs);
        read_in_round_ = 0;
    }
    while (read_in_round_ < kMostInARound && take_one()) ++read_in_round_;
    paused_ = read_in_round_ == kMostInARound;
}

bool QueueSocket::take_one() {
    std::array<std::uint8_t, kQueueRecordBytes> bytes;
    // MSG_TRUNC: the size that was sent, so that a longer one is no record either.
    const ssize_t size = ::recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0) return errno == EINTR;
    const auto sent = static_cast<std::size_t>(size);
    Result<QueueRecord> record = Error{ErrorCode::kMalformed, {}};
    if (sent <= bytes.size()) record = read_queue_record(ByteView(bytes).first(sent));
    if (!record) {
        monitor_.note_refused();
    } else {
        monitor_.take(std::move(*record), clock_ms());
    }
    return true;
}

std::int64_t QueueSocket::clock_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now().time_since_epoch())
        .count();
}

}  // namespace optimilter
