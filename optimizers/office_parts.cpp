// SPDX-License-Identifier: Apache-2.0
#include "optimizers/office_parts.hpp"

#include "base/text.hpp"

namespace optimilter {

namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string without_percent(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool coded = text[i] == '%' && i + 2 < text.size();
        const int high = coded ? hex_digit(text[i + 1]) : -1;
        const int low = coded ? hex_digit(text[i + 2]) : -1;
        plain += high >= 0 && low >= 0 ? static_cast<char>(high * 16 + low) : text[i];
        if (high >= 0 && low >= 0) i += 2;
    }
    return plain;
}

// Takes "a/../b" and "./b" for "b"; ".." above the top stays at the top.
std::string without_dots(std::string_view path) {
    std::vector<std::string_view> steps;
    while (!path.empty()) {
        const std::size_t end = path.find('/');
        const std::string_view step = path.substr(0, end);
        path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
        if (step.empty() || step == ".") continue;
        if (step != "..") {
            steps.push_back(step);
        } else if (!steps.empty()) {
            steps.pop_back();
        }
    }
    std::string name;
    for (const std::string_view step : steps) {
        if (!name.empty()) name += '/';
        name += step;
    }
    return name;
}

}  // namespace

std::string_view folder_of(std::string_view name) {
    const std::size_t slash = name.rfind('/');
    return slash == std::string_view::npos ? std::string_view() : name.substr(0, slash + 1);
}

std::string_view base_name(std::string_view name) {
    return name.substr(folder_of(name).size());
}

std::string part_name(std::string_view folder, std::string_view reference) {
    reference = reference.substr(0, reference.find('#'));
    std::string path = without_percent(reference);
    for (char& c : path) c = c == '\\' ? '/' : ascii_lower(c);
    if (!path.starts_with('/')) path.insert(0, to_lower(folder));
    return without_dots(path);
}

PartNames::PartNames(ByteView file, const ZipArchive& archive) {
    names_.reserve(archive.entries.size());
    for (std::size_t i = 0; i < archive.entries.size(); ++i) {
        names_.push_back(part_name({}, zip_name(file, archive.entries[i])));
        const auto [place, is_new] = places_.try_emplace(names_.back(), i);
        if (is_new) continue;
        ambiguous_.push_back(place->second);
        ambiguous_.push_back(i);
    }
}

std::optional<std::size_t> PartNames::find(std::string_view name) const {
    const auto place = places_.find(name);
    if (place == places_.end()) return std::nullopt;
    return place->second;
}

}  // namespace optimilter
