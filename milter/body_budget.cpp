// SPDX-License-Identifier: Apache-2.0
#include "milter/body_budget.hpp"

namespace optimilter {

bool BodyBudget::take(const std::string& client, std::size_t bytes, std::size_t limit_bytes,
                      unsigned client_share_percent) {
    const std::size_t share = limit_bytes / 100 * client_share_percent;
    const std::lock_guard lock(mutex_);
    // Compared by subtraction: a sum could overflow.
    if (held_ > limit_bytes || bytes > limit_bytes - held_) return false;
    const auto found = by_client_.find(client);
    const std::size_t of_client = found == by_client_.end() ? 0 : found->second;
    if (of_client > share || bytes > share - of_client) return false;
    held_ += bytes;
    by_client_[client] += bytes;
    return true;
}

void BodyBudget::give_back(const std::string& client, std::size_t bytes) {
    if (bytes == 0) return;
    const std::lock_guard lock(mutex_);
    held_ -= bytes;
    const auto found = by_client_.find(client);
    if (found == by_client_.end()) return;
    found->second -= bytes;
    if (found->second == 0) by_client_.erase(found);
}

std::size_t BodyBudget::held() const {
    const std::lock_guard lock(mutex_);
    return held_;
}

}  // namespace optimilter
