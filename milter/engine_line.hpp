// SPDX-License-Identifier: Apache-2.0
//
// The guard's own connection to the engine, on which no mail travels: it finds out whether an engine that
// hung answers again. Non-blocking; not thread safe.
#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "milter/frame.hpp"
#include "milter/guard_sockets.hpp"

namespace optimilter {

class EngineLine {
  public:
    // address outlives the line. endpoint: what epoll hands back for its socket.
    EngineLine(int epoll, const SocketAddress& address, void* endpoint)
        : epoll_(epoll), address_(address), endpoint_(endpoint) {}

    // Connects and negotiates, from the beginning. false: nobody is there.
    bool open(SteadyClock::time_point now);
    void close();
    // The socket has something to say.
    void on_event();

    bool is_open() const { return static_cast<bool>(fd_); }
    // The engine has answered the negotiation.
    bool ready() const { return ready_; }
    SteadyClock::time_point opened_at() const { return opened_at_; }

  private:
    bool send(const Bytes& bytes);

    int epoll_;
    const SocketAddress& address_;
    void* endpoint_;
    UniqueFd fd_;
    FrameReader reader_{1024};
    Bytes greeting_;  // left to send while connecting
    bool ready_ = false;
    SteadyClock::time_point opened_at_{};
};

}  // namespace optimilter
