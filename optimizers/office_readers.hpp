// SPDX-License-Identifier: Apache-2.0
//
// The readers of the parts of documents that say which pictures stand where, and how large. Each reads one
// part and tells PictureUses; what a reader does not understand it tells as that. Thread safe: pure
// functions.
//
// Security: reads outside bytes; see xml_reader.hpp.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "optimizers/office_parts.hpp"
#include "optimizers/office_uses.hpp"

namespace optimilter {

// Relationship id -> place of the picture among the archive's entries.
using Relations = std::map<std::string, std::size_t, std::less<>>;

struct PictureRelations {
    Relations images;                 // of type image
    std::vector<std::size_t> others;  // parts of the archive related in another way
};

// The part that a relationship part speaks for: "word/document.xml" for "word/_rels/document.xml.rels"; empty
// for the package itself.
std::string relations_source(std::string_view rels_name);

// Relationships (ECMA-376 part 2, 6.5.3) of the part named source.
Status read_picture_relations(ByteView rels, std::string_view source, const PartNames& names,
                              PictureRelations& relations, Deadline deadline);

// WordprocessingML, PresentationML, SpreadsheetML drawings and VML drawings. Other parts are success too:
// then no use in them is understood.
Status read_drawing_uses(ByteView part, const Relations& relations, PictureUses& uses, Deadline deadline);

// content.xml or styles.xml of an ODF document (or of one inside it); name: of the part.
Status read_frame_uses(ByteView part, std::string_view name, const PartNames& names, PictureUses& uses,
                       Deadline deadline);

}  // namespace optimilter
