// SPDX-License-Identifier: Apache-2.0
//
// Does libmilter still answer? A connection of the engine to its own milter socket: negotiates, hears the
// answer, quits. A process whose main thread lives while libmilter hangs would otherwise look healthy. Lives
// in somebody else's poll loop and never waits. Not thread safe.
#pragma once

#include <poll.h>

#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "milter/frame.hpp"
#include "milter/guard_sockets.hpp"

namespace optimilter {

class SelfProbe {
  public:
    static constexpr std::int64_t kTimeMs = 1000;

    explicit SelfProbe(SocketAddress address) : address_(std::move(address)), reader_(kLongestAnswer) {}

    // Begins one; it takes kTimeMs at most.
    void begin();
    bool running() const { return running_; }

    // Appends what to wait for.
    void watch(std::vector<pollfd>& descriptors) const;
    // To be called after each wait. A value, once for each probe, when it has ended: did libmilter answer?
    std::optional<bool> serve();
    Deadline next_due() const { return running_ ? until_ : Deadline(); }

  private:
    static constexpr std::size_t kLongestAnswer = 4096;

    bool send_offer();
    // Empty: nothing whole yet.
    std::optional<bool> hear();
    std::optional<bool> end(bool answered);

    SocketAddress address_;
    EngineConnection connection_;
    FrameReader reader_;
    Deadline until_;
    bool running_ = false;
    bool offered_ = false;
};

}  // namespace optimilter
