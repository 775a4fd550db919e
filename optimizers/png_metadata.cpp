// SPDX-License-Identifier: Apache-2.0
#include "optimizers/png_metadata.hpp"

#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "optimizers/exif.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kLargestXmp = 64 << 10;

bool is_text(std::string_view type) {
    return type == "tEXt" || type == "zTXt" || type == "iTXt";
}

// Texts start with a keyword and a zero byte, W3C PNG section 11.3.3.
bool text_stays(const PngChunk& chunk, const Options& options) {
    const std::string_view text = as_text(chunk.body);
    const std::string_view keyword = text.substr(0, text.find('\0'));
    if (keyword == "XML:com.adobe.xmp") return chunk.body.size() <= kLargestXmp;
    // EXIF from before eXIf, as ImageMagick still writes it: some readers turn the picture by it. A position
    // in it cannot be seen without unpacking it.
    if (iequals(keyword, "Raw profile type exif") || iequals(keyword, "Raw profile type APP1"))
        return options.keep_gps && chunk.body.size() <= kLargestXmp;
    return iequals(keyword, "Copyright") || iequals(keyword, "Author");
}

bool stays_in_lossy(const PngChunk& chunk, const Options& options) {
    constexpr std::string_view kDropped[] = {"tIME", "sPLT", "gIFg", "gIFx", "prVW"};
    if (is_text(chunk.type)) return text_stays(chunk, options);
    return std::find(std::begin(kDropped), std::end(kDropped), chunk.type) == std::end(kDropped);
}

// The eXIf chunk of a lossy result: no thumbnail, no maker note, and no position unless it is wanted. Empty:
// nothing worth keeping is left.
Bytes kept_exif(ByteView exif, bool keep_gps) {
    if (Result<Bytes> rewritten = rewrite_exif(exif, {!keep_gps, 0, 0})) return std::move(*rewritten);
    if (keep_gps || !exif_may_hold_gps(exif)) return Bytes(exif.begin(), exif.end());
    const std::uint16_t orientation = exif_orientation(exif).value_or(1);
    return orientation == 1 ? Bytes() : exif_with_orientation(orientation);
}

std::vector<PngMetadata::Chunk> kept(const std::vector<PngChunk>& chunks, const Options& options) {
    std::vector<PngMetadata::Chunk> result;
    for (const PngChunk& chunk : chunks) {
        if (chunk.type == "iDOT" || (options.lossy && !stays_in_lossy(chunk, options))) continue;
        Bytes body(chunk.body.begin(), chunk.body.end());
        if (chunk.type == "eXIf" && options.lossy) {
            body = kept_exif(chunk.body, options.keep_gps);
            if (body.empty()) continue;
        }
        result.push_back({std::string(chunk.type), std::move(body)});
    }
    return result;
}

// The step between two neighbouring samples of a bit depth, on the scale of 16 bits.
unsigned sample_step(unsigned bit_depth) {
    return 65535u / ((1u << bit_depth) - 1);
}

void push_be16(Bytes& to, unsigned value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8));
    to.push_back(static_cast<std::uint8_t>(value));
}

std::optional<Bytes> index_of_color(const std::vector<Rgba>& palette, const PngColorKey& color) {
    for (std::size_t i = 0; i < palette.size(); ++i) {
        const Rgba p = palette[i];
        if (red(p) * 257u == color[0] && green(p) * 257u == color[1] && blue(p) * 257u == color[2])
            return Bytes{static_cast<std::uint8_t>(i)};
    }
    return std::nullopt;
}

// sBIT as four numbers: red, green, blue, alpha (0: not said).
std::array<unsigned, 4> significant_bits(PngColor color, ByteView body) {
    if (is_gray(color)) return {body[0], body[0], body[0], has_alpha(color) ? body[1] : 0u};
    return {body[0], body[1], body[2], has_alpha(color) ? body[3] : 0u};
}

bool same_form(const PngHeader& header, const PngLayout& layout) {
    return header.color == layout.color && header.bit_depth == layout.bit_depth &&
           layout.color != PngColor::kIndexed;
}

void append_kept(Bytes& to, const PngFile& source, const PngLayout& layout, const PngMetadata::Chunk& chunk) {
    if (chunk.type == "bKGD") return append_chunk(to, chunk.type, background_for(source, layout).value());
    if (chunk.type == "sBIT")
        return append_chunk(to, chunk.type, significant_bits_for(source, layout).value());
    append_chunk(to, chunk.type, chunk.body);
}

bool stands_after_palette(const PngMetadata::Chunk& chunk) {
    return chunk.type == "bKGD" || chunk.type == "hIST";
}

}  // namespace

PngMetadata kept_metadata(const PngFile& file, const Options& options) {
    return {kept(file.before, options), kept(file.after, options)};
}

bool metadata_allows(const PngFile& file, const PngLayout& layout) {
    const PngLayout now = file.layout();
    const bool same = layout == now;
    if ((file.suggests_palette() || file.find("hIST") != nullptr) && !same) return false;
    // Strict readers refuse a profile of the wrong kind (RGB for a gray picture, or the other way).
    if (file.find("iCCP") != nullptr && is_gray(layout.color) != is_gray(now.color)) return false;
    return same || ((file.find("bKGD") == nullptr || background_for(file, layout)) &&
                    (file.find("sBIT") == nullptr || significant_bits_for(file, layout)));
}

std::optional<PngColorKey> background_color(const PngFile& file) {
    const PngChunk* chunk = file.find("bKGD");
    if (chunk == nullptr) return std::nullopt;
    const std::uint8_t* p = chunk->body.data();
    if (file.header.color == PngColor::kIndexed) {
        const std::uint8_t* entry = file.palette.data() + 3 * p[0];
        return PngColorKey{static_cast<std::uint16_t>(entry[0] * 257),
                           static_cast<std::uint16_t>(entry[1] * 257),
                           static_cast<std::uint16_t>(entry[2] * 257)};
    }
    const unsigned step = sample_step(file.header.bit_depth);
    PngColorKey color{};
    for (std::size_t i = 0; i < 3; ++i) {
        const unsigned v = read_be16(is_gray(file.header.color) ? p : p + 2 * i);
        if ((v >> file.header.bit_depth) != 0) return std::nullopt;
        color[i] = static_cast<std::uint16_t>(v * step);
    }
    return color;
}

std::optional<Bytes> background_for(const PngFile& file, const PngLayout& layout) {
    const PngChunk* chunk = file.find("bKGD");
    if (chunk == nullptr) return std::nullopt;
    if (same_form(file.header, layout) || layout == file.layout())
        return Bytes(chunk->body.begin(), chunk->body.end());
    const std::optional<PngColorKey> color = background_color(file);
    if (!color) return std::nullopt;
    if (layout.color == PngColor::kIndexed) return index_of_color(layout.palette, *color);
    if (is_gray(layout.color) && ((*color)[0] != (*color)[1] || (*color)[1] != (*color)[2]))
        return std::nullopt;
    const unsigned step = sample_step(layout.bit_depth);
    Bytes body;
    for (std::size_t i = 0; i < (is_gray(layout.color) ? 1u : 3u); ++i) {
        if ((*color)[i] % step != 0) return std::nullopt;
        push_be16(body, (*color)[i] / step);
    }
    return body;
}

std::optional<Bytes> significant_bits_for(const PngFile& file, const PngLayout& layout) {
    const PngChunk* chunk = file.find("sBIT");
    if (chunk == nullptr) return std::nullopt;
    if (file.header.color == layout.color && file.header.bit_depth == layout.bit_depth)
        return Bytes(chunk->body.begin(), chunk->body.end());
    const auto [r, g, b, a] = significant_bits(file.header.color, chunk->body);
    const unsigned depth = layout.color == PngColor::kIndexed ? 8 : layout.bit_depth;
    if (std::max({r, g, b, a}) > depth) return std::nullopt;
    // Where alpha loses its own number, readers take it as whole.
    const bool loses_alpha = a != 0 && !has_alpha(layout.color);
    if (loses_alpha && a != file.header.bit_depth) return std::nullopt;
    if (is_gray(layout.color) && (r != g || g != b)) return std::nullopt;
    Bytes body{static_cast<std::uint8_t>(r)};
    if (!is_gray(layout.color)) {
        body.push_back(static_cast<std::uint8_t>(g));
        body.push_back(static_cast<std::uint8_t>(b));
    }
    if (has_alpha(layout.color)) body.push_back(static_cast<std::uint8_t>(a));
    return body;
}

Bytes write_png(const PngFile& source, const PngMetadata& metadata, const PngLayout& layout, ByteView idat) {
    Bytes output;
    output.reserve(idat.size() + 4096);
    append_png_start(output, source.header.width, source.header.height, layout);
    for (const PngMetadata::Chunk& chunk : metadata.before)
        if (!stands_after_palette(chunk)) append_kept(output, source, layout, chunk);
    if (source.suggests_palette()) append(output, source.palette_chunk);
    append_layout_chunks(output, layout);
    for (const PngMetadata::Chunk& chunk : metadata.before)
        if (stands_after_palette(chunk)) append_kept(output, source, layout, chunk);
    append_chunk(output, "IDAT", idat);
    for (const PngMetadata::Chunk& chunk : metadata.after) append_kept(output, source, layout, chunk);
    append_chunk(output, "IEND", {});
    return output;
}

}  // namespace optimilter
