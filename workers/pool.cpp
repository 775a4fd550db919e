// SPDX-License-Identifier: Apache-2.0
#include "workers/pool.hpp"

#include "workers/lease_state.hpp"
#include "workers/sandbox_steps.hpp"

namespace optimilter {

struct Pool::State {
    std::shared_ptr<Crew> crew;
};

Pool::Pool() = default;

Pool::~Pool() {
    if (state_) state_->crew->stop();
}

Result<std::unique_ptr<Pool>> Pool::start(const PoolSettings& settings, Counters& counters) {
    auto crew = std::make_shared<Crew>(settings, counters);
    if (const Status started = crew->start(); !started.has_value()) return started.error();
    std::unique_ptr<Pool> pool(new Pool());
    pool->state_ = std::make_unique<State>(State{std::move(crew)});
    return pool;
}

Result<Pool::Lease> Pool::lease(Deadline deadline) {
    auto worker = state_->crew->enter(deadline);
    if (!worker) return worker.error();
    Lease lease;
    lease.state_ = std::make_unique<Lease::State>(Lease::State{state_->crew, {}, std::move(*worker)});
    return lease;
}

Status Pool::admits(Deadline deadline) const {
    return state_->crew->admits(deadline);
}

void Pool::stop() {
    state_->crew->stop();
}

double Pool::overhead_cpu_ms() const {
    return state_->crew->overhead_cpu_ms();
}

std::vector<std::string> Pool::missing_sandbox_steps() const {
    return sandbox_step_names(state_->crew->missing_steps());
}

std::uint32_t Pool::worker_fingerprint() const {
    return state_->crew->fingerprint();
}

PoolState Pool::state() const {
    return state_->crew->state();
}

PoolLoad Pool::load() {
    return state_->crew->load();
}

}  // namespace optimilter
