// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_settings.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "check.hpp"
#include "policy/decide.hpp"
#include "policy/settings_table.hpp"

namespace optimilter {
namespace {

struct Case {
    const char* setting;
    const char* a;
    const char* b;
    const char* want;
};

// A row a setting, at least: two values as TOML and the one of least change.
constexpr Case kCases[] = {
    {"profile", "\"compact\"", "\"balanced\"", "\"balanced\""},
    {"profile", "\"lossless\"", "\"compact\"", "\"lossless\""},
    {"jpeg_progressive", "true", "false", "false"},
    {"jpeg_quality_max", "80", "90", "90"},
    {"jpeg_quality_min", "50", "70", "70"},
    {"score_min", "0.95", "0.97", "0.97"},
    {"score_min_text", "0.95", "0.97", "0.97"},
    {"max_side_px", "1000", "2000", "2000"},
    {"max_side_px", "1000", "0", "0"},
    {"document_ppi", "96", "150", "150"},
    {"document_ppi", "0", "150", "0"},
    {"png_quantize", "true", "false", "false"},
    {"png_quality_min", "60", "80", "80"},
    {"keep_gps", "false", "true", "true"},
    {"convert", "[\"bmp\", \"tga\"]", "[\"tga\", \"pcx\"]", "[\"tga\"]"},
    {"effort", "1", "3", "1"},
    {"formats", "[\"jpeg\", \"png\"]", "[\"png\", \"pdf\"]", "[\"png\"]"},
    {"formats", "[\"jpeg\"]", "[\"pdf\"]", "[]"},
    {"min_size", "1000", "2000", "2000"},
    {"max_size", "\"1MiB\"", "\"2MiB\"", "\"1MiB\""},
    {"min_gain_percent", "1", "5", "5"},
    {"min_gain_bytes", "100", "1", "100"},
    {"max_pixels", "1000000", "2000000", "1000000"},
    {"max_expanded", "\"1MiB\"", "\"2MiB\"", "\"1MiB\""},
    {"max_entries", "10", "20", "10"},
    {"max_depth", "3", "1", "1"},
    {"inner_messages", "true", "false", "false"},
    {"inner_messages", "true", "true", "true"},
    {"skip_dkim_inbound", "true", "false", "true"},
    {"skip_dkim_outbound", "false", "true", "true"},
    {"dry_run", "false", "true", "true"},
    {"trace_header", "true", "false", "false"},
    {"opt_out_header", "\"X-A\"", "\"X-B\"", nullptr},
    {"opt_in_header", "\"X-A\"", "\"X-B\"", nullptr},
    {"opt_trust", "\"nobody\"", "\"everybody\"", nullptr},
    {"deadline", "\"1s\"", "\"3s\"", "\"1s\""},
    {"max_mime_depth", "5", "10", "5"},
    {"max_mime_parts", "5", "10", "5"},
};

Settings with(const Case& c, const char* value) {
    Settings settings;
    const toml::table table = toml::parse(std::string(c.setting) + " = " + value);
    CHECK(read_named_setting(c.setting, *table.get(c.setting), settings).has_value(), c.setting);
    return with_profile(settings);
}

void test_merge() {
    for (const Case& c : kCases) {
        Settings one = with(c, c.a), other = with(c, c.b);
        const Settings a = one, b = other;
        take_least_change(one, b);
        take_least_change(other, a);
        // What was used for each recipient before is not merged.
        CHECK_EQ(print_named_setting(c.setting, one), c.want ? c.want : c.a, c.setting);
        CHECK_EQ(print_named_setting(c.setting, other), c.want ? c.want : c.b, c.setting);
        Settings same = a;
        take_least_change(same, a);
        CHECK_EQ(print_settings(same, false), print_settings(a, false), c.setting);
    }
}

void test_every_row_has_a_case_and_a_setting() {
    const auto texts = describe_settings();
    for (const RuleSetting& row : rule_settings()) {
        CHECK(std::any_of(std::begin(kCases), std::end(kCases),
                          [&](const Case& c) { return c.setting == row.name; }),
              row.name);
        const auto text =
            std::find_if(texts.begin(), texts.end(), [&](const auto& t) { return t.name == row.name; });
        CHECK(text != texts.end() && text->reloadable, row.name);
        CHECK(!least_change_words(row.least).empty(), row.name);
    }
    CHECK(!rule_scope("workers").has_value());
    CHECK(!rule_scope("internal_networks").has_value());
    CHECK(rule_scope("effort") == RuleScope::kPart);
    CHECK(rule_scope("deadline") == RuleScope::kMessage);
}

// A profile changes what such a setting means, so that it has to be merged with the profile.
void test_what_a_profile_decides_can_be_merged() {
    for (const SettingText& text : describe_settings()) {
        if (text.default_value.empty()) CHECK(rule_scope(text.name).has_value(), text.name);
    }
}

// What the merge of two profiles comes to for the worker: never more than either allows.
void test_profiles_merged() {
    const ProfileName profiles[] = {ProfileName::kLossless, ProfileName::kBalanced, ProfileName::kCompact};
    for (const ProfileName first : profiles) {
        for (const ProfileName second : profiles) {
            Settings a, b, least;
            a.profile = first;
            b.profile = second;
            least.profile = std::min(first, second);
            Settings merged = with_profile(a);
            take_least_change(merged, with_profile(b));
            const Options got = profile_options(merged), want = profile_options(least);
            CHECK_EQ(got.lossy, want.lossy);
            CHECK_EQ(got.jpeg_quality_max, want.jpeg_quality_max);
            CHECK_EQ(got.score_min, want.score_min);
            CHECK_EQ(got.max_side_px, want.max_side_px);
            CHECK_EQ(got.document_ppi, want.document_ppi);
            CHECK_EQ(got.convert_formats, want.convert_formats);
        }
    }
}

// The table of optimilter-policy(5) tells the same story.
void test_the_manual_has_the_table() {
    std::ifstream file(OPTIMILTER_TEST_SOURCE_DIR "/man/optimilter-policy.5");
    std::stringstream text;
    text << file.rdbuf();
    const std::string page = text.str();
    std::size_t rows = 0;
    for (const RuleSetting& row : rule_settings()) {
        const std::string line = ".It Va " + std::string(row.name) + " Ta " +
                                 (row.scope == RuleScope::kPart ? "part" : "message") + " Ta " +
                                 std::string(least_change_words(row.least)) + "\n";
        CHECK(page.find(line) != std::string::npos, line);
        ++rows;
    }
    std::size_t written = 0;
    for (std::size_t at = page.find(".It Va "); at != page.npos; at = page.find(".It Va ", at + 1))
        written += page.substr(at, page.find('\n', at) - at).find(" Ta ") != std::string::npos;
    CHECK_EQ(written, rows);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_merge), TEST(test_every_row_has_a_case_and_a_setting),
                                TEST(test_what_a_profile_decides_can_be_merged), TEST(test_profiles_merged),
                                TEST(test_the_manual_has_the_table)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
