// SPDX-License-Identifier: Apache-2.0
//
// DrawingML and VML. A picture fills a shape; the size of the shape stands in the shape, or, where the shape
// has none, in the anchor around it; groups scale what is in them.
#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "optimizers/office_lengths.hpp"
#include "optimizers/office_readers.hpp"
#include "optimizers/xml_reader.hpp"

namespace optimilter {

namespace {

enum class Tag : std::uint8_t {
    kOther,
    kTransparent,  // markup compatibility: its children count as those of its parent
    kPic,
    kBlipFill,
    kBlip,
    kExactEffect,
    kSourceRect,
    kStretch,
    kFillRect,
    kTile,
    kShapeProperties,
    kGroupProperties,
    kTransform,
    kExtent,
    kChildExtent,
    kWordAnchor,
    kCellAnchor,   // sized by the cells under two of its corners
    kPlainAnchor,  // on a sheet, with a size of its own
    kFrom,
    kTo,
    kColumn,
    kColumnOffset,
    kRow,
    kRowOffset,
    kGrowth,
    kBullet,
    kVmlShape,
    kVmlGroup,
    kVmlPicture,
};

struct Word {
    std::string_view local;
    Tag tag;
};
constexpr Word kWords[] = {
    {"AlternateContent", Tag::kTransparent},
    {"Choice", Tag::kTransparent},
    {"Fallback", Tag::kTransparent},
    {"pic", Tag::kPic},
    {"blipFill", Tag::kBlipFill},
    {"blip", Tag::kBlip},
    {"clrChange", Tag::kExactEffect},
    {"biLevel", Tag::kExactEffect},
    {"srcRect", Tag::kSourceRect},
    {"stretch", Tag::kStretch},
    {"fillRect", Tag::kFillRect},
    {"tile", Tag::kTile},
    {"spPr", Tag::kShapeProperties},
    {"grpSpPr", Tag::kGroupProperties},
    {"xfrm", Tag::kTransform},
    {"ext", Tag::kExtent},
    {"extent", Tag::kExtent},
    {"chExt", Tag::kChildExtent},
    {"inline", Tag::kWordAnchor},
    {"anchor", Tag::kWordAnchor},
    {"twoCellAnchor", Tag::kCellAnchor},
    {"oneCellAnchor", Tag::kPlainAnchor},
    {"absoluteAnchor", Tag::kPlainAnchor},
    {"from", Tag::kFrom},
    {"to", Tag::kTo},
    {"col", Tag::kColumn},
    {"colOff", Tag::kColumnOffset},
    {"row", Tag::kRow},
    {"rowOff", Tag::kRowOffset},
    {"animScale", Tag::kGrowth},
    {"numPicBullet", Tag::kBullet},
};
constexpr Word kVmlWords[] = {
    {"shape", Tag::kVmlShape}, {"rect", Tag::kVmlShape},  {"roundrect", Tag::kVmlShape},
    {"oval", Tag::kVmlShape},  {"group", Tag::kVmlGroup}, {"imagedata", Tag::kVmlPicture},
};
// Root elements of the parts that this reader knows.
constexpr std::string_view kRoots[] = {
    "document",         "hdr",           "ftr",  "footnotes", "endnotes",  "comments",
    "glossaryDocument", "sld",           "xml",  "sldLayout", "sldMaster", "notes",
    "notesMaster",      "handoutMaster", "wsDr",
};

Tag tag_of(const XmlName& name) {
    const bool vml = name.space == "urn:schemas-microsoft-com:vml";
    const Word* const begin = vml ? std::begin(kVmlWords) : std::begin(kWords);
    const Word* const end = vml ? std::end(kVmlWords) : std::end(kWords);
    const Word* const word = std::find_if(begin, end, [&](const Word& w) { return w.local == name.local; });
    return word == end ? Tag::kOther : word->tag;
}

// How much of a length is left between two shares cut off at its ends; nothing when that is no sane part.
std::optional<double> left_between(std::optional<double> begin, std::optional<double> end) {
    constexpr double kLeast = 0.001;
    if (!begin || !end) return std::nullopt;
    const double left = 1.0 - *begin - *end;
    if (left < kLeast || left > 1 / kLeast) return std::nullopt;
    return left;
}

// A picture as the fill of a shape, until the size of the shape is known.
struct Fill {
    std::optional<std::size_t> picture;
    // The whole picture's size over the shape's.
    double across = 1;
    double down = 1;
    bool stretched = false;
    bool understood = true;
};

// Column, offset in it, row, offset in it; offsets in English metric units.
using Corner = std::array<double, 4>;

// One open element.
struct Level {
    Tag tag = Tag::kOther;
    ShownSize size;   // of a shape, a group, an anchor; 0 when it is not told
    ShownSize child;  // of a group, in the measure of its members
    double scale = 1;
    bool group = false;
    Fill fill;                // of a kBlipFill
    std::vector<Fill> fills;  // of a shape
    Corner from{};
    Corner to{};
};

bool is_known(const ShownSize& size) {
    return size.width > 0 && size.height > 0;
}

class DrawingReader : public XmlVisitor {
  public:
    DrawingReader(const Relations& relations, PictureUses& uses) : relations_(relations), uses_(uses) {}

    bool start(const XmlName& name, const XmlAttributes& attributes) override;
    void end() override;
    void text(std::string_view text) override;
    bool is_strange() const { return strange_; }

  private:
    Level* parent(unsigned up = 1);
    bool inside(Tag tag) const;
    std::optional<std::size_t> picture_of(std::string_view id) const;
    void look_for_pictures(const XmlName& name, const XmlAttributes& attributes);
    bool take_blip(std::size_t picture);
    void take_extent(const XmlAttributes& attributes);
    void take_rectangle(Tag tag, const XmlAttributes& attributes);
    void take_vml_style(const XmlAttributes& attributes);
    bool take_vml_picture(std::size_t picture, const XmlAttributes& attributes);
    void apply(Tag tag, const XmlAttributes& attributes);
    void end_fill(const Fill& fill);
    void end_group();
    void end_corner(Tag tag);
    void end_shape(const Level& shape);
    std::optional<ShownSize> shown_size(const Level& shape) const;

    const Relations& relations_;
    PictureUses& uses_;
    std::vector<Level> levels_;
    std::string text_;
    bool strange_ = false;
};

// The element around the newest (1), or around that (2), ... ; nothing above the root.
Level* DrawingReader::parent(unsigned up) {
    std::size_t i = levels_.size();
    for (unsigned seen = 0; i > 0;) {
        --i;
        if (levels_[i].tag == Tag::kTransparent) continue;
        if (seen++ == up) return &levels_[i];
    }
    return nullptr;
}

bool DrawingReader::inside(Tag tag) const {
    return std::any_of(levels_.begin(), levels_.end(), [tag](const Level& l) { return l.tag == tag; });
}

std::optional<std::size_t> DrawingReader::picture_of(std::string_view id) const {
    const auto found = relations_.find(id);
    if (found == relations_.end()) return std::nullopt;
    return found->second;
}

bool DrawingReader::take_blip(std::size_t picture) {
    Level* const fill = parent();
    if (fill == nullptr || fill->tag != Tag::kBlipFill || fill->fill.picture) return false;
    fill->fill.picture = picture;
    return true;
}

bool DrawingReader::take_vml_picture(std::size_t picture, const XmlAttributes& attributes) {
    if (!attributes.find("chromakey").empty() || !attributes.find("bilevel").empty())
        uses_.add_exact(picture);
    const Level* const shape = parent();
    if (shape == nullptr || shape->tag != Tag::kVmlShape || !is_known(shape->size)) return false;
    if (inside(Tag::kVmlGroup) || inside(Tag::kBullet)) return false;
    const auto across = left_between(parse_vml_share(attributes.find("cropleft")),
                                     parse_vml_share(attributes.find("cropright")));
    const auto down = left_between(parse_vml_share(attributes.find("croptop")),
                                   parse_vml_share(attributes.find("cropbottom")));
    if (!across || !down) return false;
    uses_.add_shown(picture, {shape->size.width / *across, shape->size.height / *down});
    return true;
}

// Any attribute of any element may name a picture; what is not known to show it at a known size is a use that
// is not understood.
void DrawingReader::look_for_pictures(const XmlName& name, const XmlAttributes& attributes) {
    const Tag tag = tag_of(name);
    attributes.visit([&](const XmlName& attribute, std::string_view value) {
        const auto picture = picture_of(value);
        if (!picture) return;
        bool understood = false;
        if (tag == Tag::kBlip && attribute.local == "embed") understood = take_blip(*picture);
        if (tag == Tag::kVmlPicture && (attribute.local == "id" || attribute.local == "relid"))
            understood = take_vml_picture(*picture, attributes);
        if (!understood) uses_.add_not_understood(*picture);
    });
}

void DrawingReader::take_extent(const XmlAttributes& attributes) {
    const auto width = parse_emu(attributes.find("cx"));
    const auto height = parse_emu(attributes.find("cy"));
    Level* const around = parent();
    if (!width || !height || around == nullptr) return;
    const bool child = levels_.back().tag == Tag::kChildExtent;
    Level* owner = around;
    if (around->tag == Tag::kTransform) {
        owner = parent(3);
        const Level* const properties = parent(2);
        if (owner == nullptr) return;
        if (properties->tag != Tag::kShapeProperties && properties->tag != Tag::kGroupProperties) return;
    } else if (around->tag != Tag::kWordAnchor && around->tag != Tag::kPlainAnchor) {
        return;
    }
    (child ? owner->child : owner->size) = {*width, *height};
}

void DrawingReader::take_rectangle(Tag tag, const XmlAttributes& attributes) {
    Level* const fill = parent(tag == Tag::kFillRect ? 2 : 1);
    if (fill == nullptr || fill->tag != Tag::kBlipFill) return;
    const auto across =
        left_between(parse_drawing_share(attributes.find("l")), parse_drawing_share(attributes.find("r")));
    const auto down =
        left_between(parse_drawing_share(attributes.find("t")), parse_drawing_share(attributes.find("b")));
    if (!across || !down) {
        fill->fill.understood = false;
        return;
    }
    const bool cropped = tag == Tag::kSourceRect;
    fill->fill.across *= cropped ? 1 / *across : *across;
    fill->fill.down *= cropped ? 1 / *down : *down;
}

void DrawingReader::take_vml_style(const XmlAttributes& attributes) {
    const std::string_view style = attributes.find("style");
    for (const std::string_view relative : {"mso-width-percent", "mso-height-percent"}) {
        const std::string_view percent = style_property(style, relative);
        if (!percent.empty() && percent != "0") return;
    }
    const auto width = parse_length(style_property(style, "width"));
    const auto height = parse_length(style_property(style, "height"));
    if (width && height) levels_.back().size = {*width, *height};
}

void DrawingReader::apply(Tag tag, const XmlAttributes& attributes) {
    switch (tag) {
        case Tag::kExtent:
        case Tag::kChildExtent:
            return take_extent(attributes);
        case Tag::kSourceRect:
        case Tag::kFillRect:
            return take_rectangle(tag, attributes);
        case Tag::kStretch:
            if (Level* fill = parent(); fill != nullptr) fill->fill.stretched = true;
            return;
        case Tag::kTile:
            if (Level* fill = parent(); fill != nullptr) fill->fill.understood = false;
            return;
        case Tag::kExactEffect:
            if (Level* fill = parent(2); fill != nullptr && fill->fill.picture)
                uses_.add_exact(*fill->fill.picture);
            return;
        case Tag::kVmlShape:
            return take_vml_style(attributes);
        case Tag::kGrowth:
            // An animation shows something on this page larger than it stands there.
            for (const auto& [id, picture] : relations_) uses_.add_not_understood(picture);
            return;
        default:
            return;
    }
}

bool DrawingReader::start(const XmlName& name, const XmlAttributes& attributes) {
    if (levels_.empty()) {
        strange_ = std::find(std::begin(kRoots), std::end(kRoots), name.local) == std::end(kRoots);
        if (strange_) return false;
    }
    levels_.emplace_back();
    levels_.back().tag = tag_of(name);
    text_.clear();
    look_for_pictures(name, attributes);
    apply(levels_.back().tag, attributes);
    return true;
}

void DrawingReader::text(std::string_view text) {
    constexpr std::size_t kLongestNumber = 32;
    if (text_.size() + text.size() <= kLongestNumber) text_ += text;
}

// A group shows its members so many times as large as they say; the larger of both directions, since a member
// may be turned.
void DrawingReader::end_group() {
    Level* const group = parent();
    if (group == nullptr) return;
    group->group = true;
    if (!is_known(group->size) && !is_known(group->child))
        return;  // the page itself, or a group of measure 1
    if (!is_known(group->size) || !is_known(group->child)) {
        group->scale = NAN;
        return;
    }
    group->scale = std::max(group->size.width / group->child.width, group->size.height / group->child.height);
}

void DrawingReader::end_fill(const Fill& fill) {
    if (!fill.picture) return;
    Level* const around = parent();
    Level* owner = around;
    if (around != nullptr && around->tag == Tag::kShapeProperties) owner = parent(2);
    const bool of_shape = owner != nullptr && (owner != around || around->tag == Tag::kPic);
    if (!of_shape || !fill.stretched || !fill.understood) return uses_.add_not_understood(*fill.picture);
    owner->fills.push_back(fill);
}

void DrawingReader::end_corner(Tag tag) {
    Level* const anchor = parent(2);
    const Level* const corner = parent();
    const auto number = parse_decimal(trim(text_));
    if (anchor == nullptr || corner == nullptr || !number) return;
    const auto place = static_cast<std::size_t>(tag) - static_cast<std::size_t>(Tag::kColumn);
    if (corner->tag == Tag::kFrom) anchor->from[place] = *number;
    if (corner->tag == Tag::kTo) anchor->to[place] = *number;
}

// What the cells under a drawing measure where nobody changed their width and height: 64 x 20 pixels each.
ShownSize size_of_cells(const Level& anchor) {
    constexpr double kColumnEmu = 64 * 9525.0;
    constexpr double kRowEmu = 20 * 9525.0;
    const Corner& a = anchor.from;
    const Corner& b = anchor.to;
    return {((b[0] - a[0]) * kColumnEmu + b[1] - a[1]) / kEmuPerInch,
            ((b[2] - a[2]) * kRowEmu + b[3] - a[3]) / kEmuPerInch};
}

std::optional<ShownSize> DrawingReader::shown_size(const Level& shape) const {
    // Sizes that were stored for a drawing between cells and do not fit the cells any more are not believed.
    constexpr double kMostApart = 2.0;
    double scale = 1;
    ShownSize outermost = shape.size;
    ShownSize anchor;
    bool between_cells = false;
    bool grouped = false;
    for (auto level = levels_.rbegin() + 1; level != levels_.rend(); ++level) {
        if (level->group) {
            scale *= level->scale;
            outermost = level->size;
            grouped = true;
        }
        between_cells = level->tag == Tag::kCellAnchor;
        anchor = between_cells ? size_of_cells(*level) : level->size;
        if (between_cells || level->tag == Tag::kWordAnchor || level->tag == Tag::kPlainAnchor) break;
        anchor = {};
    }
    ShownSize size = shape.size;
    if (!is_known(size) && !grouped && !between_cells) size = outermost = anchor;
    if (!is_known(size) || !std::isfinite(scale)) return std::nullopt;
    if (anchor.width > 0 || anchor.height > 0) {
        if (!is_known(outermost)) return std::nullopt;
        const double apart =
            std::max({1.0, anchor.width / outermost.width, anchor.height / outermost.height});
        if (between_cells && apart > kMostApart) return std::nullopt;
        scale *= apart;
    }
    return ShownSize{size.width * scale, size.height * scale};
}

void DrawingReader::end_shape(const Level& shape) {
    const auto size = shown_size(shape);
    for (const Fill& fill : shape.fills) {
        if (size) {
            uses_.add_shown(*fill.picture, {size->width * fill.across, size->height * fill.down});
        } else {
            uses_.add_not_understood(*fill.picture);
        }
    }
}

void DrawingReader::end() {
    const Level& level = levels_.back();
    if (!level.fills.empty()) end_shape(level);
    switch (level.tag) {
        case Tag::kBlipFill:
            end_fill(level.fill);
            break;
        case Tag::kGroupProperties:
            end_group();
            break;
        case Tag::kColumn:
        case Tag::kColumnOffset:
        case Tag::kRow:
        case Tag::kRowOffset:
            end_corner(level.tag);
            break;
        default:
            break;
    }
    levels_.pop_back();
}

}  // namespace

Status read_drawing_uses(ByteView part, const Relations& relations, PictureUses& uses, Deadline deadline) {
    DrawingReader reader(relations, uses);
    if (Status status = read_xml(part, reader, deadline); !status) return status;
    if (reader.is_strange()) return Error{ErrorCode::kUnsupported, "unknown kind of part"};
    return Success{};
}

}  // namespace optimilter
