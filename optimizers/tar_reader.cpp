// SPDX-License-Identifier: Apache-2.0
#include "optimizers/tar_reader.hpp"

#include <algorithm>
#include <optional>

namespace optimilter {

namespace {

constexpr ByteRange kName{0, 100};
constexpr std::size_t kType = 156;
constexpr ByteRange kPrefix{345, 500};
// More than any honest list of pax records or long name.
constexpr std::size_t kExtensionMax = 1u << 20;

Error malformed(const char* text) {
    return {ErrorCode::kMalformed, text};
}
Error unsupported(const char* text) {
    return {ErrorCode::kUnsupported, text};
}

bool is_octal(std::uint8_t c) {
    return c >= '0' && c <= '7';
}
bool ends_number(std::uint8_t c) {
    return c == ' ' || c == 0;
}

// Where the digits of an octal field are: after blanks, up to a blank or NUL, after which come no others.
std::optional<ByteRange> octal_digits(ByteView field) {
    std::size_t begin = 0;
    while (begin < field.size() && field[begin] == ' ') ++begin;
    std::size_t end = begin;
    while (end < field.size() && is_octal(field[end])) ++end;
    const bool clean =
        std::all_of(field.begin() + static_cast<std::ptrdiff_t>(end), field.end(), ends_number);
    if (begin == end || !clean) return std::nullopt;
    return ByteRange{begin, end};
}

std::optional<std::uint64_t> read_octal(ByteView field) {
    const auto digits = octal_digits(field);
    if (!digits) return std::nullopt;
    std::uint64_t value = 0;
    for (const std::uint8_t c : slice(field, *digits)) value = value * 8 + (c - std::uint64_t{'0'});
    return value;
}

// GNU's form for large numbers: the first bit set, then big-endian.
std::optional<std::uint64_t> read_base256(ByteView field) {
    std::uint64_t value = field[0] & 0x7Fu;
    for (const std::uint8_t byte : field.subspan(1)) {
        if (value >> 55 != 0) return std::nullopt;
        value = (value << 8) | byte;
    }
    return value;
}

bool is_zero(ByteView bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

std::string_view text_field(ByteView header, ByteRange range) {
    const std::string_view text = as_text(slice(header, range));
    return text.substr(0, text.find('\0'));
}

// What extension headers say of the entry that follows.
struct Extensions {
    std::optional<std::string> name;
    std::optional<std::uint64_t> size;
};

std::optional<std::uint64_t> read_decimal(std::string_view text) {
    constexpr std::size_t kDigitsMax = 18;
    if (text.empty() || text.size() > kDigitsMax) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
}

Status take_pax_record(std::string_view key, std::string_view value, bool global, Extensions& extensions) {
    if (key.substr(0, 10) == "GNU.sparse" || key == "SCHILY.realsize") return unsupported("sparse member");
    if (key.substr(0, 10) == "GNU.volume") return unsupported("one volume of several");
    if (global && (key == "size" || key == "path")) return unsupported("global size or path");
    if (key == "path") extensions.name = std::string(value);
    if (key == "size") {
        extensions.size = read_decimal(value);
        if (!extensions.size) return malformed("size record is no number");
    }
    return Success{};
}

// "length key=value\n", the length counting all of it (POSIX pax, extended header).
Status read_pax(std::string_view text, bool global, Extensions& extensions) {
    while (!text.empty()) {
        const std::size_t blank = text.find(' ');
        if (blank == std::string_view::npos) return malformed("extended header is broken");
        const auto length = read_decimal(text.substr(0, blank));
        if (!length || *length > text.size() || *length < blank + 3) {
            return malformed("extended header is broken");
        }
        const std::string_view record = text.substr(blank + 1, *length - blank - 1);
        const std::size_t equals = record.find('=');
        if (equals == std::string_view::npos || equals == 0 || record.back() != '\n') {
            return malformed("extended header is broken");
        }
        const std::string_view value = record.substr(equals + 1, record.size() - equals - 2);
        const Status taken = take_pax_record(record.substr(0, equals), value, global, extensions);
        if (!taken) return taken;
        text.remove_prefix(*length);
    }
    return Success{};
}

bool is_file_type(char type) {
    return type == '0' || type == '\0' || type == '7';
}
bool is_extension_type(char type) {
    return type == 'x' || type == 'g' || type == 'L' || type == 'K';
}
// Links, devices, folders, FIFOs: nothing follows their header.
bool is_bare_type(char type) {
    return type >= '1' && type <= '6';
}

class Walk {
  public:
    Walk(ByteView file, std::uint32_t max_entries) : file_(file), max_entries_(max_entries) {}

    Result<TarArchive> run();

  private:
    ByteView header() const { return file_.subspan(at_, kTarBlock); }
    Status take_header();
    Status take_extension(char type, ByteRange data);
    Status take_entry(char type, ByteRange data, bool octal_size);
    std::string name_of_header() const;
    Status take_trailer();

    ByteView file_;
    std::uint32_t max_entries_;
    std::size_t at_ = 0;
    std::optional<std::size_t> record_begin_;
    Extensions extensions_;
    TarArchive archive_;
};

std::string Walk::name_of_header() const {
    const std::string_view name = text_field(header(), kName);
    // Old GNU headers keep times where ustar has its prefix.
    const bool posix = as_text(header().subspan(257, 6)) == std::string_view("ustar\0", 6);
    const std::string_view prefix = posix ? text_field(header(), kPrefix) : std::string_view();
    return prefix.empty() ? std::string(name) : std::string(prefix) + "/" + std::string(name);
}

Status Walk::take_extension(char type, ByteRange data) {
    if (data.size() > kExtensionMax) return Error{ErrorCode::kLimit, "extension header is too long"};
    const std::string_view text = as_text(slice(file_, data));
    if (type == 'L') extensions_.name = std::string(text.substr(0, text.find('\0')));
    if (type == 'x' || type == 'g') return read_pax(text, type == 'g', extensions_);
    return Success{};
}

Status Walk::take_entry(char type, ByteRange data, bool octal_size) {
    if (archive_.entries.size() >= max_entries_) return Error{ErrorCode::kLimit, "too many entries"};
    TarEntry entry;
    entry.record_begin = record_begin_.value_or(at_);
    entry.header = at_;
    entry.data = data;
    entry.name = extensions_.name ? *extensions_.name : name_of_header();
    const bool folder = !entry.name.empty() && entry.name.back() == '/';
    entry.plain_file = is_file_type(type) && !folder && octal_size && !extensions_.size;
    archive_.entries.push_back(std::move(entry));
    extensions_ = {};
    record_begin_.reset();
    return Success{};
}

Status Walk::take_header() {
    const ByteView block = header();
    if (as_text(block.subspan(257, 5)) != "ustar") return unsupported("header of an old kind");
    if (read_octal(slice(block, kTarChecksumField)) != tar_checksum(block)) {
        return malformed("checksum of a header does not match");
    }
    const char type = static_cast<char>(block[kType]);
    const bool known = is_file_type(type) || is_extension_type(type) || is_bare_type(type);
    if (!known) return unsupported("sparse, of several volumes or of an unknown type");
    const ByteView field = slice(block, kTarSizeField);
    const bool base256 = (field[0] & 0x80u) != 0;
    std::optional<std::uint64_t> size = base256 ? read_base256(field) : read_octal(field);
    if (extensions_.size && !is_extension_type(type)) size = extensions_.size;
    const std::size_t begin = at_ + kTarBlock;
    if (!size || *size > file_.size() - begin) return malformed("size of a member is impossible");
    if (is_bare_type(type) && *size != 0) return unsupported("link or folder with content");
    const ByteRange data{begin, begin + static_cast<std::size_t>(*size)};
    const std::size_t end = begin + (data.size() + kTarBlock - 1) / kTarBlock * kTarBlock;
    if (end > file_.size()) return malformed("ends early");
    const bool extension = is_extension_type(type);
    const Status taken = extension ? take_extension(type, data) : take_entry(type, data, !base256);
    if (!taken) return taken;
    if (extension && !record_begin_) record_begin_ = at_;
    if (!extension) archive_.entries.back().record_end = end;
    at_ = end;
    return Success{};
}

Status Walk::take_trailer() {
    archive_.trailer = {at_, file_.size()};
    if (record_begin_) return malformed("extension header without a member");
    if (archive_.trailer.size() < 2 * kTarBlock) return malformed("end of archive is missing");
    if (!is_zero(slice(file_, archive_.trailer))) return unsupported("bytes after the end of the archive");
    return Success{};
}

Result<TarArchive> Walk::run() {
    while (file_.size() - at_ >= kTarBlock && !is_zero(header())) {
        const Status taken = take_header();
        if (!taken) return taken.error();
    }
    const Status ended = take_trailer();
    if (!ended) return ended.error();
    return std::move(archive_);
}

}  // namespace

std::uint32_t tar_checksum(ByteView header) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < header.size(); ++i) {
        const bool own = i >= kTarChecksumField.begin && i < kTarChecksumField.end;
        sum += own ? std::uint32_t{' '} : header[i];
    }
    return sum;
}

bool write_tar_octal(std::span<std::uint8_t> field, std::uint64_t value) {
    const auto digits = octal_digits(field);
    if (!digits) return false;
    std::uint64_t rest = value;
    for (std::size_t i = 0; i < digits->end; ++i) rest >>= 3;
    if (rest != 0) return false;
    const std::uint8_t padding = digits->begin > 0 ? ' ' : '0';
    for (std::size_t i = digits->end; i-- > 0; value >>= 3) {
        const bool written = value == 0 && i + 1 != digits->end;
        field[i] = written ? padding : static_cast<std::uint8_t>('0' + (value & 7u));
    }
    return true;
}

Result<TarArchive> read_tar(ByteView file, std::uint32_t max_entries) {
    return Walk(file, max_entries).run();
}

}  // namespace optimilter
