// SPDX-License-Identifier: Apache-2.0
#include "policy/list_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "policy/mail_address.hpp"
#include "policy/toml_file.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kLargestList = 16 << 20;
constexpr std::size_t kMostRows = 1000;
constexpr std::size_t kMostProblems = 20;
constexpr std::string_view kBlanks = " \t\r";

constexpr std::pair<std::string_view, ListKind> kKinds[] = {
    {"texthash:", ListKind::kTexthash}, {"regexp:", ListKind::kRegexp}, {"cidr:", ListKind::kCidr}};

// Takes the first word off text.
std::string_view take_word(std::string_view& text) {
    const std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
    const std::string_view word = text.substr(0, end);
    text = trim(text.substr(end));
    return word;
}

bool is_dunno(std::string_view rest) {
    return iequals(take_word(rest), "DUNNO");
}

}  // namespace

// Reads one file; a problem is told with its line, and the rest is read on for more of them.
class ListReader {
  public:
    ListReader(ListKind kind, const std::string& name) : findings_(printable(name)) { list_.kind_ = kind; }

    LoadedList read(std::string_view text) {
        std::uint32_t number = 0;
        while (!text.empty() && problems_ < kMostProblems) {
            const std::size_t end = std::min(text.find('\n'), text.size());
            ++number;
            physical_line(number, text.substr(0, end));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        logical_line();
        for (const OpenIf& open : open_ifs_) problem(open.line, "\"if\" without \"endif\"");
        if (!findings_.empty()) return {nullptr, findings_.in_file_order()};
        return {std::make_shared<const ListFile>(std::move(list_)), {}};
    }

  private:
    struct OpenIf {
        std::size_t row;
        std::uint32_t line;
    };

    void problem(std::uint32_t line, std::string_view text) {
        if (problems_++ < kMostProblems) findings_.add(line, text);
    }

    // A line that begins with a blank goes on the one before (postconf(5)); comments and empty lines between
    // the two do not matter.
    void physical_line(std::uint32_t number, std::string_view line) {
        const std::string_view content = trim(line);
        if (content.empty() || content.starts_with('#')) return;
        if (kBlanks.find(line.front()) != std::string_view::npos && !pending_.empty()) {
            pending_ += ' ';
            pending_ += content;
            return;
        }
        logical_line();
        pending_ = content;
        pending_line_ = number;
    }

    void logical_line() {
        const std::string line = std::exchange(pending_, {});
        if (line.empty()) return;
        if (list_.kind_ == ListKind::kTexthash) return key_line(line);
        if (list_.rows_.size() >= kMostRows)
            return problem(pending_line_, fmt::format("more than {} lines", kMostRows));
        pattern_line(line);
    }

    // The first of two equal keys counts, as in Postfix.
    void key_line(std::string_view line) {
        const std::string key = to_lower(take_word(line));
        list_.keys_.emplace(key, !is_dunno(line));
    }

    void pattern_line(std::string_view line) {
        std::string_view rest = line;
        const std::string_view word = take_word(rest);
        if (iequals(word, "endif")) return end_if();
        const bool condition = iequals(word, "if");
        ListFile::Row row{Network{}, false, true, 0};
        if (const Status status = read_pattern(condition ? rest : line, row, rest); !status)
            return problem(pending_line_, status.error().text);
        row.in_list = !is_dunno(rest);
        if (condition) open_ifs_.push_back({list_.rows_.size(), pending_line_});
        list_.rows_.push_back(std::move(row));
    }

    void end_if() {
        if (open_ifs_.empty()) return problem(pending_line_, "\"endif\" without \"if\"");
        list_.rows_[open_ifs_.back().row].else_row = list_.rows_.size();
        open_ifs_.pop_back();
    }

    // "!" and the pattern; rest: what follows it.
    Status read_pattern(std::string_view text, ListFile::Row& row, std::string_view& rest) {
        while (text.starts_with('!')) {
            row.negated = !row.negated;
            text = trim(text.substr(1));
        }
        rest = text;
        if (list_.kind_ == ListKind::kRegexp) return read_regexp(row, rest);
        const auto network = parse_network(take_word(rest));
        if (!network) return network.error();
        row.pattern = *network;
        return Success{};
    }

    // /pattern/flags; any other character may stand for the slash. Flags of regexp_table(5): letter case does
    // not matter unless "i" is there; "m" and "x" are what RE2 does anyway.
    Status read_regexp(ListFile::Row& row, std::string_view& rest) {
        if (rest.empty()) return Error{ErrorCode::kMalformed, "a pattern is missing"};
        const char delimiter = rest.front();
        std::string pattern;
        std::size_t i = 1;
        for (; i < rest.size() && rest[i] != delimiter; ++i) {
            const bool escaped = rest[i] == '\\' && i + 1 < rest.size();
            if (escaped && rest[i + 1] != delimiter) pattern += rest[i];
            if (escaped) ++i;
            pattern += rest[i];
        }
        if (i == rest.size()) {
            return Error{ErrorCode::kMalformed,
                         fmt::format("want /pattern/, and find no end of it: {}", printable(rest, 60))};
        }
        rest.remove_prefix(i + 1);
        bool ignore_case = true;
        for (const char flag : take_word(rest)) {
            if (flag == 'i') ignore_case = !ignore_case;
            if (flag != 'i' && flag != 'm' && flag != 'x')
                return Error{ErrorCode::kMalformed,
                             fmt::format("unknown flag \"{}\"", printable({&flag, 1}))};
        }
        auto regex = Regex::compile(pattern, ignore_case);
        if (!regex) return regex.error();
        row.pattern = std::move(*regex);
        return Success{};
    }

    ListFile list_;
    Findings findings_;
    std::string pending_;
    std::uint32_t pending_line_ = 0;
    std::vector<OpenIf> open_ifs_;
    std::size_t problems_ = 0;
};

template <typename Fits>
bool ListFile::first_row(Fits&& fits) const {
    for (std::size_t i = 0; i < rows_.size();) {
        const Row& row = rows_[i];
        const bool holds = fits(row.pattern) != row.negated;
        if (row.else_row == 0 && holds) return row.in_list;
        i = row.else_row != 0 && !holds ? row.else_row : i + 1;
    }
    return false;
}

bool ListFile::holds_address(const std::string& plain) const {
    if (kind_ != ListKind::kTexthash) return holds_word(plain.empty() ? "<>" : plain);
    for (const std::string& key : address_keys(plain)) {
        const auto found = keys_.find(key);
        if (found != keys_.end()) return found->second;
    }
    return false;
}

bool ListFile::holds_word(const std::string& word) const {
    if (kind_ == ListKind::kTexthash) {
        const auto found = keys_.find(word);
        return found != keys_.end() && found->second;
    }
    if (kind_ == ListKind::kCidr) return false;
    return first_row([&](const auto& pattern) { return std::get<Regex>(pattern).found_in(word); });
}

bool ListFile::holds_client(const IpAddress& address) const {
    if (kind_ != ListKind::kCidr) return false;
    return first_row(
        [&](const auto& pattern) { return network_contains(std::get<Network>(pattern), address); });
}

bool names_list_file(std::string_view text) {
    const std::size_t letters = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz");
    return letters != 0 && letters != std::string_view::npos && text.substr(letters).starts_with(":/");
}

Result<ListPlace> parse_list_place(std::string_view text) {
    for (const auto& [prefix, kind] : kKinds) {
        if (text.starts_with(prefix) && text.substr(prefix.size()).starts_with('/'))
            return ListPlace{kind, std::string(text.substr(prefix.size()))};
    }
    const std::string_view kind = text.substr(0, text.find(':'));
    const bool regular = kind == "pcre";
    const bool database =
        kind == "hash" || kind == "btree" || kind == "lmdb" || kind == "cdb" || kind == "dbm";
    std::string hint = "want texthash:/path, regexp:/path or cidr:/path";
    if (regular) hint = "lists of expressions are read as regexp:/path";
    if (database) hint = "give the text file that the database is made from, as texthash:/path";
    return Error{ErrorCode::kUnsupported, fmt::format("\"{}\": {}", printable(text, 120), hint)};
}

LoadedList parse_list(ListKind kind, std::string_view text, const std::string& name) {
    return ListReader(kind, name).read(text);
}

LoadedList load_list(const ListPlace& place) {
    const auto text = read_whole_file(place.path, kLargestList);
    if (!text) return {nullptr, {{fmt::format("{}: {}", printable(place.path), text.error().text)}}};
    return parse_list(place.kind, *text, place.path);
}

}  // namespace optimilter
