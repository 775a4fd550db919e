// SPDX-License-Identifier: Apache-2.0
//
// A settings file. Promises: every problem names the file and a line and can be printed; settings that may be
// used are the same after they were printed and read again, all of them or only the changed ones.
#include <algorithm>

#include "base/text.hpp"
#include "fuzz/fuzz_target.hpp"
#include "policy/decide.hpp"
#include "policy/settings.hpp"

namespace optimilter::fuzz {

namespace {

void check_problem(const std::string& text, std::string_view toml) {
    promise(text.starts_with("f.toml:"), "a problem names the file", printable(text));
    const auto digits = text.find_first_not_of("0123456789", 7);
    promise(digits != text.npos && digits > 7 && text[digits] == ':', "a problem names its line",
            printable(text));
    const auto lines = 2 + std::count(toml.begin(), toml.end(), '\n');
    promise(std::stoul(text.substr(7, 9)) <= static_cast<unsigned long>(lines), "the line is in the file",
            printable(text));
    promise(printable(text, 1000) == text, "a problem can be printed", printable(text));
}

void check_printed(const Settings& settings, bool only_changed) {
    const std::string text = print_settings(settings, only_changed);
    const LoadedSettings again = parse_settings(text, "printed");
    promise(again.ok(), "printed settings can be read", again.ok() ? "" : again.problems.front().text);
    promise(print_settings(again.settings, false) == print_settings(settings, false),
            "printed settings are the same");
    promise(print_settings(again.settings, true) == print_settings(settings, true),
            "and so are the changed ones");
    promise(!only_changed || changes_needing_restart(settings, again.settings).empty(),
            "nothing needs a restart");
}

void run(ByteView input) {
    const std::string_view toml = as_text(input);
    const LoadedSettings loaded = parse_settings(toml, "f.toml");
    for (const SettingsProblem& problem : loaded.problems) check_problem(problem.text, toml);
    if (!loaded.ok()) return;
    check_printed(loaded.settings, false);
    check_printed(loaded.settings, true);
    const Options options = profile_options(loaded.settings);
    promise(options.jpeg_quality_max <= 100 && options.score_min <= 10'000,
            "options are within their bounds");
    promise(plan_message(loaded.settings, Direction::kInbound).deadline_ms > 0,
            "there is time for a message");
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
