// SPDX-License-Identifier: Apache-2.0
#include "optimizers/stream_frame.hpp"

#include "optimizers/deflate.hpp"

namespace optimilter {

namespace {

using namespace std::string_view_literals;

Error malformed(const char* text) {
    return {ErrorCode::kMalformed, text};
}
Error unsupported(const char* text) {
    return {ErrorCode::kUnsupported, text};
}

// ---- gzip, RFC 1952 section 2.3

constexpr std::uint8_t kHeaderCrc = 2;
constexpr std::uint8_t kExtra = 4;
constexpr std::uint8_t kName = 8;
constexpr std::uint8_t kComment = 16;
constexpr std::uint8_t kReserved = 0xE0;

// The offset behind the NUL that ends a text at `at`, or nothing.
std::optional<std::size_t> after_text(ByteView file, std::size_t at) {
    const std::size_t nul = as_text(file).find('\0', at);
    if (nul == std::string_view::npos) return std::nullopt;
    return nul + 1;
}

Result<std::size_t> gzip_header_end(ByteView file) {
    constexpr std::size_t kFixed = 10;
    constexpr std::size_t kLeast = kFixed + 2 + 8;
    if (file.size() < kLeast || !starts_with(file, "\x1F\x8B\x08")) return malformed("gzip header is broken");
    const std::uint8_t flags = file[3];
    if ((flags & kReserved) != 0) return unsupported("gzip header with reserved flags");
    std::size_t at = kFixed;
    if ((flags & kExtra) != 0) at += std::size_t{2} + read_le16(&file[at]);
    for (const std::uint8_t text : {kName, kComment}) {
        if ((flags & text) == 0) continue;
        const auto end = after_text(file, at);
        if (!end) return malformed("gzip header ends early");
        at = *end;
    }
    if ((flags & kHeaderCrc) != 0) {
        if (at + 2 > file.size()) return malformed("gzip header ends early");
        const bool agrees = (crc32(file.first(at)) & 0xFFFFu) == read_le16(&file[at]);
        if (!agrees) return malformed("checksum of the gzip header does not match");
        at += 2;
    }
    return at;
}

Result<StreamFrame> read_gzip(ByteView file) {
    constexpr std::size_t kTrailer = 8;
    const auto end = gzip_header_end(file);
    if (!end) return end.error();
    if (*end + 2 + kTrailer > file.size()) return malformed("gzip file ends early");
    StreamFrame frame;
    frame.header = {0, *end};
    frame.data = {*end, file.size() - kTrailer};
    frame.content_crc = read_le32(&file[frame.data.end]);
    frame.content_size = read_le32(&file[frame.data.end + 4]);
    return frame;
}

// ---- bzip2: streams begin at whole bytes, so that another one shows

Result<StreamFrame> read_bzip2(ByteView file) {
    constexpr std::string_view kBlock = "\x31\x41\x59\x26\x53\x59"sv;
    constexpr std::size_t kHeader = 4;
    if (file.size() < kHeader + kBlock.size() || !starts_with(file, "BZh"))
        return malformed("bzip2 header is broken");
    if (as_text(file.subspan(kHeader, kBlock.size())) != kBlock) return unsupported("empty bzip2 stream");
    const std::string_view text = as_text(file);
    for (std::size_t at = text.find(kBlock, kHeader + 1); at != std::string_view::npos;
         at = text.find(kBlock, at + 1)) {
        if (text.substr(at - kHeader, 3) == "BZh"sv) return unsupported("several bzip2 streams");
    }
    StreamFrame frame;
    frame.header = {0, kHeader};
    frame.data = {kHeader, file.size()};
    frame.strength = static_cast<std::uint8_t>(file[3] - '0');
    return frame;
}

// ---- xz, sections 2.1.1, 2.1.2, 3.1 and 4

class XzNumbers {
  public:
    explicit XzNumbers(ByteView bytes) : bytes_(bytes) {}

    // A variable-length integer; 0 and broken() when it is none.
    std::uint64_t next() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 63 && at_ < bytes_.size(); shift += 7) {
            const std::uint8_t byte = bytes_[at_++];
            value |= static_cast<std::uint64_t>(byte & 0x7Fu) << shift;
            if ((byte & 0x80u) == 0) return value;
        }
        broken_ = true;
        return 0;
    }
    bool broken() const { return broken_; }
    std::size_t at() const { return at_; }

  private:
    ByteView bytes_;
    std::size_t at_ = 0;
    bool broken_ = false;
};

constexpr std::size_t kXzEnds = 12;  // stream header, and stream footer

// Size code of LZMA2's dictionary when it is the block's only filter, else 255.
std::uint8_t xz_dictionary(ByteView block) {
    constexpr std::uint8_t kOther = 255;
    constexpr std::uint8_t kLzma2 = 0x21;
    const std::uint8_t flags = block[1];
    if ((flags & 3u) != 0) return kOther;
    XzNumbers numbers(block.subspan(2));
    if ((flags & 0x40u) != 0) numbers.next();
    if ((flags & 0x80u) != 0) numbers.next();
    const std::uint64_t filter = numbers.next();
    const std::uint64_t size = numbers.next();
    const std::size_t at = 2 + numbers.at();
    if (numbers.broken() || filter != kLzma2 || size != 1 || at >= block.size()) return kOther;
    return block[at];
}

Result<StreamFrame> read_xz_index(ByteView file, std::size_t index_at) {
    const ByteView index = file.subspan(index_at, file.size() - kXzEnds - index_at);
    XzNumbers numbers(index.subspan(1));
    const std::uint64_t blocks = numbers.next();
    const std::uint64_t unpadded = numbers.next();
    const std::uint64_t content = numbers.next();
    if (numbers.broken() || index[0] != 0) return malformed("xz index is broken");
    if (blocks != 1) return unsupported("xz stream of several blocks or none");
    if (unpadded > file.size() || kXzEnds + (unpadded + 3) / 4 * 4 != index_at) {
        return unsupported("several xz streams, or bytes besides");
    }
    StreamFrame frame;
    frame.header = {0, kXzEnds};
    frame.data = {kXzEnds, index_at};
    frame.content_size = content;
    frame.check = file[7];
    frame.strength = xz_dictionary(slice(file, frame.data));
    return frame;
}

Result<StreamFrame> read_xz(ByteView file) {
    constexpr std::size_t kLeast = 2 * kXzEnds + 16;
    if (file.size() < kLeast || file.size() % 4 != 0) return unsupported("xz file with bytes besides");
    const ByteView footer = file.last(kXzEnds);
    if (footer[10] != 'Y' || footer[11] != 'Z') return unsupported("xz file with bytes besides");
    if (file[6] != footer[8] || file[7] != footer[9]) return malformed("xz header and footer disagree");
    const std::uint64_t index_size = (std::uint64_t{read_le32(&footer[4])} + 1) * 4;
    if (index_size < 8 || index_size + 2 * kXzEnds + 8 > file.size()) return malformed("xz footer is broken");
    return read_xz_index(file, file.size() - kXzEnds - static_cast<std::size_t>(index_size));
}

// ---- zstd, RFC 8878 section 3.1.1

struct ZstdHeader {
    std::size_t end = 0;
    std::optional<std::uint64_t> content_size;
    bool checksum = false;
};

std::uint64_t read_little(ByteView bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) value = (value << 8) | bytes[i];
    return value;
}

Result<ZstdHeader> read_zstd_header(ByteView file) {
    constexpr std::size_t kMagic = 4;
    const std::uint8_t descriptor = file[kMagic];
    const unsigned size_flag = descriptor >> 6;
    const bool single_segment = (descriptor & 0x20u) != 0;
    if ((descriptor & 0x08u) != 0) return unsupported("zstd frame with a reserved bit");
    if ((descriptor & 0x03u) != 0) return unsupported("zstd frame that needs a dictionary");
    ZstdHeader header;
    header.checksum = (descriptor & 0x04u) != 0;
    const std::size_t size_at = kMagic + 1 + (single_segment ? 0 : 1);
    const std::size_t size_bytes = size_flag == 0 ? (single_segment ? 1 : 0) : std::size_t{1} << size_flag;
    header.end = size_at + size_bytes;
    if (header.end > file.size()) return malformed("zstd frame ends early");
    if (size_bytes > 0) {
        header.content_size = read_little(file.subspan(size_at, size_bytes)) + (size_bytes == 2 ? 256 : 0);
    }
    return header;
}

Result<StreamFrame> read_zstd(ByteView file) {
    if (file.size() < 9) return malformed("zstd frame ends early");
    const auto header = read_zstd_header(file);
    if (!header) return header.error();
    std::size_t at = header->end;
    for (bool last = false; !last;) {
        if (file.size() - at < 3) return malformed("zstd frame ends early");
        const std::uint64_t block = read_little(file.subspan(at, 3));
        last = (block & 1u) != 0;
        const bool repeated = ((block >> 1) & 3u) == 1;
        const std::size_t size = 3 + (repeated ? std::size_t{1} : static_cast<std::size_t>(block >> 3));
        if (size > file.size() - at) return malformed("zstd frame ends early");
        at += size;
    }
    if (file.size() - at != (header->checksum ? 4u : 0u))
        return unsupported("several zstd frames, or bytes besides");
    StreamFrame frame;
    frame.header = {0, header->end};
    frame.data = {header->end, at};
    frame.content_size = header->content_size;
    frame.check = header->checksum ? 1 : 0;
    return frame;
}

Result<StreamFrame> read_frame(ByteView file, Format format) {
    switch (format) {
        case Format::kGzip:
            return read_gzip(file);
        case Format::kBzip2:
            return read_bzip2(file);
        case Format::kXz:
            return read_xz(file);
        case Format::kZstd:
            return read_zstd(file);
        default:
            return unsupported("no compressed stream");
    }
}

}  // namespace

Result<StreamFrame> read_stream_frame(ByteView file, Format format) {
    auto frame = read_frame(file, format);
    if (frame) frame->format = format;
    return frame;
}

std::string_view name_inside(ByteView file, const StreamFrame& frame) {
    if (frame.format != Format::kGzip || (file[3] & kName) == 0) return {};
    const std::size_t at = 10 + ((file[3] & kExtra) != 0 ? std::size_t{2} + read_le16(&file[10]) : 0);
    const std::string_view rest = as_text(slice(file, {at, frame.header.end}));
    return rest.substr(0, rest.find('\0'));
}

}  // namespace optimilter
