// SPDX-License-Identifier: Apache-2.0
#include "console/check_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace optimilter {

namespace {

constexpr std::string_view kCheckNames[] = {
    "settings",  "disk",  "memory", "sockets", "guard", "engine",
    "processes", "queue", "mta",    "units",   "certs", "cores",
};

}  // namespace

std::vector<std::string_view> check_names() {
    return {std::begin(kCheckNames), std::end(kCheckNames)};
}

std::string_view check_state_word(CheckState state) {
    switch (state) {
        case CheckState::kOk:
            return "ok";
        case CheckState::kWarn:
            return "warn";
        case CheckState::kFail:
            return "fail";
    }
    return "fail";
}

CheckState worst_state(const CheckList& checks) {
    CheckState worst = CheckState::kOk;
    for (const Check& check : checks) worst = std::max(worst, check.state);
    return worst;
}

std::string check_table(const CheckList& checks) {
    std::string table;
    for (const Check& check : checks)
        table += fmt::format("{:<5} {:<10} {}\n", check_state_word(check.state), check.name, check.reason);
    return table;
}

std::string check_json(const CheckList& checks) {
    nlohmann::ordered_json json;
    json["state"] = check_state_word(worst_state(checks));
    json["checks"] = nlohmann::ordered_json::array();
    for (const Check& check : checks) {
        nlohmann::ordered_json row;
        row["name"] = check.name;
        row["state"] = check_state_word(check.state);
        row["reason"] = check.reason;
        json["checks"].push_back(std::move(row));
    }
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace optimilter
