// SPDX-License-Identifier: Apache-2.0
//
// optimize_pdf() and the way through the driver: what changes, what never does, what is left alone.
#include <functional>
#include <vector>

#include "check.hpp"
#include "pdf_runs.hpp"

using namespace optimilter;
using namespace optimilter::pdf_builder;

namespace {

void documents_become_smaller() {
    const std::string input = document().build();
    const OptimizeResult result = run(as_bytes(input));
    CHECK_EQ(result.outcome, Outcome::kOptimized, result.reason);
    CHECK_EQ(result.optimizer, "pdf");
    CHECK(!result.score.has_value());
    CHECK(result.output.size() < input.size() * 3 / 4);
    CHECK(starts_with(result.output, "%PDF-1.5\n"));
    CHECK(holds(result, "(permanent)"));
    CHECK(!holds(result, "(changing)"));
    CHECK(holds(result, "/Type/ObjStm"));
    // XMP stays as it was, for programs that search files for it.
    CHECK(holds(result, "<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>"));
    CHECK(as_text(result.output).substr(result.output.size() - 6) == "%%EOF\n");
}

void results_are_the_same_each_time() {
    const OptimizeResult a = run(document());
    const OptimizeResult b = run(document());
    CHECK(a.output == b.output);
}

void versions_are_raised_only_for_object_streams() {
    for (const char* version : {"1.5", "1.7", "2.0"}) {
        Pdf pdf = document();
        pdf.version = version;
        CHECK(starts_with(run(pdf).output, std::string("%PDF-") + version), version);
    }
}

void a_second_pass_changes_nothing() {
    for (const bool lossy : {false, true}) {
        const Options options = lossy ? balanced() : Options();
        const OptimizeResult first = run(document(), options);
        CHECK_EQ(first.outcome, Outcome::kOptimized, first.reason);
        const OptimizeResult second = run(first.output, options);
        CHECK_EQ(second.outcome, Outcome::kNotSmaller, second.reason);
    }
}

// ---- left alone -----------------------------------------------------------------------------------------

struct Sealed {
    const char* name;
    std::function<void(Pdf&)> change;
    Outcome outcome;
    const char* reason;  // a part of it
};

void append_key(Pdf& pdf, int number, const std::string& entry) {
    std::string& text = pdf.objects.at(number).text;
    text.insert(text.size() - 2, entry);
}

const std::vector<Sealed>& sealed() {
    constexpr Outcome kUntouchable = Outcome::kUntouchable;
    constexpr Outcome kMalformed = Outcome::kMalformed;
    static const std::vector<Sealed> kSealed = {
        {"signature", [](Pdf& p) { append_key(p, 14, "/V 20 0 R"), p.put(20, "<</Type/Sig/Contents<00>>>"); },
         kUntouchable, "signed"},
        {"byte range", [](Pdf& p) { append_key(p, 14, "/ByteRange[0 1 2 3]"); }, kUntouchable, "signed"},
        {"time stamp", [](Pdf& p) { append_key(p, 14, "/X<</Type/DocTimeStamp>>"); }, kUntouchable, "signed"},
        {"filled signature field", [](Pdf& p) { append_key(p, 14, "/FT/Sig/V<</Contents(x)>>"); },
         kUntouchable, "signed"},
        {"signature of an earlier revision", [](Pdf& p) { p.put(20, "<</ByteRange[0 1 2 3]>>"); },
         kUntouchable, "signed"},
        {"append only", [](Pdf& p) { append_key(p, 1, "/AcroForm<</SigFlags 2/Fields[]>>"); }, kUntouchable,
         ""},
        {"usage rights", [](Pdf& p) { append_key(p, 1, "/Perms<</UR3 20 0 R>>"); }, kUntouchable,
         "usage rights"},
        {"validation data", [](Pdf& p) { append_key(p, 1, "/DSS<<>>"); }, kUntouchable, "signed"},
        {"portfolio", [](Pdf& p) { append_key(p, 1, "/Collection<<>>"); }, kUntouchable, "portfolio"},
        {"dynamic XFA", [](Pdf& p) { append_key(p, 1, "/NeedsRendering true"); }, kUntouchable, "XFA"},
        {"encrypted payload", [](Pdf& p) { append_key(p, 12, "/AFRelationship/EncryptedPayload"); },
         kUntouchable, "encrypted"},
        {"office document inside", [](Pdf& p) { p.trailer += "/AdditionalStreams[]"; }, kUntouchable,
         "hybrid"},
        {"PDF/A", [](Pdf& p) { *p.objects[16].stream += "<pdfaid:part>1</pdfaid:part>"; }, kUntouchable,
         "PDF/A"},
        {"PDF/A in UTF-16",
         [](Pdf& p) {
             std::string wide;
             for (const char c : std::string("xmlns='http://www.aiim.org/pdfa/ns/id/'")) (wide += '\0') += c;
             p.objects[16].stream = wide;
         },
         kUntouchable, "PDF/A"},
        {"PDF/X", [](Pdf& p) { p.put(20, "<</GTS_PDFXVersion(PDF/X-1)>>"), p.trailer += "/Info 20 0 R"; },
         kUntouchable, "PDF/X"},
        {"output intent", [](Pdf& p) { append_key(p, 1, "/OutputIntents[<</S/GTS_PDFX>>]"); }, kUntouchable,
         "PDF/X"},
        {"unreadable metadata", [](Pdf& p) { p.objects[16].text += "/Filter/Unknown"; }, kUntouchable,
         "metadata"},
        {"encrypted", [](Pdf& p) { p.trailer += "/Encrypt<</Filter/Standard/V 1/R 2/O(x)/U(x)/P 0>>"; },
         kMalformed, ""},
        {"foreign encryption", [](Pdf& p) { p.trailer += "/Encrypt<</Filter/Adobe.PubSec/V 4>>"; },
         kUntouchable, "encrypted"},
        {"bytes after the end", [](Pdf& p) { p.after = "more"; }, kMalformed, "bytes after the end"},
        {"archive shares the file", [](Pdf& p) { p.after = "PK\5\6"; }, kMalformed, "bytes after the end"},
        {"no catalog", [](Pdf& p) { p.trailer = "/Root 99 0 R"; }, kMalformed, "damaged"},
        {"broken deflate", [](Pdf& p) { p.objects[17].stream->at(9) ^= 0x55; }, kMalformed, "damaged"},
        {"cut deflate", [](Pdf& p) { p.objects[17].stream->resize(40); }, kMalformed, "damaged"},
        {"object without end", [](Pdf& p) { p.objects[2].text = "<</Type/Pages"; }, kMalformed, "damaged"},
        {"duplicate key", [](Pdf& p) { append_key(p, 3, "/Parent 2 0 R"); }, kMalformed, "damaged"},
    };
    return kSealed;
}

void sealed_documents_stay() {
    for (const Sealed& row : sealed()) {
        Pdf pdf = document();
        row.change(pdf);
        for (const bool lossy : {false, true}) {
            const OptimizeResult result = run(pdf, lossy ? balanced() : Options());
            const std::string what = std::string(row.name) + ": " + result.reason;
            CHECK(result.outcome != Outcome::kOptimized && result.output.empty(), what);
            if (*row.reason != 0) {
                CHECK_EQ(result.outcome, row.outcome, what);
                CHECK(result.reason.find(row.reason) != std::string::npos, what);
            }
        }
    }
}

void zip_hybrids_stay() {
    Pdf pdf = document();
    std::string input = pdf.build();
    const std::string end = "PK\5\6" + std::string(16, '\0');
    // The comment of the archive holds the end of the PDF file.
    const std::size_t tail = input.rfind("startxref");
    const std::string comment = "\n" + input.substr(tail);
    const char length[] = {static_cast<char>(comment.size()), 0};
    input = input.substr(0, tail) + "%" + end + std::string(length, 2) + comment;
    const OptimizeResult result = run(as_bytes(input));
    CHECK_EQ(result.outcome, Outcome::kUntouchable, result.reason);
}

void truncated_documents_stay() {
    const std::string input = document().build();
    for (std::size_t size = 5; size < input.size(); size += 97) {
        const OptimizeResult result = run(as_bytes(input.substr(0, size)));
        CHECK(result.outcome != Outcome::kOptimized, std::to_string(size));
        CHECK(!result.reason.empty(), std::to_string(size));
    }
}

void broken_tables_are_not_mended() {
    std::string input = document().build();
    const std::size_t at = input.rfind("startxref\n") + 10;
    input[at] = input[at] == '1' ? '2' : '1';
    CHECK_EQ(run(as_bytes(input)).outcome, Outcome::kMalformed);
}

// A table that tells more objects than there are hides none; one that tells fewer does.
void too_large_a_size_is_no_damage() {
    const auto with_size = [](int more) {
        const Pdf pdf = document();
        const int size = pdf.objects.rbegin()->first + 1;
        std::string file = pdf.build();
        const std::string told = fmt::format("/Size {}>>", size);
        return file.replace(file.rfind(told), told.size(), fmt::format("/Size {}>>", size + more));
    };
    const OptimizeResult more = run(as_bytes(with_size(2)));
    CHECK_EQ(more.outcome, Outcome::kOptimized, more.reason);
    CHECK(more.output == run(document()).output);
    CHECK_EQ(run(as_bytes(with_size(-1))).outcome, Outcome::kMalformed);
}

// ---- bounds ---------------------------------------------------------------------------------------------

void bounds_hold() {
    Options options;
    options.max_entries = 3;
    CHECK_EQ(run(document(), options).outcome, Outcome::kOverBudget);
    options = {};
    options.max_depth = 0;
    CHECK_EQ(run(document(), options).outcome, Outcome::kOverBudget);
    const std::string input = document().build();
    CHECK_EQ(run(as_bytes(input), {}, Deadline::in_ms(0)).outcome, Outcome::kOverBudget);
}

void bombs_are_not_inflated() {
    Pdf pdf = document();
    pdf.put_stream(19, "/Filter/FlateDecode", zlib(std::string(8u << 20, 'x'), 9));
    pdf.put_stream(20, "/Filter[/FlateDecode/FlateDecode]", zlib(zlib(std::string(8u << 20, 'x'), 9), 9));
    append_key(pdf, 1, "/Bombs[19 0 R 20 0 R]");
    Options options;
    options.max_expanded_bytes = 1u << 20;
    const OptimizeResult result = run(pdf, options);
    // The bombs keep their bytes, the rest is done.
    CHECK_EQ(result.outcome, Outcome::kOptimized, result.reason);
    CHECK(holds(result, *pdf.objects[19].stream));
    CHECK(holds(result, *pdf.objects[20].stream));
}

void odd_structures_are_survived() {
    Pdf loops = document();
    append_key(loops, 1, "/Loop 19 0 R");
    loops.put(19, "[19 0 R 19 0 R 1 0 R]");
    CHECK_EQ(run(loops).outcome, Outcome::kOptimized);
    Pdf nested = document();
    append_key(nested, 1, "/Deep " + std::string(300, '[') + std::string(300, ']'));
    CHECK_EQ(run(nested).outcome, Outcome::kOptimized);
    Pdf too_deep = document();
    append_key(too_deep, 1, "/Deep " + std::string(60'000, '[') + std::string(60'000, ']'));
    CHECK_EQ(run(too_deep).outcome, Outcome::kMalformed);
    Pdf dangling = document();
    append_key(dangling, 1, "/Nothing 30 0 R/Far 31 0 R");
    const OptimizeResult result = run(dangling);
    CHECK_EQ(result.outcome, Outcome::kOptimized, result.reason);
    // Object streams have numbers that nothing refers to.
    CHECK(holds(result, "\n32 0 obj\n<</Type/ObjStm"));
    Pdf external = document();
    external.put_stream(19, "/F(other.bin)/FFilter/FlateDecode", std::string(300, 'x'));
    append_key(external, 1, "/Outside 19 0 R");
    CHECK(holds(run(external), std::string(300, 'x')));
}

void strings_and_names_survive() {
    Pdf pdf = document();
    append_key(pdf, 14,
               "/X(a\\(b\\)\\\\ \\r\\n\\t \\200)/Y<FEFF00E400280029000D>/A#20B/C#2FD/#23E/#23F#41/Z[/#23zz "
               "/G#2341 1 -.5 +7 0.10 true null]");
    const OptimizeResult result = run(pdf);
    CHECK_EQ(result.outcome, Outcome::kOptimized, result.reason);
}

// ---- pictures -------------------------------------------------------------------------------------------

std::string flate_picture(std::uint32_t side, std::uint32_t channels, const std::string& space,
                          const std::string& more = "", int noise = 2) {
    return picture_page(picture_dictionary(side, side, space, more + "/Filter/FlateDecode"),
                        zlib(as_text(photo(side, side, channels, noise))), static_cast<int>(side))
        .build();
}

void samples_get_row_filters() {
    const OptimizeResult result = run(as_bytes(flate_picture(200, 3, "/DeviceRGB")));
    CHECK_EQ(result.outcome, Outcome::kOptimized, result.reason);
    CHECK(holds(result, "/Predictor 15/Colors 3/BitsPerComponent 8/Columns 200"));
    const OptimizeResult cmyk = run(as_bytes(flate_picture(120, 4, "/DeviceCMYK")));
    CHECK_EQ(cmyk.outcome, Outcome::kOptimized, cmyk.reason);
}

void photos_become_jpegs_when_loss_is_allowed() {
    const std::string input = flate_picture(200, 3, "/DeviceRGB");
    const OptimizeResult result = run(as_bytes(input), balanced());
    CHECK_EQ(result.outcome, Outcome::kOptimized, result.reason);
    CHECK(holds(result, "/Filter/DCTDecode"));
    CHECK(result.score.has_value() && *result.score >= 0.8 && *result.score < 1.0);
    CHECK(result.output.size() < input.size() / 3);
    Options no_jpeg = balanced();
    no_jpeg.enabled_formats &= ~(1u << static_cast<unsigned>(Format::kJpeg));
    CHECK(!holds(run(as_bytes(input), no_jpeg), "/DCTDecode"));
    Options strict = balanced();
    strict.score_min = strict.score_min_text = 10'000;
    CHECK(!holds(run(as_bytes(input), strict), "/DCTDecode"));
}

void enlarged_pictures_stay_exact() {
    const std::string dictionary = picture_dictionary(200, 200, "/DeviceRGB", "/Filter/FlateDecode");
    const std::string bytes = zlib(as_text(photo(200, 200, 3)));
    CHECK(holds(run(picture_page(dictionary, bytes, 200), balanced()), "/DCTDecode"));
    CHECK(!run(picture_page(dictionary, bytes, 210), balanced()).score.has_value());
    Options any_size = balanced();
    any_size.document_ppi = 0;
    CHECK(!run(picture_page(dictionary, bytes, 210), any_size).score.has_value());
}

void exact_samples_stay_exact() {
    struct Row {
        const char* name;
        std::uint32_t channels;
        std::string space;
        std::string more;
    };
    const Row kRows[] = {
        {"indexed", 1, "[/Indexed/DeviceRGB 255<" + std::string(1536, '7') + ">]", ""},
        {"separation", 1, "[/Separation/Spot/DeviceGray<</FunctionType 2/Domain[0 1]/N 1>>]", ""},
        {"CMYK", 4, "/DeviceCMYK", ""},
        {"Lab", 3, "[/Lab<</WhitePoint[1 1 1]>>]", ""},
        {"inverted", 1, "/DeviceGray", "/Decode[1 0]"},
        {"colour key", 1, "/DeviceGray", "/Mask[1 2]"},
        {"alternates", 1, "/DeviceGray", "/Alternates[]"},
        {"stencil", 1, "/DeviceGray", "/ImageMask true"},
        {"unknown space", 1, "/CS0", ""},
    };
    for (const Row& row : kRows) {
        const std::string input = flate_picture(200, row.channels, row.space, row.more);
        const OptimizeResult result = run(as_bytes(input), balanced());
        CHECK(!holds(result, "/DCTDecode"), row.name);
        CHECK(!result.score.has_value(), row.name);
    }
}

void jpegs_go_through_their_optimizer() {
    const Bytes jpeg = pictures::camera_jpeg(pictures::scene(160, 160, 3, 8), 95);
    const auto page = [&](const std::string& space, const std::string& more) {
        return picture_page(picture_dictionary(160, 160, space, more + "/Filter/DCTDecode"), text_of(jpeg),
                            160)
            .build();
    };
    const std::string input = page("/DeviceRGB", "");
    const OptimizeResult lossless = run(as_bytes(input));
    CHECK_EQ(lossless.outcome, Outcome::kOptimized, lossless.reason);
    CHECK(!lossless.score.has_value());
    const OptimizeResult lossy = run(as_bytes(input), balanced());
    CHECK_EQ(lossy.outcome, Outcome::kOptimized, lossy.reason);
    CHECK(lossy.score.has_value());
    CHECK(lossy.output.size() < lossless.output.size());
    for (const auto& [space, more] : {std::pair<std::string, std::string>{"[/Lab<</WhitePoint[1 1 1]>>]", ""},
                                      {"/DeviceRGB", "/Decode[1 0 1 0 1 0]"},
                                      {"/DeviceRGB", "/Mask[0 1 0 1 0 1]"}}) {
        const OptimizeResult result = run(as_bytes(page(space, more)), balanced());
        CHECK(!result.score.has_value(), space + more);
    }
    // What the dictionary says is not what the file is.
    const std::string odd =
        picture_page(picture_dictionary(80, 80, "/DeviceRGB", "/Filter/DCTDecode"), text_of(jpeg)).build();
    CHECK(run(as_bytes(odd), balanced()).output.empty() ||
          holds(run(as_bytes(odd), balanced()), as_text(jpeg)));
    // Deflated once more around.
    const std::string wrapped =
        picture_page(picture_dictionary(160, 160, "/DeviceRGB", "/Filter[/FlateDecode/DCTDecode]"),
                     zlib(as_text(jpeg)))
            .build();
    const OptimizeResult unwrapped = run(as_bytes(wrapped));
    CHECK_EQ(unwrapped.outcome, Outcome::kOptimized, unwrapped.reason);
    CHECK(holds(unwrapped, "/Filter/DCTDecode"));
}

void other_codings_are_not_touched() {
    for (const char* filter : {"/JPXDecode", "/JBIG2Decode", "/CCITTFaxDecode", "/Unknown"}) {
        Pdf pdf = picture_page(picture_dictionary(100, 100, "/DeviceGray", std::string("/Filter") + filter),
                               std::string(900, 'x'));
        pdf.put_stream(4, "", "q 99 0 0 99 0 0 cm /P Do Q" + prose(5000));
        const OptimizeResult result = run(pdf, balanced());
        CHECK_EQ(result.outcome, Outcome::kOptimized, filter);
        CHECK(holds(result, std::string(900, 'x')), filter);
    }
}

}  // namespace

int main() {
    initialize_optimizers();
    const CMUnitTest tests[] = {
        TEST(documents_become_smaller),
        TEST(results_are_the_same_each_time),
        TEST(versions_are_raised_only_for_object_streams),
        TEST(a_second_pass_changes_nothing),
        TEST(sealed_documents_stay),
        TEST(zip_hybrids_stay),
        TEST(truncated_documents_stay),
        TEST(broken_tables_are_not_mended),
        TEST(too_large_a_size_is_no_damage),
        TEST(bounds_hold),
        TEST(bombs_are_not_inflated),
        TEST(odd_structures_are_survived),
        TEST(strings_and_names_survive),
        TEST(samples_get_row_filters),
        TEST(photos_become_jpegs_when_loss_is_allowed),
        TEST(enlarged_pictures_stay_exact),
        TEST(exact_samples_stay_exact),
        TEST(jpegs_go_through_their_optimizer),
        TEST(other_codings_are_not_touched),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
