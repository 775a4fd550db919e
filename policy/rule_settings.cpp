// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_settings.hpp"

#include <algorithm>
#include <type_traits>

namespace optimilter {

namespace {

// A formats list is a set of bits, the rest are numbers, words in rising order, and truths.
template <typename T>
T in_both(const T& a, const T& b) {
    if constexpr (std::is_same_v<T, bool>) {
        return a && b;
    } else {
        return T{a.bits & b.bits};
    }
}

template <LeastChange kLeast, typename T>
T least_of(const T& a, const T& b) {
    if constexpr (kLeast == LeastChange::kLowest) {
        return std::min(a, b);
    } else if constexpr (kLeast == LeastChange::kHighest) {
        return std::max(a, b);
    } else if constexpr (kLeast == LeastChange::kScale) {
        return a == 0 || b == 0 ? T{0} : std::max(a, b);
    } else if constexpr (kLeast == LeastChange::kBoth) {
        return in_both(a, b);
    } else if constexpr (kLeast == LeastChange::kEither) {
        return a || b;
    } else {
        return a;
    }
}

template <LeastChange kLeast, typename T>
void merge(T& into, const T& other) {
    into = least_of<kLeast>(into, other);
}

// with_profile() has set them; should one be missing, the profile of the result decides.
template <LeastChange kLeast, typename T>
void merge(std::optional<T>& into, const std::optional<T>& other) {
    if (into && other) into = least_of<kLeast>(*into, *other);
}

}  // namespace

const std::vector<RuleSetting>& rule_settings() {
    static const std::vector<RuleSetting> rows = {
#define OPTIMILTER_RULE_SETTING(name, scope, least) {#name, RuleScope::scope, LeastChange::least},
#include "policy/rule_settings.def"
#undef OPTIMILTER_RULE_SETTING
    };
    return rows;
}

std::optional<RuleScope> rule_scope(std::string_view name) {
    const auto& rows = rule_settings();
    const auto row =
        std::find_if(rows.begin(), rows.end(), [name](const RuleSetting& r) { return r.name == name; });
    return row == rows.end() ? std::nullopt : std::optional(row->scope);
}

std::string_view least_change_words(LeastChange least) {
    switch (least) {
        case LeastChange::kLowest:
            return "the lowest";
        case LeastChange::kHighest:
            return "the highest";
        case LeastChange::kScale:
            return "0, else the highest";
        case LeastChange::kBoth:
            return "what all allow";
        case LeastChange::kEither:
            return "true if one is";
        case LeastChange::kBefore:
            return "each by itself";
    }
    return {};
}

void take_least_change(Settings& into, const Settings& other) {
#define OPTIMILTER_RULE_SETTING(name, scope, least) merge<LeastChange::least>(into.name, other.name);
#include "policy/rule_settings.def"
#undef OPTIMILTER_RULE_SETTING
}

}  // namespace optimilter
