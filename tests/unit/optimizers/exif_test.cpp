// SPDX-License-Identifier: Apache-2.0
#include "optimizers/exif.hpp"

#include "exif_builder.hpp"

namespace optimilter {
namespace {

using exif_builder::Field;
using exif_builder::Sample;

bool holds(ByteView bytes, std::string_view word) {
    return as_text(bytes).find(word) != std::string_view::npos;
}

Bytes rewritten(ByteView tiff, const ExifEdit& edit = {}) {
    Result<Bytes> result = rewrite_exif(tiff, edit);
    if (!result) throw check::Failure("rewrite failed: " + result.error().text);
    return std::move(*result);
}

void test_thumbnail_and_maker_note_go() {
    for (const bool big_endian : {false, true}) {
        const Bytes before = Sample{.big_endian = big_endian}.build();
        const Bytes after = rewritten(before);
        CHECK(after.size() < before.size());
        CHECK(holds(before, "MAKERNOTE") && !holds(after, "MAKERNOTE"));
        CHECK(holds(before, "THUMBNAIL") && !holds(after, "THUMBNAIL"));
        for (const std::string_view kept :
             {"Some Artist", "All rights kept", "Camera Model X", "2024:05:06", "GPSLAT"})
            CHECK(holds(after, kept), kept);
        CHECK_EQ(exif_orientation(after).value_or(0), 6);
        CHECK(rewritten(after) == after);
    }
}

void test_gps_goes_when_asked() {
    const Bytes before = Sample{}.build();
    CHECK(exif_may_hold_gps(before));
    const Bytes after = rewritten(before, {.drop_gps = true});
    CHECK(!holds(after, "GPSLAT"));
    CHECK(!exif_may_hold_gps(after));
    CHECK(holds(after, "All rights kept"));
}

void test_nothing_to_do_changes_nothing() {
    const Bytes before = Sample{.thumbnail = false, .maker_note = false}.build();
    CHECK(rewritten(before) == before);
}

void test_size_in_pixels() {
    const Bytes after = rewritten(Sample{}.build(), {.width = 640, .height = 480});
    const Bytes again = rewritten(after, {.width = 640, .height = 480});
    CHECK(again == after);
    CHECK(rewritten(after, {.width = 641, .height = 480}) != after);
}

void test_odd_structures_are_refused() {
    const Bytes good = Sample{}.build();
    struct Case {
        std::string_view name;
        Bytes tiff;
    };
    Bytes bad_magic = good;
    bad_magic[2] = 43;
    Bytes astray = good;
    write_le32(&astray[4], 0xFFFFFFF0u);
    Bytes inside_header = good;
    write_le32(&inside_header[4], 2);
    const Case kCases[] = {
        {"empty", {}},
        {"header only", Bytes(good.begin(), good.begin() + 8)},
        {"magic", bad_magic},
        {"directory astray", astray},
        {"directory in the header", inside_header},
        {"tag twice", Sample{.extra = {Field{0x0112, 3, 1, 1}}}.build()},
        {"unknown type", Sample{.extra = {Field{0x9999, 99, 1, 1}}}.build()},
        {"type 0", Sample{.extra = {Field{0x9999, 0, 1, 1}}}.build()},
        {"value past the end", Sample{.extra = {Field{0x9999, 2, 100, 0x7FFFFFFF}}}.build()},
        {"count overflows", Sample{.extra = {Field{0x9999, 12, 0xFFFFFFFFu, 8}}}.build()},
        {"strip offsets", Sample{.extra = {Field{0x0111, 4, 1, 8}}}.build()},
        {"sub-directories", Sample{.extra = {Field{0x014A, 4, 1, 8}}}.build()},
    };
    for (const Case& c : kCases) CHECK(!rewrite_exif(c.tiff, {}).has_value(), c.name);
    CHECK(exif_may_hold_gps(bad_magic));  // not to be known, so assumed
}

// No cut and no flipped bit may crash, hang, or make the result grow past what it came from.
void test_damage() {
    const Bytes good = Sample{}.build();
    for (std::size_t size = 0; size < good.size(); ++size) {
        const Result<Bytes> result = rewrite_exif(ByteView(good).first(size), {.drop_gps = true});
        if (result) CHECK(result->size() <= size + 64);
    }
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        Bytes flipped = good;
        flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1u << (bit % 8)));
        const Result<Bytes> result = rewrite_exif(flipped, {.drop_gps = true});
        if (result) CHECK(result->size() <= 4 * good.size());
        if (result) CHECK(exif_orientation(*result) == exif_orientation(flipped), std::to_string(bit));
    }
}

void test_lost_tags_are_seen() {
    const Bytes before = Sample{}.build();
    CHECK(exif_tags_kept(before, before));
    CHECK(exif_tags_kept(before, rewritten(before, {.width = 10, .height = 20})));
    CHECK(!exif_tags_kept(before, rewritten(before, {.drop_gps = true})));
    CHECK(!exif_tags_kept(before, exif_with_orientation(6)));
    CHECK(!exif_tags_kept(before, Sample{.orientation = 1}.build()));
    CHECK(!exif_tags_kept(before, {}));
    CHECK(!exif_tags_kept({}, before));
}

void test_orientation_alone() {
    for (std::uint16_t orientation = 1; orientation <= 8; ++orientation)
        CHECK_EQ(exif_orientation(exif_with_orientation(orientation)).value_or(0), orientation);
    CHECK(!exif_orientation({}).has_value());
    // An oddity elsewhere does not hide it.
    const Bytes odd = Sample{.extra = {Field{0x9999, 99, 1, 1}}}.build();
    CHECK_EQ(exif_orientation(odd).value_or(0), 6);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_thumbnail_and_maker_note_go),
                                TEST(test_gps_goes_when_asked),
                                TEST(test_nothing_to_do_changes_nothing),
                                TEST(test_size_in_pixels),
                                TEST(test_odd_structures_are_refused),
                                TEST(test_damage),
                                TEST(test_lost_tags_are_seen),
                                TEST(test_orientation_alone)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
