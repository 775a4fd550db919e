// SPDX-License-Identifier: Apache-2.0
//
// The table of settings in words, and contrib/optimilter.toml beside it.
#include <fstream>
#include <sstream>

#include "check.hpp"
#include "policy/decide.hpp"
#include "policy/settings.hpp"

namespace optimilter {
namespace {

std::string all_problems(const LoadedSettings& loaded) {
    std::string text;
    for (const SettingsProblem& problem : loaded.problems) text += problem.text + "\n";
    return text;
}

void test_descriptions() {
    for (const SettingText& row : describe_settings()) {
        CHECK(!row.kind.empty(), row.name);
        CHECK(row.help.ends_with('.'), row.name);
        if (row.default_value.empty()) continue;
        const std::string line = std::string(row.name) + " = " + row.default_value;
        const LoadedSettings loaded = parse_settings(line, "f");
        CHECK_EQ(all_problems(loaded), "", row.name);
        CHECK_EQ(print_settings(loaded.settings, true), "", row.name);
    }
}

// contrib/optimilter.toml: every setting stands there, commented out, with its default.
void test_sample_file() {
    std::ifstream file(OPTIMILTER_TEST_SOURCE_DIR "/contrib/optimilter.toml");
    std::stringstream content;
    content << file.rdbuf();
    CHECK(!content.str().empty());
    CHECK_EQ(print_settings(parse_settings(content.str(), "sample").settings, true), "");
    std::string uncommented, names;
    for (std::string line; std::getline(content, line);) {
        const bool setting = line.size() > 1 && line[0] == '#' && line[1] != ' ';
        uncommented += (setting ? line.substr(1) : std::string()) + "\n";
    }
    const LoadedSettings loaded = parse_settings(uncommented, "sample");
    CHECK_EQ(all_problems(loaded), "");
    const Settings defaults;
    CHECK(changes_needing_restart(defaults, loaded.settings).empty());
    // Settings left to the profile stand there with the values of the default profile.
    const Options options = profile_options(loaded.settings), wanted = profile_options(defaults);
    CHECK_EQ(options.jpeg_quality_max, wanted.jpeg_quality_max);
    CHECK_EQ(options.score_min, wanted.score_min);
    for (const SettingText& row : describe_settings()) {
        const std::string value = row.default_value.empty() ? "" : row.default_value + "\n";
        CHECK(uncommented.find("\n" + std::string(row.name) + " = " + value) != std::string::npos, row.name);
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_descriptions), TEST(test_sample_file)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
