// SPDX-License-Identifier: Apache-2.0
#include "optimizers/zip_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>

#include "base/text.hpp"

namespace optimilter {

namespace {

// Bits of the general purpose flags (APPNOTE 4.4.4).
constexpr std::uint16_t kEncrypted = 1u << 0;
constexpr std::uint16_t kPatchedData = 1u << 5;
constexpr std::uint16_t kStrongEncryption = 1u << 6;
constexpr std::uint16_t kMaskedHeaders = 1u << 13;

constexpr std::uint16_t kAesMethod = 99;
constexpr std::uint16_t kZip64Extra = 0x0001;
constexpr std::uint16_t kStrongEncryptionExtra = 0x0017;
constexpr std::uint16_t kAesExtra = 0x9901;

// Highest "version needed to extract" that APPNOTE 4.4.3.2 knows. Readers refuse an entry beyond it, so there
// is no telling whether they would read our result as they read the original. The upper byte is a host for
// some writers.
constexpr std::uint8_t kHighestVersion = 63;

constexpr std::size_t kCommentMax = 0xFFFF;

Error malformed(std::string text) {
    return {ErrorCode::kMalformed, std::move(text)};
}
Error unsupported(std::string text) {
    return {ErrorCode::kUnsupported, std::move(text)};
}

bool signature_at(ByteView file, std::size_t at, std::string_view signature) {
    return at <= file.size() && starts_with(file.subspan(at), signature);
}

bool is_zero(ByteView bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

// Offset of the end record's signature nearest to the end of the file: what a reader that scans backwards
// finds first.
std::optional<std::size_t> last_end_signature(ByteView file) {
    if (file.size() < kZipEndSize) return std::nullopt;
    const std::size_t last = file.size() - kZipEndSize;
    const std::size_t first = last > kCommentMax ? last - kCommentMax : 0;
    for (std::size_t at = last + 1; at-- > first;) {
        // The first letter by itself: this visits 64 KiB of every attachment that begins like an archive.
        if (file[at] == 'P' && signature_at(file, at, kZipEndSignature)) return at;
    }
    return std::nullopt;
}

bool comment_ends_file(ByteView file, std::size_t end_at) {
    return end_at + kZipEndSize + read_le16(&file[end_at + 20]) == file.size();
}

// Another end record whose comment would hold the one we found: readers may choose either.
bool end_is_ambiguous(ByteView file, std::size_t found) {
    const std::size_t lowest = file.size() - kZipEndSize;
    const std::size_t first = lowest > kCommentMax ? lowest - kCommentMax : 0;
    for (std::size_t at = first; at < found; ++at) {
        if (signature_at(file, at, kZipEndSignature) && comment_ends_file(file, at)) return true;
    }
    return false;
}

// APPNOTE 4.4.2 and 4.4.15: host 3 is Unix, its mode stands in the upper half; bit 4 is the folder bit of
// DOS.
bool is_plain_file(std::uint8_t host, std::uint32_t attributes, std::string_view name) {
    const std::uint32_t type = (attributes >> 16) & 0170000;
    const bool odd_type = host == 3 && type != 0 && type != 0100000;
    return !odd_type && (attributes & 0x10) == 0 && !(!name.empty() && name.back() == '/');
}

class Reader {
  public:
    Reader(ByteView file, std::uint32_t max_entries) : file_(file), max_entries_(max_entries) {}

    Result<ZipArchive> read();

  private:
    Status read_end();
    Status check_end_fields(std::size_t end_at) const;
    Error no_end_of_file(std::size_t end_at) const;
    Status read_directory();
    Status read_central(std::size_t at);
    void sort_by_place();
    Status read_local(std::size_t index);
    Status check_local(const std::uint8_t* local, const ZipEntry& entry, ByteView name) const;
    Status check_tail(ByteRange tail, const ZipEntry& entry) const;
    Status check_flags(std::uint16_t flags, std::uint16_t method) const;
    Status check_extra(ByteView extra, bool spare_zip64 = false) const;
    Status check_name(std::string_view name) const;
    Status check_duplicates() const;

    ByteView file_;
    std::uint32_t max_entries_;
    std::uint16_t count_ = 0;
    ZipArchive archive_;
};

Status Reader::check_end_fields(std::size_t end_at) const {
    const std::uint8_t* end = &file_[end_at];
    if (end_at >= 20 && signature_at(file_, end_at - 20, {"PK\6\7", 4})) return unsupported("zip64 archive");
    if (read_le16(end + 4) != 0 || read_le16(end + 6) != 0 || read_le16(end + 8) != read_le16(end + 10)) {
        return unsupported("archive in several volumes");
    }
    const std::uint32_t size = read_le32(end + 12);
    const std::uint32_t offset = read_le32(end + 16);
    if (read_le16(end + 10) == 0xFFFF || size == 0xFFFFFFFF || offset == 0xFFFFFFFF) {
        return unsupported("zip64 archive");
    }
    if (std::uint64_t{offset} + size == end_at) return Success{};
    const bool shifted = size <= end_at && std::uint64_t{offset} + size < end_at &&
                         (size == 0 || signature_at(file_, end_at - size, kZipCentralSignature));
    if (shifted) return unsupported("data before or inside the archive");
    return malformed("central directory is not where the end record says");
}

// An end record that fits, but does not end the file: signatures and line ends get appended.
Error Reader::no_end_of_file(std::size_t end_at) const {
    const std::size_t end = end_at + kZipEndSize + read_le16(&file_[end_at + 20]);
    if (end < file_.size() && check_end_fields(end_at))
        return unsupported("data after the end of the archive");
    return malformed("archive comment does not end the file");
}

Status Reader::read_end() {
    const auto end_at = last_end_signature(file_);
    if (!end_at) return malformed("no end of central directory record");
    if (!comment_ends_file(file_, *end_at)) return no_end_of_file(*end_at);
    if (end_is_ambiguous(file_, *end_at)) return malformed("two end records fit");
    if (Status status = check_end_fields(*end_at); !status) return status;
    count_ = read_le16(&file_[*end_at + 10]);
    if (count_ > max_entries_) {
        return Error{ErrorCode::kLimit, fmt::format("{} entries, more than are allowed", count_)};
    }
    archive_.end = {*end_at, file_.size()};
    archive_.directory = {read_le32(&file_[*end_at + 16]), *end_at};
    return Success{};
}

Status Reader::check_flags(std::uint16_t flags, std::uint16_t method) const {
    if ((flags & (kEncrypted | kStrongEncryption | kMaskedHeaders)) != 0 || method == kAesMethod) {
        return unsupported("encrypted entry");
    }
    if ((flags & kPatchedData) != 0) return unsupported("patched data");
    return Success{};
}

// spare_zip64: sizes of 64 bits may stand there as zeros. Pages, Numbers and Keynote export such local
// headers; nobody looks there while the sizes of 32 bits are no 0xFFFFFFFF (APPNOTE 4.5.3).
Status Reader::check_extra(ByteView extra, bool spare_zip64) const {
    while (!extra.empty()) {
        if (extra.size() < 4) return malformed("broken extra field");
        const std::uint16_t id = read_le16(extra.data());
        const std::size_t size = std::size_t{4} + read_le16(extra.data() + 2);
        if (size > extra.size()) return malformed("broken extra field");
        const bool spare = spare_zip64 && is_zero(extra.subspan(4, size - 4));
        if (id == kZip64Extra && !spare) return unsupported("zip64 entry");
        if (id == kAesExtra || id == kStrongEncryptionExtra) return unsupported("encrypted entry");
        extra = extra.subspan(size);
    }
    return Success{};
}

// APPNOTE 4.4.17.1: relative, forward slashes. Anything else means one thing here and another thing there.
Status Reader::check_name(std::string_view name) const {
    if (name.empty()) return malformed("entry without a name");
    if (name.find('\0') != std::string_view::npos) return malformed("NUL in an entry's name");
    if (name.find('\\') != std::string_view::npos) return malformed("backslash in an entry's name");
    const bool drive = name.size() > 1 && name[1] == ':';
    if (name.front() == '/' || drive) return malformed("absolute entry name");
    for (std::string_view rest = name; !rest.empty();) {
        const std::size_t slash = std::min(rest.find('/'), rest.size());
        if (rest.substr(0, slash) == "..") return malformed("entry name leads out of the archive");
        rest.remove_prefix(std::min(slash + 1, rest.size()));
    }
    return Success{};
}

Status Reader::read_central(std::size_t at) {
    if (!signature_at(file_, at, kZipCentralSignature) || at + kZipCentralSize > archive_.directory.end) {
        return malformed("broken central directory");
    }
    const std::uint8_t* p = &file_[at];
    const std::size_t name_size = read_le16(p + 28);
    const std::size_t extra_size = read_le16(p + 30);
    const std::size_t end = at + kZipCentralSize + name_size + extra_size + read_le16(p + 32);
    if (end > archive_.directory.end) return malformed("broken central directory");

    ZipEntry entry;
    entry.central = {at, end};
    entry.name = {at + kZipCentralSize, at + kZipCentralSize + name_size};
    entry.flags = read_le16(p + 8);
    entry.method = read_le16(p + 10);
    entry.crc = read_le32(p + 16);
    entry.size = read_le32(p + 24);
    entry.plain_file = is_plain_file(p[5], read_le32(p + 38), zip_name(file_, entry));
    // Until the local header was read all that is known of these two: size of the data, begin of the record.
    entry.data = {0, read_le32(p + 20)};
    entry.record = {read_le32(p + 42), 0};
    if (Status status = check_flags(entry.flags, entry.method); !status) return status;
    if (Status status = check_extra(file_.subspan(entry.name.end, extra_size)); !status) return status;
    if (p[6] > kHighestVersion) return unsupported("entry of an unknown ZIP version");
    if (read_le16(p + 34) != 0) return unsupported("archive in several volumes");
    if (read_le32(p + 42) == 0xFFFFFFFF || entry.size == 0xFFFFFFFF || entry.data.end == 0xFFFFFFFF) {
        return unsupported("zip64 entry");
    }
    if (Status status = check_name(zip_name(file_, entry)); !status) return status;
    archive_.entries.push_back(entry);
    return Success{};
}

Status Reader::read_directory() {
    archive_.entries.reserve(count_);
    std::size_t at = archive_.directory.begin;
    for (std::uint16_t i = 0; i < count_; ++i) {
        if (Status status = read_central(at); !status) return status;
        at = archive_.entries.back().central.end;
    }
    if (at != archive_.directory.end) return malformed("bytes after the last central directory entry");
    return Success{};
}

void Reader::sort_by_place() {
    const auto stands_before = [](const ZipEntry& a, const ZipEntry& b) {
        return a.record.begin < b.record.begin;
    };
    std::stable_sort(archive_.entries.begin(), archive_.entries.end(), stands_before);
}

Status Reader::check_local(const std::uint8_t* local, const ZipEntry& entry, ByteView name) const {
    if (as_text(name) != zip_name(file_, entry)) return malformed("names of an entry differ");
    if (local[4] > kHighestVersion) return unsupported("entry of an unknown ZIP version");
    if (read_le16(local + 6) != entry.flags) return malformed("flags of an entry differ");
    if (read_le16(local + 8) != entry.method) return malformed("methods of an entry differ");
    const bool streamed = (entry.flags & kZipHasDescriptor) != 0;
    const auto agrees = [streamed](std::uint32_t here, std::size_t there) {
        return here == there || (streamed && here == 0);
    };
    if (!agrees(read_le32(local + 14), entry.crc) || !agrees(read_le32(local + 18), entry.data.end) ||
        !agrees(read_le32(local + 22), entry.size)) {
        return malformed("sizes or checksums of an entry differ");
    }
    if (entry.method == kZipStored && entry.data.end != entry.size) {
        return malformed("sizes of a stored entry differ");
    }
    return Success{};
}

// What stands between the data and the next record: nothing, or the data descriptor (APPNOTE 4.3.9).
Status Reader::check_tail(ByteRange tail, const ZipEntry& entry) const {
    if ((entry.flags & kZipHasDescriptor) == 0) {
        if (!tail.empty()) return unsupported("unknown bytes between entries");
        return Success{};
    }
    const bool with_signature = tail.size() == 16 && signature_at(file_, tail.begin, kZipDescriptorSignature);
    if (!with_signature && tail.size() != 12) return malformed("broken data descriptor");
    const std::uint8_t* p = &file_[tail.end - 12];
    if (read_le32(p) != entry.crc || read_le32(p + 4) != entry.data.size() ||
        read_le32(p + 8) != entry.size) {
        return malformed("data descriptor differs");
    }
    return Success{};
}

Status Reader::read_local(std::size_t index) {
    ZipEntry& entry = archive_.entries[index];
    const std::size_t begin = entry.record.begin;
    if (index == 0 && begin != 0) return unsupported("data before the archive");
    const bool last = index + 1 == archive_.entries.size();
    const std::size_t end = last ? archive_.directory.begin : archive_.entries[index + 1].record.begin;
    if (end > archive_.directory.begin || end < begin + kZipLocalSize ||
        !signature_at(file_, begin, kZipLocalSignature)) {
        return malformed("broken local header");
    }
    const std::uint8_t* local = &file_[begin];
    const std::size_t name_end = begin + kZipLocalSize + read_le16(local + 26);
    const std::size_t data_begin = name_end + read_le16(local + 28);
    const std::size_t data_end = data_begin + entry.data.end;
    if (data_end > end) return malformed("entries overlap");
    // Descriptors take another shape after zip64 sizes (4.3.9.2).
    const bool streamed = (entry.flags & kZipHasDescriptor) != 0;
    if (Status status = check_extra(slice(file_, {name_end, data_begin}), !streamed); !status) return status;
    const ByteView name = slice(file_, {begin + kZipLocalSize, name_end});
    if (Status status = check_local(local, entry, name); !status) return status;
    entry.data = {data_begin, data_end};
    entry.record = {begin, end};
    return check_tail({data_end, end}, entry);
}

Status Reader::check_duplicates() const {
    std::vector<std::string_view> names;
    names.reserve(archive_.entries.size());
    for (const ZipEntry& entry : archive_.entries) names.push_back(zip_name(file_, entry));
    std::sort(names.begin(), names.end());
    const auto twin = std::adjacent_find(names.begin(), names.end());
    if (twin != names.end()) return malformed(fmt::format("two entries named {}", printable(*twin)));
    return Success{};
}

Result<ZipArchive> Reader::read() {
    if (Status status = read_end(); !status) return status.error();
    if (Status status = read_directory(); !status) return status.error();
    if (count_ == 0 && archive_.directory.begin != 0) return unsupported("data before the archive");
    sort_by_place();
    for (std::size_t i = 0; i < archive_.entries.size(); ++i) {
        if (Status status = read_local(i); !status) {
            const std::string name = printable(zip_name(file_, archive_.entries[i]), 60);
            return Error{status.error().code, fmt::format("{} ({})", status.error().text, name)};
        }
    }
    if (Status status = check_duplicates(); !status) return status.error();
    return std::move(archive_);
}

}  // namespace

Result<ZipArchive> read_zip(ByteView file, std::uint32_t max_entries) {
    return Reader(file, max_entries).read();
}

std::vector<std::size_t> directory_order(const ZipArchive& archive) {
    std::vector<std::size_t> order(archive.entries.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return archive.entries[a].central.begin < archive.entries[b].central.begin;
    });
    return order;
}

Outcome zip_refusal(ErrorCode code) {
    if (code == ErrorCode::kUnsupported) return Outcome::kUntouchable;
    if (code == ErrorCode::kLimit || code == ErrorCode::kDeadline) return Outcome::kOverBudget;
    return Outcome::kMalformed;
}

void visit_zip_names(ByteView file, const std::function<bool(std::string_view name)>& seen) {
    const auto end = last_end_signature(file);
    if (!end) return;
    const std::size_t size = read_le32(&file[*end + 12]);
    // A prefix shifts all offsets; the size, counted back from the end record, still leads there.
    std::size_t at = size <= *end ? *end - size : *end;
    while (at + kZipCentralSize <= *end && signature_at(file, at, kZipCentralSignature)) {
        const std::uint8_t* p = &file[at];
        const std::size_t name_at = at + kZipCentralSize;
        const std::size_t name_end = name_at + read_le16(p + 28);
        if (name_end > *end || !seen(as_text(slice(file, {name_at, name_end})))) return;
        at = name_end + read_le16(p + 30) + read_le16(p + 32);
    }
}

}  // namespace optimilter
