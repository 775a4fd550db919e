// SPDX-License-Identifier: Apache-2.0
#include "optimizers/stream_encoders.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <lzma.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>

#include "optimizers/deflate.hpp"
#include "optimizers/libarchive_handles.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kPiece = 256 * 1024;

// A level and its speed, bytes a millisecond, about half of what was measured on text.
struct Pace {
    int level;
    std::uint64_t speed;
};
constexpr Pace kBzip2[] = {{9, 4'000}};
// With LZMA_PRESET_EXTREME from level 6 on: 1 % for a third more time.
constexpr Pace kXz[] = {{6, 900}, {3, 4'000}, {1, 10'000}};
constexpr Pace kZstd[] = {{19, 1'000}, {16, 2'500}, {12, 10'000}, {6, 40'000}};
// Largest content that gets libdeflate's slowest level; beyond, it yields 1 % more for 3 to 16 times the
// time.
constexpr std::uint64_t kSmallestLevelMax = 1u << 20;
constexpr Pace kGzip[] = {{12, 1'024}, {9, 9 * 1'024}, {6, 30 * 1'024}};

std::span<const Pace> paces(Format format) {
    switch (format) {
        case Format::kGzip:
            return kGzip;
        case Format::kBzip2:
            return kBzip2;
        case Format::kXz:
            return kXz;
        default:
            return kZstd;
    }
}

// How many of the slowest levels an effort leaves out.
std::size_t left_out(std::uint8_t effort, std::size_t levels) {
    const std::size_t skip = effort >= 3 ? 0 : std::size_t{3} - effort;
    return std::min(skip, levels - 1);
}

std::int64_t cost_ms(std::uint64_t content_size, const Pace& pace) {
    return static_cast<std::int64_t>(content_size / pace.speed) + 1;
}

Error too_long() {
    return {ErrorCode::kLimit, "not smaller"};
}
Error no_time() {
    return {ErrorCode::kDeadline, "no time to compress"};
}
Error failed(const char* what) {
    return {ErrorCode::kLimit, what};
}

struct LzmaEnd {
    void operator()(lzma_stream* stream) const { lzma_end(stream); }
};
struct ZstdFree {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

// Where libarchive's writer puts what it has.
struct BoundedSink {
    Bytes bytes;
    std::size_t limit;
};

la_ssize_t take_written(archive*, void* sink_pointer, const void* bytes, std::size_t size) {
    auto& sink = *static_cast<BoundedSink*>(sink_pointer);
    if (size > sink.limit - sink.bytes.size()) return -1;
    try {
        append(sink.bytes, {static_cast<const std::uint8_t*>(bytes), size});
    } catch (const std::bad_alloc&) {
        return -1;
    }
    return static_cast<la_ssize_t>(size);
}

// Dictionary no larger than the content needs: it only costs memory, here and in every reader.
std::uint32_t dictionary_for(std::size_t content_size, std::uint32_t usual) {
    constexpr std::uint32_t kLargest = 32u << 20;
    std::uint32_t size = usual;
    while (size < kLargest && size < content_size) size *= 2;
    return size;
}

Result<Bytes> finish_xz(lzma_stream& stream, const EncodeOrder& order, Bytes output) {
    stream.next_in = order.content.data();
    stream.next_out = output.data();
    stream.avail_out = output.size();
    std::size_t given = 0;
    for (;;) {
        if (order.budget.expired()) return no_time();
        const std::size_t more = std::min(kPiece, order.content.size() - given);
        stream.avail_in = more;
        given += more;
        const lzma_action action = given == order.content.size() ? LZMA_FINISH : LZMA_RUN;
        const lzma_ret status = lzma_code(&stream, action);
        if (status == LZMA_STREAM_END) break;
        if (stream.avail_out == 0) return too_long();
        if (status != LZMA_OK || stream.avail_in != 0) return failed("xz encoder failed");
    }
    output.resize(output.size() - stream.avail_out);
    return output;
}

bool set_up_zstd(ZSTD_CCtx* context, const EncodeOrder& order, bool checksum, bool content_size) {
    // Up to level 19 libzstd's windows are those of 8 MiB or less that every reader takes (RFC
    // 8878, 3.1.1.1.2).
    const auto set = [context](ZSTD_cParameter parameter, int value) {
        return ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)) == 0;
    };
    return set(ZSTD_c_compressionLevel, order.level) && set(ZSTD_c_checksumFlag, checksum ? 1 : 0) &&
           set(ZSTD_c_contentSizeFlag, content_size ? 1 : 0) &&
           ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, order.content.size())) == 0;
}

}  // namespace

std::optional<int> stream_level(Format format, std::uint8_t effort, std::uint64_t content_size,
                                const Deadline& deadline) {
    // A run gets no more than half of what is left: the machine may become busier while it lasts.
    const std::int64_t left_ms = deadline.remaining_ms() / 2;
    std::span<const Pace> levels = paces(format);
    levels = levels.subspan(left_out(effort, levels.size()));
    for (const Pace& pace : levels) {
        const bool slowest = format == Format::kGzip && pace.level == kDeflateSmallest;
        if (slowest && content_size > kSmallestLevelMax) continue;
        if (!deadline.short_of_time(cost_ms(content_size, pace) >= left_ms)) return pace.level;
    }
    return std::nullopt;
}

std::int64_t fastest_ms(Format format, std::uint64_t content_size) {
    return cost_ms(content_size, paces(format).back());
}

Result<Bytes> encode_gzip(const EncodeOrder& order, ByteView header) {
    constexpr std::size_t kTrailer = 8;
    const std::size_t frame = header.size() + kTrailer;
    if (order.limit_bytes <= frame) return too_long();
    const auto data = deflate_raw_within(order.content, order.level, order.limit_bytes - frame);
    if (!data) return data.error();
    Bytes output(header.begin(), header.end());
    append(output, *data);
    std::array<std::uint8_t, kTrailer> trailer;
    write_le32(&trailer[0], crc32(order.content));
    write_le32(&trailer[4], static_cast<std::uint32_t>(order.content.size()));
    append(output, trailer);
    return output;
}

Result<Bytes> encode_bzip2(const EncodeOrder& order) {
    BoundedSink sink{{}, order.limit_bytes};
    WriteHandle handle(archive_write_new());
    archive* const a = handle.get();
    std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(), archive_entry_free);
    if (a == nullptr || !entry) return failed("no memory for a bzip2 encoder");
    archive_entry_set_pathname(entry.get(), "data");
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    if (archive_write_set_format_raw(a) != ARCHIVE_OK || archive_write_add_filter_bzip2(a) != ARCHIVE_OK ||
        archive_write_set_filter_option(a, "bzip2", "compression-level", "9") != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK ||
        archive_write_open(a, &sink, nullptr, take_written, nullptr) != ARCHIVE_OK ||
        archive_write_header(a, entry.get()) != ARCHIVE_OK) {
        return libarchive_error(a);
    }
    for (std::size_t at = 0; at < order.content.size(); at += kPiece) {
        if (order.budget.expired()) return no_time();
        const std::size_t size = std::min(kPiece, order.content.size() - at);
        if (archive_write_data(a, order.content.data() + at, size) != static_cast<la_ssize_t>(size))
            return too_long();
    }
    if (archive_write_close(a) != ARCHIVE_OK) return too_long();
    return std::move(sink.bytes);
}

Result<Bytes> encode_xz(const EncodeOrder& order, std::uint8_t check) {
    constexpr int kExtremeFrom = 6;
    const auto preset = static_cast<std::uint32_t>(order.level) |
                        (order.level >= kExtremeFrom ? LZMA_PRESET_EXTREME : std::uint32_t{0});
    lzma_options_lzma options;
    if (lzma_lzma_preset(&options, preset)) return failed("unknown xz preset");
    options.dict_size = dictionary_for(order.content.size(), options.dict_size);
    const lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
    lzma_stream stream = LZMA_STREAM_INIT;
    const std::unique_ptr<lzma_stream, LzmaEnd> owner(&stream);
    if (lzma_stream_encoder(&stream, filters, static_cast<lzma_check>(check)) != LZMA_OK) {
        return failed("no memory for an xz encoder, or an unknown check");
    }
    return finish_xz(stream, order, Bytes(order.limit_bytes));
}

Result<Bytes> encode_zstd(const EncodeOrder& order, bool checksum, bool content_size) {
    const std::unique_ptr<ZSTD_CCtx, ZstdFree> context(ZSTD_createCCtx());
    if (!context || !set_up_zstd(context.get(), order, checksum, content_size)) {
        return failed("no memory for a zstd encoder");
    }
    Bytes output(order.limit_bytes);
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    std::size_t given = 0;
    for (;;) {
        if (order.budget.expired()) return no_time();
        const std::size_t end = std::min(given + kPiece, order.content.size());
        ZSTD_inBuffer in{order.content.data(), end, given};
        const bool last = end == order.content.size();
        const std::size_t rest =
            ZSTD_compressStream2(context.get(), &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(rest) != 0) return failed("zstd encoder failed");
        given = in.pos;
        if (last && rest == 0) break;
        if (out.pos == out.size) return too_long();
    }
    output.resize(out.pos);
    return output;
}

}  // namespace optimilter
