// SPDX-License-Identifier: Apache-2.0
//
// Sends records to the engine's queue socket, whether there is an engine or not: each datagram goes to the
// path anew, so that an engine that starts again needs nothing of us. Never waits. Not thread safe.
#pragma once

#include <string>

#include "base/unique_fd.hpp"
#include "policy/queue_record.hpp"

namespace optimilter {

class QueueSender {
  public:
    // path: of the engine's socket; empty: nothing is sent.
    explicit QueueSender(std::string path);

    // A record that the engine does not take at once is lost: the next one comes soon.
    void send(const QueueRecord& record);
    // Why the last one did not arrive, in words; empty: it did.
    const std::string& problem() const { return problem_; }
    // Has problem() become empty, or has it ceased to be, since the call before? For one log line each time.
    bool take_change();

  private:
    std::string path_;
    UniqueFd fd_;
    std::string problem_ = "nothing was sent yet";
    bool told_arriving_ = false, told_once_ = false;
};

}  // namespace optimilter
