// SPDX-License-Identifier: Apache-2.0
#include "optimizers/png_chunks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "optimizers/deflate.hpp"

namespace optimilter {

namespace {

// Where a chunk may stand: W3C PNG section 5.6, table 7.
enum class Place { kAnywhere, kBeforePalette, kAfterPalette, kBeforeData };

struct KnownChunk {
    std::string_view type;
    Place place;
    bool single;
};
constexpr KnownChunk kKnownChunks[] = {
    {"cHRM", Place::kBeforePalette, true}, {"gAMA", Place::kBeforePalette, true},
    {"iCCP", Place::kBeforePalette, true}, {"sBIT", Place::kBeforePalette, true},
    {"sRGB", Place::kBeforePalette, true}, {"cICP", Place::kBeforePalette, true},
    {"mDCV", Place::kBeforePalette, true}, {"cLLI", Place::kBeforePalette, true},
    {"mDCv", Place::kBeforePalette, true}, {"cLLi", Place::kBeforePalette, true},
    {"bKGD", Place::kAfterPalette, true},  {"hIST", Place::kAfterPalette, true},
    {"tRNS", Place::kAfterPalette, true},  {"eXIf", Place::kAnywhere, true},
    {"pHYs", Place::kBeforeData, true},    {"sPLT", Place::kBeforeData, false},
    {"tIME", Place::kAnywhere, true},      {"iTXt", Place::kAnywhere, false},
    {"tEXt", Place::kAnywhere, false},     {"zTXt", Place::kAnywhere, false},
    {"oFFs", Place::kBeforeData, true},    {"pCAL", Place::kBeforeData, true},
    {"sCAL", Place::kBeforeData, true},    {"sTER", Place::kBeforeData, true},
    {"gIFg", Place::kAnywhere, false},     {"gIFx", Place::kAnywhere, false},
    {"iDOT", Place::kAnywhere, true},
};

const KnownChunk* known_chunk(std::string_view type) {
    const auto found = std::find_if(std::begin(kKnownChunks), std::end(kKnownChunks),
                                    [type](const KnownChunk& known) { return known.type == type; });
    return found == std::end(kKnownChunks) ? nullptr : found;
}

Error malformed(std::string text) {
    return {ErrorCode::kMalformed, std::move(text)};
}

constexpr bool is_lower(char c) {
    return (c & 0x20) != 0;
}

bool valid_type(std::string_view type) {
    return std::all_of(type.begin(), type.end(),
                       [](char c) {
                           const char lower = ascii_lower(c);
                           return lower >= 'a' && lower <= 'z';
                       }) &&
           !is_lower(type[2]);
}

// Cuts the next chunk off rest.
Result<PngChunk> next_chunk(ByteView& rest) {
    if (rest.size() < 12) return malformed("file ends before IEND");
    const std::uint32_t length = read_be32(rest.data());
    if (length > rest.size() - 12) return malformed("chunk longer than the file");
    PngChunk chunk;
    chunk.whole = rest.first(length + 12);
    chunk.type = as_text(chunk.whole).substr(4, 4);
    chunk.body = chunk.whole.subspan(8, length);
    if (!valid_type(chunk.type)) return malformed("chunk type is no valid name");
    if (crc32(chunk.whole.subspan(4, length + 4)) != read_be32(rest.data() + 8 + length))
        return malformed(fmt::format("CRC of {} does not match", chunk.type));
    rest = rest.subspan(length + 12);
    return chunk;
}

bool valid_depth(unsigned color, unsigned depth) {
    switch (color) {
        case 0:
            return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
        case 3:
            return depth == 1 || depth == 2 || depth == 4 || depth == 8;
        case 2:
        case 4:
        case 6:
            return depth == 8 || depth == 16;
        default:
            return false;
    }
}

Result<PngHeader> read_header(const PngChunk& chunk) {
    if (chunk.type != "IHDR" || chunk.body.size() != 13) return malformed("file does not start with IHDR");
    const std::uint8_t* p = chunk.body.data();
    const PngHeader header{read_be32(p), read_be32(p + 4), static_cast<PngColor>(p[9]), p[8], p[12] == 1};
    if (header.width == 0 || header.height == 0 || header.width > 0x7FFFFFFFu || header.height > 0x7FFFFFFFu)
        return malformed("picture size out of range");
    if (!valid_depth(p[9], p[8]) || p[10] != 0 || p[11] != 0 || p[12] > 1)
        return malformed("IHDR with unknown values");
    return header;
}

// Takes the chunks after IHDR one by one and remembers what is needed to judge the next.
class ChunkSorter {
  public:
    explicit ChunkSorter(PngFile& file) : file_(file) {}

    Status take(const PngChunk& chunk) {
        if (chunk.type == "IDAT") return take_data(chunk);
        data_ended_ = !file_.idat.empty();
        if (chunk.type == "PLTE") return take_palette(chunk);
        if (!is_lower(chunk.type[0])) return take_unknown_critical(chunk);
        return take_ancillary(chunk);
    }

    Status finish() const {
        if (file_.idat.empty()) return malformed("no IDAT");
        if (file_.header.color == PngColor::kIndexed && file_.palette.empty())
            return malformed("indexed picture without PLTE");
        return Success{};
    }

  private:
    Status take_data(const PngChunk& chunk) {
        if (data_ended_) return malformed("IDAT chunks are not consecutive");
        if (file_.header.color == PngColor::kIndexed && file_.palette.empty())
            return malformed("indexed picture without PLTE");
        file_.idat.push_back(chunk);
        return Success{};
    }

    Status take_palette(const PngChunk& chunk) {
        const std::size_t entries = chunk.body.size() / 3;
        if (!file_.palette.empty() || !file_.idat.empty() || after_palette_seen_)
            return malformed("PLTE twice or too late");
        if (is_gray(file_.header.color)) return malformed("PLTE in a gray picture");
        const std::size_t most =
            file_.header.color == PngColor::kIndexed ? std::size_t{1} << file_.header.bit_depth : 256;
        if (chunk.body.size() % 3 != 0 || entries == 0 || entries > most)
            return malformed("PLTE of a wrong size");
        file_.palette = chunk.body;
        file_.palette_chunk = chunk.whole;
        return Success{};
    }

    static Status take_unknown_critical(const PngChunk& chunk) {
        if (chunk.type == "IHDR" || chunk.type == "IEND") return malformed("IHDR or IEND in the wrong place");
        return Error{ErrorCode::kUnsupported, fmt::format("unknown critical chunk {}", chunk.type)};
    }

    Status take_ancillary(const PngChunk& chunk) {
        if (chunk.type == "acTL" || chunk.type == "fcTL" || chunk.type == "fdAT")
            return Error{ErrorCode::kUnsupported, "animated PNG"};
        if (chunk.type == "caBX") return Error{ErrorCode::kRefused, "content credentials (C2PA)"};
        if (chunk.type == "dSIG") return Error{ErrorCode::kRefused, "signed picture (dSIG)"};
        const KnownChunk* known = known_chunk(chunk.type);
        if (known == nullptr && !is_lower(chunk.type[3]))
            return Error{ErrorCode::kUnsupported,
                         fmt::format("unknown chunk {} is unsafe to copy", chunk.type)};
        if (known != nullptr) {
            if (Status placed = check_place(*known); !placed) return placed;
        }
        if (Status sized = check_size(chunk); !sized) return sized;
        if (chunk.type == "tRNS") return take_transparency(chunk);
        (file_.idat.empty() ? file_.before : file_.after).push_back(chunk);
        return Success{};
    }

    Status check_place(const KnownChunk& known) {
        const bool data_seen = !file_.idat.empty();
        if (known.single && seen(known)) return malformed(fmt::format("{} twice", known.type));
        const bool late = (known.place == Place::kBeforePalette && (data_seen || !file_.palette.empty())) ||
                          (known.place == Place::kBeforeData && data_seen) ||
                          (known.place == Place::kAfterPalette && data_seen);
        if (late) return malformed(fmt::format("{} too late", known.type));
        if (known.place == Place::kAfterPalette) after_palette_seen_ = true;
        return Success{};
    }

    bool seen(const KnownChunk& known) {
        const auto bit = 1u << (&known - std::begin(kKnownChunks));
        const bool before = (seen_ & bit) != 0;
        seen_ |= bit;
        return before;
    }

    // The chunks whose size depends on the layout; the others we copy unread.
    Status check_size(const PngChunk& chunk) const {
        const PngColor color = file_.header.color;
        const std::size_t size = chunk.body.size();
        bool right = true;
        if (chunk.type == "bKGD")
            right = size == (color == PngColor::kIndexed ? 1u : is_gray(color) ? 2u : 6u);
        if (chunk.type == "sBIT") right = size == (color == PngColor::kIndexed ? 3 : channel_count(color));
        if (chunk.type == "hIST") right = !file_.palette.empty() && size == file_.palette.size() / 3 * 2;
        if (chunk.type == "bKGD" && right && color == PngColor::kIndexed)
            right = chunk.body[0] < file_.palette.size() / 3;
        if (!right) return malformed(fmt::format("{} of a wrong size", chunk.type));
        return Success{};
    }

    Status take_transparency(const PngChunk& chunk) {
        const PngColor color = file_.header.color;
        const std::size_t size = chunk.body.size();
        const bool right = color == PngColor::kIndexed ? size >= 1 && size <= file_.palette.size() / 3
                           : color == PngColor::kGray  ? size == 2
                           : color == PngColor::kRgb   ? size == 6
                                                       : false;
        if (!right) return malformed("tRNS of a wrong size");
        for (std::size_t i = 0; color != PngColor::kIndexed && i < size; i += 2)
            if ((read_be16(chunk.body.data() + i) >> file_.header.bit_depth) != 0)
                return malformed("tRNS value out of range");
        file_.transparency = chunk.body;
        file_.transparency_chunk = chunk.whole;
        return Success{};
    }

    PngFile& file_;
    bool data_ended_ = false;
    bool after_palette_seen_ = false;
    std::uint32_t seen_ = 0;
};
static_assert(std::size(kKnownChunks) <= 32);

Status read_chunks(ByteView rest, PngFile& file) {
    ChunkSorter sorter(file);
    for (;;) {
        const Result<PngChunk> chunk = next_chunk(rest);
        if (!chunk) return chunk.error();
        if (chunk->type == "IEND") {
            if (!chunk->body.empty()) return malformed("IEND is not empty");
            if (!rest.empty()) return Error{ErrorCode::kUnsupported, "data after IEND"};
            return sorter.finish();
        }
        if (Status taken = sorter.take(*chunk); !taken) return taken;
    }
}

std::uint64_t pass_bytes(const PngHeader& header, std::uint64_t width, std::uint64_t height) {
    if (width == 0 || height == 0) return 0;
    const std::uint64_t bits = channel_count(header.color) * header.bit_depth;
    return height * (1 + (width * bits + 7) / 8);
}

Bytes transparency_body(const PngLayout& layout) {
    Bytes body;
    if (layout.key) {
        const std::size_t samples = layout.color == PngColor::kGray ? 1 : 3;
        for (std::size_t i = 0; i < samples; ++i) {
            body.push_back(static_cast<std::uint8_t>((*layout.key)[i] >> 8));
            body.push_back(static_cast<std::uint8_t>((*layout.key)[i]));
        }
    }
    for (const Rgba p : layout.palette) body.push_back(alpha(p));
    if (layout.key) return body;
    while (!body.empty() && body.back() == 255) body.pop_back();
    return body;
}

}  // namespace

const PngChunk* PngFile::find(std::string_view type) const {
    for (const auto* chunks : {&before, &after})
        for (const PngChunk& chunk : *chunks)
            if (chunk.type == type) return &chunk;
    return nullptr;
}

std::size_t PngFile::idat_size() const {
    std::size_t size = 0;
    for (const PngChunk& chunk : idat) size += chunk.body.size();
    return size;
}

PngLayout PngFile::layout() const {
    PngLayout layout{header.color, header.bit_depth, {}, {}};
    const std::uint8_t* t = transparency.data();
    if (header.color == PngColor::kIndexed) {
        for (std::size_t i = 0; i < palette.size() / 3; ++i)
            layout.palette.push_back(make_rgba(palette[3 * i], palette[3 * i + 1], palette[3 * i + 2],
                                               i < transparency.size() ? t[i] : 255u));
    } else if (transparency.size() == 2) {
        layout.key = PngColorKey{read_be16(t), read_be16(t), read_be16(t)};
    } else if (transparency.size() == 6) {
        layout.key = PngColorKey{read_be16(t), read_be16(t + 2), read_be16(t + 4)};
    }
    return layout;
}

Result<PngFile> read_png(ByteView input) {
    if (!starts_with(input, kPngSignature)) return malformed("no PNG signature");
    ByteView rest = input.subspan(kPngSignature.size());
    const Result<PngChunk> first = next_chunk(rest);
    if (!first) return first.error();
    if (first->type == "CgBI") return Error{ErrorCode::kUnsupported, "Apple's CgBI variant of PNG"};
    const Result<PngHeader> header = read_header(*first);
    if (!header) return header.error();
    PngFile file;
    file.header = *header;
    file.header_chunk = first->whole;
    if (Status status = read_chunks(rest, file); !status) return status.error();
    return file;
}

std::uint64_t scanline_bytes(const PngHeader& header) {
    if (!header.interlaced) return pass_bytes(header, header.width, header.height);
    // Adam7: first column and row of each pass, and the steps to the next.
    constexpr std::uint32_t kPasses[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                             {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
    std::uint64_t total = 0;
    for (const auto& [x, y, dx, dy] : kPasses) {
        const std::uint64_t width = header.width > x ? (std::uint64_t{header.width} - x + dx - 1) / dx : 0;
        const std::uint64_t height = header.height > y ? (std::uint64_t{header.height} - y + dy - 1) / dy : 0;
        total += pass_bytes(header, width, height);
    }
    return total;
}

void append_chunk(Bytes& to, std::string_view type, ByteView body) {
    std::uint8_t number[4];
    write_be32(number, static_cast<std::uint32_t>(body.size()));
    append(to, number);
    append(to, as_bytes(type));
    append(to, body);
    write_be32(number, crc32(body, crc32(as_bytes(type))));
    append(to, number);
}

void append_png_start(Bytes& to, std::uint32_t width, std::uint32_t height, const PngLayout& layout) {
    append(to, as_bytes(kPngSignature));
    std::uint8_t body[13] = {};
    write_be32(body, width);
    write_be32(body + 4, height);
    body[8] = layout.bit_depth;
    body[9] = static_cast<std::uint8_t>(layout.color);
    append_chunk(to, "IHDR", body);
}

void append_layout_chunks(Bytes& to, const PngLayout& layout) {
    if (!layout.palette.empty()) {
        Bytes body;
        for (const Rgba p : layout.palette) {
            body.push_back(red(p));
            body.push_back(green(p));
            body.push_back(blue(p));
        }
        append_chunk(to, "PLTE", body);
    }
    if (const Bytes body = transparency_body(layout); !body.empty()) append_chunk(to, "tRNS", body);
}

std::size_t layout_chunk_bytes(const PngLayout& layout) {
    Bytes written;
    append_layout_chunks(written, layout);
    return written.size();
}

}  // namespace optimilter
