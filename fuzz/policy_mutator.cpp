// SPDX-License-Identifier: Apache-2.0
//
// Adds whole rules of known conditions and actions to what is there.
#include <fmt/format.h>

#include <string>

#include "fuzz/mutation.hpp"
#include "policy/condition_reader.hpp"
#include "policy/rule_settings.hpp"

namespace optimilter::fuzz {

namespace {

constexpr std::string_view kWhen[] = {"\"inbound\"",
                                      "true",
                                      "\"anna\"",
                                      "\"192.0.2.0/24\"",
                                      "[\"ben@\", \"<>\"]",
                                      "\".test\"",
                                      "\"press.example\"",
                                      "{ name = \"Subject\", matches = \"(a|b)*c\" }",
                                      "[{ name = \"List-Id\" }]",
                                      "\"image/*\"",
                                      "[\"jpeg\", \"zip\"]",
                                      "\"8KiB\"",
                                      "100000"};
constexpr std::string_view kThen[] = {
    "\"lossless\"", "\"compact\"", "true",          "false",      "0",         "1",  "90",
    "0.97",         "\"1s\"",      "\"2KiB\"",      "[\"jpeg\"]", "[\"bmp\"]", "[]", "\"nobody\"",
    "\"X-A\"",      "4000",        "\"everybody\"", "\"reason\""};

Bytes change(ByteView input, Chance& chance) {
    static const std::vector<std::string_view> conditions = ConditionReader::names();
    std::string text = string_of(input);
    if (text.empty() || text[0] != 'p') return {};
    std::string when;
    for (std::size_t i = chance.below(3); i > 0; --i) {
        when +=
            fmt::format("{}{} = {}", when.empty() ? "" : ", ", conditions[chance.below(conditions.size())],
                        kWhen[chance.below(std::size(kWhen))]);
    }
    const auto& actions = rule_settings();
    const std::string action = chance.one_in(5) ? std::string("leave_alone")
                                                : std::string(actions[chance.below(actions.size())].name);
    const std::string rule =
        fmt::format("[[rule]]\nname = \"n{}\"\nwhen = {{ {} }}\nthen = {{ {} = {} }}\n", chance.below(1000),
                    when, action, kThen[chance.below(std::size(kThen))]);
    const std::size_t at = std::min(text.find("\n----\n"), text.size());
    const std::size_t begin = text.rfind("[[rule]]", chance.below(at + 1));
    text.insert(begin == text.npos ? 1 : begin, rule);
    return bytes_of(as_bytes(text));
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* bytes, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    return optimilter::fuzz::mutate_by(bytes, size, max_size, seed, optimilter::fuzz::change);
}
