// SPDX-License-Identifier: Apache-2.0
//
// What all sessions of the engine share: the worker pool, the counters, the body budget, and the settings
// snapshot that a reload swaps. Knows no libmilter. Thread safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/counters.hpp"
#include "milter/alert_board.hpp"
#include "milter/alert_file.hpp"
#include "milter/body_budget.hpp"
#include "milter/expiry.hpp"
#include "policy/settings.hpp"
#include "store/result_cache.hpp"
#include "workers/pool.hpp"

namespace optimilter {

// Counts replies that must not be cut off: from the start of end-of-message until the MTA has shown, by its
// next command or by closing, that it has the whole reply. libmilter writes the final byte after our callback
// has returned, so the end of the callback alone is too early to exit.
class InFlight {
  public:
    void begin() { ++count_; }
    void end() { --count_; }
    std::size_t count() const { return count_; }

  private:
    std::atomic<std::size_t> count_{0};
};

class Engine {
  public:
    Engine(std::shared_ptr<const Settings> settings, Pool& shared_pool, Counters& shared_counters);

    // The settings of now; a message keeps the snapshot it began with.
    std::shared_ptr<const Settings> settings() const;
    void swap_settings(std::shared_ptr<const Settings> settings);

    // Whatever in the policy has a last day; the admin is told when one is near or past. By whoever loads it.
    std::vector<Expiry> expiries() const;
    void set_expiries(std::vector<Expiry> expiries);

    Pool& pool;
    Counters& counters;
    AlertFile alert_file;
    AlertBoard alerts;  // what the admin should know; a change of it touches alert_file
    BodyBudget body_budget;
    std::unique_ptr<ResultCache> cache;  // set before the first session; null: results are not remembered
    InFlight in_flight;
    std::atomic<std::uint32_t> sessions{0};  // connections open
    // Set once, at SIGTERM: messages that have not reached their end pass unchanged.
    std::atomic<bool> draining{false};
    // By `optimilterctl drain`, until `resume`: new messages pass unchanged, those under way go on.
    std::atomic<bool> drain_ordered{false};

  private:
    mutable std::mutex mutex_;
    std::shared_ptr<const Settings> settings_;
    std::vector<Expiry> expiries_;
};

}  // namespace optimilter
