// SPDX-License-Identifier: Apache-2.0
#include "policy/setting_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>

#include "base/text.hpp"
#include "policy/quantities.hpp"
#include "policy/setting_text.hpp"

namespace optimilter {

namespace {

template <typename T>
struct Word {
    std::string_view text;
    T value;
};

constexpr Word<ProfileName> kProfiles[] = {{"lossless", ProfileName::kLossless},
                                           {"balanced", ProfileName::kBalanced},
                                           {"compact", ProfileName::kCompact}};
constexpr Word<LogLevel> kLogLevels[] = {{"debug", LogLevel::kDebug},
                                         {"info", LogLevel::kInfo},
                                         {"warning", LogLevel::kWarning},
                                         {"error", LogLevel::kError}};
constexpr Word<LogTarget> kLogTargets[] = {{"syslog", LogTarget::kSyslog}, {"stderr", LogTarget::kStderr}};
constexpr Word<OptTrust> kOptTrusts[] = {{"nobody", OptTrust::kNobody},
                                         {"authenticated", OptTrust::kAuthenticated},
                                         {"outbound", OptTrust::kOutbound},
                                         {"everybody", OptTrust::kEverybody}};
// The formats with a row in optimizers/registry.cpp, which links decoders and cannot be asked here; a unit
// test holds the two together.
constexpr Word<Format> kFormats[] = {
    {"jpeg", Format::kJpeg}, {"png", Format::kPng},          {"gif", Format::kGif},
    {"tiff", Format::kTiff}, {"webp", Format::kWebp},        {"bmp", Format::kBmp},
    {"tga", Format::kTga},   {"pcx", Format::kPcx},          {"sgi", Format::kSgi},
    {"pnm", Format::kPnm},   {"sunras", Format::kSunRaster}, {"ooxml", Format::kOoxml},
    {"odf", Format::kOdf},   {"epub", Format::kEpub},        {"ole", Format::kOle},
    {"pdf", Format::kPdf},   {"zip", Format::kZip},          {"7z", Format::kSevenZip},
    {"tar", Format::kTar},   {"gzip", Format::kGzip},        {"bzip2", Format::kBzip2},
    {"xz", Format::kXz},     {"zstd", Format::kZstd}};

constexpr std::size_t kMostQueues = 16;

constexpr Word<Format> kConvertible[] = {{"bmp", Format::kBmp}, {"tga", Format::kTga},
                                         {"pcx", Format::kPcx}, {"sgi", Format::kSgi},
                                         {"pnm", Format::kPnm}, {"sunras", Format::kSunRaster}};

Error malformed(std::string text) {
    return {ErrorCode::kMalformed, std::move(text)};
}

std::string_view node_word(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table:
            return "a table";
        case toml::node_type::array:
            return "a list";
        case toml::node_type::string:
            return "text";
        case toml::node_type::integer:
            return "a whole number";
        case toml::node_type::floating_point:
            return "a number with a fraction";
        case toml::node_type::boolean:
            return "true or false";
        default:
            return "a date or time";
    }
}

Error wrong_kind(const toml::node& node, std::string_view wanted) {
    return malformed(fmt::format("want {}, not {}", wanted, node_word(node)));
}

template <typename T>
std::string words_line(std::span<const Word<T>> words) {
    std::string line;
    for (const Word<T>& word : words) line += fmt::format("{}{}", line.empty() ? "" : ", ", word.text);
    return line;
}

template <typename T>
Result<T> find_word(const toml::node& node, std::span<const Word<T>> words) {
    const auto* text = node.as_string();
    if (text == nullptr) return wrong_kind(node, fmt::format("one of {}", words_line(words)));
    std::vector<std::string_view> names;
    for (const Word<T>& word : words) {
        if (text->get() == word.text) return word.value;
        names.push_back(word.text);
    }
    const std::string_view nearest = nearest_name(text->get(), names.data(), names.size());
    const std::string question = nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest);
    return malformed(
        fmt::format("\"{}\" is none of {}{}", printable(text->get(), 40), words_line(words), question));
}

template <typename T>
Status read_word(const toml::node& node, std::span<const Word<T>> words, T& value) {
    const auto found = find_word(node, words);
    if (!found) return found.error();
    value = *found;
    return Success{};
}

template <typename T>
std::string print_word(T value, std::span<const Word<T>> words) {
    const auto row = std::find_if(words.begin(), words.end(),
                                  [value](const Word<T>& word) { return word.value == value; });
    return row == words.end() ? std::string("\"\"") : fmt::format("\"{}\"", row->text);
}

// Every element must pass; the first that does not is reported with its place.
template <typename Read>
Status for_each_element(const toml::node& node, std::string_view wanted, Read&& read) {
    const auto* list = node.as_array();
    if (list == nullptr) return wrong_kind(node, wanted);
    for (std::size_t i = 0; i < list->size(); ++i) {
        const Status status = read(*list->get(i));
        if (!status) return malformed(fmt::format("element {}: {}", i + 1, status.error().text));
    }
    return Success{};
}

template <typename Set>
Status read_formats(const toml::node& node, std::span<const Word<Format>> words, Set& value) {
    Set read;
    const Status status =
        for_each_element(node, "a list of formats", [&](const toml::node& element) -> Status {
            const auto format = find_word<Format>(element, words);
            if (!format) return format.error();
            read.add(*format);
            return Success{};
        });
    if (status) value = read;
    return status;
}

std::string print_list(const std::vector<std::string>& quoted) {
    std::string line = "[";
    for (const std::string& element : quoted) line += (line.size() == 1 ? "" : ", ") + element;
    return line + "]";
}

std::string quote(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            quoted += '\\';
            quoted += c;
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            quoted += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
        } else {
            quoted += c;
        }
    }
    return quoted + "\"";
}

template <typename Set>
std::string print_formats(const Set& set, std::span<const Word<Format>> words) {
    std::vector<std::string> quoted;
    for (const Word<Format>& row : words) {
        if (set.has(row.value)) quoted.push_back(quote(row.text));
    }
    return print_list(quoted);
}

Result<std::int64_t> parse_octal(std::string_view text) {
    unsigned mode = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
    if (status != std::errc() || end != text.data() + text.size()) return malformed("want octal digits");
    return static_cast<std::int64_t>(mode);
}

// The number before its bounds are checked.
Result<std::int64_t> number_of(const toml::node& node, SettingForm form) {
    const auto* text = node.as_string();
    const auto* number = node.as_integer();
    if (form == SettingForm::kOctal) {
        return text != nullptr ? parse_octal(text->get()) : wrong_kind(node, describe_form(form));
    }
    if (number != nullptr) return number->get();
    if (text != nullptr && form == SettingForm::kSize) return parse_size(text->get());
    if (text != nullptr && form == SettingForm::kTime) return parse_time(text->get());
    return wrong_kind(node, describe_form(form));
}

Error out_of_range(std::string_view value, const std::string& minimum, const std::string& maximum) {
    return {ErrorCode::kLimit, fmt::format("{} is out of range, {} to {}", value, minimum, maximum)};
}

}  // namespace

Result<std::int64_t> read_number(const toml::node& node, const SettingBounds& bounds) {
    const auto number = number_of(node, bounds.form);
    if (!number) return number;
    const auto minimum = static_cast<std::int64_t>(bounds.minimum);
    const auto maximum = static_cast<std::int64_t>(bounds.maximum);
    if (*number >= minimum && *number <= maximum) return number;
    return out_of_range(print_number(*number, bounds), print_number(minimum, bounds),
                        print_number(maximum, bounds));
}

Status read_setting(const toml::node& node, const SettingBounds&, bool& value) {
    const auto* boolean = node.as_boolean();
    if (boolean == nullptr) return wrong_kind(node, "true or false");
    value = boolean->get();
    return Success{};
}

Status read_setting(const toml::node& node, const SettingBounds& bounds, double& value) {
    const auto* fraction = node.as_floating_point();
    const auto* whole = node.as_integer();
    if (fraction == nullptr && whole == nullptr) return wrong_kind(node, "a number");
    const double number = fraction != nullptr ? fraction->get() : static_cast<double>(whole->get());
    // Also refuses not-a-number, which compares false with everything.
    if (!(number >= bounds.minimum && number <= bounds.maximum)) {
        return out_of_range(fmt::format("{}", number), print_setting(bounds.minimum, bounds),
                            print_setting(bounds.maximum, bounds));
    }
    value = number;
    return Success{};
}

Status read_setting(const toml::node& node, const SettingBounds& bounds, std::string& value) {
    const auto* text = node.as_string();
    if (text == nullptr) return wrong_kind(node, "text in quotes");
    const std::string problem = check_text(text->get(), bounds.form);
    if (!problem.empty()) return malformed(fmt::format("\"{}\": {}", printable(text->get(), 120), problem));
    value = text->get();
    return Success{};
}

Status read_setting(const toml::node& node, const SettingBounds&, ProfileName& value) {
    return read_word<ProfileName>(node, kProfiles, value);
}

Status read_setting(const toml::node& node, const SettingBounds&, LogLevel& value) {
    return read_word<LogLevel>(node, kLogLevels, value);
}

Status read_setting(const toml::node& node, const SettingBounds&, LogTarget& value) {
    return read_word<LogTarget>(node, kLogTargets, value);
}

Status read_setting(const toml::node& node, const SettingBounds&, OptTrust& value) {
    return read_word<OptTrust>(node, kOptTrusts, value);
}

Status read_setting(const toml::node& node, const SettingBounds&, FormatSet& value) {
    return read_formats(node, kFormats, value);
}

Status read_setting(const toml::node& node, const SettingBounds&, ConvertSet& value) {
    return read_formats(node, kConvertible, value);
}

Status read_setting(const toml::node& node, const SettingBounds&, std::vector<Network>& value) {
    std::vector<Network> read;
    const Status status =
        for_each_element(node, "a list of networks", [&](const toml::node& element) -> Status {
            const auto* text = element.as_string();
            if (text == nullptr) return wrong_kind(element, "a network in quotes");
            const auto network = parse_network(text->get());
            if (!network) return network.error();
            read.push_back(*network);
            return Success{};
        });
    if (status) value = std::move(read);
    return status;
}

Status read_setting(const toml::node& node, const SettingBounds& bounds, std::vector<std::string>& value) {
    const SettingForm each = bounds.form == SettingForm::kPaths    ? SettingForm::kPath
                             : bounds.form == SettingForm::kQueues ? SettingForm::kQueues
                                                                   : SettingForm::kAddress;
    std::vector<std::string> read;
    const Status status =
        for_each_element(node, describe_form(bounds.form), [&](const toml::node& element) -> Status {
            std::string text;
            const Status one = read_setting(element, {each, 0, 0}, text);
            if (one && text.empty()) return malformed("is empty");
            read.push_back(std::move(text));
            return one;
        });
    if (status && bounds.form == SettingForm::kQueues && read.size() > kMostQueues)
        return Error{ErrorCode::kLimit, fmt::format("at most {} queue directories", kMostQueues)};
    if (status) value = std::move(read);
    return status;
}

std::string print_number(std::int64_t value, const SettingBounds& bounds) {
    std::string text = fmt::format("{}", value);
    if (bounds.form == SettingForm::kOctal) return fmt::format("\"{:04o}\"", value);
    if (bounds.form == SettingForm::kSize) text = print_size(value);
    if (bounds.form == SettingForm::kTime) text = print_time(value);
    const bool digits = text.find_first_not_of("-0123456789") == std::string::npos;
    return digits ? text : quote(text);
}

std::string print_setting(bool value, const SettingBounds&) {
    return value ? "true" : "false";
}

std::string print_setting(double value, const SettingBounds&) {
    std::string text = fmt::format("{}", value);
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string print_setting(const std::string& value, const SettingBounds&) {
    return quote(value);
}

std::string print_setting(ProfileName value, const SettingBounds&) {
    return print_word<ProfileName>(value, kProfiles);
}

std::string print_setting(LogLevel value, const SettingBounds&) {
    return print_word<LogLevel>(value, kLogLevels);
}

std::string print_setting(LogTarget value, const SettingBounds&) {
    return print_word<LogTarget>(value, kLogTargets);
}

std::string print_setting(OptTrust value, const SettingBounds&) {
    return print_word<OptTrust>(value, kOptTrusts);
}

std::string print_setting(const FormatSet& value, const SettingBounds&) {
    return print_formats(value, kFormats);
}

std::string print_setting(const ConvertSet& value, const SettingBounds&) {
    return print_formats(value, kConvertible);
}

std::string print_setting(const std::vector<Network>& value, const SettingBounds&) {
    std::vector<std::string> words;
    for (const Network& network : value) words.push_back(quote(print_network(network)));
    return print_list(words);
}

std::string print_setting(const std::vector<std::string>& value, const SettingBounds&) {
    std::vector<std::string> words;
    for (const std::string& text : value) words.push_back(quote(text));
    return print_list(words);
}

std::string describe_form(SettingForm form) {
    switch (form) {
        case SettingForm::kSwitch:
            return "true or false";
        case SettingForm::kNumber:
            return "a whole number";
        case SettingForm::kDecimal:
            return "a number";
        case SettingForm::kSize:
            return "a size";
        case SettingForm::kTime:
            return "a time";
        case SettingForm::kOctal:
            return "octal digits in quotes";
        case SettingForm::kWord:
            return "a word";
        case SettingForm::kWordList:
            return "a list";
        case SettingForm::kNetworks:
            return "a list of networks";
        case SettingForm::kSocket:
            return "a socket";
        case SettingForm::kName:
            return "a name";
        case SettingForm::kPath:
            return "an absolute path";
        case SettingForm::kAddress:
            return "a mail address";
        case SettingForm::kAddresses:
            return "a list of mail addresses";
        case SettingForm::kFieldName:
            return "a header field";
        case SettingForm::kMailWay:
            return "a way to send";
        case SettingForm::kQueues:
            return "a list of queue directories";
        case SettingForm::kPaths:
            return "a list of absolute paths";
        case SettingForm::kUrl:
            return "an http or https URL";
    }
    return {};
}

std::string describe_words(ProfileName) {
    return "one of " + words_line<ProfileName>(kProfiles);
}

std::string describe_words(LogLevel) {
    return "one of " + words_line<LogLevel>(kLogLevels);
}

std::string describe_words(LogTarget) {
    return "one of " + words_line<LogTarget>(kLogTargets);
}

std::string describe_words(OptTrust) {
    return "one of " + words_line<OptTrust>(kOptTrusts);
}

std::string describe_words(const FormatSet&) {
    return "a list of " + words_line<Format>(kFormats);
}

std::string describe_words(const ConvertSet&) {
    return "a list of " + words_line<Format>(kConvertible);
}

FormatSet FormatSet::all() {
    FormatSet formats;
    for (const Word<Format>& row : kFormats) formats.add(row.value);
    return formats;
}

}  // namespace optimilter
