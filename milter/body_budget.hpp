// SPDX-License-Identifier: Apache-2.0
//
// How many body bytes all open messages may hold together, and how many of them one client. What does not fit
// is passed unread, so that a flood of big bodies costs memory to nobody. Thread safe.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

namespace optimilter {

class BodyBudget {
  public:
    // Takes bytes for client (its address as text; all unknown clients share the empty one). false, and
    // nothing taken, when the total would exceed limit_bytes or the client's part of it client_share_percent.
    bool take(const std::string& client, std::size_t bytes, std::size_t limit_bytes,
              unsigned client_share_percent);
    void give_back(const std::string& client, std::size_t bytes);

    std::size_t held() const;

  private:
    mutable std::mutex mutex_;
    std::size_t held_ = 0;
    std::map<std::string, std::size_t> by_client_;
};

}  // namespace optimilter
