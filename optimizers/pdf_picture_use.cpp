// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_picture_use.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "optimizers/pdf_appearance.hpp"
#include "optimizers/pdf_picture.hpp"

namespace optimilter {

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
        if (is_pdf_picture(to) || is_pdf_form(to)) references_[to.getObjGen()].push_back({from, key});
    };
}

Status PdfPictureUses::read_pages(const PdfDocument& document, Deadline deadline) {
    Result<PdfShown> shown = read_shown_pictures(document, deadline);
    if (!shown) return shown.error();
    shown_ = std::move(*shown);
    const Status weighed = forget_forms_used_elsewhere(deadline);
    pages_read_ = weighed.has_value();
    return weighed;
}

// A form whose content was read may be drawn from another place too, which nobody followed, and with it all
// that it draws.
Status PdfPictureUses::forget_forms_used_elsewhere(Deadline deadline) {
    // Forms within forms need one more look for each level at most; no sensible file has so many.
    constexpr int kMostLooks = 40;
    for (int look = 0; look < kMostLooks; ++look) {
        if (deadline.expired()) return Error{ErrorCode::kDeadline, "deadline"};
        bool changed = false;
        for (const auto& [target, references] : references_) {
            if (shown_.read.count(target) == 0 || all_followed(references)) continue;
            shown_.read.erase(target);
            changed = true;
        }
        if (!changed) return Success{};
    }
    return Error{ErrorCode::kLimit, "forms nested too deep"};
}

bool PdfPictureUses::all_followed(const std::vector<Reference>& references) const {
    return std::all_of(references.begin(), references.end(), [this](const Reference& reference) {
        return shown_.followed.count({reference.from, reference.key}) != 0 || all_uses_seen(reference.from);
    });
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
                           [this](QPDFObjGen owner) { return shown_.read.count(owner) != 0; });
    });
}

// false when one of the uses is not known.
bool PdfPictureUses::add_uses(QPDFObjGen picture, bool follow_masks, PdfShownSize& largest) const {
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
    const auto shown = shown_.sizes.find(picture);
    if (shown == shown_.sizes.end()) return false;
    largest.width_inches = std::max(largest.width_inches, shown->second.width_inches);
    largest.height_inches = std::max(largest.height_inches, shown->second.height_inches);
    return true;
}

PictureUse PdfPictureUses::at_ppi(QPDFObjGen picture, unsigned ppi) const {
    PdfShownSize largest;
    if (!pages_read_ || ppi == 0 || !add_uses(picture, true, largest)) return {};
    const auto pixels = [ppi](double inches) {
        // More than any picture has: no bound of ours, but what fits the number.
        constexpr double kMost = 4e9;
        return static_cast<std::uint32_t>(std::min(std::ceil(inches * ppi - 1e-6), kMost));
    };
    return {pixels(largest.width_inches), pixels(largest.height_inches)};
}

}  // namespace optimilter
