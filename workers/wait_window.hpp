// SPDX-License-Identifier: Apache-2.0
//
// How long jobs wait for a worker: the least wait since it was last asked for. The least, not the mean, tells
// a queue that stands from one that comes and goes with a burst (CoDel, RFC 8289 sec. 3): when even the
// luckiest waited, there is more work than workers. Knows no clock and no worker. Not thread safe: guarded by
// the crew's lock.
#pragma once

#include <algorithm>
#include <optional>

namespace optimilter {

class WaitWindow {
  public:
    // A job got its worker, or was refused, after so long.
    void observe(double waited_ms) { least_ms_ = least_ms_ ? std::min(*least_ms_, waited_ms) : waited_ms; }

    // Ends the window and begins the next. waiting_ms: how long the first in the queue has waited so far;
    // unset: nobody waits. It counts only when no job was heard of, so that a pool that serves nobody at all
    // tells so. 0: nobody had to wait.
    double close(std::optional<double> waiting_ms) {
        const double least_ms = least_ms_.value_or(waiting_ms.value_or(0));
        least_ms_.reset();
        return least_ms;
    }

  private:
    std::optional<double> least_ms_;
};

}  // namespace optimilter
