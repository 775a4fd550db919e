// SPDX-License-Identifier: Apache-2.0
//
// What documents say of the size of their pictures, and all that makes it unsure.
#include "optimizers/office_uses.hpp"

#include "check.hpp"
#include "office_builder.hpp"
#include "optimizers/office_lengths.hpp"
#include "optimizers/office_parts.hpp"
#include "optimizers/office_readers.hpp"
#include "optimizers/picture_scale.hpp"
#include "optimizers/xml_reader.hpp"

using namespace optimilter;
using namespace optimilter::office_builder;

namespace {

constexpr std::uint32_t kPpi = 100;

PictureUses uses_of(const Bytes& file, Deadline deadline = Deadline()) {
    const auto archive = read_zip(file, 100);
    CHECK(archive.has_value(), archive ? "" : archive.error().text);
    return find_picture_uses(file, *archive, sniff(file), deadline);
}

std::string shown(const PictureUse& use) {
    return std::to_string(use.width_px) + "x" + std::to_string(use.height_px);
}

std::string use_in(const std::string& document, const std::string& relationships = "") {
    const Bytes file = zip_builder::build(docx_items(document, "picture", relationships));
    CHECK_EQ(sniff(file) == Format::kOoxml, true);
    return shown(uses_of(file).at(kPicture, kPpi));
}

struct Row {
    const char* name;
    std::string document;
    const char* want;
};

std::string group(const std::string& body, long cx, long cy, long child_cx, long child_cy) {
    return "<wpg:wgp><wpg:grpSpPr><a:xfrm><a:ext cx=\"" + std::to_string(cx) + "\" cy=\"" +
           std::to_string(cy) + "\"/><a:chExt cx=\"" + std::to_string(child_cx) + "\" cy=\"" +
           std::to_string(child_cy) + "\"/></a:xfrm></wpg:grpSpPr>" + body + "</wpg:wgp>";
}

std::string word(const std::string& body) {
    return part("w:document", body);
}

const std::string kPlain = pic(fill(), transform(2 * kInch, kInch));

void drawingml() {
    const std::string shape_fill = "<wps:wsp><wps:spPr>" + transform(kInch, kInch) + "<a:blipFill>" + fill() +
                                   "</a:blipFill></wps:spPr></wps:wsp>";
    const Row kRows[] = {
        {"inline", word(inline_of(kPlain, 2 * kInch, kInch)), "200x100"},
        {"inline larger than its picture", word(inline_of(kPlain, 4 * kInch, kInch)), "400x200"},
        {"no size of its own", word(inline_of(pic(fill(), ""), kInch, kInch)), "100x100"},
        {"no size at all", word(kPlain.substr(0, 0) + pic(fill(), "")), "0x0"},
        {"size of nothing", word(pic(fill(), transform(0, kInch))), "0x0"},
        {"negative size", word(pic(fill(), transform(-kInch, kInch))), "0x0"},
        {"on a slide", part("p:sld", kPlain), "200x100"},
        {"largest of two", word(kPlain + pic(fill(), transform(kInch, 3 * kInch))), "200x300"},
        {"cropped", word(pic(fill("l=\"25000\" r=\"25000\" t=\"50%\""), transform(kInch, kInch))), "200x200"},
        {"cropped outwards", word(pic(fill("l=\"-100000\""), transform(kInch, kInch))), "50x100"},
        {"cropped to nothing", word(pic(fill("l=\"50000\" r=\"50000\""), transform(kInch, kInch))), "0x0"},
        {"crop of no number", word(pic(fill("l=\"x\""), transform(kInch, kInch))), "0x0"},
        {"filled beyond the shape",
         word(pic(fill("", "", "<a:stretch><a:fillRect l=\"-50000\" b=\"-100000\"/></a:stretch>"),
                  transform(kInch, kInch))),
         "150x200"},
        {"tiled", word(pic(fill("", "", "<a:tile/>"), transform(kInch, kInch))), "0x0"},
        {"neither stretched nor tiled", word(pic(fill("", "", ""), transform(kInch, kInch))), "0x0"},
        {"fill of a shape", word(shape_fill), "100x100"},
        {"fill of a line",
         word("<wps:wsp><wps:spPr>" + transform(kInch, kInch) + "<a:ln><a:blipFill>" + fill() +
              "</a:blipFill></a:ln></wps:spPr></wps:wsp>"),
         "0x0"},
        {"background", part("p:sld", "<p:bg><p:bgPr><a:blipFill>" + fill() + "</a:blipFill></p:bgPr></p:bg>"),
         "0x0"},
        {"bullet", word("<a:buBlip><a:blip r:embed=\"rId7\"/></a:buBlip>"), "0x0"},
        {"understood and not", word(kPlain + "<x:y xmlns:x=\"urn:y\" anything=\"rId7\"/>"), "0x0"},
        {"linked as well", word(kPlain + "<a:blip r:link=\"rId7\"/>"), "0x0"},
        {"never used", word(""), "0x0"},
        {"group that doubles",
         word(inline_of(group(kPlain, 4 * kInch, kInch, 2 * kInch, kInch), 4 * kInch, kInch)), "400x200"},
        {"group in a group",
         word(group(group(kPlain, kInch, kInch, kInch / 2, kInch), kInch, kInch, kInch, kInch / 3)),
         "1200x600"},
        {"group of no measure", word(group(kPlain, kInch, kInch, 0, 0)), "0x0"},
        {"group smaller than its anchor",
         word(inline_of(group(kPlain, 2 * kInch, kInch, 2 * kInch, kInch), 3 * kInch, kInch)), "300x150"},
        {"page as group",
         part("p:sld",
              "<p:spTree><p:grpSpPr><a:xfrm><a:ext cx=\"0\" cy=\"0\"/><a:chExt "
              "cx=\"0\" cy=\"0\"/></a:xfrm></p:grpSpPr>" +
                  kPlain + "</p:spTree>"),
         "200x100"},
        {"both choices",
         word("<mc:AlternateContent><mc:Choice>" + kPlain + "</mc:Choice><mc:Fallback>" +
              pic(fill(), transform(3 * kInch, kInch)) + "</mc:Fallback></mc:AlternateContent>"),
         "300x100"},
        {"growing", part("p:sld", kPlain + "<p:animScale/>"), "0x0"},
        {"unknown part", part("p:mystery", kPlain), "0x0"},
        {"broken part", "<w:document", "0x0"},
        {"broken at its end", kPlain.substr(0, 0) + word(kPlain).substr(0, word(kPlain).size() - 3), "0x0"},
        {"document type", "<!DOCTYPE x [<!ENTITY e \"rId7\">]>" + word(kPlain), "0x0"},
    };
    for (const Row& row : kRows) CHECK_EQ(use_in(row.document), row.want, row.name);
}

std::string sheet(const std::string& anchor, const std::string& inner) {
    return part("xdr:wsDr", "<xdr:" + anchor + ">" + inner + "</xdr:" + anchor + ">");
}

std::string cells(int columns, int rows) {
    return "<xdr:from><xdr:col>1</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>1</xdr:row><xdr:rowOff>0"
           "</xdr:rowOff></xdr:from><xdr:to><xdr:col>" +
           std::to_string(1 + columns) + "</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>" +
           std::to_string(1 + rows) + "</xdr:row><xdr:rowOff>0</xdr:rowOff></xdr:to>";
}

void sheets() {
    const Row kRows[] = {
        {"one cell", sheet("oneCellAnchor", "<xdr:ext cx=\"914400\" cy=\"914400\"/>" + pic(fill(), "")),
         "100x100"},
        {"one cell, two sizes", sheet("oneCellAnchor", "<xdr:ext cx=\"3657600\" cy=\"914400\"/>" + kPlain),
         "400x200"},
        {"two cells as stored", sheet("twoCellAnchor", cells(3, 4) + kPlain), "200x100"},
        {"cells larger than stored", sheet("twoCellAnchor", cells(3, 6) + kPlain), "250x125"},
        {"cells far from what is stored", sheet("twoCellAnchor", cells(9, 4) + kPlain), "0x0"},
        {"two cells, nothing stored", sheet("twoCellAnchor", cells(3, 4) + pic(fill(), "")), "0x0"},
    };
    for (const Row& row : kRows) CHECK_EQ(use_in(row.document), row.want, row.name);
}

std::string vml(const std::string& style, const std::string& more = "", const std::string& around = "") {
    const std::string shape =
        "<v:shape style=\"" + style + "\"><v:imagedata r:id=\"rId7\" " + more + "/></v:shape>";
    return word(around.empty() ? shape : "<" + around + ">" + shape + "</" + around + ">");
}

void vml_shapes() {
    const Row kRows[] = {
        {"points", vml("width:72pt;height:36pt"), "100x50"},
        {"blanks and centimetres", vml("position:absolute; WIDTH : 2.54cm ;height:1in"), "100x100"},
        {"no unit", vml("width:72;height:36pt"), "0x0"},
        {"percent", vml("width:72%;height:36pt"), "0x0"},
        {"no height", vml("width:72pt"), "0x0"},
        {"relative to the page", vml("width:72pt;height:36pt;mso-width-percent:400"), "0x0"},
        {"relative by nothing", vml("width:72pt;height:36pt;mso-width-percent:0"), "100x50"},
        {"cropped", vml("width:72pt;height:36pt", "cropleft=\"32768f\" croptop=\".5\""), "200x100"},
        {"in a group", vml("width:72pt;height:36pt", "", "v:group"), "0x0"},
        {"as a bullet", vml("width:72pt;height:36pt", "", "w:numPicBullet"), "0x0"},
        {"as a fill", word("<v:shape style=\"width:72pt;height:36pt\"><v:fill r:id=\"rId7\"/></v:shape>"),
         "0x0"},
    };
    for (const Row& row : kRows) CHECK_EQ(use_in(row.document), row.want, row.name);
}

void other_references() {
    const std::string good = word(kPlain);
    CHECK_EQ(use_in(good, relationship("rId9", "hdphoto", "media/image1")), "0x0");
    CHECK_EQ(use_in(good, relationship("rId7", "image", "media/other")), "200x100");
    CHECK_EQ(use_in(good, relationship("rId7", "image", "/word/document.xml")), "0x0");
    CHECK_EQ(use_in(good, relationship("rId9", "image", "MEDIA/./x/../image%31")), "200x100");
    CHECK_EQ(
        use_in(good, relationship("rId9", "hdphoto", "http://x/media/image1", "TargetMode=\"External\"")),
        "200x100");
    CHECK_EQ(use_in(good, "<broken"), "0x0");
    // The preview of the package.
    std::vector<Item> items = docx_items(good, "picture");
    items.push_back(
        {.name = "_rels/.rels",
         .content = relationships(relationship("rId1", "metadata/thumbnail", "word/media/image1"))});
    CHECK_EQ(shown(uses_of(zip_builder::build(items)).at(kPicture, kPpi)), "0x0");
    // Two entries whose names mean the same.
    items.back() = {.name = "word/media/IMAGE1", .content = "x"};
    CHECK_EQ(shown(uses_of(zip_builder::build(items)).at(kPicture, kPpi)), "0x0");
    // A second header shows it larger.
    items.back() = {.name = "word/header1.xml",
                    .content = part("w:hdr", pic(fill(), transform(5 * kInch, kInch)))};
    items.push_back({.name = "word/_rels/header1.xml.rels",
                     .content = relationships(relationship("rId7", "image", "media/image1"))});
    CHECK_EQ(shown(uses_of(zip_builder::build(items)).at(kPicture, kPpi)), "500x100");
    CHECK_EQ(shown(uses_of(zip_builder::build(items), Deadline::in_ms(0)).at(kPicture, kPpi)), "0x0");
    // Relationships of a part that is not there.
    items[items.size() - 2].name = "word/header2.xml";
    CHECK_EQ(shown(uses_of(zip_builder::build(items)).at(kPicture, kPpi)), "0x0");
}

void exact_pictures() {
    const auto exact = [](const std::string& document) {
        return uses_of(zip_builder::build(docx_items(document, "picture"))).must_be_exact(kPicture);
    };
    CHECK(!exact(word(kPlain)));
    CHECK(exact(word(pic(fill("", "<a:clrChange/>"), transform(kInch, kInch)))));
    CHECK(exact(word(pic(fill("", "<a:biLevel thresh=\"5\"/>"), transform(kInch, kInch)))));
    CHECK(!exact(word(pic(fill("", "<a:grayscl/>"), transform(kInch, kInch)))));
    CHECK(exact(vml("width:72pt;height:36pt", "chromakey=\"white\"")));
}

std::string frame(const std::string& attributes, const std::string& inner = "") {
    return "<draw:frame " + attributes + "><draw:image xlink:href=\"Pictures/a%20b.png\"/>" + inner +
           "</draw:frame>";
}

void odf_frames() {
    const std::string size = "svg:width=\"2.54cm\" svg:height=\"2in\" ";
    const std::string crop =
        "<style:style style:name=\"f1\"><style:graphic-properties fo:clip=\"rect(0cm, 1cm, 0cm, "
        "0cm)\"/></style:style>";
    const std::string none =
        "<style:style style:name=\"f1\"><style:graphic-properties fo:clip=\"rect(0cm, 0cm, 0cm, "
        "0cm)\"/></style:style>";
    const std::string common = "<office:styles>" + crop + "</office:styles>";
    struct Frame {
        const char* name;
        std::string styles, body;
        const char* want;
    };
    const Frame kRows[] = {
        {"plain", "", frame(size), "100x200"},
        {"largest of two", "", frame(size) + frame("svg:width=\"3in\" svg:height=\"1mm\""), "300x200"},
        {"no height", "", frame("svg:width=\"3in\""), "0x0"},
        {"percent", "", frame("svg:width=\"3%\" svg:height=\"3in\""), "0x0"},
        {"relative", "", frame(size + "style:rel-width=\"50%\""), "0x0"},
        {"turned", "", frame(size + "draw:transform=\"rotate (0.1) translate (1cm 1cm)\""), "100x200"},
        {"scaled", "", frame(size + "draw:transform=\"scale (2 2)\""), "0x0"},
        {"cropped", crop, frame(size + "draw:style-name=\"f1\""), "0x0"},
        {"cropped by nothing", none, frame(size + "draw:style-name=\"f1\""), "100x200"},
        {"cropped is another", crop, frame(size + "draw:style-name=\"f2\""), "100x200"},
        {"cropped by a common style", common, frame(size), "0x0"},
        {"contour", "", frame(size, "<draw:contour-polygon/>"), "0x0"},
        {"image map", "", frame(size, "<draw:image-map/>"), "0x0"},
        {"background", "<style:background-image xlink:href=\"Pictures/a b.png\"/>", frame(size), "0x0"},
        {"no frame", "", "<draw:image xlink:href=\"Pictures/a b.png\"/>", "0x0"},
        {"growing", "", frame(size) + "<anim:animateTransform/>", "0x0"},
        {"broken", "<", frame(size), "0x0"},
    };
    for (const Frame& row : kRows) {
        const Bytes file = odt(row.styles, row.body, "picture");
        CHECK(sniff(file) == Format::kOdf, row.name);
        CHECK_EQ(shown(uses_of(file).at(3, kPpi)), row.want, row.name);
    }
}

void other_archives_have_no_uses() {
    const Bytes file = zip_builder::build(std::vector<Item>{{.name = "a.txt", .content = "x"}});
    CHECK_EQ(shown(uses_of(file).at(0, kPpi)), "0x0");
}

void lengths() {
    CHECK(parse_length("2.54cm") == 1.0);
    CHECK(parse_length("72pt") == 1.0);
    for (const char* text : {"", "cm", "1", "1e400in", "0x5in", "nanin", "infin", "1,5cm", "5 %"})
        CHECK(!parse_length(text).has_value(), text);
    for (const char* text : {"", "0", "-5", "1e30", "914400.5x"}) CHECK(!parse_emu(text).has_value(), text);
    CHECK_EQ(style_property("a:1; width : 5pt;", "width"), "5pt");
    CHECK_EQ(style_property("max-width:5pt", "width"), "");
    CHECK_EQ(part_name("word/", "../Media/%41.PNG#x"), "media/a.png");
    CHECK_EQ(part_name("", "../../a"), "a");
    CHECK_EQ(relations_source("word/_rels/document.xml.rels"), "word/document.xml");
    CHECK_EQ(relations_source("_rels/.rels"), "");
}

class Counting : public XmlVisitor {
  public:
    bool start(const XmlName&, const XmlAttributes&) override { return ++starts < limit; }
    void end() override { ++ends; }
    int starts = 0, ends = 0, limit = 1 << 30;
};

void xml() {
    const auto read = [](const std::string& document, Counting& counting, Deadline deadline = Deadline()) {
        return read_xml(as_bytes(document), counting, deadline);
    };
    const auto code = [&](const std::string& document) {
        Counting counting;
        const Status status = read(document, counting);
        return status ? std::string("fine") : std::string(error_code_name(status.error().code));
    };
    CHECK_EQ(code("<a b='1'>x<c/></a>"), "fine");
    CHECK_EQ(code(""), error_code_name(ErrorCode::kMalformed));
    CHECK_EQ(code("<a>"), error_code_name(ErrorCode::kMalformed));
    CHECK_EQ(code("<a>&b;</a>"), error_code_name(ErrorCode::kMalformed));
    CHECK_EQ(code("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>"), error_code_name(ErrorCode::kUnsupported));
    std::string deep;
    for (unsigned i = 0; i <= kXmlDepthMax; ++i) deep += "<a>";
    CHECK_EQ(code(deep), error_code_name(ErrorCode::kLimit));
    Counting enough;
    enough.limit = 2;
    CHECK(read("<a><b/><broken", enough).has_value());
    CHECK_EQ(enough.starts, 2);
    CHECK_EQ(enough.ends, 0);
    Counting late;
    CHECK(!read("<a/>", late, Deadline::in_ms(0)).has_value());
}

void sizes_for_uses() {
    const PictureSize size{1000, 500};
    CHECK((size_for_use(size, {500, 250}, false) == PictureSize{500, 250}));
    CHECK((size_for_use(size, {500, 100}, false) == PictureSize{500, 250}));
    CHECK((size_for_use(size, {801, 10}, false) == size));
    CHECK((size_for_use(size, {}, false) == size));
    CHECK((size_for_use(size, {2000, 1000}, false) == size));
    CHECK((size_for_use(size, {20, 10}, false) == size));
    CHECK((size_for_use(size, {250, 250}, true) == PictureSize{500, 250}));
    for (std::uint32_t width = 33; width < 900; width += 7) {
        const PictureUse use{width, width / 3 + 1};
        const PictureSize target = size_for_use({937, 613}, use, false);
        CHECK(size_is_allowed({937, 613}, target, use), std::to_string(width));
        CHECK((size_for_use(target, use, false) == target), std::to_string(width));
    }
    struct Allowed {
        PictureSize result;
        PictureUse use;
        bool want;
    };
    const Allowed kRows[] = {
        {{1000, 500}, {}, true},         {{500, 250}, {}, false},          {{500, 250}, {500, 250}, true},
        {{499, 250}, {500, 250}, false}, {{500, 250}, {400, 251}, false},  {{500, 252}, {400, 200}, false},
        {{500, 251}, {400, 200}, true},  {{1001, 500}, {400, 200}, false}, {{2000, 1000}, {400, 200}, false},
        {{500, 250}, {0, 200}, false},
    };
    for (const Allowed& row : kRows)
        CHECK_EQ(size_is_allowed(size, row.result, row.use), row.want,
                 std::to_string(row.result.width) + "x" + std::to_string(row.result.height));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(drawingml),
        TEST(sheets),
        TEST(vml_shapes),
        TEST(other_references),
        TEST(exact_pictures),
        TEST(odf_frames),
        TEST(other_archives_have_no_uses),
        TEST(lengths),
        TEST(xml),
        TEST(sizes_for_uses),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
