// SPDX-License-Identifier: Apache-2.0
//
// A mail system in a few lines for the traces of load_traces_test.cpp: work comes in, workers do it, the
// level lets less of it in. Flows, not messages (bench/simulate has those): enough to close the loop around
// the controller on a virtual clock. Deterministic. Thread safe: plain values.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "policy/load_controller.hpp"

namespace optimilter {

// What a trace says of one second.
struct Moment {
    double work = 0;       // worker seconds a second asked for at level 0
    double workers = 2;    // at work
    double slow_ms = 0;    // added to each end of message, whatever the level below bypass
    double messages = 50;  // worked on in a second at level 0
    std::optional<std::uint64_t> queue = 0;
    std::uint64_t deferred = 0;
    std::optional<double> sessions_share;
    bool stress = false;
    std::int64_t clock_jump_ms = 0;
    bool restart = false;  // of the engine
};

// What one second of the run was like.
struct Second {
    int level = 0;
    double pressure = 0;
    LoadSignal signal = LoadSignal::kNone;
    double wait_ms = 0;
};

class LoadPlant {
  public:
    explicit LoadPlant(bool tells_all = true) : tells_all_(tells_all) {}

    Second step(const Moment& moment) {
        if (moment.restart) state_ = {};
        now_ms_ += 1000 + moment.clock_jump_ms;
        LoadSample sample = work(moment);
        sample.now_ms = now_ms_;
        sample.sessions_share = moment.sessions_share;
        sample.stress = moment.stress;
        if (moment.queue)
            sample.queue =
                QueueSample{*moment.queue / 2, *moment.queue - *moment.queue / 2, moment.deferred, 0, 1000};
        state_ = next_load_state(state_, sample, settings_);
        return {state_.level, state_.pressure, state_.signal, sample.job_wait_ms.value_or(0)};
    }

    std::vector<Second> run(int seconds, const std::function<Moment(int)>& trace) {
        std::vector<Second> run;
        for (int second = 0; second < seconds; ++second) run.push_back(step(trace(second)));
        return run;
    }

  private:
    // The share of the work that each level lets in; in bypass the probes.
    static double let_in(int level) {
        constexpr double kShares[] = {1, 0.75, 0.5, 0.3, 0.15, 0.01};
        return kShares[level];
    }

    // Nothing waits beyond the deadline: what cannot be done by then is given up.
    LoadSample work(const Moment& moment) {
        const double before = backlog_;
        const double in = moment.work * let_in(state_.level);
        const double can_wait = moment.workers * static_cast<double>(settings_.deadline) / 1000;
        const double left = std::max(backlog_ + in - moment.workers, 0.0);
        backlog_ = std::min(left, can_wait);
        LoadSample sample;
        if (tells_all_) sample.workers_busy = std::min((before + in) / std::max(moment.workers, 0.001), 1.0);
        const double workers = std::max(moment.workers, 0.001);
        sample.job_wait_ms = std::min(before, backlog_) / workers * 1000;
        sample.finished =
            static_cast<std::uint32_t>(moment.messages * (state_.level == kLoadBypass ? 0.05 : 1));
        sample.eom_p95_ms =
            std::min(500 + *sample.job_wait_ms + moment.slow_ms, static_cast<double>(settings_.deadline));
        sample.deadlines_missed = in > 0 ? std::min((left - backlog_) / in, 1.0) : 0;
        return sample;
    }

    bool tells_all_;
    Settings settings_;
    LoadState state_;
    double backlog_ = 0;  // worker seconds
    std::int64_t now_ms_ = 10 * 3600000;
};

}  // namespace optimilter
