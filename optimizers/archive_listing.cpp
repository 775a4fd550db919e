// SPDX-License-Identifier: Apache-2.0
#include "optimizers/archive_listing.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "base/text.hpp"
#include "optimizers/libarchive_handles.hpp"

namespace optimilter {

namespace {

// In the C locale libarchive has only one of the two spellings of a name that is not ASCII.
std::string spelled(const char* utf8, const char* raw) {
    return fmt::format("<{}|{}>", utf8 != nullptr ? utf8 : "", raw != nullptr ? raw : "");
}

std::string moment(const char* what, bool set, std::int64_t seconds, long nanoseconds) {
    return set ? fmt::format(" {}={}.{:09}", what, seconds, nanoseconds) : std::string();
}

std::string times(archive_entry* e) {
    return moment("mtime", archive_entry_mtime_is_set(e) != 0, archive_entry_mtime(e),
                  archive_entry_mtime_nsec(e)) +
           moment("atime", archive_entry_atime_is_set(e) != 0, archive_entry_atime(e),
                  archive_entry_atime_nsec(e)) +
           moment("ctime", archive_entry_ctime_is_set(e) != 0, archive_entry_ctime(e),
                  archive_entry_ctime_nsec(e)) +
           moment("born", archive_entry_birthtime_is_set(e) != 0, archive_entry_birthtime(e),
                  archive_entry_birthtime_nsec(e));
}

std::string extended_attributes(archive_entry* e) {
    std::string text;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    archive_entry_xattr_reset(e);
    while (archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK) {
        text += fmt::format(" x:{}={}", name, as_text({static_cast<const std::uint8_t*>(value), size}));
    }
    return text;
}

std::string access_list(archive_entry* e) {
    char* text = archive_entry_acl_to_text(e, nullptr, ARCHIVE_ENTRY_ACL_STYLE_EXTRA_ID);
    if (text == nullptr) return {};
    std::string copy = fmt::format(" acl={}", text);
    std::free(text);
    return copy;
}

std::string describe(archive_entry* e) {
    const char* flags = archive_entry_fflags_text(e);
    return fmt::format(
               "name={} link={} hard={} type={:o} mode={:o} uid={} gid={} user={} group={} dev={} rdev={} "
               "encrypted={} sparse={} flags={}",
               spelled(archive_entry_pathname_utf8(e), archive_entry_pathname(e)),
               spelled(archive_entry_symlink_utf8(e), archive_entry_symlink(e)),
               spelled(archive_entry_hardlink_utf8(e), archive_entry_hardlink(e)), archive_entry_filetype(e),
               archive_entry_mode(e), archive_entry_uid(e), archive_entry_gid(e),
               spelled(archive_entry_uname_utf8(e), archive_entry_uname(e)),
               spelled(archive_entry_gname_utf8(e), archive_entry_gname(e)), archive_entry_dev(e),
               archive_entry_rdev(e), archive_entry_is_encrypted(e), archive_entry_sparse_count(e),
               flags != nullptr ? flags : "") +
           times(e) + extended_attributes(e) + access_list(e);
}

std::string name_of(archive_entry* e) {
    const char* utf8 = archive_entry_pathname_utf8(e);
    const char* raw = utf8 != nullptr ? utf8 : archive_entry_pathname(e);
    return raw != nullptr ? raw : "";
}

class Listing {
  public:
    Listing(ReadHandle handle, std::uint64_t limit_bytes, const Budget& budget)
        : handle_(std::move(handle)), left_(limit_bytes), budget_(budget) {}

    Result<std::vector<ListedEntry>> run(std::vector<Bytes>* contents);

  private:
    Result<Bytes> content();

    ReadHandle handle_;
    std::uint64_t left_;
    const Budget& budget_;
};

Result<Bytes> Listing::content() {
    Bytes all;
    for (;;) {
        if (budget_.expired()) return Error{ErrorCode::kDeadline, "no time to verify"};
        const auto piece = next_piece(handle_.get(), all.size());
        if (!piece) return piece.error();
        if (piece->empty()) return all;
        if (piece->size() > left_) return Error{ErrorCode::kLimit, "contents are too long"};
        left_ -= piece->size();
        append(all, *piece);
    }
}

Result<std::vector<ListedEntry>> Listing::run(std::vector<Bytes>* contents) {
    std::vector<ListedEntry> entries;
    for (;;) {
        archive_entry* entry = nullptr;
        const int status = archive_read_next_header(handle_.get(), &entry);
        if (status == ARCHIVE_EOF) return entries;
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return libarchive_error(handle_.get());
        ListedEntry listed;
        listed.metadata = describe(entry);
        listed.name = name_of(entry);
        listed.plain_file = archive_entry_filetype(entry) == AE_IFREG;
        listed.symbolic_link = archive_entry_filetype(entry) == AE_IFLNK;
        auto bytes = content();
        if (!bytes) return bytes.error();
        listed.size = bytes->size();
        listed.content = sha256(*bytes);
        listed.format = sniff(*bytes, {{}, listed.name});
        if (contents != nullptr) contents->push_back(std::move(bytes).value());
        entries.push_back(std::move(listed));
    }
}

}  // namespace

Result<std::vector<ListedEntry>> list_archive(ByteView file, Format format, std::uint64_t limit_bytes,
                                              const Budget& budget) {
    return list_archive(file, format, limit_bytes, budget, nullptr);
}

Result<std::vector<ListedEntry>> list_archive(ByteView file, Format format, std::uint64_t limit_bytes,
                                              const Budget& budget, std::vector<Bytes>* contents) {
    ReadHandle handle(archive_read_new());
    if (!handle) return Error{ErrorCode::kLimit, "no memory for the second reader"};
    const int supported = format == Format::kTar ? archive_read_support_format_tar(handle.get())
                                                 : archive_read_support_format_7zip(handle.get());
    if (supported != ARCHIVE_OK ||
        archive_read_open_memory(handle.get(), file.data(), file.size()) != ARCHIVE_OK) {
        return libarchive_error(handle.get());
    }
    return Listing(std::move(handle), limit_bytes, budget).run(contents);
}

}  // namespace optimilter
