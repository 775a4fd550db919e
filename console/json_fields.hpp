// SPDX-License-Identifier: Apache-2.0
//
// Fields of JSON that somebody else wrote: what is not there, or of another kind, is as good as empty. Thread
// safe: pure functions.
//
// Security: nothing here throws, whatever the JSON is; texts come as they are and are cleaned by who shows
// them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

namespace optimilter {

inline std::int64_t json_number(const nlohmann::json& json, const char* name) {
    const auto found = json.is_object() ? json.find(name) : json.end();
    if (found == json.end() || !found->is_number_integer()) return 0;
    if (!found->is_number_unsigned()) return found->get<std::int64_t>();
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return static_cast<std::int64_t>(std::min(found->get<std::uint64_t>(), kMost));
}

// For counts: between 0 and most.
inline std::uint64_t json_count(const nlohmann::json& json, const char* name,
                                std::int64_t most = 1'000'000'000) {
    return static_cast<std::uint64_t>(std::clamp<std::int64_t>(json_number(json, name), 0, most));
}

// A moment in seconds since 1970, within what can be reckoned with.
inline std::int64_t json_time(const nlohmann::json& json, const char* name) {
    return std::clamp<std::int64_t>(json_number(json, name), 0, std::int64_t{1} << 40);
}

inline std::string json_text(const nlohmann::json& json, const char* name) {
    const auto found = json.is_object() ? json.find(name) : json.end();
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

inline bool json_true(const nlohmann::json& json, const char* name) {
    const auto found = json.is_object() ? json.find(name) : json.end();
    return found != json.end() && found->is_boolean() && found->get<bool>();
}

// The members of the object of that name, as far as there are any; at most so many.
template <typename Take>
void json_each_member(const nlohmann::json& json, const char* name, std::size_t most, Take&& take) {
    const auto found = json.is_object() ? json.find(name) : json.end();
    if (found == json.end() || !found->is_object()) return;
    std::size_t count = 0;
    for (const auto& [key, value] : found->items())
        if (++count <= most) take(key, value);
}

// The elements of the list of that name; at most so many.
template <typename Take>
void json_each_element(const nlohmann::json& json, const char* name, std::size_t most, Take&& take) {
    const auto found = json.is_object() ? json.find(name) : json.end();
    if (found == json.end() || !found->is_array()) return;
    for (std::size_t i = 0; i < found->size() && i < most; ++i) take((*found)[i]);
}

}  // namespace optimilter
