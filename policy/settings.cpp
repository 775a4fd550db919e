// SPDX-License-Identifier: Apache-2.0
#include "policy/settings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "policy/decide.hpp"
#include "policy/setting_values.hpp"
#include "policy/settings_table.hpp"
#include "policy/toml_file.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kLongestKeyShown = 60;

// One row of settings.def, with what the compiler can make of it.
struct Row {
    std::string_view name;
    SettingBounds bounds;
    bool reloadable;
    std::string_view help;
    Status (*read)(const toml::node&, const SettingBounds&, Settings&);
    std::string (*print)(const Settings&, const SettingBounds&);  // empty: left to the profile
    bool (*same)(const Settings&, const Settings&);
    std::string (*words)();
};

constexpr Row kRows[] = {
#define OPTIMILTER_SETTING(name, type, default_value, minimum, maximum, form, reloadable, help) \
    {#name,                                                                                     \
     {SettingForm::form, static_cast<double>(minimum), static_cast<double>(maximum)},           \
     reloadable,                                                                                \
     help,                                                                                      \
     [](const toml::node& node, const SettingBounds& bounds, Settings& settings) {              \
         return read_setting(node, bounds, settings.name);                                      \
     },                                                                                         \
     [](const Settings& settings, const SettingBounds& bounds) {                                \
         return print_setting(settings.name, bounds);                                           \
     },                                                                                         \
     [](const Settings& a, const Settings& b) { return a.name == b.name; },                     \
     [] { return describe_words(Settings().name); }},
#include "policy/settings.def"
#undef OPTIMILTER_SETTING
};

const Row* find_row(std::string_view name) {
    const auto row =
        std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.name == name; });
    return row == std::end(kRows) ? nullptr : row;
}

std::string unknown_key(std::string_view key, bool table) {
    std::vector<std::string_view> names;
    for (const Row& row : kRows) names.push_back(row.name);
    const std::string_view nearest = nearest_name(key, names.data(), names.size());
    std::string text = fmt::format("unknown setting \"{}\"", printable(key, kLongestKeyShown));
    if (!nearest.empty())
        text += fmt::format("; did you mean \"{}\"?", nearest);
    else if (table)
        text += "; settings stand at the top of the file, not in tables";
    return text;
}

void read_table(const toml::table& table, Settings& settings, Findings& findings) {
    for (auto&& [key, node] : table) {
        const auto line = static_cast<std::uint32_t>(key.source().begin.line);
        const std::string_view name = key.str();
        findings.set_line(name, line);
        const Row* row = find_row(name);
        if (row == nullptr) {
            findings.add(line, unknown_key(name, node.is_table() || node.is_array_of_tables()));
            continue;
        }
        const Status status = row->read(node, row->bounds, settings);
        if (!status) findings.add(line, fmt::format("{}: {}", row->name, status.error().text));
    }
}

// The line is that of whichever of the two stands later in the file.
void check_together(const Settings& settings, Findings& findings) {
    for (const Contradiction& found : contradictions(settings))
        findings.add(std::max(findings.line_of(found.first), findings.line_of(found.second)), found.text);
}

std::string range_of(const Row& row) {
    if (row.bounds.minimum == row.bounds.maximum) return {};
    const auto shown = [&](double bound) {
        std::string text = row.bounds.form == SettingForm::kDecimal
                               ? print_setting(bound, row.bounds)
                               : print_number(static_cast<std::int64_t>(bound), row.bounds);
        std::erase(text, '"');
        return text;
    };
    return fmt::format("{} to {}", shown(row.bounds.minimum), shown(row.bounds.maximum));
}

}  // namespace

Status read_named_setting(std::string_view name, const toml::node& node, Settings& settings) {
    const Row* row = find_row(name);
    if (row == nullptr) return Error{ErrorCode::kUnsupported, unknown_key(name, false)};
    return row->read(node, row->bounds, settings);
}

std::string print_named_setting(std::string_view name, const Settings& settings) {
    const Row* row = find_row(name);
    return row == nullptr ? std::string() : row->print(settings, row->bounds);
}

std::vector<Contradiction> contradictions(const Settings& settings) {
    std::vector<Contradiction> found;
    if (settings.min_size > settings.max_size) {
        found.push_back({"min_size", "max_size", "min_size is above max_size: no attachment would qualify"});
    }
    const Options options = profile_options(settings);
    if (options.lossy && options.jpeg_quality_min > options.jpeg_quality_max) {
        found.push_back({"jpeg_quality_min", "jpeg_quality_max",
                         fmt::format("jpeg_quality_min {} is above jpeg_quality_max {} (profile {})",
                                     options.jpeg_quality_min, options.jpeg_quality_max,
                                     profile_name(settings.profile))});
    }
    return found;
}

std::vector<Network> default_internal_networks() {
    const IpAddress loopback4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127};
    const IpAddress loopback6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return {{loopback4, 104}, {loopback6, 128}};
}

LoadedSettings parse_settings(std::string_view toml, const std::string& name) {
    LoadedSettings loaded;
    Findings findings(printable(name));
    if (const auto table = parse_toml(toml, name, findings)) {
        read_table(*table, loaded.settings, findings);
        check_together(loaded.settings, findings);
    }
    loaded.problems = findings.in_file_order();
    return loaded;
}

LoadedSettings load_settings(const std::string& path) {
    const auto text = read_whole_file(path, kLargestTomlFile);
    if (text) return parse_settings(*text, path);
    return {{}, {{fmt::format("{}: {}", printable(path), text.error().text)}}};
}

Settings with_profile(Settings settings) {
    const Options options = profile_options(settings);
    settings.jpeg_progressive = options.jpeg_progressive;
    settings.jpeg_quality_max = options.jpeg_quality_max;
    settings.jpeg_quality_min = options.jpeg_quality_min;
    settings.score_min = options.score_min / 10000.0;
    settings.score_min_text = options.score_min_text / 10000.0;
    settings.max_side_px = options.max_side_px;
    settings.png_quantize = options.png_quantize;
    settings.png_quality_min = options.png_quality_min;
    settings.keep_gps = options.keep_gps;
    settings.document_ppi = options.document_ppi;
    settings.convert = ConvertSet{options.convert_formats};
    return settings;
}

std::string print_settings(const Settings& settings, bool only_changed) {
    const Settings defaults;
    const Settings complete = with_profile(settings);
    std::string text;
    for (const Row& row : kRows) {
        if (only_changed && row.same(settings, defaults)) continue;
        const std::string value = row.print(settings, row.bounds);
        if (!value.empty()) {
            text += fmt::format("{} = {}\n", row.name, value);
        } else if (!only_changed) {
            text += fmt::format("# {} = {} (profile {})\n", row.name, row.print(complete, row.bounds),
                                profile_name(settings.profile));
        }
    }
    return text;
}

std::vector<std::string_view> changes_needing_restart(const Settings& running, const Settings& fresh) {
    std::vector<std::string_view> names;
    for (const Row& row : kRows) {
        if (!row.reloadable && !row.same(running, fresh)) names.push_back(row.name);
    }
    return names;
}

std::vector<SettingText> describe_settings() {
    const Settings defaults;
    std::vector<SettingText> texts;
    for (const Row& row : kRows) {
        const std::string words = row.words();
        texts.push_back({row.name, words.empty() ? describe_form(row.bounds.form) : words,
                         row.print(defaults, row.bounds), range_of(row), row.reloadable, row.help});
    }
    return texts;
}

}  // namespace optimilter
