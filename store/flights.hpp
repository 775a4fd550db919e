// SPDX-License-Identifier: Apache-2.0
//
// Jobs under way, so that the same one is not done twice at the same moment: the first to ask does it, the
// others wait for its result. Knows no worker. Thread safe.
//
// Whoever holds a Flight must not wait for another: do your own first, then wait. So nobody can wait in a
// circle.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "store/stored_result.hpp"

namespace optimilter {

class Flights {
    struct Shared;

  public:
    // The right and the duty to do a job. Ends with land(), or without a result when it is destroyed.
    class Flight {
      public:
        Flight(Flight&&) noexcept = default;
        Flight& operator=(Flight&&) = delete;
        ~Flight();
        void land(StoredResult result);

      private:
        friend class Flights;
        Flight(Flights& owner, const Digest& key, std::shared_ptr<Shared> shared)
            : owner_(&owner), key_(key), shared_(std::move(shared)) {}
        void end(std::optional<StoredResult> result);

        Flights* owner_;
        Digest key_;
        std::shared_ptr<Shared> shared_;  // null once ended or moved from
    };

    // Nothing while somebody else does this job.
    std::optional<Flight> begin(const Digest& key);
    // Waits for the job that somebody does, until the deadline at most. Nothing when there is none under way,
    // when it ended without a result that others may use, or at the deadline.
    std::optional<StoredResult> await(const Digest& key, Deadline deadline);

  private:
    struct Shared {
        std::condition_variable ended;
        bool done = false;                   // guarded by mutex_
        std::optional<StoredResult> result;  // guarded by mutex_
    };

    std::mutex mutex_;
    std::map<Digest, std::shared_ptr<Shared>> under_way_;  // guarded by mutex_
};

}  // namespace optimilter
