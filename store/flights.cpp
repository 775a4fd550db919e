// SPDX-License-Identifier: Apache-2.0
#include "store/flights.hpp"

#include <utility>

namespace optimilter {

Flights::Flight::~Flight() {
    if (shared_) end(std::nullopt);
}

void Flights::Flight::land(StoredResult result) {
    end(std::move(result));
}

void Flights::Flight::end(std::optional<StoredResult> result) {
    const std::shared_ptr<Shared> shared = std::move(shared_);
    shared_ = nullptr;
    {
        const std::lock_guard lock(owner_->mutex_);
        shared->done = true;
        shared->result = std::move(result);
        owner_->under_way_.erase(key_);
    }
    shared->ended.notify_all();
}

std::optional<Flights::Flight> Flights::begin(const Digest& key) {
    const std::lock_guard lock(mutex_);
    const auto [place, first] = under_way_.try_emplace(key);
    if (!first) return std::nullopt;
    place->second = std::make_shared<Shared>();
    return Flight(*this, key, place->second);
}

std::optional<StoredResult> Flights::await(const Digest& key, Deadline deadline) {
    std::unique_lock lock(mutex_);
    const auto place = under_way_.find(key);
    if (place == under_way_.end()) return std::nullopt;
    const std::shared_ptr<Shared> shared = place->second;
    const auto done = [&] { return shared->done; };
    // The standard library adds to the end of time, which overflows.
    if (deadline.at() == SteadyClock::time_point::max())
        shared->ended.wait(lock, done);
    else
        shared->ended.wait_until(lock, deadline.at(), done);
    return shared->result;
}

}  // namespace optimilter
