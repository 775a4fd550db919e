// SPDX-License-Identifier: Apache-2.0
//
// `optimilterctl alerts`: what went wrong, what the admin was told of it, and what is snoozed. Lists what the
// engine's board says, which takes the rights of `status`, and what optimilter-recover remembers, which takes
// root; snoozing writes there. One thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "policy/settings.hpp"

namespace optimilter {

// Of optimilter-recover.
inline constexpr char kRecoverState[] = "/run/optimilter-recover";

struct AlertsRequest {
    std::string state_folder = kRecoverState;
    bool json = false;
    std::string kind;         // to snooze, or to unsnooze
    std::int64_t for_ms = 0;  // how long
};

// Each returns the exit status: 0, or 1 when something lasts (list) or could not be done. Listing prints what
// it can get, and says what it could not.
int list_alerts(const AlertsRequest& request, const Settings& settings);
int snooze_alerts(const AlertsRequest& request);
int unsnooze_alerts(const AlertsRequest& request);

}  // namespace optimilter
