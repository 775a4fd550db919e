// SPDX-License-Identifier: Apache-2.0
#include "policy/settings.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "policy/decide.hpp"
#include "policy/setting_values.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kLargestFile = 1 << 20;
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

// The problems of one file and the lines its keys stand on.
class Findings {
  public:
    explicit Findings(std::string file) : file_(std::move(file)) {}

    void set_line(std::string_view key, std::uint32_t line) { lines_[std::string(key)] = line; }
    // 0 when the file does not name the key.
    std::uint32_t line_of(std::string_view key) const {
        const auto found = lines_.find(key);
        return found == lines_.end() ? 0 : found->second;
    }
    // line 0: the file as a whole.
    void add(std::uint32_t line, std::string_view text) {
        const std::string place = line == 0 ? file_ : fmt::format("{}:{}", file_, line);
        found_.emplace_back(line, fmt::format("{}: {}", place, text));
    }
    std::vector<SettingsProblem> in_file_order() {
        std::stable_sort(found_.begin(), found_.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
        std::vector<SettingsProblem> problems;
        for (auto& [line, text] : found_) problems.push_back({std::move(text)});
        return problems;
    }

  private:
    std::string file_;
    std::map<std::string, std::uint32_t, std::less<>> lines_;
    std::vector<std::pair<std::uint32_t, std::string>> found_;
};

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
        const auto row =
            std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.name == name; });
        if (row == std::end(kRows)) {
            findings.add(line, unknown_key(name, node.is_table() || node.is_array_of_tables()));
            continue;
        }
        const Status status = row->read(node, row->bounds, settings);
        if (!status) findings.add(line, fmt::format("{}: {}", row->name, status.error().text));
    }
}

// What no single row can tell. The line is that of whichever of the two stands later in the file.
void check_together(const Settings& settings, Findings& findings) {
    const auto line_of = [&](std::string_view a, std::string_view b) {
        return std::max(findings.line_of(a), findings.line_of(b));
    };
    if (settings.min_size > settings.max_size)
        findings.add(line_of("min_size", "max_size"),
                     "min_size is above max_size: no attachment would qualify");
    const Options options = profile_options(settings);
    if (options.lossy && options.jpeg_quality_min > options.jpeg_quality_max) {
        findings.add(
            line_of("jpeg_quality_min", "jpeg_quality_max"),
            fmt::format("jpeg_quality_min {} is above jpeg_quality_max {} (profile {})",
                        options.jpeg_quality_min, options.jpeg_quality_max, profile_name(settings.profile)));
    }
}

// A name such as a.a.a makes a table within a table for each dot, and toml++ takes them down by recursion,
// which 20000 dots bring to the end of the stack. Returns the first line with too many outside of text, or 0.
std::uint32_t line_of_deep_name(std::string_view toml) {
    constexpr int kMostDots = 64;
    std::uint32_t line = 1;
    int dots = 0;
    char quote = 0;
    for (std::size_t i = 0; i < toml.size(); ++i) {
        const char c = toml[i];
        if (c == '\n') {
            ++line;
            dots = 0;
            quote = 0;
        } else if (quote != 0) {
            if (c == quote) quote = 0;
            if (c == '\\' && quote == '"' && !toml.substr(i + 1).starts_with('\n')) ++i;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '#') {
            i = std::min(toml.find('\n', i), toml.size()) - 1;
        } else if (c == '.' && ++dots > kMostDots) {
            return line;
        }
    }
    return 0;
}

Result<std::string> read_whole_file(const std::string& path) {
    const auto failed = [] { return Error{ErrorCode::kIo, std::strerror(errno)}; };
    // Non-blocking, so that a FIFO cannot hold a reload up.
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) return failed();
    std::string text;
    char chunk[16384];
    for (;;) {
        const ssize_t got = ::read(file.get(), chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed();
        if (got == 0) return text;
        text.append(chunk, static_cast<std::size_t>(got));
        if (text.size() > kLargestFile) return Error{ErrorCode::kLimit, "larger than 1 MiB"};
    }
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

// The settings with what the profile says filled in, for the comments of print_settings().
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

}  // namespace

std::vector<Network> default_internal_networks() {
    const IpAddress loopback4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127};
    const IpAddress loopback6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return {{loopback4, 104}, {loopback6, 128}};
}

LoadedSettings parse_settings(std::string_view toml, const std::string& name) {
    LoadedSettings loaded;
    Findings findings(printable(name));
    if (const std::uint32_t line = line_of_deep_name(toml); line != 0) {
        findings.add(line, "a name with too many dots");
        loaded.problems = findings.in_file_order();
        return loaded;
    }
    try {
        read_table(toml::parse(toml, std::string_view(name)), loaded.settings, findings);
        check_together(loaded.settings, findings);
    } catch (const toml::parse_error& error) {
        findings.add(static_cast<std::uint32_t>(error.source().begin.line), printable(error.description()));
    } catch (const std::exception& error) {
        findings.add(0, printable(error.what()));
    }
    loaded.problems = findings.in_file_order();
    return loaded;
}

LoadedSettings load_settings(const std::string& path) {
    const auto text = read_whole_file(path);
    if (text) return parse_settings(*text, path);
    return {{}, {{fmt::format("{}: {}", printable(path), text.error().text)}}};
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
