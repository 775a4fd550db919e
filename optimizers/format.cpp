// SPDX-License-Identifier: Apache-2.0
#include "optimizers/format.hpp"

#include <iterator>

#include "optimizers/outcome.hpp"

namespace optimilter {

namespace {

constexpr std::string_view kFormatNames[] = {
    "unknown", "jpeg", "png",  "zip", "ooxml", "odf", "epub", "apng",  "jar",    "gif",
    "webp",    "heif", "tiff", "bmp", "pdf",   "ole", "gzip", "bzip2", "xz",     "zstd",
    "7z",      "rar",  "tar",  "tga", "pcx",   "psd", "sgi",  "pnm",   "sunras",
};
static_assert(std::size(kFormatNames) == static_cast<std::size_t>(Format::kCount_));

constexpr std::string_view kOutcomeNames[] = {"optimized",   "not_smaller", "too_different", "not_applicable",
                                              "untouchable", "over_budget", "malformed"};
static_assert(std::size(kOutcomeNames) == kOutcomeCount);

}  // namespace

std::string_view format_name(Format format) {
    const auto index = static_cast<std::size_t>(format);
    return index < std::size(kFormatNames) ? kFormatNames[index] : kFormatNames[0];
}

std::string_view outcome_name(Outcome outcome) {
    const auto index = static_cast<std::size_t>(outcome);
    return index < std::size(kOutcomeNames) ? kOutcomeNames[index] : kOutcomeNames[kOutcomeCount - 1];
}

}  // namespace optimilter
