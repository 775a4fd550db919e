// SPDX-License-Identifier: Apache-2.0
#include "optimizers/tiff_untouchable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace optimilter {

namespace {

// More than this is no left-over of an edit, but something that a program finds in a way of its own.
constexpr std::uint64_t kMostLooseBytes = 1024;

struct RefusedTag {
    std::uint16_t tag;
    Outcome outcome;
    std::string_view reason;
};
constexpr RefusedTag kRefused[] = {
    {288, Outcome::kNotApplicable, "list of free places in the file"},
    {289, Outcome::kNotApplicable, "list of free places in the file"},
    {400, Outcome::kNotApplicable, "TIFF-FX directory"},
    {512, Outcome::kNotApplicable, "JPEG of the old kind"},
    {513, Outcome::kNotApplicable, "JPEG of the old kind"},
    {519, Outcome::kNotApplicable, "JPEG of the old kind"},
    {559, Outcome::kNotApplicable, "strips of varying height"},
    {34412, Outcome::kNotApplicable, "microscope data that point into the file"},
    {37500, Outcome::kNotApplicable, "maker note, which may point into the file"},
    {50706, Outcome::kUntouchable, "camera raw (DNG)"},
    {52545, Outcome::kUntouchable, "signed (C2PA)"},
};

// Tags with LONG values, or values of unknown meaning, that are known not to point anywhere: TIFF 6.0 and its
// supplements, TIFF/EP, Exif, IPTC, HylaFAX, ImageJ.
constexpr std::uint16_t kNoPlaces[] = {
    254,   255,   256,   257,   258,   259,   262,   263,   264,   265,   266,   273,   274,   277,
    278,   279,   280,   281,   284,   290,   291,   292,   293,   296,   297,   300,   317,   320,
    321,   322,   323,   324,   325,   326,   327,   328,   330,   332,   334,   338,   339,   351,
    530,   531,   700,   33723, 34377, 34665, 34675, 34853, 34864, 34865, 34866, 34867, 34868, 34869,
    34908, 34910, 37393, 37394, 37724, 40961, 40962, 40963, 40965, 50838, 50839,
};

bool is_integer_of_offset_size(std::uint16_t type) {
    return type == tiff_type::kLong || type == tiff_type::kIfd || type == tiff_type::kLong8 ||
           type == tiff_type::kIfd8;
}

bool may_be_a_place(const TiffForm& form, const TiffField& field, std::uint64_t file_bytes) {
    if (!is_integer_of_offset_size(field.type)) return false;
    if (std::find(std::begin(kNoPlaces), std::end(kNoPlaces), field.tag) != std::end(kNoPlaces)) return false;
    for (std::size_t i = 0; i < field.count; ++i) {
        const std::uint64_t number = field.number(form, i);
        if (number >= 8 && number < file_bytes) return true;
    }
    return false;
}

// ImageJ counts on the slices of a stack to stand one after the other, uncompressed.
bool is_imagej_stack(const TiffField& field) {
    if (field.tag != tiff_tag::kImageDescription) return false;
    const std::string_view text = as_text(field.value);
    return text.substr(0, 7) == "ImageJ=" && text.find("images=") != std::string_view::npos;
}

TiffRefusal refuse_field(const TiffForm& form, const TiffField& field, std::uint64_t file_bytes) {
    for (const RefusedTag& refused : kRefused)
        if (refused.tag == field.tag)
            return {refused.outcome, fmt::format("tag {}: {}", field.tag, refused.reason)};
    if (may_be_a_place(form, field, file_bytes))
        return {Outcome::kNotApplicable,
                fmt::format("tag {}: unknown, and may point into the file", field.tag)};
    if (is_imagej_stack(field)) return {Outcome::kNotApplicable, "tag 270: ImageJ stack"};
    return {};
}

TiffRefusal refuse_directory(const TiffForm& form, const TiffDirectory& directory, std::uint64_t file_bytes) {
    for (const TiffField& field : directory.fields)
        if (TiffRefusal refusal = refuse_field(form, field, file_bytes)) return refusal;
    for (const TiffChild& child : directory.children)
        if (TiffRefusal refusal = refuse_directory(form, child.directory, file_bytes)) return refusal;
    return {};
}

}  // namespace

TiffRefusal refuse_tiff(const TiffFile& file, std::uint64_t file_bytes) {
    for (const TiffDirectory& page : file.pages)
        if (TiffRefusal refusal = refuse_directory(file.form, page, file_bytes)) return refusal;
    if (file.loose_bytes > kMostLooseBytes)
        return {Outcome::kNotApplicable, fmt::format("{} bytes that no tag refers to", file.loose_bytes)};
    return {};
}

}  // namespace optimilter
