// SPDX-License-Identifier: Apache-2.0
//
// optimize_tiff() through the driver, so that every result here has been verified too; and what it leaves
// alone, with the reason.
#include <functional>

#include "check.hpp"
#include "optimizers/formats.hpp"
#include "tiff_builder.hpp"

using namespace optimilter;
using namespace optimilter::tiff_builder;

namespace {

using Numbers = std::initializer_list<std::uint16_t>;

OptimizeResult run(ByteView input, const Options& options = {}, Deadline deadline = Deadline()) {
    Budget budget(deadline, options);
    return optimize(input, {}, options, budget);
}

std::vector<Page> every_kind() {
    std::vector<Page> pages;
    const auto add = [&](auto change) {
        for (const std::uint16_t compression :
             Numbers{COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_PACKBITS, COMPRESSION_ADOBE_DEFLATE}) {
            Page page;
            page.compression = compression;
            change(page);
            pages.push_back(page);
        }
    };
    add([](Page&) {});
    add([](Page& p) { p.samples = 4; });
    add([](Page& p) { p.samples = 4, p.photometric = PHOTOMETRIC_SEPARATED; });
    add([](Page& p) { p.planar = PLANARCONFIG_SEPARATE; });
    add([](Page& p) { p.tiled = true; });
    add([](Page& p) { p.tiled = true, p.planar = PLANARCONFIG_SEPARATE; });
    add([](Page& p) { p.bits = 16; });
    add([](Page& p) { p.bits = 32, p.samples = 1, p.photometric = PHOTOMETRIC_MINISBLACK; });
    add([](Page& p) {
        p.bits = 32, p.samples = 1, p.photometric = PHOTOMETRIC_MINISBLACK, p.format = SAMPLEFORMAT_IEEEFP;
    });
    add([](Page& p) { p.bits = 4, p.samples = 1, p.photometric = PHOTOMETRIC_PALETTE; });
    add([](Page& p) { p.bits = 8, p.samples = 1, p.photometric = PHOTOMETRIC_PALETTE; });
    add([](Page& p) {
        p.bits = 1, p.samples = 1, p.photometric = PHOTOMETRIC_MINISBLACK, p.sample = page_of_text;
    });
    for (const std::uint16_t fax :
         Numbers{COMPRESSION_CCITTRLE, COMPRESSION_CCITTFAX3, COMPRESSION_CCITTFAX4})
        for (const std::uint16_t order : Numbers{FILLORDER_MSB2LSB, FILLORDER_LSB2MSB})
            add([&](Page& p) {
                p.bits = 1, p.samples = 1, p.photometric = PHOTOMETRIC_MINISWHITE, p.sample = page_of_text;
                p.compression = fax, p.fill_order = order;
            });
    return pages;
}

std::string name_of(const Page& page) {
    return "bits " + std::to_string(page.bits) + " samples " + std::to_string(page.samples) +
           " compression " + std::to_string(page.compression) + (page.tiled ? " tiled" : "");
}

// What another reader (libtiff's own RGBA view) sees of every page; nothing for kinds it does not show.
std::vector<std::uint32_t> rgba_pages(const Bytes& bytes) {
    Memory memory{bytes, 0};
    TIFF* const tiff = TIFFClientOpen("", "rm", &memory, memory_read, memory_write, memory_seek, memory_close,
                                      memory_size, nullptr, nullptr);
    std::vector<std::uint32_t> all;
    bool shown = true;
    do {
        std::uint32_t width = 0;
        std::uint32_t height = 0;
        TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
        TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
        std::vector<std::uint32_t> pixels(std::size_t{width} * height);
        if (!TIFFReadRGBAImage(tiff, width, height, pixels.data(), 0)) shown = false;
        all.insert(all.end(), pixels.begin(), pixels.end());
    } while (TIFFReadDirectory(tiff));
    TIFFClose(tiff);
    return shown ? all : std::vector<std::uint32_t>();
}

void test_every_kind_in_every_form() {
    TIFFSetErrorHandler(nullptr);
    TIFFSetWarningHandler(nullptr);
    int optimized = 0;
    int shown = 0;
    for (const std::string mode : {"l", "b", "l8", "b8"})
        for (const Page& page : every_kind()) {
            const Bytes input = write({page}, mode);
            const OptimizeResult result = run(input);
            const bool fine = result.outcome == Outcome::kOptimized || result.outcome == Outcome::kNotSmaller;
            CHECK(fine, name_of(page) + ": " + result.reason);
            if (result.outcome != Outcome::kOptimized) continue;
            ++optimized;
            CHECK(input[0] == result.output[0] && input[2] == result.output[2], name_of(page));
            const std::vector<std::uint32_t> before = rgba_pages(input);
            shown += before.empty() ? 0 : 1;
            CHECK(before.empty() || before == rgba_pages(result.output), name_of(page));
            CHECK_EQ(static_cast<int>(run(result.output).outcome), static_cast<int>(Outcome::kNotSmaller),
                     name_of(page));
        }
    CHECK(optimized > 100);
    CHECK(shown > 60);
}

Page fax_page(std::uint16_t compression) {
    Page page;
    page.bits = 1;
    page.samples = 1;
    page.photometric = PHOTOMETRIC_MINISWHITE;
    page.sample = page_of_text;
    page.compression = compression;
    return page;
}

std::uint64_t compression_of(const Bytes& bytes, std::size_t page = 0) {
    const TiffFile file = tree_of(bytes);
    return file.pages[page].number(file.form, tiff_tag::kCompression, 1);
}

void test_fax_stays_fax() {
    for (const std::uint16_t fax : Numbers{COMPRESSION_CCITTRLE, COMPRESSION_CCITTFAX3}) {
        const OptimizeResult result = run(write({fax_page(fax)}));
        CHECK_EQ(static_cast<int>(result.outcome), 0, result.reason);
        CHECK_EQ(compression_of(result.output), 4u);
    }
    // Noise is no text: Deflate or nothing, but CCITT that came as CCITT stays CCITT.
    Page grain = fax_page(COMPRESSION_CCITTFAX3);
    grain.sample = noise;
    const OptimizeResult result = run(write({grain}));
    if (result.outcome == Outcome::kOptimized) CHECK_EQ(compression_of(result.output), 4u);
}

void test_pages_of_many_kinds() {
    Page color;
    const Bytes input = write({fax_page(COMPRESSION_NONE), color, fax_page(COMPRESSION_CCITTFAX4)});
    const OptimizeResult result = run(input);
    CHECK_EQ(static_cast<int>(result.outcome), 0, result.reason);
    CHECK_EQ(tree_of(result.output).pages.size(), 3u);
    CHECK_EQ(compression_of(result.output, 1), 8u);
    CHECK_EQ(compression_of(result.output, 2), 4u);
    CHECK(rgba_pages(input) == rgba_pages(result.output));
}

void test_every_profile_and_effort_is_lossless() {
    const Bytes input = write({Page()});
    for (const bool lossy : {false, true})
        for (std::uint8_t effort = 0; effort <= kEffortMax; ++effort) {
            Options options;
            options.lossy = lossy;
            options.effort = effort;
            options.max_side_px = 10;
            const OptimizeResult result = run(input, options);
            CHECK_EQ(static_cast<int>(result.outcome), 0, result.reason);
            CHECK(!result.score);
            CHECK(rgba_pages(input) == rgba_pages(result.output));
        }
}

// Two files in one: the second's page hangs as a SubIFD below the first's.
void test_sub_directories_come_along() {
    Page large;
    Page small;
    small.width = small.height = 16;
    const Bytes a = write({small});
    const Bytes b = write({large});
    TiffFile file = tree_of(a);
    const std::uint8_t place[4] = {1, 0, 0, 0};
    set_field(file.pages[0], tiff_tag::kSubIfds, tiff_type::kIfd, place);
    file.pages[0].children.push_back({tiff_tag::kSubIfds, tree_of(b).pages[0]});
    const OptimizeResult result = run(write_tiff(file, {}));
    CHECK_EQ(static_cast<int>(result.outcome), 0, result.reason);
    const TiffFile after = tree_of(result.output);
    CHECK_EQ(after.pages[0].children.size(), 1u);
    CHECK_EQ(after.pages[0].children[0].directory.number(after.form, tiff_tag::kCompression, 1), 8u);
}

const std::uint8_t kSomewhere[4] = {64, 0, 0, 0};
const std::uint8_t kFarAway[4] = {0, 0, 0, 0x70};

void test_left_alone() {
    const Bytes plain = write({Page()});
    const auto with = [&](std::uint16_t tag, std::uint16_t type, ByteView value) {
        return edited(plain, [&](TiffFile& file) { set_field(file.pages[0], tag, type, value); });
    };
    Bytes loose = plain;
    loose.insert(loose.end(), 2000, 0x55);
    struct Case {
        std::string_view name;
        Bytes input;
        Outcome want;
        std::string_view want_reason;
    };
    const Case cases[] = {
        {"camera raw", with(50706, 1, as_bytes("\1\4")), Outcome::kUntouchable, "tag 50706"},
        {"signed", with(52545, 7, as_bytes("jumb")), Outcome::kUntouchable, "tag 52545"},
        {"maker note", with(37500, 7, as_bytes("Nikon")), Outcome::kNotApplicable, "tag 37500"},
        {"old JPEG", with(513, 4, kSomewhere), Outcome::kNotApplicable, "tag 513"},
        {"private number in the file", with(60000, 4, kSomewhere), Outcome::kNotApplicable, "tag 60000"},
        {"ImageJ stack", with(270, 2, as_bytes("ImageJ=1.53\nimages=9\n")), Outcome::kNotApplicable,
         "tag 270"},
        {"loose bytes", loose, Outcome::kNotApplicable, "2000 bytes"},
        {"private number beyond the file", with(60000, 4, kFarAway), Outcome::kOptimized, ""},
        {"private text", with(60000, 2, as_bytes("hello, reader")), Outcome::kOptimized, ""},
    };
    for (const Case& c : cases) {
        const OptimizeResult result = run(c.input);
        CHECK_EQ(static_cast<int>(result.outcome), static_cast<int>(c.want),
                 std::string(c.name) + ": " + result.reason);
        CHECK(result.reason.find(c.want_reason) == 0, std::string(c.name) + ": " + result.reason);
    }
    const OptimizeResult kept = run(with(60000, 2, as_bytes("hello, reader")));
    CHECK_EQ(as_text(tree_of(kept.output).pages[0].find(60000)->value), "hello, reader");
}

// Two luminances for each pair of chroma samples: two bytes a pixel, though every pixel has three samples.
Bytes with_subsampled_page() {
    Page plain;
    plain.width = 64;
    Page pairs = plain;
    pairs.samples = 2;
    pairs.photometric = PHOTOMETRIC_MINISBLACK;
    constexpr std::uint8_t kThree[] = {3, 0};
    constexpr std::uint8_t kEights[] = {8, 0, 8, 0, 8, 0};
    constexpr std::uint8_t kYCbCr[] = {6, 0};
    constexpr std::uint8_t kTwoByOne[] = {2, 0, 1, 0};
    return edited(write({plain, pairs}), [&](TiffFile& file) {
        TiffDirectory& page = file.pages[1];
        set_field(page, TIFFTAG_SAMPLESPERPIXEL, 3, kThree);
        set_field(page, TIFFTAG_BITSPERSAMPLE, 3, kEights);
        set_field(page, TIFFTAG_PHOTOMETRIC, 3, kYCbCr);
        set_field(page, TIFFTAG_YCBCRSUBSAMPLING, 3, kTwoByOne);
        drop_field(page, TIFFTAG_SAMPLEFORMAT);
    });
}

void test_subsampled_chroma_stays() {
    const Bytes input = with_subsampled_page();
    const OptimizeResult result = run(input);
    CHECK_EQ(result.reason, "");
    const TiffFile from = tree_of(input);
    const TiffFile to = tree_of(result.output);
    CHECK(result.output.size() < input.size());
    CHECK_EQ(to.pages[1].blocks.size(), from.pages[1].blocks.size());
    for (std::size_t i = 0; i < to.pages[1].blocks.size(); ++i)
        CHECK_EQ(as_text(to.pages[1].blocks[i]), as_text(from.pages[1].blocks[i]));
    CHECK(rgba_pages(result.output) == rgba_pages(input) && !rgba_pages(input).empty());
}

// The first directory's fields, for damage: where the value of a tag stands in a little-endian file.
std::size_t slot_of(const Bytes& bytes, std::uint16_t tag) {
    const std::size_t directory = read_le32(&bytes[4]);
    for (std::size_t i = 0; i < read_le16(&bytes[directory]); ++i)
        if (read_le16(&bytes[directory + 2 + 12 * i]) == tag) return directory + 2 + 12 * i;
    return 0;
}

void test_broken_files() {
    const Bytes sound = write({Page(), Page()});
    const auto damaged = [&](const std::function<void(Bytes&)>& damage) {
        Bytes bytes = sound;
        damage(bytes);
        return bytes;
    };
    const std::size_t first = read_le32(&sound[4]);
    const std::size_t link = first + 2 + 12u * read_le16(&sound[first]);
    struct Case {
        std::string_view name;
        Bytes input;
    };
    const Case cases[] = {
        {"loop of directories", damaged([&](Bytes& b) { write_le32(&b[link], read_le32(&b[4])); })},
        {"directory beyond the end", damaged([&](Bytes& b) { write_le32(&b[4], 0x7FFFFFF0); })},
        {"no directory", damaged([&](Bytes& b) { write_le32(&b[4], 0); })},
        {"tags out of order", damaged([&](Bytes& b) { write_le16(&b[slot_of(b, 257)], 5); })},
        {"unknown type", damaged([&](Bytes& b) { write_le16(&b[slot_of(b, 257) + 2], 99); })},
        {"huge count", damaged([&](Bytes& b) { write_le32(&b[slot_of(b, 279) + 4], 0x40000000); })},
        {"no width", damaged([&](Bytes& b) { write_le32(&b[slot_of(b, 256) + 8], 0); })},
        {"huge width", damaged([&](Bytes& b) { write_le32(&b[slot_of(b, 256) + 8], 0x7FFFFFFF); })},
        {"wrong height", damaged([&](Bytes& b) { write_le16(&b[slot_of(b, 257) + 8], 5000); })},
        {"strips beyond the end",
         damaged([&](Bytes& b) { write_le32(&b[slot_of(b, 273) + 8], 0x7FFFFF00); })},
        {"version 41", damaged([&](Bytes& b) { b[2] = 41; })},
    };
    for (const Case& c : cases) {
        const OptimizeResult result = run(c.input);
        CHECK(result.outcome != Outcome::kOptimized && !result.reason.empty(), c.name);
    }
}

void test_broken_samples() {
    Page page;
    for (const std::uint16_t compression :
         Numbers{COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_PACKBITS}) {
        page.compression = compression;
        Bytes bytes = write({page});
        const TiffFile file = tree_of(bytes);
        const auto at = static_cast<std::size_t>(file.pages[0].blocks[2].data() - bytes.data());
        for (std::size_t i = 0; i < 12; ++i) bytes[at + i] = 0xFF;
        // PackBits takes any bytes, but then they are too few or too many.
        CHECK_EQ(static_cast<int>(run(bytes).outcome), static_cast<int>(Outcome::kMalformed),
                 std::to_string(compression));
    }
}

void test_truncated_and_flipped() {
    const Bytes sound = write({Page(), fax_page(COMPRESSION_CCITTFAX3)});
    for (std::size_t i = 0; i < 16; ++i) {
        const ByteView part = ByteView(sound).first(sound.size() * i / 16);
        CHECK(run(part).outcome != Outcome::kOptimized, "cut at " + std::to_string(i));
    }
    // The driver verifies; here nothing may crash.
    for (std::size_t bit = 3; bit < sound.size() * 8; bit += 397) {
        Bytes flipped = sound;
        flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        const OptimizeResult result = run(flipped);
        CHECK(result.outcome == Outcome::kOptimized || !result.reason.empty());
    }
}

void test_limits() {
    const Bytes input = write({Page(), Page(), Page()});
    const auto outcome = [&](auto change) {
        Options options;
        change(options);
        return run(input, options).outcome;
    };
    CHECK(outcome([](Options& o) { o.max_pixels = 67 * 53 * 3 - 1; }) == Outcome::kOverBudget);
    CHECK(outcome([](Options& o) { o.max_expanded_bytes = 67 * 53 * 9 - 1; }) == Outcome::kOverBudget);
    CHECK(outcome([](Options& o) { o.max_entries = 2; }) == Outcome::kOverBudget);
    CHECK(outcome([](Options& o) { o.max_pixels = 67 * 53 * 3; }) == Outcome::kOptimized);
    CHECK(run(input, {}, Deadline::in_ms(0)).outcome == Outcome::kOverBudget);
}

// Strips that all point at the same bytes would be written once for each.
void test_shared_strips() {
    Page page;
    page.rows_per_strip = 1;
    page.compression = COMPRESSION_LZW;
    const Bytes input = edited(write({page}), [](TiffFile&) {});
    Bytes bomb = input;
    const std::size_t slot = slot_of(bomb, 279);
    const std::size_t sizes = read_le32(&bomb[slot + 8]);
    const std::size_t offsets = read_le32(&bomb[slot_of(bomb, 273) + 8]);
    for (std::size_t i = 0; i < 53; ++i) {
        write_le32(&bomb[offsets + 4 * i], 8);
        if (read_le16(&bomb[slot + 2]) == 4) write_le32(&bomb[sizes + 4 * i], 3000);
        if (read_le16(&bomb[slot + 2]) == 3) write_le16(&bomb[sizes + 2 * i], 3000);
    }
    const OptimizeResult result = run(bomb);
    CHECK_EQ(result.reason, "values or strips share their bytes");
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(test_every_kind_in_every_form),
        TEST(test_fax_stays_fax),
        TEST(test_pages_of_many_kinds),
        TEST(test_every_profile_and_effort_is_lossless),
        TEST(test_sub_directories_come_along),
        TEST(test_left_alone),
        TEST(test_subsampled_chroma_stays),
        TEST(test_broken_files),
        TEST(test_broken_samples),
        TEST(test_truncated_and_flipped),
        TEST(test_limits),
        TEST(test_shared_strips),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
