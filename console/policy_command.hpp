// SPDX-License-Identifier: Apache-2.0
//
// `optimilterctl policy check` and `policy explain`: the rules without mail. Explaining goes the way of the
// engine, by milter/trip, up to where a worker would be asked; none is. Single-threaded.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/rule_set.hpp"

namespace optimilter {

// Exit status: 0 no problems, 1 a problem or a warning.
int check_rules(const std::string& folder, const LoadedRules& loaded);

struct ExplainRequest {
    std::string file;  // a message
    std::string sender;
    std::vector<std::string> recipients;
    std::string client_address;
    std::string auth_user;
    std::string listener;
    std::string direction;  // empty: as the engine would tell it from client and user
    bool json = false;
};

// Exit status: 0 explained, 1 the file cannot be read or is no message.
int explain_message(const ExplainRequest& request, std::shared_ptr<const RuleSet> rules);

}  // namespace optimilter
