// SPDX-License-Identifier: Apache-2.0
//
// Small OOXML and ODF documents with one picture, for tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "zip_builder.hpp"

namespace optimilter::office_builder {

using zip_builder::Item;

inline std::string relationship(std::string_view id, std::string_view type, std::string_view target,
                                std::string_view more = "") {
    return "<Relationship Id=\"" + std::string(id) +
           "\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/" +
           std::string(type) + "\" Target=\"" + std::string(target) + "\" " + std::string(more) + "/>";
}

inline std::string relationships(const std::string& rows) {
    return "<?xml version=\"1.0\"?><Relationships "
           "xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">" +
           rows + "</Relationships>";
}

// root: "w:document", "p:sld", "xdr:wsDr", "xml", ...
inline std::string part(const std::string& root, const std::string& body) {
    return "<" + root +
           " xmlns:w=\"urn:w\" xmlns:p=\"urn:p\" xmlns:pic=\"urn:pic\" xmlns:wp=\"urn:wp\" "
           "xmlns:wpg=\"urn:g\" xmlns:wps=\"urn:s\" xmlns:xdr=\"urn:x\" xmlns:mc=\"urn:mc\" "
           "xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" "
           "xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" "
           "xmlns:v=\"urn:schemas-microsoft-com:vml\" "
           "xmlns:o=\"urn:schemas-microsoft-com:office:office\">" +
           body + "</" + root + ">";
}

// Entry 3 is the picture: word/media/image1.
constexpr std::size_t kPicture = 3;

inline std::vector<Item> docx_items(const std::string& document, const std::string& picture,
                                    const std::string& more_relationships = "") {
    return {
        {.name = "[Content_Types].xml", .content = "<Types/>"},
        {.name = "word/document.xml", .content = document},
        {.name = "word/_rels/document.xml.rels",
         .content = relationships(relationship("rId7", "image", "media/image1") +
                                  relationship("rId8", "styles", "styles.xml") + more_relationships)},
        {.name = "word/media/image1", .content = picture, .method = 0},
    };
}

// A blip that fills its shape; inner: inside the blip, crop: attributes of the source rectangle.
inline std::string fill(const std::string& crop = "", const std::string& inner = "",
                        const std::string& mode = "<a:stretch><a:fillRect/></a:stretch>") {
    return "<a:blip r:embed=\"rId7\">" + inner + "</a:blip><a:srcRect " + crop + "/>" + mode;
}

inline std::string transform(long cx, long cy) {
    return "<a:xfrm><a:off x=\"0\" y=\"0\"/><a:ext cx=\"" + std::to_string(cx) + "\" cy=\"" +
           std::to_string(cy) + "\"/></a:xfrm>";
}

// A picture with a size of its own.
inline std::string pic(const std::string& filling, const std::string& xfrm) {
    return "<pic:pic><pic:blipFill>" + filling + "</pic:blipFill><pic:spPr>" + xfrm + "</pic:spPr></pic:pic>";
}

inline std::string inline_of(const std::string& body, long cx, long cy) {
    return "<w:drawing><wp:inline><wp:extent cx=\"" + std::to_string(cx) + "\" cy=\"" + std::to_string(cy) +
           "\"/>" + body + "</wp:inline></w:drawing>";
}

constexpr long kInch = 914400;

inline Bytes odt(const std::string& styles, const std::string& body, const std::string& picture) {
    const std::string content =
        "<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" "
        "xmlns:draw=\"urn:oasis:names:tc:opendocument:xmlns:drawing:1.0\" "
        "xmlns:style=\"urn:oasis:names:tc:opendocument:xmlns:style:1.0\" "
        "xmlns:anim=\"urn:oasis:names:tc:opendocument:xmlns:animation:1.0\" "
        "xmlns:fo=\"urn:fo\" xmlns:svg=\"urn:svg\" xmlns:xlink=\"urn:xlink\"><office:automatic-styles>" +
        styles + "</office:automatic-styles><office:body>" + body +
        "</office:body></office:document-content>";
    return zip_builder::build(std::vector<Item>{
        {.name = "mimetype", .content = "application/vnd.oasis.opendocument.text", .method = 0},
        {.name = "content.xml", .content = content},
        {.name = "META-INF/manifest.xml", .content = "<manifest/>"},
        {.name = "Pictures/a b.png", .content = picture, .method = 0},
    });
}

}  // namespace optimilter::office_builder
