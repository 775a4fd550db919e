// SPDX-License-Identifier: Apache-2.0
//
// verify_pdf() against results that no honest optimizer would write.
#include <functional>
#include <vector>

#include "check.hpp"
#include "optimizers/formats.hpp"
#include "pdf_builder.hpp"

using namespace optimilter;
using namespace optimilter::pdf_builder;

namespace {

Options balanced() {
    Options options;
    options.lossy = true;
    options.score_min = 9000;
    options.score_min_text = 9000;
    options.document_ppi = 72;
    return options;
}

// What verification says of a result; score: what it claims.
std::string judged(const std::string& input, const std::string& output, const Options& options,
                   std::optional<double> score = {}, Deadline deadline = Deadline()) {
    Budget budget(deadline, options);
    Context context{options, budget, 0, {}};
    Attempt attempt;
    attempt.outcome = Outcome::kOptimized;
    attempt.output = pictures::bytes_of(output);
    attempt.score = score;
    return verify_pdf(as_bytes(input), attempt, context);
}

std::string judged(const Pdf& output, std::optional<double> score = {}, const Options& options = balanced()) {
    return judged(document().build(), output.build(), options, score);
}

Pdf changed(const std::function<void(Pdf&)>& change) {
    Pdf pdf = document();
    change(pdf);
    return pdf;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    if (at == std::string::npos) throw check::Failure("not found: " + from);
    return text.replace(at, from.size(), to);
}

void replace(Pdf& pdf, int number, const std::string& from, const std::string& to) {
    Object& object = pdf.objects.at(number);
    object.text = replaced(object.text, from, to);
}

void honest_results_pass() {
    CHECK_EQ(judged(document()), "");
    CHECK_EQ(judged(document(), {}, Options()), "");
    // Another coding of the same bytes, other numbers, another second half of the identifier.
    const Pdf recoded = changed([](Pdf& pdf) {
        pdf.put_stream(5, "/Filter/FlateDecode", zlib(*pdf.objects[5].stream, 12));
        pdf.put_stream(7, pdf.objects[7].text, zlib(as_text(photo(96, 64, 3)), 12));
        replace(pdf, 6, "7 0 R", "30 0 R");
        pdf.objects[30] = pdf.objects[7];
        pdf.objects.erase(7);
        pdf.trailer = "/Root 1 0 R/ID[(permanent)(other)]";
        pdf.version = "1.5";
    });
    CHECK_EQ(judged(recoded, {}, Options()), "");
}

struct Forgery {
    const char* name;
    std::function<void(Pdf&)> change;
    const char* reason;  // a part of it
};

const std::vector<Forgery>& forgeries() {
    static const std::vector<Forgery> kForgeries = {
        {"page dropped", [](Pdf& p) { replace(p, 2, " 4 0 R", ""); }, "array changed its length"},
        {"pages swapped", [](Pdf& p) { replace(p, 2, "3 0 R 4 0 R", "4 0 R 3 0 R"); }, ""},
        {"page twice", [](Pdf& p) { replace(p, 2, "3 0 R 4 0 R", "3 0 R 3 0 R"); }, "lead to other objects"},
        {"content changed", [](Pdf& p) { p.objects[5].stream->at(40) ^= 1; }, "content of a stream changed"},
        {"content cut", [](Pdf& p) { p.objects[5].stream->resize(2000); }, "content of a stream changed"},
        {"content parts swapped", [](Pdf& p) { replace(p, 4, "17 0 R 18 0 R", "18 0 R 17 0 R"); }, ""},
        {"annotation lost", [](Pdf& p) { replace(p, 3, "14 0 R ", ""); }, "array changed its length"},
        {"annotations lost", [](Pdf& p) { replace(p, 3, "/Annots[14 0 R 15 0 R]", ""); },
         "lost or gained a key"},
        {"annotation is null", [](Pdf& p) { p.objects.erase(14); }, "changed its type"},
        {"attachment lost", [](Pdf& p) { replace(p, 1, "(a.txt)12 0 R", ""); }, "array changed its length"},
        {"attachment changed", [](Pdf& p) { p.objects[13].stream->back() = 'b'; },
         "content of a stream changed"},
        {"attachment renamed", [](Pdf& p) { replace(p, 12, "(a.txt)", "(b.txt)"); }, "a string changed"},
        {"form value changed", [](Pdf& p) { replace(p, 15, "(value)", "(valuf)"); }, "a string changed"},
        {"metadata changed", [](Pdf& p) { p.objects[16].stream->at(3) = 'y'; },
         "content of a stream changed"},
        {"box changed", [](Pdf& p) { replace(p, 2, "842", "841"); }, "a integer changed"},
        {"integer became real", [](Pdf& p) { replace(p, 2, "842", "842.0"); }, "changed its type"},
        {"font renamed", [](Pdf& p) { replace(p, 6, "/Helvetica", "/Times-Roman"); }, "a name changed"},
        {"language lost", [](Pdf& p) { replace(p, 1, "/Lang(en)", ""); }, "lost or gained a key"},
        {"script added", [](Pdf& p) { replace(p, 1, "/Lang", "/OpenAction<</S/JavaScript/JS(x)>>/Lang"); },
         "lost or gained a key"},
        {"mask dropped", [](Pdf& p) { replace(p, 7, "/SMask 8 0 R", ""); }, "lost or gained a key"},
        {"mask is the picture", [](Pdf& p) { replace(p, 7, "/SMask 8 0 R", "/SMask 7 0 R"); }, ""},
        {"mask darker",
         [](Pdf& p) { p.put_stream(8, p.objects[8].text, zlib(std::string(96 * 64, '\x40'))); },
         "samples of a picture changed"},
        {"profile replaced",
         [](Pdf& p) { p.put_stream(9, p.objects[9].text, zlib(icc_profile("RGB ", 'b'))); },
         "content of a stream changed"},
        {"colour space replaced", [](Pdf& p) { replace(p, 7, "[/ICCBased 9 0 R]", "/DeviceRGB"); }, ""},
        {"width changed", [](Pdf& p) { replace(p, 7, "/Width 96", "/Width 48"); }, ""},
        {"filter misnamed", [](Pdf& p) { replace(p, 7, "/FlateDecode", "/DCTDecode"); }, ""},
        {"interpolation added", [](Pdf& p) { replace(p, 7, "/SMask", "/Interpolate true/SMask"); }, "key"},
        {"inverted", [](Pdf& p) { replace(p, 7, "/SMask", "/Decode[1 0 1 0 1 0]/SMask"); }, "key"},
        {"identifier changed", [](Pdf& p) { p.trailer = "/Root 1 0 R/ID[(another)(x)]"; },
         "a string changed"},
        {"identifier lost", [](Pdf& p) { p.trailer = "/Root 1 0 R"; }, "lost or gained a key"},
        {"information added", [](Pdf& p) { p.trailer += "/Info<</Producer(us)>>"; }, "lost or gained a key"},
        {"another catalog",
         [](Pdf& p) { p.put(20, p.objects[1].text), p.put(1, "<</Type/Catalog/Pages 2 0 R>>"); },
         "lost or gained a key"},
        {"version raised", [](Pdf& p) { p.version = "1.7"; }, "version"},
        {"version lowered", [](Pdf& p) { p.version = "1.3"; }, "version"},
        {"bytes after the end", [](Pdf& p) { p.after = "PK"; }, "bytes after the end"},
    };
    return kForgeries;
}

void forgeries_are_seen() {
    for (const Forgery& forgery : forgeries()) {
        for (const auto score : {std::optional<double>(), std::optional<double>(0.95)}) {
            const std::string why = judged(changed(forgery.change), score);
            CHECK(!why.empty(), forgery.name);
            CHECK(why.find(forgery.reason) != std::string::npos, std::string(forgery.name) + ": " + why);
        }
    }
}

// ---- pictures -------------------------------------------------------------------------------------------

std::string picture_bytes(Bytes samples, const std::function<void(Bytes&)>& change) {
    change(samples);
    return zlib(as_text(samples));
}

void samples_are_compared() {
    const Bytes samples = photo(96, 64, 3);
    struct Row {
        const char* name;
        std::function<void(Bytes&)> change;
    };
    const Row kRows[] = {
        {"one sample", [](Bytes& s) { s[500] ^= 0x80; }},
        {"darker",
         [](Bytes& s) {
             for (auto& v : s) v = static_cast<std::uint8_t>(v * 3 / 4);
         }},
        {"flipped", [](Bytes& s) { std::reverse(s.begin(), s.end()); }},
        {"black", [](Bytes& s) { std::fill(s.begin(), s.end(), std::uint8_t{0}); }},
        {"cut", [](Bytes& s) { s.resize(s.size() / 2); }},
        {"longer", [](Bytes& s) { s.resize(s.size() + 1); }},
    };
    for (const Row& row : kRows) {
        const Pdf forged = changed(
            [&](Pdf& pdf) { pdf.put_stream(7, pdf.objects[7].text, picture_bytes(samples, row.change)); });
        CHECK_EQ(judged(forged, {}, Options()).substr(0, 28), "samples of a picture changed", row.name);
        CHECK(!judged(forged).empty(), row.name);
        // Any claim must be borne out, even a modest one within the bound.
        CHECK(!judged(forged, 1.0).empty(), row.name);
    }
}

// A picture page whose samples became a JPEG.
struct Pair {
    std::string before;
    std::string after;
};

Pair as_jpeg(int quality, const std::string& more = "", std::uint32_t width = 128) {
    constexpr int kPoints = 128;
    const Bytes jpeg = pictures::jpeg_of({width, width, 1, photo(width, width, 1)}, quality);
    Pair pair;
    pair.before = picture_page(picture_dictionary(128, 128, "/DeviceGray", more + "/Filter/FlateDecode"),
                               zlib(as_text(photo(128, 128, 1))), kPoints)
                      .build();
    pair.after = picture_page(picture_dictionary(width, width, "/DeviceGray", more + "/Filter/DCTDecode"),
                              text_of(jpeg), kPoints)
                     .build();
    return pair;
}

void loss_is_measured() {
    const Pair good = as_jpeg(90);
    CHECK_EQ(judged(good.before, good.after, balanced(), 0.9), "");
    CHECK(judged(good.before, good.after, balanced()).find("none was claimed") != std::string::npos);
    CHECK(judged(good.before, good.after, balanced(), 1.0).find("lower than claimed") != std::string::npos);
    CHECK(judged(good.before, good.after, Options()).find("samples of a picture changed") !=
          std::string::npos);
    CHECK(judged(good.before, good.after, Options(), 0.9).find("samples") != std::string::npos);
    const Pair bad = as_jpeg(2);
    CHECK(judged(bad.before, bad.after, balanced(), 0.1).find("below the bound") != std::string::npos);
    const Pair inverted = as_jpeg(90, "/Decode[1 0]");
    CHECK(judged(inverted.before, inverted.after, balanced(), 0.9).find("samples") != std::string::npos);
    const Pair keyed = as_jpeg(90, "/Mask[0 10]");
    CHECK(judged(keyed.before, keyed.after, balanced(), 0.9).find("samples") != std::string::npos);
    // Shown at 128 points with 72 ppi: nothing to scale.
    const Pair scaled = as_jpeg(90, "", 64);
    CHECK(judged(scaled.before, scaled.after, balanced(), 0.9).find("wrong size") != std::string::npos);
}

// The page shows the picture at 64 points, an annotation at so many more: a result fit for the page alone is
// too small.
void annotations_count_as_uses() {
    const auto page = [](const std::string& annotation) {
        Pdf pdf = picture_page("", "", 64);
        pdf.put(3, pdf.objects[3].text.substr(0, pdf.objects[3].text.size() - 2) + "/Annots[6 0 R]>>");
        pdf.put(6, "<</Type/Annot/Subtype/Stamp/AP<</N 7 0 R>>" + annotation + ">>");
        pdf.put_stream(7, "/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</P 5 0 R>>>>",
                       "q 9 0 0 9 0 0 cm /P Do Q");
        return pdf;
    };
    const std::string samples = zlib(as_text(photo(128, 128, 1)));
    const Bytes jpeg = pictures::jpeg_of({64, 64, 1, photo(64, 64, 1)}, 90);
    struct Row {
        const char* annotation;
        bool fits;
    };
    const Row kRows[] = {{"/Rect[0 0 128 128]", false},
                         {"/Rect[0 0 9 128]", false},
                         {"/NoRect 1", false},
                         {"/Rect[0 0 64 64]", true}};
    for (const Row& row : kRows) {
        Pdf before = page(row.annotation);
        before.put_stream(5, picture_dictionary(128, 128, "/DeviceGray", "/Filter/FlateDecode"), samples);
        Pdf after = page(row.annotation);
        after.put_stream(5, picture_dictionary(64, 64, "/DeviceGray", "/Filter/DCTDecode"), text_of(jpeg));
        const std::string why = judged(before.build(), after.build(), balanced(), 0.9);
        CHECK_EQ(why.find("wrong size") == std::string::npos, row.fits, row.annotation);
    }
}

void jpegs_are_verified_as_jpegs() {
    const JpegPixels pixels = pictures::scene(128, 128, 3, 6);
    const std::string dictionary = picture_dictionary(128, 128, "/DeviceRGB", "/Filter/DCTDecode");
    const Bytes camera = pictures::camera_jpeg(pixels, 95);
    const auto page = [&](ByteView jpeg) { return picture_page(dictionary, text_of(jpeg), 128).build(); };
    CHECK_EQ(judged(page(camera), page(pictures::jpeg_of(pixels, 95)), Options()), "");
    const Bytes coarser = pictures::jpeg_of(pixels, 80);
    CHECK(judged(page(camera), page(coarser), balanced()).find("none was claimed") != std::string::npos);
    CHECK(!judged(page(camera), page(coarser), Options(), 0.9).empty());
    CHECK_EQ(judged(page(camera), page(coarser), balanced(), 0.9), "");
    CHECK(!judged(page(camera), page(pictures::jpeg_of(pixels, 1)), balanced(), 0.9).empty());
    JpegPixels darker = pixels;
    for (std::size_t i = 0; i < darker.samples.size(); i += 3)
        darker.samples[i] = static_cast<std::uint8_t>(darker.samples[i] / 2);
    CHECK(!judged(page(camera), page(pictures::jpeg_of(darker, 95)), balanced(), 0.9).empty());
    Bytes cut = camera;
    cut.resize(cut.size() / 2);
    CHECK(!judged(page(camera), page(cut), balanced(), 0.9).empty());
    const Bytes smaller = pictures::jpeg_of(pictures::scene(64, 64, 3, 6), 80);
    CHECK(!judged(page(camera), page(smaller), balanced(), 0.9).empty());
}

// Scaled to what 220 samples an inch show of it, and coded so well that nothing else is lost.
void scaling_that_shows_is_refused() {
    Options options;
    options.lossy = true;
    options.document_ppi = 220;
    constexpr std::uint32_t kSide = 600;
    constexpr std::uint32_t kScaled = 440;
    constexpr int kPoints = 144;  // 300 samples an inch
    const std::string kShows = "the page shows that a picture was scaled (object 5)";
    const auto page = [&](const JpegPixels& pixels, bool jpeg) {
        const std::string dictionary = picture_dictionary(pixels.width, pixels.height, "/DeviceGray",
                                                          jpeg ? "/Filter/DCTDecode" : "/Filter/FlateDecode");
        const std::string bytes =
            jpeg ? text_of(pictures::jpeg_of(pixels, 98)) : zlib(as_text(pixels.samples));
        return picture_page(dictionary, bytes, kPoints).build();
    };
    for (const bool text : {true, false}) {
        const JpegPixels pixels{kSide, kSide, 1, text ? strokes(kSide, kSide) : photo(kSide, kSide, 1)};
        const JpegPixels scaled = pictures::must(scale_pixels(pixels, {kScaled, kScaled}, Deadline()));
        for (const bool jpeg : {true, false}) {
            const std::string before = page(pixels, jpeg);
            const std::string after = page(scaled, jpeg);
            CHECK_EQ(judged(before, after, options, 0.9), text ? kShows : std::string());
            // Every size that is allowed is one of a few.
            const JpegPixels odd = pictures::must(scale_pixels(pixels, {450, 450}, Deadline()));
            if (jpeg)
                CHECK(judged(before, page(odd, true), options, 0.9).find("wrong size") != std::string::npos);
            // A bound that the page reaches.
            Options low = options;
            low.score_min = low.score_min_text = 6000;
            CHECK_EQ(judged(before, after, low, 0.6), "");
            if (text) CHECK_EQ(judged(before, after, low, 0.99), "a score is lower than claimed (object 5)");
        }
    }
}

// A picture that keeps its samples is judged as it is seen where the page shows it smaller, pixel by pixel
// where not.
void loss_is_judged_as_it_is_seen() {
    Options options;
    options.lossy = true;
    options.document_ppi = 220;
    const JpegPixels pixels{600, 600, 1, pictures::scene(600, 600, 1, 20).samples};
    const auto page = [](const Bytes& jpeg, int points) {
        return picture_page(picture_dictionary(600, 600, "/DeviceGray", "/Filter/DCTDecode"), text_of(jpeg),
                            points)
            .build();
    };
    constexpr int kAt600 = 72;
    constexpr int kAt200 = 216;
    constexpr int kAt75 = 576;
    const auto verdict = [&](int quality, int points) {
        return judged(page(pictures::camera_jpeg(pixels, 97), points),
                      page(pictures::jpeg_of(pixels, quality), points), options, 0.95);
    };
    const std::string kBelow = "score below the bound (object 5)";
    CHECK_EQ(verdict(95, kAt600), "");
    CHECK_EQ(verdict(95, kAt200), "");
    CHECK_EQ(verdict(60, kAt600), "");
    CHECK_EQ(verdict(60, kAt200), kBelow);
    CHECK_EQ(verdict(2, kAt600), kBelow);
    CHECK_EQ(verdict(95, kAt75), "");
    CHECK_EQ(verdict(86, kAt200), "");
    CHECK_EQ(verdict(86, kAt75), kBelow);
    // Where the size is not known, or no profile says what is seen, pixels count.
    options.document_ppi = 0;
    CHECK_EQ(verdict(60, kAt600), kBelow);
    CHECK_EQ(verdict(86, kAt75), "");
}

// A mask alone, its picture left as it was.
void masks_that_show_their_scaling_are_refused() {
    Options options;
    options.lossy = true;
    options.document_ppi = 220;
    const auto page = [](const JpegPixels& mask) {
        Pdf pdf = picture_page(picture_dictionary(600, 600, "/DeviceGray", "/SMask 6 0 R/Filter/FlateDecode"),
                               zlib(as_text(photo(600, 600, 1))), 144);
        pdf.put_stream(6, picture_dictionary(mask.width, mask.height, "/DeviceGray", "/Filter/FlateDecode"),
                       zlib(as_text(mask.samples)));
        return pdf.build();
    };
    for (const bool text : {true, false}) {
        const JpegPixels mask{600, 600, 1, text ? strokes(600, 600) : photo(600, 600, 1)};
        const JpegPixels scaled = pictures::must(scale_pixels(mask, {440, 440}, Deadline()));
        const std::string why = judged(page(mask), page(scaled), options, 0.9);
        CHECK_EQ(why, text ? "the page shows that a picture was scaled (object 6)" : "");
    }
}

void damaged_results_are_refused() {
    const std::string input = document().build();
    CHECK(!judged(input, input.substr(0, input.size() / 2), Options()).empty());
    CHECK(!judged(input, "", Options()).empty());
    CHECK(!judged(input, "%PDF-1.4\n%%EOF\n", Options()).empty());
    CHECK(!judged("%PDF-1.4\n%%EOF\n", input, Options()).empty());
    CHECK(!judged(input, replaced(input, "startxref\n", "startxref\n1"), Options()).empty());
}

void no_time_is_a_reason() {
    const std::string input = document().build();
    CHECK(!judged(input, input, Options(), {}, Deadline::in_ms(0)).empty());
}

// Wherever a byte is flipped, the file is refused or still says the same.
void no_flipped_bit_passes_by_chance() {
    const std::string input = document().build();
    std::size_t passed = 0;
    for (std::size_t at = 0; at < input.size(); at += 11) {
        std::string forged = input;
        forged[at] = static_cast<char>(forged[at] ^ 0x10);
        if (judged(input, forged, Options()).empty()) ++passed;
    }
    // Free entries of the table, the second identifier, comments and the like.
    CHECK(passed < 20, std::to_string(passed));
}

}  // namespace

int main() {
    initialize_optimizers();
    const CMUnitTest tests[] = {
        TEST(honest_results_pass),
        TEST(forgeries_are_seen),
        TEST(samples_are_compared),
        TEST(loss_is_measured),
        TEST(annotations_count_as_uses),
        TEST(jpegs_are_verified_as_jpegs),
        TEST(scaling_that_shows_is_refused),
        TEST(loss_is_judged_as_it_is_seen),
        TEST(masks_that_show_their_scaling_are_refused),
        TEST(damaged_results_are_refused),
        TEST(no_time_is_a_reason),
        TEST(no_flipped_bit_passes_by_chance),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
