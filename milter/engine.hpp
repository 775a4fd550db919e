// SPDX-License-Identifier: Apache-2.0
//
// What all sessions of the engine share: the worker pool, the counters, the body budget, the load board, and
// the snapshot of settings and rules that a reload swaps. Knows no libmilter. Thread safe.
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
#include "milter/load_board.hpp"
#include "policy/rule_set.hpp"
#include "policy/yield_table.hpp"
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
    Engine(std::shared_ptr<const RuleSet> rules, Pool& shared_pool, Counters& shared_counters);
    // Without rules, for tests.
    Engine(std::shared_ptr<const Settings> settings, Pool& shared_pool, Counters& shared_counters)
        : Engine(rules_of(std::move(settings)), shared_pool, shared_counters) {}

    // Rules and settings of now, one snapshot; a message keeps the one it began with.
    std::shared_ptr<const RuleSet> rules() const;
    std::shared_ptr<const Settings> settings() const { return rules()->settings; }
    void swap_rules(std::shared_ptr<const RuleSet> rules);

    // Policy files that have a last day; the admin is told when one is near or past.
    std::vector<Expiry> expiries() const;

    Pool& pool;
    Counters& counters;
    AlertFile alert_file;
    AlertBoard alerts;  // what the admin should know; a change of it touches alert_file
    BodyBudget body_budget;
    LoadBoard load;
    YieldTable yields;
    std::unique_ptr<ResultCache> cache;  // set before the first session; null: results are not remembered
    InFlight in_flight;
    std::atomic<std::uint32_t> sessions{0};  // connections open
    // Set once, at SIGTERM: messages that have not reached their end pass unchanged.
    std::atomic<bool> draining{false};
    // By `optimilterctl drain`, until `resume`: new messages pass unchanged, those under way go on.
    std::atomic<bool> drain_ordered{false};

  private:
    mutable std::mutex mutex_;
    std::shared_ptr<const RuleSet> rules_;
};

}  // namespace optimilter
