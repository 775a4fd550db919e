// SPDX-License-Identifier: Apache-2.0
#include "optimizers/gif_blocks.hpp"

#include <algorithm>

namespace optimilter {

namespace {

constexpr std::uint8_t kExtension = 0x21;
constexpr std::uint8_t kImage = 0x2C;
constexpr std::uint8_t kTrailer = 0x3B;
constexpr std::uint8_t kPlainText = 0x01;
constexpr std::uint8_t kControlLabel = 0xF9;

Error malformed(const char* text) {
    return {ErrorCode::kMalformed, text};
}

class Reader {
  public:
    explicit Reader(ByteView input) : input_(input) {}

    Result<GifFile> run() {
        if (Status status = read_screen(); !status) return status.error();
        while (true) {
            if (!has(1)) return malformed("GIF: no trailer");
            const std::uint8_t kind = input_[at_++];
            if (kind == kTrailer) break;
            Status status = kind == kExtension ? read_extension()
                            : kind == kImage   ? read_frame()
                                               : Status(malformed("GIF: block of an unknown kind"));
            if (!status) return status.error();
        }
        if (file_.frames.empty()) return malformed("GIF: no frame");
        if (at_ != input_.size()) return Error{ErrorCode::kRefused, "data after the end of the picture"};
        settle_control();
        return std::move(file_);
    }

  private:
    bool has(std::size_t n) const { return input_.size() - at_ >= n; }

    Status read_screen() {
        if (!has(13)) return malformed("GIF: cut header");
        file_.version_89a = input_[4] == '9';
        file_.width = read_le16(&input_[6]);
        file_.height = read_le16(&input_[8]);
        const std::uint8_t packed = input_[10];
        file_.color_resolution = (packed >> 4) & 7;
        file_.palette_sorted = (packed & 8) != 0;
        file_.background = input_[11];
        file_.aspect = input_[12];
        at_ = 13;
        if (file_.width == 0 || file_.height == 0) return malformed("GIF: screen without pixels");
        return (packed & 0x80) != 0 ? read_palette(file_.palette, packed & 7u) : Status(Success{});
    }

    Status read_palette(std::vector<GifColor>& palette, unsigned bits) {
        const std::size_t count = std::size_t{2} << bits;
        if (!has(3 * count)) return malformed("GIF: cut palette");
        palette.reserve(count);
        for (std::size_t i = 0; i < count; ++i, at_ += 3)
            palette.push_back((GifColor{input_[at_]} << 16) | (GifColor{input_[at_ + 1]} << 8) |
                              input_[at_ + 2]);
        return Success{};
    }

    // Moves behind a chain of sub-blocks and the empty one that ends it; gives the chain without that.
    Result<ByteView> skip_sub_blocks() {
        const std::size_t begin = at_;
        while (true) {
            if (!has(1)) return malformed("GIF: cut block");
            const std::size_t size = input_[at_];
            if (size == 0) break;
            if (!has(1 + size)) return malformed("GIF: cut block");
            at_ += 1 + size;
        }
        const ByteView chain = input_.subspan(begin, at_ - begin);
        ++at_;
        return chain;
    }

    Status read_extension() {
        if (!has(1)) return malformed("GIF: cut extension");
        const std::size_t begin = at_ - 1;
        const std::uint8_t label = input_[at_++];
        if (label == kPlainText) return Error{ErrorCode::kUnsupported, "GIF with plain text"};
        const Result<ByteView> chain = skip_sub_blocks();
        if (!chain) return chain.error();
        if (label == kControlLabel) return note_control(*chain, input_.subspan(begin, at_ - begin));
        file_.blocks.push_back({GifBlock::Kind::kVerbatim, 0, input_.subspan(begin, at_ - begin)});
        return Success{};
    }

    Status note_control(ByteView chain, ByteView whole) {
        if (chain.size() != 5 || chain[0] != 4) return malformed("GIF: control of a wrong size");
        if (control_) return Error{ErrorCode::kUnsupported, "GIF with two controls for one frame"};
        const std::uint8_t packed = chain[1];
        control_ = GifControl{static_cast<std::uint8_t>(packed >> 5),
                              static_cast<std::uint8_t>((packed >> 2) & 7),
                              (packed & 2) != 0,
                              (packed & 1) != 0,
                              chain[4],
                              read_le16(&chain[2])};
        control_bytes_ = whole;
        control_block_ = file_.blocks.size();
        file_.blocks.push_back({GifBlock::Kind::kControl, file_.frames.size(), {}});
        return Success{};
    }

    // A control that no frame follows controls nothing.
    void settle_control() {
        if (control_) file_.blocks[control_block_] = {GifBlock::Kind::kVerbatim, 0, control_bytes_};
    }

    Status read_frame() {
        if (!has(9)) return malformed("GIF: cut frame");
        if (file_.frames.size() >= kMaxGifFrames) return Error{ErrorCode::kLimit, "too many frames"};
        GifFrame frame;
        frame.rect = {read_le16(&input_[at_]), read_le16(&input_[at_ + 2]), read_le16(&input_[at_ + 4]),
                      read_le16(&input_[at_ + 6])};
        const std::uint8_t packed = input_[at_ + 8];
        at_ += 9;
        frame.interlaced = (packed & 0x40) != 0;
        frame.palette_sorted = (packed & 0x20) != 0;
        if ((packed & 0x80) != 0)
            if (Status status = read_palette(frame.palette, packed & 7u); !status) return status;
        if (frame.rect.pixels() == 0) return malformed("GIF: frame without pixels");
        if (frame.palette.empty() && file_.palette.empty()) return malformed("GIF: frame without palette");
        if (!has(1)) return malformed("GIF: cut frame");
        frame.min_code_size = input_[at_++];
        const Result<ByteView> chain = skip_sub_blocks();
        if (!chain) return chain.error();
        frame.blocks = *chain;
        frame.control = control_;
        control_.reset();
        file_.blocks.push_back({GifBlock::Kind::kFrame, file_.frames.size(), {}});
        file_.frames.push_back(std::move(frame));
        return Success{};
    }

    ByteView input_;
    std::size_t at_ = 0;
    GifFile file_;
    std::optional<GifControl> control_;  // waits for its frame
    ByteView control_bytes_;
    std::size_t control_block_ = 0;
};

void push_le16(Bytes& to, std::uint16_t v) {
    to.push_back(static_cast<std::uint8_t>(v));
    to.push_back(static_cast<std::uint8_t>(v >> 8));
}

void push_palette(Bytes& to, const std::vector<GifColor>& palette) {
    for (const GifColor color : palette)
        for (const unsigned shift : {16u, 8u, 0u}) to.push_back(static_cast<std::uint8_t>(color >> shift));
    to.resize(to.size() + gif_palette_bytes(palette.size()) - 3 * palette.size());
}

void push_screen(Bytes& to, const GifFile& file) {
    append(to, as_bytes(file.version_89a ? "GIF89a" : "GIF87a"));
    push_le16(to, file.width);
    push_le16(to, file.height);
    unsigned packed = static_cast<unsigned>(file.color_resolution << 4) | (file.palette_sorted ? 8u : 0u);
    if (!file.palette.empty()) packed |= 0x80u | gif_palette_bits(file.palette.size());
    to.push_back(static_cast<std::uint8_t>(packed));
    to.push_back(file.background);
    to.push_back(file.aspect);
    push_palette(to, file.palette);
}

void push_control(Bytes& to, const GifControl& control) {
    append(to, as_bytes("\x21\xF9\x04"));
    to.push_back(static_cast<std::uint8_t>((control.reserved << 5) | (control.disposal << 2) |
                                           (control.user_input ? 2 : 0) | (control.transparent ? 1 : 0)));
    push_le16(to, control.delay_cs);
    to.push_back(control.transparent_index);
    to.push_back(0);
}

void push_frame(Bytes& to, const GifFrame& frame) {
    constexpr std::size_t kLargestSubBlock = 255;
    to.push_back(kImage);
    for (const std::uint16_t v : {frame.rect.left, frame.rect.top, frame.rect.width, frame.rect.height})
        push_le16(to, v);
    unsigned packed = (frame.interlaced ? 0x40u : 0u) | (frame.palette_sorted ? 0x20u : 0u);
    if (!frame.palette.empty()) packed |= 0x80u | gif_palette_bits(frame.palette.size());
    to.push_back(static_cast<std::uint8_t>(packed));
    push_palette(to, frame.palette);
    to.push_back(frame.min_code_size);
    const ByteView codes(frame.codes);
    for (std::size_t at = 0; at < codes.size(); at += kLargestSubBlock) {
        const std::size_t size = std::min(kLargestSubBlock, codes.size() - at);
        to.push_back(static_cast<std::uint8_t>(size));
        append(to, codes.subspan(at, size));
    }
    to.push_back(0);
}

}  // namespace

bool GifFile::frames_inside() const {
    return std::all_of(frames.begin(), frames.end(), [this](const GifFrame& frame) {
        return frame.rect.left + frame.rect.width <= width && frame.rect.top + frame.rect.height <= height;
    });
}

Result<GifFile> read_gif(ByteView input) {
    if (!starts_with(input, "GIF87a") && !starts_with(input, "GIF89a")) return malformed("no GIF file");
    return Reader(input).run();
}

Bytes join_sub_blocks(ByteView blocks) {
    Bytes joined;
    joined.reserve(blocks.size());
    for (std::size_t at = 0; at < blocks.size(); at += 1 + std::size_t{blocks[at]})
        append(joined, blocks.subspan(at + 1, blocks[at]));
    return joined;
}

Bytes write_gif(const GifFile& file) {
    Bytes to;
    push_screen(to, file);
    for (const GifBlock& block : file.blocks) {
        if (block.kind == GifBlock::Kind::kVerbatim) append(to, block.bytes);
        if (block.kind == GifBlock::Kind::kControl) push_control(to, *file.frames[block.frame].control);
        if (block.kind == GifBlock::Kind::kFrame) push_frame(to, file.frames[block.frame]);
    }
    to.push_back(kTrailer);
    return to;
}

unsigned gif_palette_bits(std::size_t colors) {
    unsigned bits = 0;
    while ((std::size_t{2} << bits) < colors) ++bits;
    return bits;
}

std::size_t gif_palette_bytes(std::size_t colors) {
    return colors == 0 ? 0 : 3 * (std::size_t{2} << gif_palette_bits(colors));
}

}  // namespace optimilter
