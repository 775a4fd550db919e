// SPDX-License-Identifier: Apache-2.0
#include "optimizers/office_uses.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "optimizers/office_parts.hpp"
#include "optimizers/office_readers.hpp"
#include "optimizers/zip_member.hpp"

namespace optimilter {

namespace {

// No part that describes where pictures stand is larger; sheets of that size hold numbers.
constexpr std::uint32_t kLargestPart = 64u << 20;

// One document whose parts are read one after the other.
class UseSearch {
  public:
    UseSearch(ByteView file, const ZipArchive& archive, Deadline deadline)
        : file_(file),
          archive_(archive),
          deadline_(deadline),
          names_(file, archive),
          uses_(archive.entries.size()) {
        for (const std::size_t entry : names_.ambiguous()) uses_.add_not_understood(entry);
    }

    PictureUses ooxml();
    PictureUses odf();

  private:
    std::optional<MemberContent> content(std::size_t entry);
    void read_relations(std::size_t entry);
    void read_source(const std::string& source, const Relations& relations);

    ByteView file_;
    const ZipArchive& archive_;
    Deadline deadline_;
    PartNames names_;
    PictureUses uses_;
    std::set<std::string> sources_;  // read already
};

// Nothing, and everything in doubt, where a part cannot be read.
std::optional<MemberContent> UseSearch::content(std::size_t entry) {
    const ZipEntry& part = archive_.entries[entry];
    if (part.size <= kLargestPart && !looks_like_bomb(part) && !deadline_.expired()) {
        auto read = MemberContent::of(file_, part);
        if (read) return std::move(*read);
    }
    uses_.distrust();
    return std::nullopt;
}

void UseSearch::read_source(const std::string& source, const Relations& relations) {
    // Relationships of the same part in two places would make it read again and again.
    if (!sources_.insert(source).second) return uses_.distrust();
    const auto entry = names_.find(source);
    const auto part = entry ? content(*entry) : std::nullopt;
    if (!part || !read_drawing_uses(part->bytes(), relations, uses_, deadline_)) {
        for (const auto& [id, picture] : relations) uses_.add_not_understood(picture);
    }
}

// Relationships of a part tell which of its ids are pictures; all but images that the part itself shows are
// uses that nobody here understands (previews, textures, sources of effects).
void UseSearch::read_relations(std::size_t entry) {
    const auto rels = content(entry);
    if (!rels) return;
    const std::string source = relations_source(names_.name(entry));
    PictureRelations pictures;
    if (!read_picture_relations(rels->bytes(), source, names_, pictures, deadline_)) return uses_.distrust();
    for (const std::size_t other : pictures.others) uses_.add_not_understood(other);
    if (!pictures.images.empty()) read_source(source, pictures.images);
}

PictureUses UseSearch::ooxml() {
    for (std::size_t i = 0; i < archive_.entries.size(); ++i) {
        if (names_.name(i).ends_with(".rels")) read_relations(i);
    }
    return std::move(uses_);
}

PictureUses UseSearch::odf() {
    for (std::size_t i = 0; i < archive_.entries.size(); ++i) {
        const std::string& name = names_.name(i);
        if (base_name(name) != "styles.xml" && base_name(name) != "content.xml") continue;
        const auto part = content(i);
        if (part && !read_frame_uses(part->bytes(), name, names_, uses_, deadline_)) uses_.distrust();
    }
    return std::move(uses_);
}

}  // namespace

void PictureUses::add_shown(std::size_t entry, ShownSize size) {
    const bool sane =
        std::isfinite(size.width) && std::isfinite(size.height) && size.width > 0 && size.height > 0;
    if (!sane) return add_not_understood(entry);
    ShownSize& largest = rows_.at(entry).largest;
    largest = {std::max(largest.width, size.width), std::max(largest.height, size.height)};
}

PictureUse PictureUses::at(std::size_t entry, std::uint32_t ppi) const {
    static constexpr double kMost = 1e6;  // more pixels than any picture has
    const Row& row = rows_.at(entry);
    if (distrusted_ || row.keep_size || row.exact || row.largest.width <= 0) return {};
    // A thousandth of a pixel more is the rounding of lengths.
    const auto pixels = [ppi](double inches) {
        return static_cast<std::uint32_t>(std::clamp(std::ceil(inches * ppi - 0.001), 1.0, kMost));
    };
    return {pixels(row.largest.width), pixels(row.largest.height)};
}

PictureUses find_picture_uses(ByteView file, const ZipArchive& archive, Format format, Deadline deadline) {
    if (format == Format::kOoxml) return UseSearch(file, archive, deadline).ooxml();
    if (format == Format::kOdf) return UseSearch(file, archive, deadline).odf();
    return PictureUses(archive.entries.size());
}

}  // namespace optimilter
