// SPDX-License-Identifier: Apache-2.0
#include "milter/self_probe.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace optimilter {

namespace {

// Version 6, may replace bodies, wants to be told everything: the least that libmilter takes.
constexpr std::uint8_t kOffer[] = {0, 0, 0, 6, 0, 0, 0, 2, 0, 0, 0, 0};
constexpr std::size_t kLeastAnswer = sizeof kOffer;

// A frame of ours fits into any socket buffer: all or nothing.
bool send_frame(int fd, char command, ByteView payload) {
    Bytes bytes;
    append_frame(bytes, command, payload);
    return ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
}

}  // namespace

void SelfProbe::begin() {
    reader_ = FrameReader(kLongestAnswer);
    offered_ = false;
    running_ = true;
    until_ = Deadline::in_ms(kTimeMs);
    connection_ = connect_to(address_);
}

void SelfProbe::watch(std::vector<pollfd>& descriptors) const {
    if (!running_ || !connection_.fd) return;
    descriptors.push_back({connection_.fd.get(), static_cast<short>(offered_ ? POLLIN : POLLOUT), 0});
}

std::optional<bool> SelfProbe::end(bool answered) {
    running_ = false;
    connection_.fd.reset();
    return answered;
}

bool SelfProbe::send_offer() {
    pollfd ready{connection_.fd.get(), POLLOUT, 0};
    if (connection_.connecting && ::poll(&ready, 1, 0) == 0) return true;  // not through yet
    if (connection_.connecting && socket_error(connection_.fd.get()) != 0) return false;
    offered_ = true;
    return send_frame(connection_.fd.get(), kCommandNegotiate, kOffer);
}

std::optional<bool> SelfProbe::serve() {
    if (!running_) return std::nullopt;
    // No descriptor: nobody listens. The time is kept all the same, so that failures do not chase each other.
    if (until_.expired()) return end(false);
    if (!connection_.fd) return std::nullopt;
    if (!offered_ && !send_offer()) connection_.fd.reset();
    return offered_ && connection_.fd ? hear() : std::nullopt;
}

std::optional<bool> SelfProbe::hear() {
    std::uint8_t bytes[512];
    const ssize_t size = ::recv(connection_.fd.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
    if (size > 0) reader_.append({bytes, static_cast<std::size_t>(size)});
    Frame frame;
    const FrameReader::Next next = reader_.next(frame);
    if (size > 0 && next == FrameReader::Next::kNone) return std::nullopt;
    const bool answered = next == FrameReader::Next::kFrame && frame.command == kReplyNegotiate &&
                          frame.payload.size() >= kLeastAnswer;
    if (!answered) {
        connection_.fd.reset();  // and wait for the end of the time, as above
        return std::nullopt;
    }
    send_frame(connection_.fd.get(), kCommandQuit, {});
    return end(true);
}

}  // namespace optimilter
