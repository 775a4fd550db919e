// SPDX-License-Identifier: Apache-2.0
//
// Writes optimilter.toml(5): the template with the lists of settings and of profiles put in, as mdoc(7), from
// the tables of policy/. Runs at build time: settings_page TEMPLATE >PAGE.
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>

#include "policy/profiles.hpp"
#include "policy/settings.hpp"

namespace optimilter {

namespace {

// Text fit for a roff text line: no escapes, no control lines, quotes that stay straight.
std::string roff(std::string_view text) {
    std::string safe;
    for (const char c : text) {
        if (c == '\\')
            safe += "\\e";
        else if (c == '"')
            safe += "\\(dq";
        else if ((c == '.' || c == '\'') && safe.empty())
            safe += std::string("\\&") + c;
        else
            safe += c;
    }
    return safe;
}

// One sentence a line, as mdoc(7) wants it.
std::string sentences(std::string_view text) {
    std::string lines = roff(text);
    for (std::size_t at = 0; (at = lines.find(". ", at)) != std::string::npos; ++at)
        lines.replace(at, 2, ".\n");
    return lines + "\n";
}

std::string setting_item(const SettingText& setting) {
    std::string facts = setting.kind;
    if (!setting.range.empty()) facts += ", " + setting.range;
    facts += setting.default_value.empty() ? "; default: as the profile says"
                                           : "; default: " + setting.default_value;
    if (!setting.reloadable) facts += "; restart";
    return fmt::format(".It Va {}\n.Pq {}\n.br\n{}", setting.name, roff(facts), sentences(setting.help));
}

std::string settings_list() {
    std::string list;
    for (const SettingText& setting : describe_settings()) list += setting_item(setting);
    return list;
}

std::string profile_row(std::string_view name, std::string (*value)(const Profile&)) {
    std::string row = fmt::format(".It Va {}", name);
    for (const ProfileName profile : {ProfileName::kLossless, ProfileName::kBalanced, ProfileName::kCompact})
        row += " Ta " + value(find_profile(profile));
    return row + "\n";
}

std::string yes_no(bool value) {
    return value ? "true" : "false";
}

// What a lossless profile does not use is shown as "none".
template <typename T>
std::string used(const Profile& profile, const T& value) {
    return profile.lossy ? fmt::format("{}", value) : std::string("none");
}

std::string profiles_list() {
    return ".Bl -column \"jpeg_progressive\" \"lossless\" \"balanced\" \"compact\" -offset indent\n"
           ".It Sy value Ta Sy lossless Ta Sy balanced Ta Sy compact\n" +
           profile_row("jpeg_progressive", [](const Profile& p) { return yes_no(p.jpeg_progressive); }) +
           profile_row("jpeg_quality_max", [](const Profile& p) { return used(p, p.jpeg_quality_max); }) +
           profile_row("jpeg_quality_min", [](const Profile& p) { return used(p, p.jpeg_quality_min); }) +
           profile_row("score_min", [](const Profile& p) { return used(p, p.score_min); }) +
           profile_row("score_min_text", [](const Profile& p) { return used(p, p.score_min_text); }) +
           profile_row("max_side_px", [](const Profile& p) { return used(p, p.max_side_px); }) +
           profile_row("document_ppi", [](const Profile& p) { return used(p, p.document_ppi); }) +
           profile_row("png_quantize", [](const Profile& p) { return used(p, p.png_quantize); }) +
           profile_row("png_quality_min", [](const Profile& p) { return used(p, p.png_quality_min); }) +
           profile_row(
               "convert",
               [](const Profile& p) { return std::string(p.convert_formats == 0 ? "none" : "bmp"); }) +
           profile_row("keep_gps", [](const Profile& p) { return used(p, p.keep_gps); }) + ".El\n";
}

}  // namespace

}  // namespace optimilter

int main(int argc, char** argv) {
    std::ifstream page(argc == 2 ? argv[1] : "");
    if (!page) {
        std::fputs("usage: settings_page TEMPLATE >PAGE\n", stderr);
        return 2;
    }
    for (std::string line; std::getline(page, line);) {
        if (line == "@SETTINGS@") {
            std::cout << optimilter::settings_list();
        } else if (line == "@PROFILES@") {
            std::cout << optimilter::profiles_list();
        } else {
            std::cout << line << '\n';
        }
    }
    return std::cout.flush() ? 0 : 1;
}
