// SPDX-License-Identifier: Apache-2.0
#include "optimizers/png_decode.hpp"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace optimilter {

namespace {

constexpr std::uint8_t kEndChunk[12] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xAE, 0x42, 0x60, 0x82};
constexpr std::uint32_t kRowsPerDeadlineCheck = 64;

// The parts of the file that libpng sees, and how far it has read.
struct Source {
    std::vector<ByteView> parts;
    std::size_t part = 0;
    std::size_t offset = 0;
};

// Called below libpng frames that a longjmp may leave: nothing here has a destructor.
void read_from_source(png_structp png, png_bytep to, std::size_t wanted) {
    auto* source = static_cast<Source*>(png_get_io_ptr(png));
    while (wanted > 0) {
        if (source->part == source->parts.size()) png_error(png, "data ends too early");
        const ByteView& part = source->parts[source->part];
        const std::size_t n = std::min(wanted, part.size() - source->offset);
        std::memcpy(to, part.data() + source->offset, n);
        to += n;
        wanted -= n;
        source->offset += n;
        if (source->offset < part.size()) continue;
        ++source->part;
        source->offset = 0;
    }
}

struct ErrorText {
    char text[160] = "";
};

[[noreturn]] void fail_decoding(png_structp png, png_const_charp text) {
    auto* error = static_cast<ErrorText*>(png_get_error_ptr(png));
    std::snprintf(error->text, sizeof error->text, "%s", text);
    png_longjmp(png, 1);
}

void ask_for_rgba(png_structp png, bool deep) {
    png_set_expand(png);
    if (deep) png_set_expand_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, deep ? 0xFFFFu : 0xFFu, PNG_FILLER_AFTER);
}

// ---- Leaf functions with setjmp: only trivially destructible locals.

bool start_reading(png_structp png, png_infop info, PngSamples samples, int& passes) {
    if (setjmp(png_jmpbuf(png)) != 0) return false;
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    // png_chunks.cpp has checked them already.
    png_set_crc_action(png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
    png_read_info(png, info);
    if (samples != PngSamples::kAsInFile) ask_for_rgba(png, samples == PngSamples::kRgba16);
    passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    return true;
}

bool read_rows(png_structp png, std::uint8_t* to, std::size_t stride, std::uint32_t count) {
    if (setjmp(png_jmpbuf(png)) != 0) return false;
    for (std::uint32_t i = 0; i < count; ++i) png_read_row(png, to + i * stride, nullptr);
    return true;
}

bool finish_reading(png_structp png) {
    if (setjmp(png_jmpbuf(png)) != 0) return false;
    png_read_end(png, nullptr);
    return true;
}

// ---- End of the leaf functions.

// The unused bits at the end of a row are whatever the writer left there.
void clear_padding(PngPicture& picture) {
    const unsigned used =
        static_cast<unsigned>((std::uint64_t{picture.width} * picture.layout.bits_per_pixel()) % 8);
    if (used == 0) return;
    const auto mask = static_cast<std::uint8_t>(0xFF00u >> used);
    for (std::uint32_t y = 0; y < picture.height; ++y) {
        std::uint8_t& last = picture.row_begin(y)[picture.row_bytes() - 1];
        last = static_cast<std::uint8_t>(last & mask);
    }
}

bool indexes_in_range(const PngPicture& picture) {
    const unsigned bits = picture.layout.bit_depth;
    const unsigned entries = static_cast<unsigned>(picture.layout.palette.size());
    if (picture.layout.color != PngColor::kIndexed || entries == (1u << bits)) return true;
    const unsigned mask = (1u << bits) - 1;
    // Cleared padding reads as index 0, which is always there.
    return std::all_of(picture.rows.begin(), picture.rows.end(), [=](std::uint8_t byte) {
        for (unsigned shift = 0; shift < 8; shift += bits)
            if (((byte >> shift) & mask) >= entries) return false;
        return true;
    });
}

}  // namespace

struct PngDecoder::State {
    Source source;
    ErrorText error;
    PngSamples samples;
    png_structp png = nullptr;
    png_infop info = nullptr;
    int passes = 1;
    std::uint32_t height = 0;

    ~State() { png_destroy_read_struct(&png, &info, nullptr); }
    Error failure() const { return {ErrorCode::kMalformed, fmt::format("libpng: {}", error.text)}; }
};

PngDecoder::PngDecoder(const PngFile& file, PngSamples samples) : state_(std::make_unique<State>()) {
    std::vector<ByteView>& parts = state_->source.parts;
    parts = {as_bytes(kPngSignature), file.header_chunk};
    // A suggested palette of a truecolour picture says nothing about its pixels.
    if (file.header.color == PngColor::kIndexed) parts.push_back(file.palette_chunk);
    if (!file.transparency_chunk.empty()) parts.push_back(file.transparency_chunk);
    for (const PngChunk& chunk : file.idat) parts.push_back(chunk.whole);
    parts.push_back(kEndChunk);
    state_->samples = samples;
    state_->height = file.header.height;
}

PngDecoder::~PngDecoder() = default;

Status PngDecoder::start() {
    State& s = *state_;
    s.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s.error, fail_decoding, fail_decoding);
    if (s.png != nullptr) s.info = png_create_info_struct(s.png);
    if (s.info == nullptr) return Error{ErrorCode::kLimit, "no memory for a PNG decoder"};
    png_set_read_fn(s.png, &s.source, read_from_source);
    if (!start_reading(s.png, s.info, s.samples, s.passes)) return s.failure();
    return Success{};
}

std::size_t PngDecoder::row_bytes() const {
    return png_get_rowbytes(state_->png, state_->info);
}

Status PngDecoder::read_row(std::uint8_t* to) {
    if (!read_rows(state_->png, to, 0, 1)) return state_->failure();
    return Success{};
}

Status PngDecoder::read_all(std::uint8_t* to, Deadline deadline) {
    const std::size_t stride = row_bytes();
    for (int pass = 0; pass < state_->passes; ++pass) {
        for (std::uint32_t y = 0; y < state_->height; y += kRowsPerDeadlineCheck) {
            if (deadline.expired()) return Error{ErrorCode::kDeadline, "deadline"};
            const std::uint32_t count = std::min(kRowsPerDeadlineCheck, state_->height - y);
            if (!read_rows(state_->png, to + y * stride, stride, count)) return state_->failure();
        }
    }
    return Success{};
}

Status PngDecoder::finish() {
    if (!finish_reading(state_->png)) return state_->failure();
    return Success{};
}

Result<PngPicture> decode_png(const PngFile& file, Deadline deadline) {
    PngDecoder decoder(file, PngSamples::kAsInFile);
    if (Status status = decoder.start(); !status) return status.error();
    PngPicture picture{file.header.width, file.header.height, file.layout(), {}};
    if (decoder.row_bytes() != picture.row_bytes())
        return Error{ErrorCode::kInternal, "libpng means other rows than we do"};
    picture.rows.resize(picture.row_bytes() * picture.height);
    if (Status status = decoder.read_all(picture.rows.data(), deadline); !status) return status.error();
    if (Status status = decoder.finish(); !status) return status.error();
    clear_padding(picture);
    if (!indexes_in_range(picture)) return Error{ErrorCode::kMalformed, "palette index out of range"};
    return picture;
}

}  // namespace optimilter
