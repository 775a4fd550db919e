// SPDX-License-Identifier: Apache-2.0
//
// Pictures that pages show smaller than they are: scaled only where a screen does not show it.
#include "optimizers/pdf_drawn.hpp"

#include "annex_k_jpeg.hpp"
#include "check.hpp"
#include "optimizers/jpeg_judge.hpp"
#include "optimizers/jpeg_reference.hpp"
#include "optimizers/picture_enlarge.hpp"
#include "optimizers/picture_score.hpp"
#include "pdf_runs.hpp"

using namespace optimilter;
using namespace optimilter::pdf_builder;

namespace {

// As profile balanced has it.
Options as_balanced() {
    Options options;
    options.lossy = true;
    options.document_ppi = 220;
    return options;
}

JpegPixels gray(std::uint32_t width, std::uint32_t height, Bytes samples) {
    return {width, height, 1, std::move(samples)};
}

void pixels_are_means_of_whole_samples() {
    const JpegPixels row = gray(5, 1, {10, 20, 30, 60, 91});
    CHECK(drawn_pixels(row, {5, 1}).samples == row.samples);
    CHECK(drawn_pixels(row, {2, 1}).samples == (Bytes{15, 60}));
    CHECK(drawn_pixels(row, {1, 1}).samples == (Bytes{42}));
    CHECK(drawn_pixels(gray(2, 1, {1, 9}), {4, 1}).samples == (Bytes{1, 1, 9, 9}));
    const JpegPixels rgb{2, 2, 3, {0, 10, 20, 2, 12, 22, 4, 14, 24, 6, 16, 26}};
    CHECK(drawn_pixels(rgb, {1, 1}).samples == (Bytes{3, 13, 23}));
    CHECK(drawn_pixels(rgb, {1, 2}).samples == (Bytes{1, 11, 21, 5, 15, 25}));
    // Sums of more than 16 bits, and of one less.
    for (const std::uint32_t side : {257u, 258u, 400u}) {
        const JpegPixels white = gray(side, side, Bytes(std::size_t{side} * side, 255));
        CHECK(drawn_pixels(white, {1, 1}).samples == (Bytes{255}), std::to_string(side));
        CHECK(drawn_pixels(white, {side, 1}).samples == Bytes(side, 255), std::to_string(side));
    }
}

void icons_need_the_ordinary_score() {
    const JpegPixels page = gray(600, 600, strokes(600, 600));
    Options options = as_balanced();
    CHECK_EQ(PdfDrawn(page, {{100, 40}, {156, 62}}, options).bound(), 0.96);
    CHECK_EQ(PdfDrawn(page, {{63, 63}, {98, 98}}, options).bound(), 0.95);
    const JpegPixels soft = gray(600, 600, photo(600, 600, 1));
    CHECK_EQ(PdfDrawn(soft, {{200, 200}, {312, 312}}, options).bound(), 0.95);
    const PdfDrawn drawn(page, {{192, 192}, {300, 300}}, options);
    CHECK_EQ(drawn.score(page), 1.0);
    CHECK(drawn.aim() > drawn.bound() && drawn.aim() < drawn.bound() + 0.002);
    CHECK_EQ(drawn.score({600, 600, 3, Bytes(600 * 600 * 3)}), 0.0);
}

// Of two sizes, as the place on the page decides; which of the two is worse depends on the numbers.
void the_worse_of_two_places_counts() {
    const JpegPixels page = gray(600, 600, strokes(600, 600));
    const auto score_at = [&](const JpegPixels& scaled, std::uint32_t side) {
        return picture_score(drawn_pixels(page, {side, side}).samples,
                             drawn_pixels(scaled, {side, side}).samples, side, side, 1);
    };
    bool first = false;
    bool second = false;
    for (std::uint32_t side = 180; side < 200; side += 3) {
        const JpegPixels scaled = pictures::must(scale_pixels(page, {440, 440}, Deadline()));
        const double one = score_at(scaled, side);
        const double other = score_at(scaled, side + 1);
        CHECK_EQ(PdfDrawn(page, {{side, side}, {side, side}}, as_balanced()).score(scaled),
                 std::min(one, other));
        (one < other ? first : second) = true;
        // Of two screens the one that shows more counts, too; not for icons.
        CHECK_EQ(PdfDrawn(page, {{side, side}, {600, 600}}, as_balanced()).score(scaled),
                 std::min({one, other, score_at(scaled, 600), score_at(scaled, 601)}));
        CHECK_EQ(PdfDrawn(page, {{63, 63}, {600, 600}}, as_balanced()).score(scaled),
                 std::min(score_at(scaled, 63), score_at(scaled, 64)));
    }
    CHECK(first && second);
}

// A distance that is twice too large wants nearly twice the samples of an inch.
void steps_that_would_show_are_passed_over() {
    std::vector<PictureUse> uses;
    for (const std::uint32_t width : {100u, 120u, 150u, 180u, 210u}) uses.push_back({width, width});
    const double twice = 1 / (1 + 2 * (1 / 0.95 - 1));
    CHECK_EQ(next_to_try(uses, 0, 0.949, 0.95), 1u);
    CHECK_EQ(next_to_try(uses, 0, 0.96, 0.95), 1u);
    CHECK_EQ(next_to_try(uses, 0, twice, 0.95), 3u);
    CHECK_EQ(next_to_try(uses, 0, 0.7, 0.95), 5u);
    CHECK_EQ(next_to_try(uses, 0, 0, 0.95), 5u);
    CHECK_EQ(next_to_try(uses, 4, 0.949, 0.95), 5u);
}

enum class Kind { kText, kPhoto, kScene };
enum class Coding { kSamples, kJpeg };

Bytes samples_of(Kind kind, std::uint32_t side) {
    if (kind == Kind::kText) return strokes(side, side);
    return kind == Kind::kPhoto ? photo(side, side, 1) : pictures::scene(side, side, 1, 6).samples;
}

// A square picture of so many samples, shown at so many an inch.
std::string page_of(Kind kind, Coding coding, std::uint32_t side, std::uint32_t ppi) {
    const Bytes samples = samples_of(kind, side);
    const bool jpeg = coding == Coding::kJpeg;
    const std::string dictionary =
        picture_dictionary(side, side, "/DeviceGray", jpeg ? "/Filter/DCTDecode" : "/Filter/FlateDecode");
    const std::string bytes =
        jpeg ? text_of(pictures::camera_jpeg({side, side, 1, samples}, 96)) : zlib(as_text(samples));
    return picture_page(dictionary, bytes, static_cast<int>(side * 72 / ppi)).build();
}

std::uint32_t width_in(const OptimizeResult& result) {
    const std::string text = text_of(result.output);
    const std::size_t at = text.find("/Width ");
    return at == std::string::npos ? 0 : static_cast<std::uint32_t>(std::stoul(text.substr(at + 7)));
}

void pages_decide_how_far_pictures_are_scaled() {
    for (const Coding coding : {Coding::kSamples, Coding::kJpeg}) {
        const std::string what = coding == Coding::kJpeg ? "JPEG" : "samples";
        const auto result = [&](Kind kind, std::uint32_t ppi) {
            return run(as_bytes(page_of(kind, coding, 600, ppi)), as_balanced());
        };
        CHECK_EQ(width_in(result(Kind::kPhoto, 300)), 440u, what);
        CHECK_EQ(width_in(result(Kind::kText, 300)), 600u, what);
        // Nobody sees all of these samples, but as few as 220 an inch would show.
        const OptimizeResult many = result(Kind::kScene, 900);
        CHECK(width_in(many) < 600 && width_in(many) > 600 * 220 / 900 + 1, what);
        CHECK(many.score.has_value() && *many.score >= 0.95 && *many.score < 1.0, what);
    }
    // The bound rules: with a low one the same page is scaled.
    Options low = as_balanced();
    low.score_min = low.score_min_text = 6000;
    CHECK_EQ(width_in(run(as_bytes(page_of(Kind::kText, Coding::kJpeg, 600, 300)), low)), 440u);
}

void a_second_pass_scales_nothing() {
    for (const Kind kind : {Kind::kText, Kind::kPhoto, Kind::kScene}) {
        for (const Coding coding : {Coding::kSamples, Coding::kJpeg}) {
            for (const std::uint32_t ppi : {300u, 450u, 900u}) {
                const OptimizeResult first = run(as_bytes(page_of(kind, coding, 600, ppi)), as_balanced());
                CHECK_EQ(first.outcome, Outcome::kOptimized, first.reason);
                const OptimizeResult second = run(first.output, as_balanced());
                CHECK_EQ(second.outcome, Outcome::kNotSmaller, std::to_string(ppi));
            }
        }
    }
}

// Samples that nobody sees one by one need not be kept one by one.
void what_keeps_its_size_is_coded_as_it_is_seen() {
    const auto bytes = [](std::uint32_t ppi, const Options& options) {
        const OptimizeResult result = run(as_bytes(page_of(Kind::kScene, Coding::kJpeg, 600, ppi)), options);
        CHECK_EQ(result.outcome, Outcome::kOptimized, result.reason);
        CHECK_EQ(width_in(result), 600u);
        CHECK(result.score.value_or(0) >= 0.95);
        return result.output.size();
    };
    Options pixel_by_pixel = as_balanced();
    pixel_by_pixel.document_ppi = 0;
    CHECK(bytes(300, as_balanced()) < bytes(300, pixel_by_pixel) / 10 * 9);
    // The page shows these as large as they are.
    CHECK(bytes(220, as_balanced()) >= bytes(220, pixel_by_pixel) - 64);
}

// The stream of the only JPEG picture.
Bytes jpeg_in(ByteView pdf) {
    const std::string text = text_of(pdf);
    const std::size_t begin = text.find("\xFF\xD8\xFF");
    CHECK(begin != std::string::npos);
    const ByteView jpeg =
        as_bytes(std::string_view(text).substr(begin, text.find("endstream", begin) - begin));
    return {jpeg.begin(), jpeg.end()};
}

// A fine screen shows more of every sample than there is: what it shows reaches the bound, too.
void what_is_enlarged_is_coded_as_a_fine_screen_shows_it() {
    const auto shown = [](const JpegPixels& pixels) {
        return gray(1200, 1200,
                    pictures::must(enlarge_samples(pixels.samples, {600, 600}, 1, {1200, 1200}, Deadline())));
    };
    Options pixel_by_pixel = as_balanced();
    pixel_by_pixel.document_ppi = 0;
    const std::string page = page_of(Kind::kScene, Coding::kJpeg, 600, 75);
    const OptimizeResult result = run(as_bytes(page), as_balanced());
    CHECK(result.score.value_or(0) >= 0.95 && result.score.value_or(1) < 1);
    const auto pixels = [](ByteView jpeg) {
        return pictures::must(jpeg_reference(jpeg, {600, 600}, JpegColors::kGray, Deadline()));
    };
    const JpegPixels before = shown(pixels(jpeg_in(as_bytes(page))));
    const JpegPixels after = shown(pixels(jpeg_in(result.output)));
    CHECK(picture_score(before.samples, after.samples, 1200, 1200, 1) >= 0.95);
    CHECK(result.output.size() > run(as_bytes(page), pixel_by_pixel).output.size() + 1000);
    CHECK_EQ(run(result.output, as_balanced()).outcome, Outcome::kNotSmaller);
    // Samples that no JPEG of an ordinary quality reaches so stay as they are.
    const std::string samples = page_of(Kind::kScene, Coding::kSamples, 600, 75);
    CHECK(!run(as_bytes(samples), as_balanced()).score.has_value());
    CHECK(run(as_bytes(samples), pixel_by_pixel).score.has_value());
    // Nobody looks so closely at all of 15 x 15 inches.
    const std::string large = page_of(Kind::kScene, Coding::kJpeg, 1080, 72);
    CHECK_EQ(run(as_bytes(large), as_balanced()).output.size(),
             run(as_bytes(large), pixel_by_pixel).output.size());
}

// As for scaled pictures: the place on the page decides, and which of the two is worse depends on the
// numbers.
void what_is_enlarged_is_judged_at_two_sizes() {
    const JpegPixels scene = gray(300, 300, samples_of(Kind::kScene, 300));
    const Bytes file = pictures::jpeg_of(scene, 80);
    const auto score_at = [&](std::uint32_t side) {
        const auto shown = [side](const JpegPixels& pixels) {
            return pictures::must(enlarge_samples(pixels.samples, {300, 300}, 1, {side, side}, Deadline()));
        };
        const JpegPixels coded =
            pictures::must(jpeg_reference(file, {300, 300}, JpegColors::kGray, Deadline()));
        return picture_score(shown(scene), shown(coded), side, side, 1);
    };
    bool first = false;
    bool second = false;
    for (std::uint32_t side = 448; side < 454; ++side) {
        const auto judge = pictures::must(JpegJudge::make(scene, {side, side}, Deadline()));
        const double one = score_at(side);
        const double other = score_at(side + 1);
        CHECK_EQ(pictures::must(judge->score(file, ScoreChroma::kFullSize, Deadline())),
                 std::min(one, other));
        (one < other ? first : second) = true;
    }
    CHECK(first && second);
}

// What the optimizer leaves of a picture that it did not scale, and another page that could be scaled.
void settled_pictures_keep_their_size() {
    const JpegPixels pixels = gray(600, 600, photo(600, 600, 1));
    const std::string dictionary = picture_dictionary(600, 600, "/DeviceGray", "/Filter/DCTDecode");
    const auto width = [&](const std::string& jpeg) {
        Pdf pdf = picture_page(dictionary, jpeg, 144);
        pdf.put_stream(4, "", "q 144 0 0 144 0 0 cm /P Do Q" + prose(5000));
        return width_in(run(pdf, as_balanced()));
    };
    const auto own = [&](int quality, bool progressive) {
        return text_of(pictures::jpeg_of(pixels, quality, ChromaSampling::k420, {}, progressive));
    };
    CHECK_EQ(width(own(75, true)), 600u);
    CHECK_EQ(width(own(75, false)), 600u);
    CHECK_EQ(width(own(96, true)), 440u);
    CHECK_EQ(width(pictures::annex_k_jpeg(pixels, 75)), 440u);
    // As wide as one of the steps (330 an inch) makes it.
    const auto width_of_samples = [](std::uint32_t side) {
        return width_in(run(picture_page(picture_dictionary(side, side, "/DeviceGray", "/Filter/FlateDecode"),
                                         zlib(as_text(photo(side, side, 1))), 144),
                            as_balanced()));
    };
    CHECK_EQ(width_of_samples(660), 660u);
    CHECK_EQ(width_of_samples(664), 440u);
}

}  // namespace

int main() {
    initialize_optimizers();
    const CMUnitTest tests[] = {
        TEST(pixels_are_means_of_whole_samples),
        TEST(icons_need_the_ordinary_score),
        TEST(the_worse_of_two_places_counts),
        TEST(steps_that_would_show_are_passed_over),
        TEST(pages_decide_how_far_pictures_are_scaled),
        TEST(a_second_pass_scales_nothing),
        TEST(what_keeps_its_size_is_coded_as_it_is_seen),
        TEST(what_is_enlarged_is_coded_as_a_fine_screen_shows_it),
        TEST(what_is_enlarged_is_judged_at_two_sizes),
        TEST(settled_pictures_keep_their_size),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
