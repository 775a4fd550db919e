// SPDX-License-Identifier: Apache-2.0
//
// Pictures in documents through the driver: scaled to their use, once for all copies, and never further than
// verify_zip() finds in the original.
#include "annex_k_jpeg.hpp"
#include "jpeg_pictures.hpp"
#include "office_builder.hpp"
#include "optimizers/exif.hpp"
#include "optimizers/zip_member.hpp"
#include "png_builder.hpp"

using namespace optimilter;
using namespace optimilter::office_builder;

namespace {

constexpr std::uint16_t kPpi = 100;

Options document_options() {
    Options options = pictures::lossy_options();
    options.document_ppi = kPpi;
    return options;
}

std::string text_of(const Bytes& bytes) {
    return std::string(as_text(bytes));
}

std::string jpeg(std::uint32_t width, std::uint32_t height, std::uint32_t seed = 1, int quality = 95) {
    return text_of(pictures::camera_jpeg(pictures::scene(width, height, 3, 6, seed), quality));
}

// Smooth, with more colours than a palette holds; alpha falls from left to right.
std::string png(unsigned width, unsigned height, PngColor color) {
    png_builder::Spec spec;
    spec.color = color;
    spec.width = width;
    spec.height = height;
    spec.sample = [](unsigned x, unsigned y, unsigned c) {
        return c == 3 ? 255 - x / 3 : (x * (c + 1) / 3 + y / 2 + png_builder::noise(x, y, c) % 6) & 255u;
    };
    return text_of(png_builder::write(spec));
}

Bytes docx(const std::string& picture, long cx, long cy, const std::string& inner = "") {
    return zip_builder::build(
        docx_items(part("w:document", pic(fill("", inner), transform(cx, cy))), picture));
}

OptimizeResult run(ByteView input, const Options& options) {
    Budget budget(Deadline(), options);
    return optimize(input, {}, options, budget);
}

Bytes member(ByteView file, std::size_t index = kPicture) {
    const auto archive = read_zip(file, 100);
    const auto content = MemberContent::of(file, archive->entries.at(index));
    return Bytes(content->bytes().begin(), content->bytes().end());
}

std::string size_of(ByteView picture) {
    const bool is_png = starts_with(picture, "\x89PNG");
    const auto size =
        is_png ? std::pair{read_be32(&picture[16]), read_be32(&picture[20])}
               : std::pair{pictures::markers_of(picture).width, pictures::markers_of(picture).height};
    return std::to_string(size.first) + "x" + std::to_string(size.second);
}

struct Row {
    const char* name;
    std::string picture;
    long cx, cy;
    const char* want;
    std::string inner = {};
};

void pictures_take_the_size_of_their_use() {
    const Row kRows[] = {
        {"JPEG", jpeg(600, 400), 3 * kInch, 2 * kInch, "300x200"},
        {"JPEG hardly larger", jpeg(600, 400), 5 * kInch, 3 * kInch, "600x400"},
        {"JPEG shown larger", jpeg(600, 400), 9 * kInch, 6 * kInch, "600x400"},
        {"JPEG drawn out", jpeg(600, 400), 3 * kInch, 3 * kInch, "450x300"},
        {"PNG", png(600, 400, PngColor::kRgb), 3 * kInch, 2 * kInch, "300x200"},
        {"PNG with alpha", png(600, 400, PngColor::kRgba), 3 * kInch, 2 * kInch, "300x200"},
        {"PNG of gray", png(600, 400, PngColor::kGray), 3 * kInch, 2 * kInch, "600x400"},
        {"JPEG without a place", jpeg(600, 400), 0, 0, "600x400"},
    };
    for (const Row& row : kRows) {
        const Bytes file = docx(row.picture, row.cx, row.cy, row.inner);
        const OptimizeResult result = run(file, document_options());
        CHECK_EQ(outcome_name(result.outcome), "optimized", std::string(row.name) + ": " + result.reason);
        CHECK_EQ(size_of(member(result.output)), row.want, row.name);
        const OptimizeResult second = run(result.output, document_options());
        CHECK_EQ(outcome_name(second.outcome), "not_smaller", row.name);
    }
}

// Office programs scale pictures to a resolution too, and then write them finer than asked for. Those are
// coded anew; ours, which may be as fine as that where they had to be, are not.
void only_our_own_cuts_keep_their_quality() {
    const auto quality_after = [](const std::string& picture, const Options& options) {
        const Bytes file = docx(picture, 3 * kInch, 2 * kInch);
        const OptimizeResult result = run(file, options);
        if (result.output.empty()) return estimate_jpeg_quality(pictures::markers_of(as_bytes(picture)));
        CHECK(run(result.output, options).outcome != Outcome::kOptimized);
        const Bytes changed = member(result.output);
        CHECK_EQ(size_of(changed), "300x200");
        return estimate_jpeg_quality(pictures::markers_of(changed));
    };
    const auto foreign = [](int quality) {
        return pictures::annex_k_jpeg(pictures::scene(300, 200, 1, 6), quality);
    };
    Options options = document_options();
    CHECK(quality_after(foreign(92), options) <= options.jpeg_quality_max);
    CHECK_EQ(quality_after(jpeg(300, 200, 1, 92), options), 92);
    // Still finer ones become as fine as ours, where less misses the score.
    options.score_min = 9700;
    const int fine = quality_after(foreign(98), options);
    CHECK(fine > options.jpeg_quality_max && fine <= 92, std::to_string(fine));
}

void only_documents_in_lossy_profiles_scale() {
    const std::string picture = jpeg(600, 400);
    const Bytes file = docx(picture, 3 * kInch, 2 * kInch);
    Options lossless = document_options();
    lossless.lossy = false;
    CHECK_EQ(size_of(member(run(file, lossless).output)), "600x400");
    Options no_ppi = document_options();
    no_ppi.document_ppi = 0;
    CHECK_EQ(size_of(member(run(file, no_ppi).output)), "600x400");
    // The same parts in an archive that is no document.
    std::vector<Item> items = docx_items(part("w:document", pic(fill(), transform(kInch, kInch))), picture);
    items.erase(items.begin());
    items[0].name = "w.xml";
    CHECK_EQ(size_of(member(run(zip_builder::build(items), document_options()).output, 2)), "600x400");
    // A transparent colour: not one sample changes.
    const Bytes exact = docx(picture, 3 * kInch, 2 * kInch, "<a:clrChange/>");
    const OptimizeResult result = run(exact, document_options());
    CHECK(result.output.empty() || text_of(member(result.output)) == picture);
}

void orientation_stays_and_the_use_fits_both_ways() {
    JpegSegmentBytes exif{jpeg_marker::kApp1, pictures::bytes_of("Exif")};
    exif.payload.insert(exif.payload.end(), 2, 0);
    append(exif.payload, exif_with_orientation(6));
    const Bytes turned =
        pictures::camera_jpeg(pictures::scene(600, 400, 3, 6), 95, ChromaSampling::k420, {exif});
    const OptimizeResult result = run(docx(text_of(turned), 2 * kInch, 3 * kInch), document_options());
    const Bytes picture = member(result.output);
    CHECK_EQ(size_of(picture), "450x300");
    CHECK(jpeg_is_turned(picture, pictures::markers_of(picture)));
}

void copies_are_optimized_once() {
    const std::string picture = jpeg(300, 200);
    std::vector<Item> items = docx_items(part("w:document", ""), picture);
    items.push_back({.name = "word/media/copy1", .content = picture, .method = 0});
    items.push_back({.name = "word/media/copy2", .content = picture});
    items.push_back({.name = "word/media/other", .content = jpeg(300, 200, 2), .method = 0});
    const Bytes file = zip_builder::build(items);
    const Options options = document_options();
    Budget budget(Deadline(), options);
    unsigned calls = 0;
    const auto nested = [&](ByteView content, const TypeHint& hint, const PictureUse& use) {
        ++calls;
        const Context inside{options, budget, 1, {}, use};
        Context context = inside;
        CHECK_EQ(hint.file_name.substr(0, 11), "word/media/");
        return run_optimizer(*find_optimizer(Format::kJpeg), content, context);
    };
    Context context{options, budget, 0, nested};
    const Attempt attempt = optimize_zip(file, context);
    CHECK_EQ(calls, 2u);
    CHECK_EQ(attempt.changes.size(), 4u);
    CHECK_EQ(verify_zip(file, attempt, context), "");
    CHECK(member(attempt.output, 3) == member(attempt.output, 4));
    CHECK(member(attempt.output, 3) == member(attempt.output, 5));
}

// What a wrong optimizer may put in the place of a picture of 600 x 400 that is shown at 300 x 200.
std::string verdict(const Bytes& before, const std::string& picture, const Options& options) {
    const auto archive = read_zip(before, 100);
    std::vector<Item> items;
    for (std::size_t i = 0; i < archive->entries.size(); ++i) {
        const bool changed = i == kPicture;
        const ZipEntry& entry = archive->entries[i];
        items.push_back({.name = std::string(zip_name(before, entry)),
                         .content = changed ? picture : text_of(member(before, i)),
                         .method = entry.method});
    }
    Attempt attempt;
    attempt.outcome = Outcome::kOptimized;
    attempt.output = zip_builder::build(items);
    attempt.changes = {{kPicture, sha256(as_bytes(picture))}};
    Budget budget(Deadline(), options);
    Context context{options, budget, 0, nullptr};
    return verify_zip(before, attempt, context);
}

void shrinking_too_much_is_seen() {
    Options lossless = document_options();
    lossless.lossy = false;
    Options no_ppi = document_options();
    no_ppi.document_ppi = 0;
    const std::string too_small = "picture is smaller than the document shows it (word/media/image1)";
    struct Wrong {
        const char* name;
        std::string picture;
        Options options;
        std::string want;
    };
    const Wrong kRows[] = {
        {"the size of its use", jpeg(300, 200), document_options(), ""},
        {"its own size", jpeg(600, 400, 1, 70), document_options(), ""},
        {"a pixel too narrow", jpeg(299, 200), document_options(), too_small},
        {"a pixel too low", jpeg(300, 199), document_options(), too_small},
        {"other proportions", jpeg(400, 210), document_options(), too_small},
        {"sides exchanged", jpeg(400, 600, 1, 60), document_options(), too_small},
        {"lossless", jpeg(300, 200), lossless, too_small},
        {"no scaling asked for", jpeg(300, 200), no_ppi, too_small},
        {"no picture", "\xFF\xD8\xFF broken", document_options(),
         "picture has no size any more (word/media/image1)"},
    };
    // Stored, so that every candidate fits in its place.
    const Bytes before = docx(jpeg(600, 400), 3 * kInch, 2 * kInch);
    for (const Wrong& row : kRows) CHECK_EQ(verdict(before, row.picture, row.options), row.want, row.name);
    CHECK_EQ(verdict(docx(png(600, 400, PngColor::kRgb), 3 * kInch, 2 * kInch), png(299, 200, PngColor::kRgb),
                     document_options()),
             too_small);
    // Places that nobody understands.
    CHECK_EQ(verdict(docx(jpeg(600, 400), 0, 0), jpeg(300, 200), document_options()), too_small);
    CHECK_EQ(verdict(docx(jpeg(600, 400), 3 * kInch, 2 * kInch, "<a:clrChange/>"), jpeg(300, 200),
                     document_options()),
             "picture that must stay as it is was changed (word/media/image1)");
}

// verify_png() alone: the scaled picture is measured against the original scaled anew.
void scaled_png_is_measured() {
    const std::string original = png(600, 400, PngColor::kRgba);
    const Options options = document_options();
    Budget budget(Deadline(), options);
    Context context{options, budget, 1, nullptr, {300, 200}};
    Attempt attempt = optimize_png(as_bytes(original), context);
    CHECK_EQ(outcome_name(attempt.outcome), "optimized", attempt.reason);
    CHECK_EQ(size_of(attempt.output), "300x200");
    CHECK_EQ(verify_png(as_bytes(original), attempt, context), "");
    Context alone{options, budget, 0, nullptr, {300, 200}};
    CHECK_EQ(verify_png(as_bytes(original), attempt, alone), "picture size differs");
    Context other{options, budget, 1, nullptr, {290, 200}};
    CHECK_EQ(verify_png(as_bytes(original), attempt, other), "");
    Context larger{options, budget, 1, nullptr, {310, 200}};
    CHECK_EQ(verify_png(as_bytes(original), attempt, larger), "picture size differs");
    const std::string another = png(300, 200, PngColor::kRgba);
    attempt.output = Bytes(as_bytes(another).begin(), as_bytes(another).end());
    CHECK_EQ(verify_png(as_bytes(original), attempt, context), "looks too different");
    attempt.score.reset();
    CHECK_EQ(verify_png(as_bytes(original), attempt, context), "picture size differs");
}

}  // namespace

int main() {
    initialize_optimizers();
    const CMUnitTest tests[] = {
        TEST(pictures_take_the_size_of_their_use),
        TEST(only_our_own_cuts_keep_their_quality),
        TEST(only_documents_in_lossy_profiles_scale),
        TEST(orientation_stays_and_the_use_fits_both_ways),
        TEST(copies_are_optimized_once),
        TEST(shrinking_too_much_is_seen),
        TEST(scaled_png_is_measured),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
