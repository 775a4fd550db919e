// SPDX-License-Identifier: Apache-2.0
#include "optimizers/zip_second_reader.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "optimizers/zip_reader.hpp"

namespace optimilter {

void SecondReader::Free::operator()(archive* a) const {
    archive_read_free(a);
}

Error SecondReader::failure() const {
    const char* text = archive_error_string(archive_.get());
    return {ErrorCode::kMalformed, fmt::format("second reader: {}", printable(text ? text : "failed", 80))};
}

Result<SecondReader> SecondReader::open(ByteView file) {
    SecondReader reader(archive_read_new());
    archive* const a = reader.archive_.get();
    if (a == nullptr) return Error{ErrorCode::kLimit, "no memory for the second reader"};
    // The seekable reader goes by the central directory, as every program does that opens such files.
    if (archive_read_support_format_zip_seekable(a) != ARCHIVE_OK ||
        archive_read_open_memory(a, file.data(), file.size()) != ARCHIVE_OK) {
        return reader.failure();
    }
    return reader;
}

Result<std::optional<SecondReader::Member>> SecondReader::next() {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(archive_.get(), &entry);
    if (status == ARCHIVE_EOF) return std::optional<Member>();
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return failure();
    Member member;
    // In the C locale libarchive gives no name that is not ASCII, and warns; callers expect that.
    const char* name = archive_entry_pathname_utf8(entry);
    if (name == nullptr) name = archive_entry_pathname(entry);
    if (name != nullptr) member.name = name;
    if (archive_entry_size_is_set(entry)) {
        member.size = static_cast<std::uint64_t>(archive_entry_size(entry));
    }
    return std::optional<Member>(std::move(member));
}

Result<ByteView> SecondReader::next_piece(std::size_t at) {
    const void* piece = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    // An empty piece does not end a member: libarchive gives one where its inflater needs more input.
    do {
        const int status = archive_read_data_block(archive_.get(), &piece, &size, &offset);
        if (status == ARCHIVE_EOF) return ByteView();
        if (status != ARCHIVE_OK) return failure();
    } while (size == 0);
    if (offset < 0 || static_cast<std::size_t>(offset) != at) {
        return Error{ErrorCode::kMalformed, "second reader: hole in a member"};
    }
    return ByteView(static_cast<const std::uint8_t*>(piece), size);
}

Status SecondReader::expect_content(ByteView want) {
    std::size_t at = 0;
    for (;;) {
        const auto piece = next_piece(at);
        if (!piece) return piece.error();
        if (piece->empty()) break;
        if (piece->size() > want.size() - at ||
            !std::equal(piece->begin(), piece->end(), want.begin() + static_cast<std::ptrdiff_t>(at))) {
            return Error{ErrorCode::kMalformed, "content differs"};
        }
        at += piece->size();
    }
    if (at != want.size()) return Error{ErrorCode::kMalformed, "content ends early"};
    return Success{};
}

Result<Bytes> SecondReader::content(std::size_t limit_bytes) {
    Bytes all;
    for (;;) {
        const auto piece = next_piece(all.size());
        if (!piece) return piece.error();
        if (piece->empty()) return all;
        if (piece->size() > limit_bytes - all.size()) return Error{ErrorCode::kLimit, "content is too long"};
        append(all, *piece);
    }
}

void warm_up_second_reader() {
    // An empty stored entry with a UTF-8 name that is not ASCII.
    static constexpr std::string_view kArchive{
        "PK\3\4\x14\0\0\x8\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\xC3\xA9"
        "PK\1\2\x14\0\x14\0\0\x8\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\xC3\xA9PK\5\6\0\0\0\0\1\0\1\0\x30\0\0\0\x20\0\0\0\0\0",
        32 + 48 + 22};
    auto reader = SecondReader::open(as_bytes(kArchive));
    if (!reader) return;
    auto member = reader->next();
    if (member && *member) (void)reader->content(0);
}

}  // namespace optimilter
