// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_appearance.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace optimilter {

namespace {

struct Extent {
    double width = 0;
    double height = 0;
};

std::optional<Extent> extent_of(QPDFObjectHandle::Rectangle r) {
    const Extent extent{std::abs(r.urx - r.llx), std::abs(r.ury - r.lly)};
    // Written so that what is no number fails too.
    if (!(extent.width > 0 && extent.height > 0)) return std::nullopt;
    return extent;
}

// The box around a form's bounding box as its own matrix turns it.
std::optional<Extent> form_extent(QPDFObjectHandle form) {
    QPDFObjectHandle box = form.getDict().getKey("/BBox");
    if (!box.isRectangle()) return std::nullopt;
    QPDFObjectHandle own = form.getDict().getKey("/Matrix");
    const QPDFMatrix matrix = own.isMatrix() ? QPDFMatrix(own.getArrayAsMatrix()) : QPDFMatrix();
    return extent_of(matrix.transformRectangle(box.getArrayAsRectangle()));
}

bool has_name(QPDFObjectHandle dictionary, const std::string& key, const std::string& name) {
    QPDFObjectHandle value = dictionary.isDictionary() ? dictionary.getKey(key) : QPDFObjectHandle::newNull();
    return value.isName() && value.getName() == name;
}

class Collecting {
  public:
    Collecting(const PdfPlace& place, QPDFObjectHandle annotation, Extent rectangle)
        : place_(place), annotation_(annotation), rectangle_(rectangle) {}

    std::vector<PdfAppearance> run() {
        const QPDFObjectHandle appearances = annotation_.getKey("/AP");
        const PdfPlace at = place_.at("/AP", appearances);
        for (const char* key : {"/N", "/R", "/D"}) add_appearance(at, appearances, key);
        const QPDFObjectHandle looks = annotation_.getKey("/MK");
        for (const char* key : {"/I", "/RI", "/IX"}) add_icon(place_.at("/MK", looks), looks, key);
        return std::move(found_);
    }

  private:
    static QPDFObjectHandle get(QPDFObjectHandle dictionary, const std::string& key) {
        return dictionary.isDictionary() ? dictionary.getKey(key) : QPDFObjectHandle::newNull();
    }

    // A form, or one for each state. It fills the rectangle.
    void add_appearance(const PdfPlace& from, QPDFObjectHandle dictionary, const std::string& key) {
        QPDFObjectHandle value = get(dictionary, key);
        if (is_pdf_form(value)) return add_filling(from, key, value);
        if (!value.isDictionary()) return;
        const PdfPlace states = from.at(key, value);
        for (const auto& [state, form] : value.getDictAsMap())
            if (is_pdf_form(form)) add_filling(states, state, form);
    }

    void add_filling(const PdfPlace& from, const std::string& key, QPDFObjectHandle form) {
        const auto box = form_extent(form);
        if (!box) return;
        add(from, key, form, rectangle_.width / box->width, rectangle_.height / box->height);
    }

    // An icon is fitted into the rectangle, whole and in its own proportion unless told otherwise; when it is
    // not always fitted it may also be as large as it is.
    void add_icon(const PdfPlace& from, QPDFObjectHandle dictionary, const std::string& key) {
        QPDFObjectHandle form = get(dictionary, key);
        if (!is_pdf_form(form)) return;
        const auto box = form_extent(form);
        if (!box) return;
        QPDFObjectHandle turned = get(dictionary, "/R");
        const bool aside = turned.isInteger() && turned.getIntValue() % 180 != 0;
        double x = (aside ? rectangle_.height : rectangle_.width) / box->width;
        double y = (aside ? rectangle_.width : rectangle_.height) / box->height;
        const QPDFObjectHandle fit = get(dictionary, "/IF");
        if (!has_name(fit, "/S", "/A")) x = y = std::min(x, y);
        const bool always = get(fit, "/SW").isNull() || has_name(fit, "/SW", "/A");
        add(from, key, form, always ? x : std::max(x, 1.0), always ? y : std::max(y, 1.0));
    }

    void add(const PdfPlace& from, const std::string& key, QPDFObjectHandle form, double x, double y) {
        found_.push_back({form, from, key, QPDFMatrix(x, 0, 0, y, 0, 0)});
    }

    const PdfPlace& place_;
    QPDFObjectHandle annotation_;
    Extent rectangle_;
    std::vector<PdfAppearance> found_;
};

}  // namespace

bool is_pdf_form(QPDFObjectHandle object) {
    if (!object.isStream()) return false;
    QPDFObjectHandle subtype = object.getDict().getKey("/Subtype");
    return subtype.isName() && subtype.getName() == "/Form";
}

std::vector<PdfAppearance> pdf_appearances(const PdfPlace& place, QPDFObjectHandle annotation) {
    if (!annotation.isDictionary()) return {};
    QPDFObjectHandle rectangle = annotation.getKey("/Rect");
    if (!rectangle.isRectangle()) return {};
    const auto extent = extent_of(rectangle.getArrayAsRectangle());
    return extent ? Collecting(place, annotation, *extent).run() : std::vector<PdfAppearance>();
}

}  // namespace optimilter
