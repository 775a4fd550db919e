// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_picture_use.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "optimizers/pdf_content.hpp"
#include "optimizers/pdf_picture.hpp"

namespace optimilter {

namespace {

constexpr double kUnitsAnInch = 72;
constexpr std::uint64_t kMostTokens = 4'000'000;
constexpr std::uint64_t kMostContentBytes = 32u << 20;
constexpr unsigned kMostFormVisits = 5'000;
constexpr unsigned kDeepestForm = 20;
constexpr std::size_t kMostPages = 20'000;
// Nothing sensible is shown larger.
constexpr double kLargestInches = 2'000;

bool is_form(QPDFObjectHandle object) {
    if (!object.isStream()) return false;
    QPDFObjectHandle subtype = object.getDict().getKey("/Subtype");
    return subtype.isName() && subtype.getName() == "/Form";
}

// A dictionary and where it stands.
struct Placed {
    QPDFObjectHandle value = QPDFObjectHandle::newNull();
    PdfPlace place;

    bool is_dictionary() const { return QPDFObjectHandle(value).isDictionary(); }
    Placed at(const std::string& key) const {
        const QPDFObjectHandle child = QPDFObjectHandle(value).getKey(key);
        return {child, place.at(key, child)};
    }
};

Error not_followed() {
    return {ErrorCode::kUnsupported, "page content that cannot be followed"};
}

}  // namespace

// Walks the tree of pages and what they draw.
class PdfPageReading {
  public:
    PdfPageReading(const PdfDocument& document, PdfPictureUses& uses, Deadline deadline)
        : document_(document), uses_(uses), bounds_{kMostTokens, deadline} {}

    Status run() {
        const QPDFObjectHandle root = document_.qpdf().getRoot().getKey("/Pages");
        waiting_.push_back({{root, {root.getObjGen(), ""}}, {}});
        while (!waiting_.empty()) {
            const Node node = waiting_.back();
            waiting_.pop_back();
            if (!seen_.insert(node.page.place.object).second) return not_followed();
            if (seen_.size() > kMostPages) return not_followed();
            if (Status status = read_node(node); !status) return status;
        }
        return Success{};
    }

  private:
    // A page or a node of the page tree, and the resources it inherits.
    struct Node {
        Placed page;
        Placed resources;
    };

    Status read_node(const Node& node) {
        QPDFObjectHandle dictionary = node.page.value;
        if (!dictionary.isDictionary() || !dictionary.isIndirect()) return not_followed();
        Placed resources = node.page.at("/Resources");
        if (!resources.is_dictionary()) resources = node.resources;
        uses_.read_.insert(node.page.place.object);
        QPDFObjectHandle kids = dictionary.getKey("/Kids");
        if (!kids.isArray()) return read_page(dictionary, resources);
        for (const QPDFObjectHandle& kid : kids.getArrayAsVector())
            waiting_.push_back({{kid, {kid.getObjGen(), ""}}, resources});
        return Success{};
    }

    Status read_page(QPDFObjectHandle page, const Placed& resources) {
        QPDFObjectHandle unit = page.getKey("/UserUnit");
        unit_ = unit.isNumber() ? std::max(1.0, unit.getNumericValue()) : 1.0;
        QPDFObjectHandle contents = page.getKey("/Contents");
        Bytes content;
        if (contents.isStream()) {
            if (Status status = add_content(contents, content); !status) return status;
        } else if (contents.isArray()) {
            for (const QPDFObjectHandle& part : contents.getArrayAsVector())
                if (Status status = add_content(part, content); !status) return status;
        }
        return read_content(content, resources, QPDFMatrix(), 0);
    }

    Status add_content(QPDFObjectHandle stream, Bytes& content) {
        if (!stream.isStream()) return not_followed();
        const Result<Bytes> part = document_.decoded(stream, bytes_left_);
        if (!part) return part.error();
        bytes_left_ -= part->size();
        append(content, *part);
        content.push_back('\n');
        return Success{};
    }

    Status read_content(ByteView content, const Placed& resources, const QPDFMatrix& start, unsigned depth) {
        return read_pdf_content(content, start, bounds_,
                                [&](const std::string& name, const QPDFMatrix& matrix) -> Status {
                                    return draw(name, matrix, resources, depth);
                                });
    }

    Status draw(const std::string& name, const QPDFMatrix& matrix, const Placed& resources, unsigned depth) {
        if (!resources.is_dictionary()) return not_followed();
        Placed xobjects = resources.at("/XObject");
        if (!xobjects.is_dictionary()) return not_followed();
        QPDFObjectHandle object = xobjects.value.getKey(name);
        if (is_pdf_picture(object)) return note(object.getObjGen(), matrix);
        if (is_form(object)) return draw_form(object, matrix, resources, depth);
        return not_followed();
    }

    Status note(QPDFObjGen picture, const QPDFMatrix& m) {
        const double width = std::hypot(m.a, m.b) * unit_ / kUnitsAnInch;
        const double height = std::hypot(m.c, m.d) * unit_ / kUnitsAnInch;
        // Written so that what is no number fails too.
        if (!(width <= kLargestInches && height <= kLargestInches)) return not_followed();
        PdfPictureUses::Size& largest = uses_.shown_[picture];
        largest.width = std::max(largest.width, width);
        largest.height = std::max(largest.height, height);
        return Success{};
    }

    // One form is read each time it is drawn, since each has another transformation.
    Status draw_form(QPDFObjectHandle form, const QPDFMatrix& outer, const Placed& outer_resources,
                     unsigned depth) {
        if (depth >= kDeepestForm || ++form_visits_ > kMostFormVisits) return not_followed();
        const Placed placed{form.getDict(), {form.getObjGen(), ""}};
        Placed resources = placed.at("/Resources");
        if (!resources.is_dictionary()) resources = outer_resources;
        QPDFMatrix matrix = outer;
        QPDFObjectHandle own = form.getDict().getKey("/Matrix");
        if (own.isMatrix()) matrix.concat(QPDFMatrix(own.getArrayAsMatrix()));
        uses_.read_.insert(form.getObjGen());
        Bytes content;
        if (Status status = add_content(form, content); !status) return status;
        return read_content(content, resources, matrix, depth + 1);
    }

    const PdfDocument& document_;
    PdfPictureUses& uses_;
    PdfContentBounds bounds_;
    std::uint64_t bytes_left_ = kMostContentBytes;
    unsigned form_visits_ = 0;
    double unit_ = 1;
    std::vector<Node> waiting_;
    std::set<QPDFObjGen> seen_;
};

void PdfPictureUses::watch(PdfVisit& visit) {
    visit.dictionary = [this](const PdfPlace& place, QPDFObjectHandle dictionary, QPDFObjectHandle) {
        const QPDFObjectHandle xobjects = dictionary.getKey("/XObject");
        if (QPDFObjectHandle(xobjects).isDictionary())
            resources_[place.at("/XObject", xobjects)].insert(place);
        const QPDFObjectHandle resources = dictionary.getKey("/Resources");
        // A direct owner has no number to be found by, so it never counts as read.
        const QPDFObjGen owner = place.path.empty() ? place.object : QPDFObjGen();
        if (QPDFObjectHandle(resources).isDictionary())
            owners_[place.at("/Resources", resources)].insert(owner);
    };
    visit.reference = [this](const PdfPlace& from, const std::string& key, QPDFObjectHandle to) {
        if (is_pdf_picture(to)) references_[to.getObjGen()].push_back({from, key});
    };
}

Status PdfPictureUses::read_pages(const PdfDocument& document, Deadline deadline) {
    PdfPageReading reading(document, *this, deadline);
    const Status read = guarded_by_deadline(deadline, [&] { return reading.run(); });
    pages_read_ = read.has_value();
    return read;
}

bool PdfPictureUses::shown_only(QPDFObjGen picture) const {
    const auto found = references_.find(picture);
    if (found == references_.end()) return false;
    return std::all_of(found->second.begin(), found->second.end(),
                       [this](const Reference& reference) { return resources_.count(reference.from) != 0; });
}

bool PdfPictureUses::all_uses_seen(const PdfPlace& xobjects) const {
    const auto resources = resources_.find(xobjects);
    if (resources == resources_.end()) return false;
    return std::all_of(resources->second.begin(), resources->second.end(), [this](const PdfPlace& place) {
        const auto owners = owners_.find(place);
        if (owners == owners_.end()) return false;
        return std::all_of(owners->second.begin(), owners->second.end(),
                           [this](QPDFObjGen owner) { return read_.count(owner) != 0; });
    });
}

// false when one of the uses is not known.
bool PdfPictureUses::add_uses(QPDFObjGen picture, bool follow_masks, Size& largest) const {
    const auto references = references_.find(picture);
    if (references == references_.end()) return false;
    bool drawn_itself = false;
    for (const Reference& reference : references->second) {
        const bool mask = reference.key == "/SMask" && reference.from.path.empty() &&
                          references_.count(reference.from.object) != 0;
        if (mask) {
            if (!follow_masks || !add_uses(reference.from.object, false, largest)) return false;
            continue;
        }
        if (!all_uses_seen(reference.from)) return false;
        drawn_itself = true;
    }
    if (!drawn_itself) return true;
    const auto shown = shown_.find(picture);
    if (shown == shown_.end()) return false;
    largest.width = std::max(largest.width, shown->second.width);
    largest.height = std::max(largest.height, shown->second.height);
    return true;
}

PictureUse PdfPictureUses::at_ppi(QPDFObjGen picture, unsigned ppi) const {
    Size largest;
    if (!pages_read_ || ppi == 0 || !add_uses(picture, true, largest)) return {};
    const auto pixels = [ppi](double inches) {
        return static_cast<std::uint32_t>(std::ceil(inches * ppi - 1e-6));
    };
    return {pixels(largest.width), pixels(largest.height)};
}

}  // namespace optimilter
