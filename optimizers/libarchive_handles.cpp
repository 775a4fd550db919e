// SPDX-License-Identifier: Apache-2.0
#include "optimizers/libarchive_handles.hpp"

#include <archive.h>
#include <fmt/format.h>

#include "base/text.hpp"

namespace optimilter {

void FreeReadArchive::operator()(archive* a) const {
    archive_read_free(a);
}

void FreeWriteArchive::operator()(archive* a) const {
    archive_write_free(a);
}

Error libarchive_error(archive* a) {
    const char* text = archive_error_string(a);
    return {ErrorCode::kMalformed, fmt::format("libarchive: {}", printable(text ? text : "failed", 80))};
}

Result<ByteView> next_piece(archive* a, std::size_t at) {
    const void* piece = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    // An empty piece ends nothing: a decoder may need more input first.
    do {
        const int status = archive_read_data_block(a, &piece, &size, &offset);
        if (status == ARCHIVE_EOF) return ByteView();
        if (status != ARCHIVE_OK) return libarchive_error(a);
    } while (size == 0);
    if (offset < 0 || static_cast<std::size_t>(offset) != at) {
        return Error{ErrorCode::kMalformed, "libarchive: hole in a member"};
    }
    return ByteView(static_cast<const std::uint8_t*>(piece), size);
}

}  // namespace optimilter
