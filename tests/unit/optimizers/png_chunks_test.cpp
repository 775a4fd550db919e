// SPDX-License-Identifier: Apache-2.0
#include "optimizers/png_chunks.hpp"

#include "check.hpp"
#include "png_builder.hpp"

using namespace optimilter;
using namespace optimilter::png_builder;

namespace {

Bytes plain(PngColor color, int depth = 8) {
    return write({color, depth, false, 20, 10, screen});
}

void test_refusals() {
    const Bytes rgb = plain(PngColor::kRgb);
    const Bytes gray = plain(PngColor::kGray);
    const Bytes indexed = plain(PngColor::kIndexed, 4);
    const std::string rgb_palette(9, 'x');
    Bytes trailing = rgb;
    trailing.push_back(0);
    Bytes bad_crc = rgb;
    bad_crc[bad_crc.size() - 20] ^= 1;
    Bytes no_end = rgb;
    no_end.resize(no_end.size() - 12);
    Bytes no_data = rgb;
    no_data.erase(no_data.begin() + static_cast<std::ptrdiff_t>(find_chunk(rgb, "IDAT")), no_data.end() - 12);
    Bytes split = rgb;
    append_chunk(split, "IDAT", {});
    struct Case {
        std::string_view name;
        Bytes file;
        ErrorCode want;
    };
    const Case cases[] = {
        {"empty", {}, ErrorCode::kMalformed},
        {"signature only", {rgb.begin(), rgb.begin() + 8}, ErrorCode::kMalformed},
        {"data after IEND", trailing, ErrorCode::kUnsupported},
        {"wrong CRC", bad_crc, ErrorCode::kMalformed},
        {"no IEND", no_end, ErrorCode::kMalformed},
        {"no IDAT", no_data, ErrorCode::kMalformed},
        {"IDAT after IEND", split, ErrorCode::kUnsupported},
        {"IDAT apart", insert_before(insert_before(rgb, "IEND", "tEXt", z("a\0b", 3)), "IEND", "IDAT", ""),
         ErrorCode::kMalformed},
        {"APNG", insert_before(rgb, "IDAT", "acTL", "00000000"), ErrorCode::kUnsupported},
        {"frame data", insert_before(rgb, "IEND", "fdAT", "0000"), ErrorCode::kUnsupported},
        {"C2PA", insert_before(rgb, "IDAT", "caBX", "x"), ErrorCode::kRefused},
        {"signed", insert_before(rgb, "IDAT", "dSIG", "x"), ErrorCode::kRefused},
        {"CgBI", insert_before(rgb, "IHDR", "CgBI", "0000"), ErrorCode::kUnsupported},
        {"unknown critical", insert_before(rgb, "IDAT", "ABCD", ""), ErrorCode::kUnsupported},
        {"unknown unsafe to copy", insert_before(rgb, "IDAT", "abCD", ""), ErrorCode::kUnsupported},
        {"reserved bit", insert_before(rgb, "IDAT", "abcd", ""), ErrorCode::kMalformed},
        {"type no letters", insert_before(rgb, "IDAT", "a1Cd", ""), ErrorCode::kMalformed},
        {"IHDR twice", insert_before(rgb, "IDAT", "IHDR", "0123456789012"), ErrorCode::kMalformed},
        {"gAMA twice", insert_before(insert_before(rgb, "IDAT", "gAMA", "0000"), "IDAT", "gAMA", "0000"),
         ErrorCode::kMalformed},
        {"gAMA after IDAT", insert_before(rgb, "IEND", "gAMA", "0000"), ErrorCode::kMalformed},
        {"gAMA after PLTE", insert_before(indexed, "IDAT", "gAMA", "0000"), ErrorCode::kMalformed},
        {"bKGD before PLTE", insert_before(indexed, "PLTE", "bKGD", z("\0", 1)), ErrorCode::kMalformed},
        {"bKGD out of the palette", insert_before(indexed, "IDAT", "bKGD", "\x10"), ErrorCode::kMalformed},
        {"bKGD of a wrong size", insert_before(rgb, "IDAT", "bKGD", "00"), ErrorCode::kMalformed},
        {"sBIT of a wrong size", insert_before(rgb, "IDAT", "sBIT", "\x08"), ErrorCode::kMalformed},
        {"hIST without palette", insert_before(rgb, "IDAT", "hIST", "00"), ErrorCode::kMalformed},
        {"tRNS of a wrong size", insert_before(rgb, "IDAT", "tRNS", "00"), ErrorCode::kMalformed},
        {"tRNS with alpha", insert_before(plain(PngColor::kRgba), "IDAT", "tRNS", "000000"),
         ErrorCode::kMalformed},
        {"tRNS value out of range", insert_before(gray, "IDAT", "tRNS", "\x01\x01"), ErrorCode::kMalformed},
        {"tRNS longer than PLTE", insert_before(indexed, "IDAT", "tRNS", "12345678901234567"),
         ErrorCode::kMalformed},
        {"PLTE twice", insert_before(indexed, "IDAT", "PLTE", "123"), ErrorCode::kMalformed},
        {"PLTE in gray", insert_before(gray, "IDAT", "PLTE", "123"), ErrorCode::kMalformed},
        {"PLTE not of triples", insert_before(rgb, "IDAT", "PLTE", "1234"), ErrorCode::kMalformed},
        {"PLTE empty", insert_before(rgb, "IDAT", "PLTE", ""), ErrorCode::kMalformed},
        {"width 0", with_header(rgb, z("\0\0\0\0\0\0\0\x01\x08\x02\0\0\0", 13)), ErrorCode::kMalformed},
        {"width 2^31", with_header(rgb, z("\x80\0\0\0\0\0\0\x01\x08\x02\0\0\0", 13)), ErrorCode::kMalformed},
        {"depth 3", with_header(rgb, z("\0\0\0\x01\0\0\0\x01\x03\x02\0\0\0", 13)), ErrorCode::kMalformed},
        {"depth 4 RGB", with_header(rgb, z("\0\0\0\x01\0\0\0\x01\x04\x02\0\0\0", 13)), ErrorCode::kMalformed},
        {"colour type 1", with_header(rgb, z("\0\0\0\x01\0\0\0\x01\x08\x01\0\0\0", 13)),
         ErrorCode::kMalformed},
        {"interlace 2", with_header(rgb, z("\0\0\0\x01\0\0\0\x01\x08\x02\0\0\x02", 13)),
         ErrorCode::kMalformed},
        {"indexed without PLTE", with_header(rgb, z("\0\0\0\x01\0\0\0\x01\x08\x03\0\0\0", 13)),
         ErrorCode::kMalformed},
    };
    for (const Case& c : cases) {
        const auto got = read_png(c.file);
        CHECK(!got.has_value(), c.name);
        CHECK_EQ(static_cast<int>(got.error().code), static_cast<int>(c.want), c.name);
        CHECK(!got.error().text.empty(), c.name);
    }
}

void test_length_beyond_the_file() {
    Bytes file = plain(PngColor::kRgb);
    write_be32(file.data() + find_chunk(file, "IDAT"), 0xFFFFFFFFu);
    CHECK(!read_png(file).has_value());
}

void test_reads_what_is_there() {
    Bytes file = insert_before(plain(PngColor::kIndexed, 2), "IDAT", "tRNS", "\x01\xFF");
    file = insert_before(file, "PLTE", "gAMA", "0000");
    file = insert_before(file, "IEND", "tEXt", z("a\0b", 3));
    const auto png = read_png(file);
    CHECK(png.has_value());
    CHECK_EQ(png->header.width, 20u);
    CHECK_EQ(png->before.size(), 1u);
    CHECK_EQ(png->after.size(), 1u);
    const PngLayout layout = png->layout();
    CHECK_EQ(layout.palette.size(), 4u);
    CHECK_EQ(int{alpha(layout.palette[0])}, 1);
    CHECK_EQ(int{alpha(layout.palette[3])}, 255);
}

void test_scanline_bytes() {
    PngHeader header{1, 1, PngColor::kGray, 1, false};
    CHECK_EQ(scanline_bytes(header), 2u);
    header = {8, 8, PngColor::kRgb, 8, true};
    // Adam7 of 8x8: 1, 1, 2, 4, 8, 16, 32 pixels in 1, 1, 1, 2, 2, 4, 4 rows.
    CHECK_EQ(scanline_bytes(header), 64u * 3 + 15);
    header = {1, 1, PngColor::kGray, 8, true};
    CHECK_EQ(scanline_bytes(header), 2u);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {TEST(test_refusals), TEST(test_length_beyond_the_file),
                                TEST(test_reads_what_is_there), TEST(test_scanline_bytes)};
    return cmocka_run_group_tests_name("png_chunks", tests, nullptr, nullptr);
}
