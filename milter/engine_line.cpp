// SPDX-License-Identifier: Apache-2.0
#include "milter/engine_line.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace optimilter {

namespace {

Bytes negotiation() {
    std::array<std::uint8_t, 12> offer{};
    write_be32(offer.data(), 6);             // version
    write_be32(offer.data() + 4, 0x1FF);     // every action, as Postfix offers them
    write_be32(offer.data() + 8, 0x1FFFFF);  // every protocol flag
    Bytes frame;
    append_frame(frame, kCommandNegotiate, offer);
    return frame;
}

}  // namespace

bool EngineLine::open(SteadyClock::time_point now) {
    close();
    EngineConnection connection = connect_to(address_);
    if (!connection.fd) return false;
    fd_ = std::move(connection.fd);
    opened_at_ = now;
    greeting_ = negotiation();
    epoll_event event{};
    event.events = connection.connecting ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.ptr = endpoint_;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_.get(), &event);
    if (!connection.connecting && send(greeting_)) greeting_.clear();
    return true;
}

void EngineLine::close() {
    fd_.reset();
    reader_ = FrameReader(1024);
    greeting_.clear();
    ready_ = false;
}

// Frames this short go whole or not at all into an empty buffer.
bool EngineLine::send(const Bytes& bytes) {
    return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
}

void EngineLine::on_event() {
    if (!fd_) return;
    if (!greeting_.empty()) {
        if (socket_error(fd_.get()) != 0 || !send(greeting_)) return close();
        greeting_.clear();
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = endpoint_;
        ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd_.get(), &event);
    }
    std::array<std::uint8_t, 512> buffer;
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return close();
    reader_.append(ByteView(buffer).first(static_cast<std::size_t>(got)));
    Frame frame;
    while (reader_.next(frame) == FrameReader::Next::kFrame) {
        if (frame.command == kReplyNegotiate) ready_ = true;
    }
}

}  // namespace optimilter
