// SPDX-License-Identifier: Apache-2.0
//
// Adds and changes whole lines "setting = value", with names from the table and values of every form.
#include <string>

#include "fuzz/mutation.hpp"
#include "policy/settings.hpp"

namespace optimilter::fuzz {

namespace {

constexpr std::string_view kValues[] = {"true",
                                        "false",
                                        "0",
                                        "1",
                                        "-1",
                                        "100",
                                        "5000",
                                        "0.95",
                                        "1e3",
                                        "nan",
                                        "inf",
                                        "\"8KiB\"",
                                        "\"1MiB\"",
                                        "\"500ms\"",
                                        "\"5s\"",
                                        "\"balanced\"",
                                        "\"debug\"",
                                        "\"syslog\"",
                                        "\"lossless\"",
                                        "\"0660\"",
                                        "\"/run/a\"",
                                        "[\"jpeg\"]",
                                        "[]",
                                        "\"\"",
                                        "[1, [2]]",
                                        "{ a = 1 }",
                                        "2024-01-01",
                                        "0x7FFFFFFFFFFFFFFF",
                                        "[\"10.0.0.0/8\", \"::1\"]",
                                        "\"unix:/run/a.sock\"",
                                        "\"inet:1@localhost\"",
                                        "'''\nx'''",
                                        "\"\\u202E\"",
                                        "9223372036854775807"};

Bytes change(ByteView toml, Chance& chance) {
    static const std::vector<SettingText> rows = describe_settings();
    std::string text = string_of(toml);
    const SettingText& row = rows[chance.below(rows.size())];
    const std::string value =
        chance.one_in(3) ? row.default_value : std::string(kValues[chance.below(std::size(kValues))]);
    const std::string line = std::string(row.name) + " = " + value + "\n";
    const std::size_t at = text.rfind('\n', chance.below(text.size() + 1));
    const std::size_t begin = at == text.npos ? 0 : at + 1;
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const bool replaces = chance.one_in(2);
    text.replace(begin, replaces && end < text.size() ? end + 1 - begin : 0, line);
    return bytes_of(as_bytes(text));
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* bytes, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    return optimilter::fuzz::mutate_by(bytes, size, max_size, seed, optimilter::fuzz::change);
}
