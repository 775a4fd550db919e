// SPDX-License-Identifier: Apache-2.0
//
// Whether a message that asks for a worker can still get one in time: from the mean time that messages stayed
// at work, how many stand before it, and the time it has. Knows no clock and no worker; times come in as
// milliseconds. Not thread safe: guarded by the crew's lock.
//
// Security: senders choose how long their attachments take. A mean that they drove up refuses only messages
// that would have to wait; whoever finds a free place is served and brings it down again.
#pragma once

#include <cstdint>

namespace optimilter {

class QueueForecast {
  public:
    explicit QueueForecast(std::uint32_t workers) : workers_(workers) {}

    // A message was at work for so long.
    void observe(double served_ms);
    // Mean of the last messages, the newest counting most; 0 before the first.
    double service_ms() const { return service_ms_; }

    // Time until a place comes free for a message with `ahead` others before it; 0 when one is free now.
    double expected_wait_ms(std::uint32_t ahead, std::uint32_t free_places) const;
    // How long a message with so much time left may wait, so that what is left then is worth a worker: the
    // mean time at work, or half of what it has.
    std::int64_t patience_ms(std::int64_t remaining_ms) const;
    // False: refuse it at once.
    bool in_time(std::int64_t remaining_ms, std::uint32_t ahead, std::uint32_t free_places) const;

  private:
    std::uint32_t workers_;
    std::uint32_t seen_ = 0;
    double service_ms_ = 0;
};

}  // namespace optimilter
