// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_page_reading.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "optimizers/pdf_appearance.hpp"
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

// Walks the tree of pages and what they draw.
class PageReading {
  public:
    PageReading(const PdfDocument& document, Deadline deadline)
        : document_(document), bounds_{kMostTokens, deadline} {}

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
        for (const Node& page : pages_) read_annotations(page);
        return Success{};
    }

    PdfShown taken() { return std::move(shown_); }

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
        shown_.read.insert(node.page.place.object);
        QPDFObjectHandle kids = dictionary.getKey("/Kids");
        if (!kids.isArray()) {
            pages_.push_back({node.page, resources});
            return read_page(dictionary, resources);
        }
        for (const QPDFObjectHandle& kid : kids.getArrayAsVector())
            waiting_.push_back({{kid, {kid.getObjGen(), ""}}, resources});
        return Success{};
    }

    static double unit_of(QPDFObjectHandle page) {
        QPDFObjectHandle unit = page.getKey("/UserUnit");
        return unit.isNumber() ? std::max(1.0, unit.getNumericValue()) : 1.0;
    }

    Status read_page(QPDFObjectHandle page, const Placed& resources) {
        unit_ = unit_of(page);
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

    // After the contents of all pages, so that no number of annotations costs these their bounds.
    void read_annotations(const Node& page) {
        const Placed list = page.page.at("/Annots");
        if (!QPDFObjectHandle(list.value).isArray()) return;
        unit_ = unit_of(page.page.value);
        const std::vector<QPDFObjectHandle> all = QPDFObjectHandle(list.value).getArrayAsVector();
        for (std::size_t i = 0; i < all.size(); ++i) {
            const PdfPlace place = list.place.at(std::to_string(i), all[i]);
            for (const PdfAppearance& appearance : pdf_appearances(place, all[i]))
                if (draws_nothing(appearance.form) ||
                    draw_form(appearance.form, appearance.matrix, page.resources, 0))
                    shown_.followed.emplace(appearance.from, appearance.key);
        }
    }

    // Text fields mostly: resources of their own without any XObject.
    static bool draws_nothing(QPDFObjectHandle form) {
        QPDFObjectHandle resources = form.getDict().getKey("/Resources");
        return resources.isDictionary() && !resources.hasKey("/XObject");
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
        if (is_pdf_form(object)) return draw_form(object, matrix, resources, depth);
        return not_followed();
    }

    Status note(QPDFObjGen picture, const QPDFMatrix& m) {
        const double width = std::hypot(m.a, m.b) * unit_ / kUnitsAnInch;
        const double height = std::hypot(m.c, m.d) * unit_ / kUnitsAnInch;
        // Written so that what is no number fails too.
        if (!(width <= kLargestInches && height <= kLargestInches)) return not_followed();
        PdfShownSize& largest = shown_.sizes[picture];
        largest.width_inches = std::max(largest.width_inches, width);
        largest.height_inches = std::max(largest.height_inches, height);
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
        shown_.read.insert(form.getObjGen());
        Bytes content;
        if (Status status = add_content(form, content); !status) return status;
        return read_content(content, resources, matrix, depth + 1);
    }

    const PdfDocument& document_;
    PdfShown shown_;
    PdfContentBounds bounds_;
    std::uint64_t bytes_left_ = kMostContentBytes;
    unsigned form_visits_ = 0;
    double unit_ = 1;
    std::vector<Node> waiting_;
    std::vector<Node> pages_;
    std::set<QPDFObjGen> seen_;
};

}  // namespace

Result<PdfShown> read_shown_pictures(const PdfDocument& document, Deadline deadline) {
    PageReading reading(document, deadline);
    const Status read = guarded_by_deadline(deadline, [&] { return reading.run(); });
    if (!read) return read.error();
    return reading.taken();
}

}  // namespace optimilter
