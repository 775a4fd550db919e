// SPDX-License-Identifier: Apache-2.0
#include "policy/decide.hpp"

#include <limits>

#include "check.hpp"

namespace optimilter {
namespace {

void test_direction() {
    Settings settings;
    settings.internal_networks.push_back(*parse_network("192.0.2.0/24"));
    settings.internal_networks.push_back(*parse_network("2001:db8::/32"));
    struct Case {
        std::string_view name, client;
        bool authenticated;
        Direction want;
    };
    constexpr Case kCases[] = {
        {"authenticated from anywhere", "203.0.113.9", true, Direction::kOutbound},
        {"authenticated, address unknown", "", true, Direction::kOutbound},
        {"sendmail(1) under Postfix", "127.0.0.1", false, Direction::kOutbound},
        {"loopback of IPv6", "IPv6:::1", false, Direction::kOutbound},
        {"internal", "192.0.2.77", false, Direction::kOutbound},
        {"internal IPv6", "IPv6:2001:db8:1::2", false, Direction::kOutbound},
        {"internal IPv6, no prefix", "2001:db8:1::2", false, Direction::kOutbound},
        {"mapped", "IPv6:::ffff:192.0.2.77", false, Direction::kOutbound},
        {"foreign", "203.0.113.9", false, Direction::kInbound},
        {"foreign IPv6", "IPv6:2001:db9::1", false, Direction::kInbound},
        {"next to internal", "192.0.3.0", false, Direction::kInbound},
        {"empty", "", false, Direction::kInbound},
        {"unknown", "unknown", false, Direction::kInbound},
        {"broken", "127.0.0.1.", false, Direction::kInbound},
        {"with a port", "127.0.0.1:25", false, Direction::kInbound},
        {"name that looks internal", "localhost", false, Direction::kInbound},
    };
    for (const Case& c : kCases)
        CHECK_EQ(message_direction(settings, c.client, c.authenticated), c.want, c.name);
    settings.internal_networks.clear();
    CHECK_EQ(message_direction(settings, "127.0.0.1", false), Direction::kInbound);
    CHECK_EQ(direction_name(Direction::kInbound), "inbound");
    CHECK_EQ(direction_name(Direction::kOutbound), "outbound");
}

void test_plan() {
    Settings settings;
    CHECK(plan_message(settings, Direction::kInbound).skip_dkim);
    CHECK(!plan_message(settings, Direction::kOutbound).skip_dkim);
    settings.skip_dkim_inbound = false;
    settings.skip_dkim_outbound = true;
    settings.deadline = 1234;
    settings.dry_run = true;
    settings.trace_header = false;
    const MessagePlan plan = plan_message(settings, Direction::kOutbound);
    CHECK(plan.skip_dkim && plan.dry_run && !plan.trace_header);
    CHECK_EQ(plan.deadline_ms, 1234);
    CHECK(!plan_message(settings, Direction::kInbound).skip_dkim);
}

void test_profiles() {
    struct Case {
        ProfileName profile;
        bool lossy;
        int quality_max, quality_min, score_min;
        std::uint32_t max_side_px;
        bool png_quantize;
        int document_ppi;
        bool converts_bmp;
    };
    constexpr Case kCases[] = {
        {ProfileName::kLossless, false, 100, 100, 10000, 0, false, 0, false},
        {ProfileName::kBalanced, true, 85, 60, 9500, 4096, true, 220, false},
        {ProfileName::kCompact, true, 78, 45, 9300, 2048, true, 150, true},
    };
    for (const Case& c : kCases) {
        Settings settings;
        settings.profile = c.profile;
        const Options options = profile_options(settings);
        CHECK_EQ(options.lossy, c.lossy, profile_name(c.profile));
        CHECK_EQ(int{options.jpeg_quality_max}, c.quality_max, profile_name(c.profile));
        CHECK_EQ(int{options.jpeg_quality_min}, c.quality_min, profile_name(c.profile));
        CHECK_EQ(int{options.score_min}, c.score_min, profile_name(c.profile));
        CHECK_EQ(options.max_side_px, c.max_side_px, profile_name(c.profile));
        CHECK_EQ(options.png_quantize, c.png_quantize, profile_name(c.profile));
        CHECK_EQ(int{options.document_ppi}, c.document_ppi, profile_name(c.profile));
        CHECK_EQ(options.converts(Format::kBmp), c.converts_bmp, profile_name(c.profile));
        CHECK(find_profile(c.profile).name == c.profile, profile_name(c.profile));
    }
}

// An override changes its value and nothing else, and never turns a lossless profile lossy.
void test_overrides() {
    Settings settings;
    settings.profile = ProfileName::kLossless;
    settings.jpeg_quality_max = 60;
    settings.jpeg_progressive = false;
    CHECK(!profile_options(settings).lossy);
    CHECK(!profile_options(settings).jpeg_progressive);

    settings.profile = ProfileName::kBalanced;
    settings.jpeg_quality_min = 40;
    settings.score_min = 0.9325;
    settings.score_min_text = 0.9425;
    settings.document_ppi = 300;
    settings.convert = ConvertSet{1u << static_cast<unsigned>(Format::kTga)};
    settings.effort = 1;
    settings.max_side_px = 0;
    settings.png_quantize = false;
    settings.png_quality_min = 0;
    settings.keep_gps = false;
    const Options options = profile_options(settings);
    CHECK_EQ(int{options.jpeg_quality_max}, 60);
    CHECK_EQ(int{options.jpeg_quality_min}, 40);
    CHECK_EQ(int{options.score_min}, 9325);
    CHECK_EQ(int{options.score_min_text}, 9425);
    CHECK_EQ(int{options.document_ppi}, 300);
    CHECK_EQ(int{options.effort}, 1);
    CHECK(options.converts(Format::kTga) && !options.converts(Format::kBmp));
    CHECK_EQ(options.max_side_px, 0u);
    CHECK(!options.png_quantize && !options.keep_gps);
    CHECK_EQ(int{options.png_quality_min}, 0);
}

void test_limits_reach_the_options() {
    Settings settings;
    settings.max_pixels = 1000001;
    settings.max_expanded = 1048577;
    settings.max_entries = 7;
    settings.max_depth = 0;
    settings.formats = FormatSet{};
    settings.formats.add(Format::kPng);
    const Options options = profile_options(settings);
    CHECK_EQ(options.max_pixels, 1000001u);
    CHECK_EQ(options.max_expanded_bytes, 1048577u);
    CHECK_EQ(options.max_entries, 7u);
    CHECK_EQ(int{options.max_depth}, 0);
    CHECK(options.enabled(Format::kPng));
    CHECK(!options.enabled(Format::kJpeg));
}

void test_excluded_parts() {
    Settings settings;
    settings.min_size = 100;
    settings.max_size = 1000;
    settings.formats = FormatSet{};
    settings.formats.add(Format::kJpeg);
    settings.formats.add(Format::kOoxml);
    struct Case {
        std::string_view name;
        Format format;
        std::size_t size;
        std::string_view want;
    };
    constexpr Case kCases[] = {
        {"fits", Format::kJpeg, 500, ""},
        {"at the lower end", Format::kJpeg, 100, ""},
        {"at the upper end", Format::kOoxml, 1000, ""},
        {"below", Format::kJpeg, 99, "smaller than min_size"},
        {"empty", Format::kJpeg, 0, "smaller than min_size"},
        {"above", Format::kJpeg, 1001, "larger than max_size"},
        {"off", Format::kPng, 500, "format switched off"},
        {"no optimizer", Format::kRar, 500, "format not supported"},
        {"animated PNG is not PNG", Format::kApng, 500, "format not supported"},
        {"a program", Format::kJar, 500, "format not supported"},
        {"unknown", Format::kUnknown, 500, "format not known"},
        {"unknown and small", Format::kUnknown, 1, "format not known"},
        {"largest size there is", Format::kJpeg, SIZE_MAX, "larger than max_size"},
    };
    for (const Case& c : kCases) CHECK_EQ(part_excluded(settings, c.format, c.size), c.want, c.name);
}

void test_gain() {
    struct Case {
        std::string_view name;
        std::uint32_t percent;
        std::uint64_t bytes;
        std::size_t in, out;
        bool want;
    };
    constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
    constexpr Case kCases[] = {
        {"exactly both", 1, 256, 25600, 25344, true},
        {"one byte short of the bytes", 1, 256, 25600, 25345, false},
        {"one byte short of the percent", 1, 256, 100000, 99001, false},
        {"exactly the percent", 1, 256, 100000, 99000, true},
        {"percent is rounded up", 1, 0, 101, 100, false},
        {"percent rounded up, reached", 1, 0, 101, 99, true},
        {"no minimum, one byte", 0, 0, 100, 99, true},
        {"no minimum, nothing gained", 0, 0, 100, 100, false},
        {"larger", 0, 0, 100, 101, false},
        {"empty stays empty", 0, 0, 0, 0, false},
        {"empty grew", 0, 0, 0, 1, false},
        {"small file, large minimum", 1, 256, 200, 1, false},
        {"99 percent of the largest", 99, 0, kMost, 1, true},
        {"99 percent of the largest, missed", 99, 0, kMost, kMost / 50, false},
    };
    for (const Case& c : kCases) {
        Settings settings;
        settings.min_gain_percent = c.percent;
        settings.min_gain_bytes = c.bytes;
        CHECK_EQ(gain_is_enough(settings, c.in, c.out), c.want, c.name);
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_direction),
                                TEST(test_plan),
                                TEST(test_profiles),
                                TEST(test_overrides),
                                TEST(test_limits_reach_the_options),
                                TEST(test_excluded_parts),
                                TEST(test_gain)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
