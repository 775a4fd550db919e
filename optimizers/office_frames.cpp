// SPDX-License-Identifier: Apache-2.0
//
// ODF (1.3 part 3): pictures in frames that tell their size.
#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "optimizers/office_lengths.hpp"
#include "optimizers/office_readers.hpp"
#include "optimizers/xml_reader.hpp"

namespace optimilter {

namespace {

constexpr std::string_view kNamespaces = "urn:oasis:names:tc:opendocument:xmlns:";

bool is_in(const XmlName& name, std::string_view space) {
    return name.space.starts_with(kNamespaces) && name.space.substr(kNamespaces.size()).starts_with(space);
}

struct Level {
    bool frame = false;
    bool common_styles = false;  // office:styles, which other styles build on
    bool understood = true;      // of a frame
    ShownSize size;
    std::vector<std::string> frame_styles;
    std::vector<std::size_t> pictures;
    std::string style;  // of a style:style
};

// Kept until the end: a style may make it one that is not understood.
struct Shown {
    std::size_t picture;
    ShownSize size;
    std::vector<std::string> styles;
};

class FrameReader : public XmlVisitor {
  public:
    FrameReader(std::string_view folder, const PartNames& names, PictureUses& uses)
        : folder_(folder), names_(names), uses_(uses) {}

    bool start(const XmlName& name, const XmlAttributes& attributes) override;
    void end() override;
    void finish();

  private:
    void look_for_pictures(const XmlName& name, const XmlAttributes& attributes);
    void take_frame(const XmlAttributes& attributes);
    void take_graphic_properties(const XmlAttributes& attributes);
    // The element around the newest one.
    Level* parent() { return levels_.size() < 2 ? nullptr : &levels_[levels_.size() - 2]; }

    std::string folder_;
    const PartNames& names_;
    PictureUses& uses_;
    std::vector<Level> levels_;
    std::vector<Shown> shown_;
    std::set<std::string> delicate_styles_;
};

void FrameReader::look_for_pictures(const XmlName& name, const XmlAttributes& attributes) {
    attributes.visit([&](const XmlName& attribute, std::string_view value) {
        // Everything else an element can say is no reference, and there are millions of them in a sheet.
        if (attribute.local != "href" && value.find('/') == std::string_view::npos) return;
        const auto picture = names_.find(part_name(folder_, value));
        if (!picture) return;
        Level* const frame = parent();
        const bool image = name.local == "image" && is_in(name, "drawing") && attribute.local == "href";
        if (image && frame != nullptr && frame->frame) {
            frame->pictures.push_back(*picture);
        } else {
            uses_.add_not_understood(*picture);
        }
    });
}

void FrameReader::take_frame(const XmlAttributes& attributes) {
    Level& frame = levels_.back();
    frame.frame = true;
    const auto width = parse_length(attributes.find("width"));
    const auto height = parse_length(attributes.find("height"));
    if (width && height) frame.size = {*width, *height};
    const std::string_view transform = attributes.find("transform");
    const bool scaled =
        transform.find("scale") != transform.npos || transform.find("matrix") != transform.npos;
    const bool relative = !attributes.find("rel-width").empty() || !attributes.find("rel-height").empty();
    frame.understood = width && height && !scaled && !relative;
    attributes.visit([&](const XmlName& attribute, std::string_view value) {
        if (attribute.local == "style-name") frame.frame_styles.emplace_back(value);
    });
}

// fo:clip is told in lengths of the picture's own measure, which pixels and density make: a picture that is
// cropped so must keep its pixels. One made black and white by the program keeps its edges.
void FrameReader::take_graphic_properties(const XmlAttributes& attributes) {
    const bool cropped = attributes.find("clip").find_first_of("123456789") != std::string_view::npos;
    if (!cropped && attributes.find("color-mode") != "mono") return;
    const Level* const style = parent();
    const bool common =
        std::any_of(levels_.begin(), levels_.end(), [](const Level& l) { return l.common_styles; });
    if (common || style == nullptr || style->style.empty()) return uses_.distrust();
    delicate_styles_.insert(style->style);
}

bool FrameReader::start(const XmlName& name, const XmlAttributes& attributes) {
    levels_.emplace_back();
    look_for_pictures(name, attributes);
    Level* const around = parent();
    if (is_in(name, "drawing")) {
        if (name.local == "frame") take_frame(attributes);
        // Places in the picture, in its own measure.
        const bool places = name.local.starts_with("contour-") || name.local == "image-map";
        if (places && around != nullptr) around->understood = false;
    } else if (is_in(name, "style")) {
        if (name.local == "style") levels_.back().style = attributes.find("name");
        if (name.local == "graphic-properties") take_graphic_properties(attributes);
    } else if (name.local == "styles" && is_in(name, "office")) {
        levels_.back().common_styles = true;
    } else if (name.local == "animateTransform") {
        uses_.distrust();  // may show things larger than they stand there
    }
    return true;
}

void FrameReader::end() {
    Level& level = levels_.back();
    for (const std::size_t picture : level.pictures) {
        if (level.understood) {
            shown_.push_back({picture, level.size, level.frame_styles});
        } else {
            uses_.add_not_understood(picture);
        }
    }
    levels_.pop_back();
}

void FrameReader::finish() {
    for (const Shown& shown : shown_) {
        const bool delicate = std::any_of(shown.styles.begin(), shown.styles.end(),
                                          [&](const std::string& s) { return delicate_styles_.contains(s); });
        if (delicate) {
            uses_.add_not_understood(shown.picture);
        } else {
            uses_.add_shown(shown.picture, shown.size);
        }
    }
}

}  // namespace

Status read_frame_uses(ByteView part, std::string_view name, const PartNames& names, PictureUses& uses,
                       Deadline deadline) {
    FrameReader reader(folder_of(name), names, uses);
    if (Status status = read_xml(part, reader, deadline); !status) return status;
    reader.finish();
    return Success{};
}

}  // namespace optimilter
