// SPDX-License-Identifier: Apache-2.0
#include "optimizers/archive_seals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <unordered_set>

#include "base/text.hpp"
#include "optimizers/zip_untouchable.hpp"

namespace optimilter {

namespace {

// Base names, lower case: pacman's and Alpine's packages, container images, Gentoo's and Nix' lists.
constexpr std::string_view kSealingBases[] = {
    ".mtree", ".pkginfo", "oci-layout",    "layer.tar",     "manifest",
    "digest", "digests",  "checksums.sha", "checksums.md5", "manifest-sha256.txt",
};
// Anywhere in the path: Git keeps digests of a working tree in its index, images name layers by digest,
// wheels list digests.
constexpr std::string_view kSealingPaths[] = {"/.git/", "/blobs/sha256/", ".dist-info/record"};

bool is_list_of_digests(std::string_view base) {
    const bool begins = base.substr(0, 3) == "sha" || base.substr(0, 3) == "md5" || base.substr(0, 2) == "b2";
    return (begins && base.find("sum") != std::string_view::npos) || base.substr(0, 8) == "checksum";
}

bool is_seal(std::string_view name) {
    if (is_sealing_name(name)) return true;
    const std::string path = "/" + to_lower(name);
    const std::string_view base = std::string_view(path).substr(path.rfind('/') + 1);
    return std::find(std::begin(kSealingBases), std::end(kSealingBases), base) != std::end(kSealingBases) ||
           is_list_of_digests(base) ||
           std::any_of(std::begin(kSealingPaths), std::end(kSealingPaths),
                       [&](std::string_view word) { return path.find(word) != std::string::npos; });
}

// "letter.asc" next to "letter" is its signature; alone it may be any text.
bool signs_neighbour(std::string_view name, const std::unordered_set<std::string_view>& names) {
    constexpr std::string_view kArmor = ".asc";
    if (name.size() <= kArmor.size()) return false;
    const std::string_view covered = name.substr(0, name.size() - kArmor.size());
    return iequals(name.substr(covered.size()), kArmor) && names.count(covered) != 0;
}

}  // namespace

std::optional<std::string> sealed_by_names(const std::vector<std::string>& names) {
    const std::unordered_set<std::string_view> all(names.begin(), names.end());
    for (const std::string& name : names) {
        if (is_seal(name) || signs_neighbour(name, all)) {
            return fmt::format("signed, encrypted or with checksums: {}", printable(name, 60));
        }
    }
    return std::nullopt;
}

}  // namespace optimilter
