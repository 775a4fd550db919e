// SPDX-License-Identifier: Apache-2.0
//
// The engine's queue socket: takes the records of optimilter-queuewatch and hands them to a QueueMonitor.
// Lives in somebody else's poll loop and never waits; answers nobody. Not thread safe.
//
// Security: whoever may write to the socket's file may send anything. A datagram is read into a buffer of one
// record, checked by policy/queue_record, and dropped and counted when it is none. At most kMostInARound are
// read in kRoundMs, so that a flood costs its sender more than the engine.
#pragma once

#include <poll.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "policy/queue_monitor.hpp"
#include "policy/settings.hpp"

namespace optimilter {

class QueueSocket {
  public:
    static constexpr int kMostInARound = 64;
    static constexpr std::int64_t kRoundMs = 100;

    // What open() has made, and whom it tells why there is none.
    struct Opened {
        UniqueFd fd;
        std::string why_not;  // empty: fd is there
    };
    // queue_socket: mode 0620, owned by user and queue_group. Without it mail flows as well; why_not then
    // says that the setting is empty, somebody answers there already, the group is not known, ...
    static Opened open(const Settings& settings);

    QueueSocket(Opened opened, std::string path);
    // Removes the socket's file.
    void remove() const;

    // Appends what to wait for.
    void watch(std::vector<pollfd>& descriptors) const;
    // Reads what has come. To be called after each wait.
    void serve();
    // How long the wait may last at most.
    Deadline next_due() const { return paused_ ? round_ends_ : Deadline(); }

    // Its times are those of clock_ms().
    const QueueMonitor& monitor() const { return monitor_; }
    static std::int64_t clock_ms();

  private:
    // false: nothing more has come.
    bool take_one();

    UniqueFd fd_;
    const std::string path_;
    QueueMonitor monitor_;
    Deadline round_ends_ = Deadline::in_ms(0);
    int read_in_round_ = 0;
    bool paused_ = false;  // the round's share is used up
};

}  // namespace optimilter
