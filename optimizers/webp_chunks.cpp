// SPDX-License-Identifier: Apache-2.0
#include "optimizers/webp_chunks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace optimilter {

namespace {

constexpr std::size_t kHeader = 12;       // RIFF, length, WEBP
constexpr std::size_t kFrameHeader = 16;  // of ANMF
constexpr std::uint8_t kAnimationFlag = 0x02;

Error malformed(std::string text) {
    return {ErrorCode::kMalformed, std::move(text)};
}
Error unsupported(std::string text) {
    return {ErrorCode::kUnsupported, std::move(text)};
}

std::uint32_t read_le24(const std::uint8_t* p) {
    return static_cast<std::uint32_t>(p[0] | p[1] << 8 | p[2] << 16);
}

// Chunks that fill bytes to the end.
Result<std::vector<WebpChunk>> split(ByteView bytes, std::size_t most_chunks) {
    std::vector<WebpChunk> chunks;
    for (std::size_t at = 0; at < bytes.size();) {
        if (chunks.size() == most_chunks)
            return Error{ErrorCode::kLimit, "more chunks than the budget allows"};
        if (bytes.size() - at < 8) return malformed("cut off within a chunk");
        const std::uint32_t size = read_le32(&bytes[at + 4]);
        const std::uint64_t whole = 8 + std::uint64_t{size} + size % 2;
        if (whole > bytes.size() - at) return malformed("chunk reaches beyond the file");
        if (size % 2 != 0 && bytes[at + whole - 1] != 0) return malformed("padding is not zero");
        chunks.push_back({as_text(bytes.subspan(at, 4)), bytes.subspan(at + 8, size),
                          bytes.subspan(at, static_cast<std::size_t>(whole))});
        at += static_cast<std::size_t>(whole);
    }
    return chunks;
}

bool is_bitstream(std::string_view type) {
    return type == "VP8 " || type == "VP8L";
}

// Width and height in front of the bitstream, RFC 6386 section 9.1 and RFC 9649 section 3.4.
Status read_size(WebpPicture& picture) {
    const ByteView b = picture.bitstream;
    if (picture.lossless) {
        if (b.size() < 5 || b[0] != 0x2F) return malformed("no VP8L bitstream");
        const std::uint32_t bits = read_le32(&b[1]);
        if (bits >> 29 != 0) return unsupported("unknown version of VP8L");
        picture.width = (bits & 0x3FFF) + 1;
        picture.height = (bits >> 14 & 0x3FFF) + 1;
        return Success{};
    }
    if (b.size() < 10 || b[3] != 0x9D || b[4] != 0x01 || b[5] != 0x2A || (b[0] & 1) != 0)
        return malformed("no VP8 key frame");
    picture.width = read_le16(&b[6]) & 0x3FFFu;
    picture.height = read_le16(&b[8]) & 0x3FFFu;
    if (picture.width == 0 || picture.height == 0) return malformed("picture without a size");
    return Success{};
}

// chunks: those from the first of the picture on; at most ALPH and a bitstream are taken.
Result<WebpPicture> read_picture(const std::vector<WebpChunk>& chunks, std::size_t first) {
    WebpPicture picture;
    std::size_t at = first;
    picture.alpha = chunks[at].type == "ALPH";
    if (picture.alpha && ++at == chunks.size()) return malformed("alpha without a picture");
    if (!is_bitstream(chunks[at].type)) return unsupported("something between alpha and its picture");
    picture.lossless = chunks[at].type == "VP8L";
    if (picture.alpha && picture.lossless) return malformed("alpha for a lossless picture");
    picture.bitstream = chunks[at].body;
    // Chunks stand one after the other in memory.
    const ByteView head = chunks[first].whole;
    picture.coded = {head.data(), at == first ? head.size() : head.size() + chunks[at].whole.size()};
    if (Status status = read_size(picture); !status) return status.error();
    return picture;
}

Result<WebpPicture> read_frame(const WebpChunk& frame) {
    if (frame.body.size() < kFrameHeader) return malformed("frame cut off");
    Result<WebpPicture> picture = read_webp_picture(frame.body.subspan(kFrameHeader));
    if (!picture) return picture;
    if (picture->width != read_le24(&frame.body[6]) + 1 || picture->height != read_le24(&frame.body[9]) + 1)
        return malformed("frame of another size than its picture");
    return picture;
}

class WebpReader {
  public:
    WebpReader(ByteView bytes, std::size_t most_chunks) : bytes_(bytes), most_chunks_(most_chunks) {}

    Result<WebpFile> read() {
        if (bytes_.size() < kHeader + 8 || !starts_with(bytes_, "RIFF") ||
            !starts_with(bytes_.subspan(8), "WEBP"))
            return malformed("no WebP header");
        const std::uint64_t size = std::uint64_t{read_le32(&bytes_[4])} + 8;
        if (size > bytes_.size()) return malformed("cut off");
        if (size < bytes_.size()) return unsupported("bytes after the end of the file");
        Result<std::vector<WebpChunk>> chunks = split(bytes_.subspan(kHeader), most_chunks_);
        if (!chunks) return chunks.error();
        file_.chunks = std::move(*chunks);
        if (Status status = check_kind(); !status) return status.error();
        for (std::size_t i = 0; i < file_.chunks.size(); ++i)
            if (Status status = read_chunk(i); !status) return status.error();
        if (file_.pictures.empty()) return malformed("no picture");
        if (!file_.animated && file_.pictures.size() != 1) return malformed("more than one picture");
        return std::move(file_);
    }

  private:
    Status check_kind() {
        const WebpChunk& first = file_.chunks.front();
        if (first.type == "VP8X") {
            if (first.body.size() != 10) return malformed("VP8X of an odd size");
            file_.animated = (first.body[0] & kAnimationFlag) != 0;
            return Success{};
        }
        if (!is_bitstream(first.type)) return malformed("begins with neither a picture nor VP8X");
        if (file_.chunks.size() != 1) return unsupported("a simple file with more than its picture");
        return Success{};
    }

    Status read_chunk(std::size_t i) {
        const WebpChunk& chunk = file_.chunks[i];
        if (chunk.type == "C2PA") return Error{ErrorCode::kRefused, "signed (C2PA)"};
        if (chunk.type == "VP8X" && i != 0) return malformed("VP8X is not first");
        if (chunk.type == "ANIM") {
            if (!file_.animated || has_anim_ || chunk.body.size() != 6) return malformed("odd ANIM chunk");
            has_anim_ = true;
        }
        if (chunk.type == "ANMF") {
            if (!has_anim_) return malformed("frame before ANIM");
            return add(read_frame(chunk), i);
        }
        if (chunk.type == "ALPH" || is_bitstream(chunk.type)) {
            if (file_.animated) return malformed("picture outside of the frames of an animation");
            const bool taken = is_bitstream(chunk.type) && i > 0 && file_.chunks[i - 1].type == "ALPH";
            if (!taken) return add(read_picture(file_.chunks, i), i);
        }
        return Success{};
    }

    Status add(Result<WebpPicture> picture, std::size_t chunk) {
        if (!picture) return picture.error();
        picture->chunk = chunk;
        file_.pictures.push_back(*picture);
        return Success{};
    }

    ByteView bytes_;
    std::size_t most_chunks_;
    WebpFile file_;
    bool has_anim_ = false;
};

void append_le32(Bytes& to, std::size_t number) {
    to.resize(to.size() + 4);
    write_le32(to.data() + to.size() - 4, static_cast<std::uint32_t>(number));
}

// The boolean decoder of RFC 6386 section 7, as far as a frame header needs it; zeros follow the end.
class BoolDecoder {
  public:
    explicit BoolDecoder(ByteView bytes) : bytes_(bytes) {
        value_ = next_byte() << 8;
        value_ |= next_byte();
    }

    unsigned bits(int count) {
        unsigned result = 0;
        while (count-- > 0) result = result << 1 | bit();
        return result;
    }
    // A flag, and if it is set a number with its sign behind it.
    int optional_signed(int count) {
        if (bit() == 0) return 0;
        const auto magnitude = static_cast<int>(bits(count));
        return bit() != 0 ? -magnitude : magnitude;
    }
    unsigned bit() {
        // Header flags are even: probability 128 of 256.
        const unsigned split = 1 + ((range_ - 1) * 128 >> 8);
        const unsigned big_split = split << 8;
        const unsigned result = value_ >= big_split ? 1 : 0;
        range_ = result != 0 ? range_ - split : split;
        if (result != 0) value_ -= big_split;
        while (range_ < 128) {
            value_ <<= 1;
            range_ <<= 1;
            if (++shifted_ == 8) {
                shifted_ = 0;
                value_ |= next_byte();
            }
        }
        return result;
    }
    bool beyond_the_end() const { return at_ > bytes_.size() + 2; }

  private:
    unsigned next_byte() {
        const unsigned byte = at_ < bytes_.size() ? bytes_[at_] : 0;
        ++at_;
        return byte;
    }

    ByteView bytes_;
    std::size_t at_ = 0;
    unsigned value_ = 0;
    unsigned range_ = 255;
    int shifted_ = 0;
};

// Quantizers of the four segments, as far as the header gives them.
struct Segments {
    bool enabled = false;
    bool absolute = false;
    int quantizer[4] = {0, 0, 0, 0};
};

Segments read_segments(BoolDecoder& header) {
    Segments segments;
    segments.enabled = header.bit() != 0;
    if (!segments.enabled) return segments;
    const bool update_map = header.bit() != 0;
    if (header.bit() != 0) {
        segments.absolute = header.bit() != 0;
        for (int& quantizer : segments.quantizer) quantizer = header.optional_signed(7);
        for (int i = 0; i < 4; ++i) header.optional_signed(6);
    }
    for (int i = 0; update_map && i < 3; ++i)
        if (header.bit() != 0) header.bits(8);
    return segments;
}

void skip_loop_filter(BoolDecoder& header) {
    header.bits(1 + 6 + 3);
    if (header.bit() == 0 || header.bit() == 0) return;
    for (int i = 0; i < 8; ++i) header.optional_signed(6);
}

}  // namespace

Result<WebpFile> read_webp(ByteView bytes, std::size_t most_chunks) {
    return WebpReader(bytes, most_chunks).read();
}

Result<WebpPicture> read_webp_picture(ByteView bytes) {
    constexpr std::size_t kMostParts = 3;
    const auto parts = split(bytes, kMostParts);
    if (!parts) return parts.error();
    if (parts->empty()) return malformed("no picture");
    Result<WebpPicture> picture = read_picture(*parts, 0);
    if (picture && picture->coded.size() != bytes.size()) return unsupported("more than a picture");
    return picture;
}

Bytes write_webp(ByteView bytes, const WebpFile& file, const std::map<std::size_t, Bytes>& coded) {
    Bytes output(bytes.begin(), bytes.begin() + kHeader);
    std::size_t copied = kHeader;
    for (const auto& [number, replacement] : coded) {
        const WebpPicture& picture = file.pictures[number];
        const auto at = static_cast<std::size_t>(picture.coded.data() - bytes.data());
        const std::size_t frame_header = file.animated ? kFrameHeader : 0;
        append(output, bytes.subspan(copied, at - frame_header - copied));
        if (file.animated) {
            // The length of the frame stands in front of its header.
            output.resize(output.size() - 4);
            append_le32(output, kFrameHeader + replacement.size());
            append(output, bytes.subspan(at - frame_header, frame_header));
        }
        append(output, replacement);
        copied = at + picture.coded.size();
    }
    append(output, bytes.subspan(copied));
    write_le32(&output[4], static_cast<std::uint32_t>(output.size() - 8));
    return output;
}

Result<int> finest_vp8_quantizer(ByteView bitstream) {
    if (bitstream.size() < 12) return malformed("VP8 frame cut off");
    BoolDecoder header(bitstream.subspan(10));
    header.bits(2);  // colour space, clamping
    const Segments segments = read_segments(header);
    skip_loop_filter(header);
    header.bits(2);  // partitions
    const auto base = static_cast<int>(header.bits(7));
    if (header.beyond_the_end()) return malformed("VP8 frame header cut off");
    if (!segments.enabled) return base;
    int finest = 127;
    for (const int quantizer : segments.quantizer)
        finest = std::min(finest, std::clamp(segments.absolute ? quantizer : base + quantizer, 0, 127));
    return finest;
}

}  // namespace optimilter
