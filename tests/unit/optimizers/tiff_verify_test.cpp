// SPDX-License-Identifier: Apache-2.0
//
// verify_tiff() against wrong results: what a broken optimizer might hand out is caught, and told.
#include "check.hpp"
#include "optimizers/formats.hpp"
#include "tiff_builder.hpp"

using namespace optimilter;
using namespace optimilter::tiff_builder;

namespace {

std::string verify(const Bytes& input, const Bytes& output, std::optional<double> score = std::nullopt,
                   Deadline deadline = Deadline()) {
    Options options;
    options.lossy = true;
    Budget budget(deadline, options);
    Context context{options, budget, 0, {}, {}};
    Attempt attempt;
    attempt.outcome = Outcome::kOptimized;
    attempt.output = output;
    attempt.score = score;
    return verify_tiff(input, attempt, context);
}

Bytes optimized(const Bytes& input) {
    Options options;
    Budget budget(Deadline(), options);
    OptimizeResult result = optimize(input, {}, options, budget);
    CHECK_EQ(static_cast<int>(result.outcome), 0, result.reason);
    return result.output;
}

Page fax_page() {
    Page page;
    page.bits = 1;
    page.samples = 1;
    page.photometric = PHOTOMETRIC_MINISWHITE;
    page.sample = page_of_text;
    page.compression = COMPRESSION_CCITTFAX3;
    return page;
}

Page other_page() {
    Page page;
    page.sample = [](unsigned x, unsigned y, unsigned c) { return x + 3 * y + 9 * c; };
    return page;
}

Page flipped_page() {
    Page page;
    page.sample = [](unsigned x, unsigned y, unsigned c) {
        return smooth(x, y, c) ^ (x == 66 && y == 52 && c == 2 ? 1u : 0u);
    };
    return page;
}

const std::uint8_t kOne[8] = {1, 0, 0, 0, 1, 0, 0, 0};

void test_mutations() {
    const Bytes input = write({Page(), other_page(), fax_page()});
    const Bytes good = optimized(input);
    CHECK_EQ(verify(input, good), "");
    CHECK_EQ(verify(input, input), "");
    const auto bad = [&](auto edit) { return edited(good, edit); };
    Bytes cut = good;
    cut.resize(cut.size() - 1);
    Bytes longer = good;
    longer.insert(longer.end(), 100, 7);
    struct Case {
        std::string_view name;
        Bytes output;
        std::string_view want;
    };
    const Case cases[] = {
        {"page lost", bad([](TiffFile& f) { f.pages.pop_back(); }), "3 pages became 2"},
        {"page twice", bad([](TiffFile& f) { f.pages.push_back(f.pages[0]); }), "3 pages became 4"},
        {"pages reordered", bad([](TiffFile& f) { std::swap(f.pages[0], f.pages[1]); }),
         "page 1: samples of row"},
        {"sample flipped", optimized(write({flipped_page(), other_page(), fax_page()})),
         "page 1: samples of row 52 differ"},
        {"profile lost", bad([](TiffFile& f) { drop_field(f.pages[1], TIFFTAG_ICCPROFILE); }),
         "page 2: tag 34675 is lost"},
        {"resolution lost", bad([](TiffFile& f) { drop_field(f.pages[2], 283); }), "page 3: tag 283 is lost"},
        {"resolution changed", bad([](TiffFile& f) { set_field(f.pages[0], 282, 5, kOne); }),
         "page 1: tag 282 differs"},
        {"orientation changed",
         bad([](TiffFile& f) { set_field(f.pages[0], 274, 3, ByteView(kOne).first(2)); }),
         "page 1: tag 274 differs"},
        {"type of a tag changed",
         bad([](TiffFile& f) { set_field(f.pages[0], 274, 8, f.pages[0].find(274)->value); }),
         "page 1: tag 274 differs"},
        {"tag added", bad([](TiffFile& f) { set_field(f.pages[0], 65000, 2, as_bytes("x")); }),
         "page 1: tag 65000 was added"},
        {"cut off", cut, "result: "},
        {"hidden bytes", longer, "result holds bytes"},
        {"no TIFF", Bytes(50, 'x'), "result: "},
    };
    for (const Case& c : cases) {
        const std::string why = verify(input, c.output);
        CHECK(why.substr(0, c.want.size()) == c.want, std::string(c.name) + ": " + why);
    }
    CHECK_EQ(verify(input, good, 0.99), "loss in a TIFF file");
    CHECK(!verify(input, good, std::nullopt, Deadline::in_ms(0)).empty());
}

void test_forms() {
    const Bytes little = write({Page()}, "l");
    CHECK_EQ(verify(little, write({Page()}, "b")), "byte order or kind of TIFF changed");
    CHECK_EQ(verify(little, write({Page()}, "l8")), "byte order or kind of TIFF changed");
    Page tiled;
    tiled.tiled = true;
    CHECK(!verify(little, write({tiled})).empty());
}

// Other ways of storing the same samples that some readers could not follow.
void test_storage() {
    Page page = fax_page();
    const Bytes fax = write({page});
    page.compression = COMPRESSION_ADOBE_DEFLATE;
    CHECK_EQ(verify(fax, write({page})), "page 1: CCITT did not stay CCITT");
    page.compression = COMPRESSION_CCITTFAX4;
    CHECK_EQ(verify(fax, write({page})), "");
    Page color;
    const Bytes input = write({color});
    color.compression = COMPRESSION_LZW;
    CHECK_EQ(verify(input, write({color})), "page 1: compression we do not write");
    color.compression = COMPRESSION_ADOBE_DEFLATE;
    CHECK_EQ(verify(input, write({color})), "");
}

void test_tiles() {
    Page tiled;
    tiled.tiled = true;
    const Bytes input = write({tiled});
    CHECK_EQ(verify(input, optimized(input)), "");
    tiled.sample = flipped_page().sample;
    CHECK(verify(input, optimized(write({tiled}))).find("page 1: samples of tile") == 0);
}

void test_lost_sub_directory() {
    const Bytes small = write({fax_page()});
    const Bytes large = write({Page()});
    const std::uint8_t place[4] = {1, 0, 0, 0};
    const Bytes input = edited(small, [&](TiffFile& file) {
        set_field(file.pages[0], tiff_tag::kSubIfds, tiff_type::kLong, place);
        file.pages[0].children.push_back({tiff_tag::kSubIfds, tree_of(large).pages[0]});
    });
    CHECK_EQ(verify(input, optimized(input)), "");
    CHECK_EQ(verify(input, small), "page 1: a sub-directory is lost");
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {TEST(test_mutations), TEST(test_forms), TEST(test_storage), TEST(test_tiles),
                                TEST(test_lost_sub_directory)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
