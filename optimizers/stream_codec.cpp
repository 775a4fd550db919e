// SPDX-License-Identifier: Apache-2.0
#include "optimizers/stream_codec.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>

#include "optimizers/deflate.hpp"
#include "optimizers/libarchive_handles.hpp"
#include "optimizers/stream_encoders.hpp"

namespace optimilter {

namespace {

constexpr std::uint64_t kHarmless = 8u << 20;
constexpr std::uint64_t kRatioMax = 200;
// No deflate stream expands further.
constexpr std::uint64_t kDeflateRatioMax = 1032;

bool expands_too_far(std::uint64_t content_size, std::uint64_t file_size) {
    return content_size > kHarmless && content_size > kRatioMax * file_size;
}

Error too_far() {
    return {ErrorCode::kLimit, "expands too far"};
}
Error no_time() {
    return {ErrorCode::kDeadline, "no time to expand"};
}

int filter_code(Format format) {
    switch (format) {
        case Format::kGzip:
            return ARCHIVE_FILTER_GZIP;
        case Format::kBzip2:
            return ARCHIVE_FILTER_BZIP2;
        case Format::kXz:
            return ARCHIVE_FILTER_XZ;
        default:
            return ARCHIVE_FILTER_ZSTD;
    }
}

// What the raw reader says of an empty stream and of one that breaks at once: no archive at all.
Error opening_error(archive* a) {
    const char* const text = archive_error_string(a);
    const bool no_archive = text != nullptr && std::string_view(text) == "Unrecognized archive format";
    return no_archive ? Error{ErrorCode::kMalformed, "compressed stream is empty or broken"}
                      : libarchive_error(a);
}

// A handle that yields what is compressed as the content of one entry.
Result<ReadHandle> open_stream(ByteView file, Format format) {
    ReadHandle handle(archive_read_new());
    if (!handle) return Error{ErrorCode::kLimit, "no memory for a reader"};
    archive* const a = handle.get();
    archive_entry* entry = nullptr;
    // This filter once: left to choose, libarchive expands what is inside too, as long as it can.
    if (archive_read_append_filter(a, filter_code(format)) != ARCHIVE_OK ||
        archive_read_support_format_raw(a) != ARCHIVE_OK ||
        archive_read_open_memory(a, file.data(), file.size()) != ARCHIVE_OK) {
        return opening_error(a);
    }
    if (archive_read_next_header(a, &entry) != ARCHIVE_OK) return opening_error(a);
    return handle;
}

// spend(n) answers whether n more bytes may come.
template <typename Spend>
Result<Bytes> read_all(ByteView file, Format format, const Budget& budget, std::size_t foretold,
                       Spend&& spend) {
    auto handle = open_stream(file, format);
    if (!handle) return handle.error();
    Bytes all;
    all.reserve(foretold);
    for (;;) {
        if (budget.expired()) return no_time();
        const auto piece = next_piece(handle->get(), all.size());
        if (!piece) return piece.error();
        if (piece->empty()) break;
        if (!spend(all.size(), piece->size())) return too_far();
        append(all, *piece);
    }
    const auto consumed = static_cast<std::uint64_t>(archive_filter_bytes(handle->get(), -1));
    if (consumed != file.size()) return Error{ErrorCode::kUnsupported, "bytes after the compressed stream"};
    return all;
}

// What a gzip file is that its last bytes do not describe: libarchive reads member after member.
Error gzip_fault(ByteView file, const StreamFrame& frame, const Error& fault, Budget& budget) {
    auto handle = open_stream(file, Format::kGzip);
    if (!handle) return fault;
    std::size_t size = 0;
    for (;;) {
        if (budget.expired()) return no_time();
        const auto piece = next_piece(handle->get(), size);
        if (!piece) return fault;
        if (piece->empty()) break;
        size += piece->size();
        if (expands_too_far(size, file.size()) || !budget.spend_expanded_bytes(piece->size()))
            return too_far();
    }
    const auto consumed = static_cast<std::uint64_t>(archive_filter_bytes(handle->get(), -1));
    if (consumed != file.size()) return {ErrorCode::kUnsupported, "bytes after the gzip data"};
    // One member that tells a wrong size.
    if (inflate_raw(slice(file, frame.data), size)) return fault;
    return {ErrorCode::kUnsupported, "several gzip members"};
}

Result<Bytes> expand_gzip(ByteView file, const StreamFrame& frame, Budget& budget) {
    const std::uint64_t size = *frame.content_size;
    if (expands_too_far(size, file.size()) || !budget.spend_expanded_bytes(size)) return too_far();
    auto content = inflate_raw(slice(file, frame.data), static_cast<std::size_t>(size));
    if (!content && content.error().code == ErrorCode::kMalformed) {
        return gzip_fault(file, frame, content.error(), budget);
    }
    if (content && crc32(*content) != frame.content_crc) {
        return Error{ErrorCode::kMalformed, "checksum of the gzip file does not match"};
    }
    return content;
}

// Bytes a millisecond, about half of what was measured.
std::uint64_t expand_speed(Format format) {
    switch (format) {
        case Format::kGzip:
            return 100'000;
        case Format::kBzip2:
            return 12'000;
        case Format::kXz:
            return 30'000;
        default:
            return 200'000;
    }
}

}  // namespace

std::int64_t expand_ms(Format format, std::uint64_t content_size) {
    return static_cast<std::int64_t>(content_size / expand_speed(format)) + 1;
}

Result<Bytes> expand_stream(ByteView file, const StreamFrame& frame, Budget& budget) {
    const std::uint64_t size = frame.content_size.value_or(0);
    if (frame.format == Format::kGzip && size / kDeflateRatioMax > frame.data.size()) {
        return gzip_fault(file, frame, too_far(), budget);
    }
    if (expands_too_far(size, file.size()) || size > budget.expanded_bytes_left()) return too_far();
    const Deadline deadline = budget.deadline();
    if (deadline.short_of_time(expand_ms(frame.format, size) > deadline.remaining_ms())) return no_time();
    if (frame.format == Format::kGzip) return expand_gzip(file, frame, budget);
    auto content =
        read_all(file, frame.format, budget, static_cast<std::size_t>(size),
                 [&](std::size_t before, std::size_t more) {
                     return !expands_too_far(before + more, file.size()) && budget.spend_expanded_bytes(more);
                 });
    if (content && frame.content_size && content->size() != *frame.content_size) {
        return Error{ErrorCode::kMalformed, "content is not as long as was declared"};
    }
    return content;
}

Result<Bytes> expand_independently(ByteView file, Format format, std::uint64_t limit_bytes,
                                   const Budget& budget) {
    return read_all(file, format, budget, 0, [&](std::size_t before, std::size_t more) {
        return more <= limit_bytes && before <= limit_bytes - more;
    });
}

Result<Bytes> compress_stream(ByteView content, ByteView file, const StreamFrame& frame, std::uint8_t effort,
                              std::size_t limit_bytes, const Budget& budget) {
    const auto level = stream_level(frame.format, effort, content.size(), budget.deadline());
    if (!level) return Error{ErrorCode::kDeadline, "no time to compress"};
    const EncodeOrder order{content, *level, limit_bytes, budget};
    switch (frame.format) {
        case Format::kGzip:
            return encode_gzip(order, slice(file, frame.header));
        case Format::kBzip2:
            return encode_bzip2(order);
        case Format::kXz:
            return encode_xz(order, frame.check);
        default:
            return encode_zstd(order, frame.check != 0, frame.content_size.has_value());
    }
}

bool may_gain(const StreamFrame& frame, std::size_t content_size) {
    // The dictionary of xz -6, 8 MiB (size code: 2 | 1 code bit, shifted by code / 2 + 11).
    constexpr std::uint8_t kUsualDictionary = 22;
    constexpr std::uint8_t kLargestBlock = 9;
    switch (frame.format) {
        case Format::kBzip2:
            return frame.strength < kLargestBlock && content_size > frame.strength * std::size_t{100'000};
        case Format::kXz:
            return frame.strength < kUsualDictionary;
        default:
            return true;
    }
}

std::int64_t least_compress_ms(Format format, std::uint64_t content_size) {
    return fastest_ms(format, content_size);
}

}  // namespace optimilter
