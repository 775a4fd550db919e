// SPDX-License-Identifier: Apache-2.0
#include "milter/guard_session.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace optimilter {

namespace {

// Postfix sends body chunks of 65535 bytes and header fields of up to 100 KiB (header_size_limit).
constexpr std::size_t kMaxMtaFrame = 256 << 10;
// libmilter cuts a new body into chunks of 65535 bytes.
constexpr std::size_t kMaxEngineFrame = 128 << 10;
constexpr std::size_t kReadBytes = 64 << 10;
// Commands that an engine that reads slowly may be behind.
constexpr std::size_t kEngineBacklog = 128 << 10;

enum class Io { kSome, kNone, kGone };

Io read_some(int fd, FrameReader& into) {
    static std::array<std::uint8_t, kReadBytes> buffer;  // one thread
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) {
        into.append(ByteView(buffer).first(static_cast<std::size_t>(got)));
        return Io::kSome;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Io::kNone;
    return Io::kGone;
}

// One send() of all that is left.
Io send_rest(int fd, Bytes& bytes, std::size_t& sent) {
    if (bytes.empty()) return Io::kNone;
    const ssize_t took = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (took < 0) return errno == EAGAIN || errno == EINTR ? Io::kNone : Io::kGone;
    sent += static_cast<std::size_t>(took);
    if (sent < bytes.size()) return Io::kSome;
    if (bytes.capacity() > kReadBytes) bytes = Bytes();
    bytes.clear();
    sent = 0;
    return Io::kSome;
}

}  // namespace

GuardSession::GuardSession(int epoll, UniqueFd mta, EngineConnection engine, PassReason reason,
                           ReplyBudget& budget, const GuardTimes& times)
    : epoll_(epoll),
      mta_(std::move(mta)),
      engine_(std::move(engine.fd)),
      connecting_(engine.connecting),
      from_mta_(kMaxMtaFrame),
      from_engine_(kMaxEngineFrame),
      relay_(reason, budget),
      times_(times) {
    watch();
}

void GuardSession::on_event(bool is_engine, std::uint32_t events) {
    if (over_) return;
    last_heard_ = SteadyClock::now();
    if (is_engine) {
        if (connecting_) {
            connecting_ = false;
            if (socket_error(engine_.get()) != 0) lose_engine(PassReason::kNoEngine);
        }
        read_engine();
    } else if ((events & EPOLLIN) != 0 && (mta_events_ & EPOLLIN) != 0) {
        read_mta();
    } else if ((events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0) {
        return finish();  // it went away while an answer was due
    }
    work();
}

void GuardSession::read_mta() {
    if (read_some(mta_.get(), from_mta_) == Io::kGone) finish();
}

// What a dying engine had still said is heard before its death is.
void GuardSession::read_engine() {
    while (engine_) {
        const Io io = read_some(engine_.get(), from_engine_);
        if (io == Io::kNone) return;
        if (!serve_engine()) return;
        if (io == Io::kGone) return lose_engine(PassReason::kDied);
    }
}

// false: the engine talks nonsense and is gone.
bool GuardSession::serve_engine() {
    Frame frame;
    for (;;) {
        const FrameReader::Next next = from_engine_.next(frame);
        if (next == FrameReader::Next::kNone) return true;
        const bool was_end = relay_.waiting_for_end();
        if (next == FrameReader::Next::kFrame) {
            relay_.engine_frame(frame);
        } else {
            relay_.engine_lost(PassReason::kWrong);
        }
        if (!relay_.relaying()) {
            close_engine();
            return false;
        }
        if (was_end && !relay_.waiting()) proof_of_life_ = true;
    }
}

std::size_t GuardSession::engine_backlog() const {
    return engine_ ? relay_.to_engine.size() - engine_sent_ : 0;
}

bool GuardSession::can_serve_mta() const {
    return !over_ && relay_.ready_for_mta() && from_mta_.has_frame() && engine_backlog() < kEngineBacklog;
}

void GuardSession::serve_mta() {
    Frame frame;
    while (can_serve_mta()) {
        const FrameReader::Next next = from_mta_.next(frame);
        if (next == FrameReader::Next::kMalformed) return finish();
        if (next == FrameReader::Next::kTooLong) {
            relay_.mta_frame_too_long(frame.command);
        } else {
            relay_.mta_frame(frame);
        }
        if (!relay_.relaying()) close_engine();
    }
}

void GuardSession::work() {
    // Sending makes room for more; nobody would wake us for frames that are here already.
    do {
        serve_mta();
        flush_engine();
        flush_mta();
    } while (can_serve_mta());
    if (over_) return;
    if (relay_.finished() && relay_.to_mta.empty()) return finish();
    if (draining_ && !relay_.waiting() && !relay_.in_content() && relay_.to_mta.empty()) return finish();
    measure_wait();
    watch();
}

void GuardSession::flush_engine() {
    if (!engine_ || connecting_ || relay_.to_engine.empty()) return;
    if (send_rest(engine_.get(), relay_.to_engine, engine_sent_) == Io::kGone && !relay_.finished())
        read_engine();  // what it said before it closed comes first; its end closes it
}

void GuardSession::flush_mta() {
    if (over_) return;
    const bool fresh = mta_sent_ == 0;
    if (send_rest(mta_.get(), relay_.to_mta, mta_sent_) == Io::kGone) return finish();
    if (fresh && mta_sent_ > 0) torn_ = true;
    if (relay_.to_mta.empty()) {
        if (!relay_.waiting_for_end()) relay_.reply_sent();
        from_mta_.shrink();
        from_engine_.shrink();
    }
}

void GuardSession::pass(PassReason reason) {
    lose_engine(reason);
    work();
}

void GuardSession::lose_engine(PassReason reason) {
    relay_.engine_lost(reason);
    close_engine();
}

void GuardSession::close_engine() {
    engine_.reset();  // which takes it out of epoll
    engine_events_ = 0;
    engine_sent_ = 0;
    connecting_ = false;
    waiting_since_.reset();
}

void GuardSession::finish() {
    over_ = true;
    flush_engine();  // the MTA's goodbye
    close_engine();
    mta_.reset();
}

void GuardSession::abandon() {
    over_ = true;
    engine_.reset();
    mta_.reset();
}

void GuardSession::drain() {
    draining_ = true;
    work();
}

// ---- Time
// ----------------------------------------------------------------------------------------------------

// Adds up, within a message, how long the engine has let us wait.
void GuardSession::measure_wait() {
    const bool expects = engine_ && (relay_.waiting() || !relay_.to_engine.empty());
    if (waited_message_ != relay_.message_number()) {
        waited_message_ = relay_.message_number();
        waited_ = {};
    }
    if (expects && !waiting_since_) waiting_since_ = SteadyClock::now();
    if (!expects && waiting_since_) {
        waited_ += SteadyClock::now() - *waiting_since_;
        waiting_since_.reset();
    }
}

std::int64_t GuardSession::time_left(SteadyClock::time_point now) const {
    const auto waited = waited_ + (now - *waiting_since_);
    const std::int64_t limit = relay_.waiting_for_end() ? times_.message : times_.engine_timeout;
    return limit - std::chrono::duration_cast<std::chrono::milliseconds>(waited).count();
}

bool GuardSession::waiting_longer_than(SteadyClock::time_point now, std::int64_t ms) const {
    return waiting_since_ && now - *waiting_since_ >= std::chrono::milliseconds(ms);
}

void GuardSession::on_tick(SteadyClock::time_point now) {
    if (over_ || !waiting() || time_left(now) > 0) return;
    pass(PassReason::kTimeout);
}

// ---- epoll
// ---------------------------------------------------------------------------------------------------

void GuardSession::watch() {
    // A whole frame that cannot be taken yet is enough in hand.
    std::uint32_t mta = EPOLLRDHUP;
    if (relay_.ready_for_mta() && !from_mta_.has_frame()) mta |= EPOLLIN;
    if (!relay_.to_mta.empty()) mta |= EPOLLOUT;
    set_events(mta_.get(), mta_endpoint_, mta_events_, mta);
    if (!engine_) return;
    const bool to_send = connecting_ || !relay_.to_engine.empty();
    set_events(engine_.get(), engine_endpoint_, engine_events_, EPOLLIN | (to_send ? EPOLLOUT : 0u));
}

void GuardSession::set_events(int fd, GuardEndpoint& endpoint, std::uint32_t& now, std::uint32_t wanted) {
    if (now == wanted) return;
    epoll_event event{};
    event.events = wanted;
    event.data.ptr = &endpoint;
    // Added once and then changed: a descriptor taken out and put in again misses events.
    ::epoll_ctl(epoll_, now == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
    now = wanted;
}

}  // namespace optimilter
