// SPDX-License-Identifier: Apache-2.0
//
// How large a document shows its pictures, gathered from all places that use them: the largest counts, and
// one place that is not understood is enough for a picture to keep its size. Knows no pixels. Plain value.
//
// The documents are those of the ZIP family: OOXML (ECMA-376: DrawingML and VML, found through the
// relationships of OPC) and ODF (draw:frame). Rules and what is not understood: doc/formats.md.
//
// Security: reads outside bytes (see xml_reader.hpp). Inflates a part at most twice, and only such as the
// caller has paid for; none above 64 MB.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.hpp"
#include "optimizers/format.hpp"
#include "optimizers/optimize.hpp"
#include "optimizers/zip_reader.hpp"

namespace optimilter {

// Inches.
struct ShownSize {
    double width = 0;
    double height = 0;
};

class PictureUses {
  public:
    // entries: how many the archive has; a picture is named by its place among them.
    explicit PictureUses(std::size_t entries) : rows_(entries) {}

    // The whole picture, cropped parts counted in, would be shown so large.
    void add_shown(std::size_t entry, ShownSize size);
    void add_not_understood(std::size_t entry) { rows_.at(entry).keep_size = true; }
    // A colour of it is made transparent, or the like: not one sample may change.
    void add_exact(std::size_t entry) { rows_.at(entry).exact = true; }
    // Nothing in this document is certain: every picture keeps its size.
    void distrust() { distrusted_ = true; }

    // In pixels at so many an inch; none where the size must be kept or nothing shows the picture.
    PictureUse at(std::size_t entry, std::uint32_t ppi) const;
    bool must_be_exact(std::size_t entry) const { return rows_.at(entry).exact; }

  private:
    struct Row {
        ShownSize largest;
        bool keep_size = false;
        bool exact = false;
    };
    std::vector<Row> rows_;
    bool distrusted_ = false;
};

// Of the JPEG and PNG members of an archive of this format; all without use for formats that are no document.
// The same file gives the same uses, unless the deadline passes: then nothing is certain.
PictureUses find_picture_uses(ByteView file, const ZipArchive& archive, Format format, Deadline deadline);

}  // namespace optimilter
