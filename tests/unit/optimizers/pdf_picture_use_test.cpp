// SPDX-License-Identifier: Apache-2.0
//
// How large pictures of a PDF file are shown, told by the size that optimize_pdf() leaves them.
#include <functional>

#include "check.hpp"
#include "pdf_runs.hpp"

using namespace optimilter;
using namespace optimilter::pdf_builder;

namespace {

void append_key(Pdf& pdf, int number, const std::string& entry) {
    std::string& text = pdf.objects.at(number).text;
    text.insert(text.size() - 2, entry);
}

// Width of the picture in the result when a picture of 400 x 400 is drawn by this content.
std::string width_after(const std::function<void(Pdf&)>& change, Options options = balanced()) {
    Pdf pdf = picture_page(picture_dictionary(400, 400, "/DeviceGray", "/Filter/FlateDecode"),
                           zlib(as_text(photo(400, 400, 1))), 100);
    change(pdf);
    const OptimizeResult result = run(pdf, options);
    const std::string text = text_of(result.output);
    const std::size_t at = text.find("/Width ");
    return at == std::string::npos ? result.reason
                                   : text.substr(at + 7, text.find_first_of("/>", at + 7) - at - 7);
}

void pictures_are_scaled_to_their_largest_use() {
    CHECK_EQ(width_after([](Pdf&) {}), "100");
    struct Row {
        const char* content;
        const char* width;
    };
    const Row kRows[] = {
        {"q 100 0 0 100 0 0 cm /P Do Q q 200 0 0 150 0 0 cm /P Do Q", "200"},
        {"q 0 100 -100 0 0 0 cm /P Do Q", "100"},
        {"q 50 0 0 50 0 0 cm 2 0 0 2 0 0 cm /P Do Q", "100"},
        {"q 100 0 0 100 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID x EI /P Do Q", "100"},
        {"Q Q q 100 0 0 100 0 0 cm /P Do Q", "100"},
        // Nearly its own size: not worth the blur.
        {"q 380 0 0 380 0 0 cm /P Do Q", "400"},
        {"q 600 0 0 600 0 0 cm /P Do Q", "400"},
        // Not followed: no size is known.
        {"q 100 0 0 cm /P Do Q", "400"},
        {"q 100 0 0 100 0 0 cm /P Do Q /Missing Do", "400"},
        {"q 100 0 0 100 0 0 cm /P Do Q (unbalanced", "400"},
        {"q 1e99 0 0 100 0 0 cm /P Do Q", "400"},
        {"% nothing is drawn", "400"},
    };
    for (const Row& row : kRows) {
        CHECK_EQ(width_after([&](Pdf& pdf) { pdf.put_stream(4, "", row.content); }), row.width, row.content);
    }
    CHECK_EQ(width_after([](Pdf&) {},
                         [] {
                             Options o = balanced();
                             o.document_ppi = 0;
                             return o;
                         }()),
             "400");
    CHECK_EQ(width_after([](Pdf&) {},
                         [] {
                             Options o = balanced();
                             o.document_ppi = 144;
                             return o;
                         }()),
             "200");
    CHECK_EQ(width_after([](Pdf& pdf) { append_key(pdf, 3, "/UserUnit 2"); }), "200");
}

void forms_are_followed() {
    const auto with_form = [](const std::string& dictionary, const std::string& content) {
        return [=](Pdf& pdf) {
            pdf.put(3, "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<</F 6 0 R>>>>>>");
            pdf.put_stream(4, "", "q 2 0 0 2 0 0 cm /F Do Q");
            pdf.put_stream(6, "/Type/XObject/Subtype/Form" + dictionary, content);
        };
    };
    const std::string resources = "/Resources<</XObject<</P 5 0 R>>>>";
    CHECK_EQ(width_after(with_form(resources, "50 0 0 50 0 0 cm /P Do")), "100");
    CHECK_EQ(width_after(with_form(resources + "/Matrix[2 0 0 2 0 0]", "25 0 0 25 0 0 cm /P Do")), "100");
    // A form that draws itself.
    CHECK_EQ(
        width_after(with_form("/Resources<</XObject<</P 5 0 R/F 6 0 R>>>>", "50 0 0 50 0 0 cm /P Do /F Do")),
        "400");
}

// The page draws nothing; an annotation shows the picture through form 6, which is 50 wide and high.
std::function<void(Pdf&)> with_annotation(const std::string& annotation, const std::string& form = "",
                                          const std::string& page = "/Annots[7 0 R]") {
    return [=](Pdf& pdf) {
        pdf.put(3, "<</Type/Page/Parent 2 0 R/Contents 4 0 R" + page + ">>");
        pdf.put_stream(4, "", "");
        const std::string box = form.empty() ? "/BBox[0 0 50 50]" : form;
        pdf.put_stream(6, "/Type/XObject/Subtype/Form/Resources<</XObject<</P 5 0 R>>>>" + box,
                       "50 0 0 50 0 0 cm /P Do");
        pdf.put(7, "<</Type/Annot/Subtype/Stamp" + annotation + ">>");
    };
}

void annotations_are_followed() {
    struct Row {
        const char* annotation;
        const char* width;
        const char* form;
    };
    const Row kRows[] = {
        {"/Rect[0 0 100 100]/AP<</N 6 0 R>>", "100", ""},
        {"/Rect[300 100 200 0]/AP<</N 6 0 R>>", "100", ""},
        {"/Rect[0 0 60 100]/AP<</N 6 0 R>>", "100", ""},
        {"/Rect[0 0 100 100]/AP<</N 6 0 R>>", "200", "/BBox[0 0 25 25]"},
        // Turned and enlarged by its own matrix, which fitting undoes.
        {"/Rect[0 0 100 100]/AP<</N 6 0 R>>", "100", "/BBox[0 0 50 50]/Matrix[0 3 -3 0 0 0]"},
        {"/Rect[0 0 100 100]/AP<</N<</On 6 0 R/Off null>>>>", "100", ""},
        {"/Rect[0 0 100 100]/AP<</D 6 0 R>>/MK<</I 6 0 R>>", "100", ""},
        // Icons: in proportion, or not; turned with their button; of their own size when that is let be.
        {"/Rect[0 0 75 100]/MK<</I 6 0 R>>", "75", ""},
        {"/Rect[0 0 75 100]/MK<</I 6 0 R/IF<</S/A>>>>", "100", ""},
        {"/Rect[0 0 80 160]/MK<</I 6 0 R/R 90>>", "160", "/BBox[0 0 50 25]"},
        {"/Rect[0 0 40 40]/MK<</RI 6 0 R/IF<</SW/A>>>>", "40", ""},
        {"/Rect[0 0 20 20]/MK<</IX 6 0 R/IF<</SW/N>>>>", "50", ""},
        // Not as the standard has it: no size is known.
        {"/AP<</N 6 0 R>>", "400", ""},
        {"/Rect[5 5 5 9]/AP<</N 6 0 R>>", "400", ""},
        {"/Rect[0 0 100 100]/AP<</N 6 0 R>>", "400", "/NoBBox 1"},
        {"/Rect[0 0 100 100]/AP<</N 6 0 R/Other 6 0 R>>", "400", ""},
        {"/Rect[0 0 100 100]/AP<</N 6 0 R>>/Other 6 0 R", "400", ""},
    };
    for (const Row& row : kRows)
        CHECK_EQ(width_after(with_annotation(row.annotation, row.form)), row.width, row.annotation);
    // One that is on no page.
    CHECK_EQ(width_after(with_annotation("/Rect[0 0 100 100]/AP<</N 6 0 R>>", "", "/Elsewhere 7 0 R")),
             "400");
    CHECK_EQ(
        width_after(with_annotation("/Rect[0 0 100 100]/AP<</N 6 0 R>>", "", "/UserUnit 2/Annots[7 0 R]")),
        "200");
}

// Drawn small by the page, in whatever size by an annotation that is on no page.
void forms_that_are_used_elsewhere_too_keep_the_size() {
    const auto page_draws = [](const std::string& more) {
        return [=](Pdf& pdf) {
            pdf.put(3, "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<</F 6 0 R>>>>>>");
            pdf.put_stream(4, "", "/F Do");
            pdf.put_stream(6, "/Type/XObject/Subtype/Form/BBox[0 0 99 99]/Resources<</XObject<</G 7 0 R>>>>",
                           "/G Do");
            pdf.put_stream(7, "/Type/XObject/Subtype/Form/BBox[0 0 99 99]/Resources<</XObject<</P 5 0 R>>>>",
                           "50 0 0 50 0 0 cm /P Do");
            pdf.put(8, "<</Type/Annot/Rect[0 0 400 400]/AP<</N 6 0 R>>>>");
            append_key(pdf, 1, more);
        };
    };
    CHECK_EQ(width_after(page_draws("")), "50");
    CHECK_EQ(width_after(page_draws("/Elsewhere 8 0 R")), "400");
}

// Each form names the one before; the last is used by something that nobody follows.
void long_chains_of_forms_are_given_up() {
    const auto chain = [](int forms) {
        return [=](Pdf& pdf) {
            std::string names = "/P 5 0 R";
            std::string content = "q 100 0 0 100 0 0 cm /P Do Q";
            for (int i = 0; i < forms; ++i) {
                names += fmt::format("/F{} {} 0 R", i, 10 + i);
                content += fmt::format(" /F{} Do", i);
                const std::string below = i == 0 ? "" : fmt::format("/Below {} 0 R", 9 + i);
                pdf.put_stream(10 + i, "/Type/XObject/Subtype/Form/Resources<</XObject<<" + below + ">>>>",
                               "");
            }
            pdf.put(3, "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<<" + names + ">>>>>>");
            pdf.put_stream(4, "", content);
            append_key(pdf, 1, fmt::format("/Elsewhere {} 0 R", 9 + forms));
        };
    };
    CHECK_EQ(width_after(chain(20)), "100");
    CHECK_EQ(width_after(chain(60)), "400");
}

void uses_that_are_not_followed_keep_the_size() {
    const std::string pattern = "/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 9 9]/XStep 9/YStep 9";
    CHECK_EQ(width_after([&](Pdf& pdf) {
                 append_key(pdf, 1, "/Somewhere 7 0 R");
                 pdf.put_stream(7, pattern + "/Resources<</XObject<</P 5 0 R>>>>", "/P Do");
             }),
             "400");
    CHECK_EQ(width_after([](Pdf& pdf) { append_key(pdf, 3, "/Thumb 5 0 R"); }), "400");
    // The page's own resources, used by a pattern too.
    CHECK_EQ(width_after([&](Pdf& pdf) {
                 pdf.put(3, "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources 8 0 R>>");
                 pdf.put(8, "<</XObject<</P 5 0 R>>/Pattern<</N 7 0 R>>>>");
                 pdf.put_stream(7, pattern + "/Resources 8 0 R", "/P Do");
             }),
             "400");
}

void soft_masks_are_scaled_and_stay_exact() {
    Pdf pdf = picture_page(picture_dictionary(400, 400, "/DeviceRGB", "/SMask 6 0 R/Filter/FlateDecode"),
                           zlib(as_text(photo(400, 400, 3))), 100);
    pdf.put_stream(6, picture_dictionary(400, 400, "/DeviceGray", "/Filter/FlateDecode"),
                   zlib(as_text(photo(400, 400, 1))));
    const OptimizeResult result = run(pdf, balanced());
    CHECK_EQ(result.outcome, Outcome::kOptimized, result.reason);
    const std::string text = text_of(result.output);
    const std::size_t mask = text.find("\n6 0 obj");
    CHECK(text.find("/Width 100", mask) != std::string::npos);
    CHECK(text.substr(mask, 300).find("/DCTDecode") == std::string::npos);
    // A matte colour ties mask and picture together.
    pdf.objects[6].text += "/Matte[0 0 0]";
    const OptimizeResult matte = run(pdf, balanced());
    CHECK(!holds(matte, "/Width 100"));
    CHECK(!matte.score.has_value());
}

}  // namespace

int main() {
    initialize_optimizers();
    const CMUnitTest tests[] = {TEST(pictures_are_scaled_to_their_largest_use),
                                TEST(forms_are_followed),
                                TEST(annotations_are_followed),
                                TEST(forms_that_are_used_elsewhere_too_keep_the_size),
                                TEST(long_chains_of_forms_are_given_up),
                                TEST(uses_that_are_not_followed_keep_the_size),
                                TEST(soft_masks_are_scaled_and_stay_exact)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
