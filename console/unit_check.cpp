// SPDX-License-Identifier: Apache-2.0
#include "console/unit_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kMostUnits = 32;

struct Property {
    std::string_view name;
    std::string UnitState::*member;
};

constexpr Property kProperties[] = {
    {"Id", &UnitState::name},      {"LoadState", &UnitState::load}, {"ActiveState", &UnitState::active},
    {"SubState", &UnitState::sub}, {"Result", &UnitState::result},  {"NRestarts", &UnitState::restarts},
};

CheckState state_of(const UnitState& unit) {
    if (unit.active == "failed") return CheckState::kFail;
    if (unit.name == kQueueWatchUnit && (unit.load == "not-found" || unit.active == "inactive"))
        return CheckState::kOk;
    return unit.active == "active" ? CheckState::kOk : CheckState::kWarn;
}

std::string words_of(const UnitState& unit) {
    if (unit.load != "loaded")
        return fmt::format("{} is {}", unit.name, unit.load.empty() ? "unknown" : unit.load);
    std::string words = fmt::format("{} {} ({}", unit.name, unit.active, unit.sub);
    if (!unit.result.empty() && unit.result != "success") words += ", " + unit.result;
    if (!unit.restarts.empty() && unit.restarts != "0") words += fmt::format(", {} restarts", unit.restarts);
    return words + ")";
}

}  // namespace

std::vector<std::string> show_units_arguments() {
    std::string properties;
    for (const Property& property : kProperties)
        properties += (properties.empty() ? "" : ",") + std::string(property.name);
    return {"show",
            "--no-pager",
            "--property=" + properties,
            std::string(kGuardUnit),
            std::string(kEngineUnit),
            std::string(kQueueWatchUnit)};
}

std::vector<UnitState> parse_units(std::string_view output) {
    std::vector<UnitState> units;
    UnitState unit;
    const auto finish = [&] {
        if (!unit.name.empty() && units.size() < kMostUnits) units.push_back(unit);
        unit = {};
    };
    while (!output.empty()) {
        const std::size_t end = std::min(output.find('\n'), output.size());
        const std::string_view line = trim(output.substr(0, end));
        output.remove_prefix(std::min(end + 1, output.size()));
        if (line.empty()) finish();
        const std::size_t equals = line.find('=');
        for (const Property& property : kProperties)
            if (equals != std::string_view::npos && line.substr(0, equals) == property.name)
                unit.*property.member = printable(line.substr(equals + 1), 80);
    }
    finish();
    return units;
}

Check unit_check(const std::vector<UnitState>& units) {
    if (units.empty()) return {"units", CheckState::kWarn, "systemctl told nothing about our units"};
    Check check{"units", CheckState::kOk, {}};
    for (const UnitState& unit : units) {
        check.state = std::max(check.state, state_of(unit));
        check.reason += (check.reason.empty() ? "" : "; ") + words_of(unit);
    }
    return check;
}

}  // namespace optimilter
