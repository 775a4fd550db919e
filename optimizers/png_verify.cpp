// SPDX-License-Identifier: Apache-2.0
//
// Checks a PNG result against the file it would replace, from the bytes of both alone: libpng decodes both
// afresh into RGBA, another way than the one optimize_png() works on.
#include <cmath>
#include <cstring>

#include "optimizers/exif.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/png_chunks.hpp"
#include "optimizers/png_decode.hpp"
#include "optimizers/png_likeness.hpp"
#include "optimizers/png_limits.hpp"
#include "optimizers/png_metadata.hpp"
#include "optimizers/png_scale.hpp"

namespace optimilter {

namespace {

// Gives the rows of a picture one after the other, whether they come so or not.
class RowReader {
  public:
    RowReader(const PngFile& file, PngSamples samples)
        : decoder_(file, samples), interlaced_(file.header.interlaced), height_(file.header.height) {}

    Status start(Deadline deadline) {
        if (Status status = decoder_.start(); !status) return status;
        rows_.resize(interlaced_ ? decoder_.row_bytes() * height_ : decoder_.row_bytes());
        return interlaced_ ? decoder_.read_all(rows_.data(), deadline) : Status(Success{});
    }
    Status next() {
        if (!interlaced_) return decoder_.read_row(rows_.data());
        row_ = y_++ * decoder_.row_bytes();
        return Success{};
    }
    Status finish() { return decoder_.finish(); }
    ByteView row() const { return ByteView(rows_).subspan(row_, decoder_.row_bytes()); }

  private:
    PngDecoder decoder_;
    bool interlaced_;
    std::uint32_t height_;
    std::uint32_t y_ = 0;
    std::size_t row_ = 0;
    Bytes rows_;
};

constexpr std::uint32_t kRowsPerDeadlineCheck = 64;

// Empty when both hold the very same samples.
std::string compare_rows(RowReader& a, RowReader& b, std::uint32_t height, Deadline deadline) {
    if (!a.start(deadline) || !b.start(deadline)) return "does not decode";
    for (std::uint32_t y = 0; y < height; ++y) {
        if (y % kRowsPerDeadlineCheck == 0 && deadline.expired()) return "no time left to verify";
        if (!a.next() || !b.next()) return "does not decode";
        if (a.row().size() != b.row().size() ||
            std::memcmp(a.row().data(), b.row().data(), a.row().size()) != 0)
            return "pixels differ";
    }
    if (!a.finish() || !b.finish()) return "does not decode";
    return {};
}

std::string verify_same_pixels(const PngFile& input, const PngFile& output, Deadline deadline) {
    const bool deep = input.header.bit_depth == 16 || output.header.bit_depth == 16;
    const PngSamples samples = deep ? PngSamples::kRgba16 : PngSamples::kRgba8;
    RowReader a(input, samples);
    RowReader b(output, samples);
    return compare_rows(a, b, input.header.height, deadline);
}

Result<Bytes> decode_rgba(const PngFile& file, Deadline deadline) {
    PngDecoder decoder(file, PngSamples::kRgba8);
    if (Status status = decoder.start(); !status) return status.error();
    Bytes rgba(decoder.row_bytes() * file.header.height);
    if (Status status = decoder.read_all(rgba.data(), deadline); !status) return status.error();
    if (Status status = decoder.finish(); !status) return status.error();
    return rgba;
}

std::string verify_likeness(const PngFile& input, const PngFile& output, double claimed, Context& context) {
    const PictureSize from{input.header.width, input.header.height};
    const PictureSize to{output.header.width, output.header.height};
    if (!context.options.lossy || (from == to && !context.options.png_quantize))
        return "changed with loss in a lossless profile";
    if (input.header.bit_depth != 8 || output.header.bit_depth > 8) return "loss in deep samples";
    if (std::uint64_t{input.header.width} * input.header.height > kMostPixelsQuantized)
        return "too large to measure";
    const Deadline deadline = context.budget.deadline();
    Result<Bytes> a = decode_rgba(input, deadline);
    if (a && from != to) a = resize_rgba(*a, from, to, deadline);
    const Result<Bytes> b = decode_rgba(output, deadline);
    if (!a || !b) return "does not decode";
    const bool palette = output.header.color == PngColor::kIndexed;
    const Likeness likeness =
        (palette ? measure_palette_likeness : measure_likeness)(*a, *b, to.width, to.height);
    if (!likeness.acceptable(context.options)) return "looks too different";
    if (std::abs(likeness.score - claimed) > 1e-6) return "score is not the measured one";
    return {};
}

// Another size only where the document asked for this one, and only with a score.
std::string verify_size(const PngFile& input, const PngFile& output, const Attempt& attempt,
                        const Context& context) {
    const PictureSize from{input.header.width, input.header.height};
    const PictureSize to{output.header.width, output.header.height};
    if (from == to) return {};
    return attempt.score && to == png_target_size(input, context) ? "" : "picture size differs";
}

bool depends_on_layout(std::string_view type) {
    return type == "bKGD" || type == "sBIT" || type == "hIST";
}

bool must_stay(const PngChunk& chunk, bool lossy) {
    if (chunk.type == "iDOT" || depends_on_layout(chunk.type)) return false;
    if (!lossy) return true;
    for (const std::string_view type : {"iCCP", "sRGB", "gAMA", "cHRM", "cICP", "mDCV", "cLLI", "pHYs"})
        if (chunk.type == type) return true;
    return chunk.type == "tEXt" && starts_with(chunk.body, std::string_view("Copyright\0", 10));
}

std::vector<ByteView> staying(const std::vector<PngChunk>& chunks, bool lossy) {
    std::vector<ByteView> result;
    for (const PngChunk& chunk : chunks)
        if (must_stay(chunk, lossy)) result.push_back(chunk.whole);
    return result;
}

bool same_chunks(const std::vector<PngChunk>& a, const std::vector<PngChunk>& b, bool lossy) {
    const std::vector<ByteView> kept_a = staying(a, lossy);
    const std::vector<ByteView> kept_b = staying(b, lossy);
    return std::equal(kept_a.begin(), kept_a.end(), kept_b.begin(), kept_b.end(),
                      [](ByteView x, ByteView y) { return as_text(x) == as_text(y); });
}

ByteView body_of(const PngFile& file, std::string_view type) {
    const PngChunk* chunk = file.find(type);
    return chunk == nullptr ? ByteView() : chunk->body;
}

bool same_background(const PngFile& input, const PngFile& output) {
    const ByteView a = body_of(input, "bKGD");
    const ByteView b = body_of(output, "bKGD");
    if (a.empty() || b.empty()) return a.empty() == b.empty();
    const std::optional<PngColorKey> color = background_color(input);
    return color ? color == background_color(output) : as_text(a) == as_text(b);
}

bool same_bits(const PngFile& input, const PngFile& output) {
    const std::optional<Bytes> wanted = significant_bits_for(input, output.layout());
    return as_text(wanted ? ByteView(*wanted) : ByteView()) == as_text(body_of(output, "sBIT"));
}

std::string verify_chunks(const PngFile& input, const PngFile& output, const Options& options) {
    if (!same_chunks(input.before, output.before, options.lossy) ||
        !same_chunks(input.after, output.after, options.lossy))
        return "a chunk is lost or changed";
    if (!same_background(input, output)) return "background colour differs";
    if (!same_bits(input, output)) return "significant bits differ";
    if (as_text(body_of(input, "hIST")) != as_text(body_of(output, "hIST"))) return "histogram differs";
    const ByteView exif = body_of(output, "eXIf");
    if (exif_orientation(body_of(input, "eXIf")).value_or(1) != exif_orientation(exif).value_or(1))
        return "orientation differs";
    if (options.lossy && !options.keep_gps && !exif.empty() && exif_may_hold_gps(exif))
        return "position kept against the profile";
    if (input.find("iCCP") != nullptr && is_gray(input.header.color) != is_gray(output.header.color))
        return "colour profile of the wrong kind";
    return {};
}

}  // namespace

std::string verify_png(ByteView input_bytes, const Attempt& attempt, Context& context) {
    const Result<PngFile> input = read_png(input_bytes);
    const Result<PngFile> output = read_png(attempt.output);
    if (!input || !output) return "no valid PNG file";
    if (std::string why = verify_size(*input, *output, attempt, context); !why.empty()) return why;
    if (output->header.interlaced || scanline_bytes(output->header) > kLargestScanlines)
        return "output of an unexpected form";
    if (std::string why = verify_chunks(*input, *output, context.options); !why.empty()) return why;
    if (attempt.score) return verify_likeness(*input, *output, *attempt.score, context);
    return verify_same_pixels(*input, *output, context.budget.deadline());
}

}  // namespace optimilter
