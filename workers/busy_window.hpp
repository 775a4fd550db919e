// SPDX-License-Identifier: Apache-2.0
//
// How much of the workers' time is used: the places taken, over time, since it was last asked for. The clock
// is passed in. Not thread safe: guarded by the crew's lock.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.hpp"

namespace optimilter {

class BusyWindow {
  public:
    BusyWindow(std::uint32_t places, SteadyClock::time_point now)
        : places_(places), began_(now), changed_(now) {}

    // So many places are taken from now on.
    void change(std::uint32_t busy, SteadyClock::time_point now) {
        used_ += (now - changed_) * busy_;
        busy_ = busy;
        changed_ = now;
    }

    struct Use {
        double ms = 0;     // that places were taken, all together
        double share = 0;  // of all places, 0 to 1
    };
    // Of the window; the next begins.
    Use close(SteadyClock::time_point now) {
        change(busy_, now);
        const std::chrono::duration<double, std::milli> used = used_, all = (now - began_) * places_;
        used_ = {};
        began_ = now;
        return {used.count(), all.count() <= 0 ? 0 : std::min(1.0, used.count() / all.count())};
    }

  private:
    const std::uint32_t places_;
    std::uint32_t busy_ = 0;
    SteadyClock::duration used_{};  // of all places together
    SteadyClock::time_point began_, changed_;
};

}  // namespace optimilter
