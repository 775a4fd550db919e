// SPDX-License-Identifier: Apache-2.0
//
// Mean time that a message keeps a worker, from how long workers were busy and how many messages they ended.
// Those still at work count with the time they have had, so that at the beginning of a flood the first, quick
// ones to end do not speak for all. Knows no clock. Not thread safe: guarded by the crew's lock.
#pragma once

#include <algorithm>
#include <cstdint>

namespace optimilter {

class ServiceMean {
  public:
    // One more second or so: workers were busy for busy_ms in all, so many messages ended, so many are at
    // work now. Returns the mean in ms.
    double observe(double busy_ms, std::uint32_t ended, std::uint32_t at_work) {
        busy_ms_ = busy_ms_ * kKept + busy_ms;
        ended_ = ended_ * kKept + ended;
        return busy_ms_ / std::max({ended_, static_cast<double>(at_work), 1.0});
    }

  private:
    static constexpr double kKept = 0.8;  // of the sums, from one time to the next

    double busy_ms_ = 0;
    double ended_ = 0;
};

}  // namespace optimilter
