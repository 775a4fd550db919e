// SPDX-License-Identifier: Apache-2.0
//
// Rasters of formats that hardly anything compresses, made into PNG where the settings ask for that: BMP,
// TGA, PCX, SGI, PNM, Sun raster. ImageMagick reads them, our PNG encoder writes them, and our own small
// readers tell whether every sample is still there. Never inside containers: a document names its pictures by
// their old name. Nothing is written back in the old format: its run lengths are read wrongly by too many
// programs for what they save.
#include "optimizers/rare_raster.hpp"

#include <algorithm>
#include <utility>

#include "optimizers/deflate.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/png_decode.hpp"
#include "optimizers/png_encode.hpp"
#include "optimizers/png_limits.hpp"
#include "optimizers/png_metadata.hpp"
#include "optimizers/png_reduce.hpp"

namespace optimilter {

namespace {

constexpr std::string_view kProfileName("ICC\0\0", 5);  // name, its end, method: deflate

// Resolution, W3C PNG section 11.3.4.3, and colour profile, 11.3.2.3. A broken profile is kept all the same.
Result<PngMetadata> metadata_of(const RasterHeader& header) {
    PngMetadata metadata;
    if (!header.icc.empty()) {
        Result<Bytes> deflated = deflate_zlib(header.icc, 9);
        if (!deflated) return deflated.error();
        Bytes body;
        append(body, as_bytes(kProfileName));
        append(body, *deflated);
        metadata.before.push_back({"iCCP", std::move(body)});
    }
    if (header.x_per_meter != 0) {
        Bytes body(9);
        write_be32(body.data(), header.x_per_meter);
        write_be32(body.data() + 4, header.y_per_meter);
        body[8] = 1;
        metadata.before.push_back({"pHYs", std::move(body)});
    }
    return metadata;
}

// The picture as if it came from a PNG file of plain RGBA.
PngFile png_view(const RasterHeader& header, const PngMetadata& metadata) {
    PngFile file;
    file.header = {header.width, header.height, PngColor::kRgba, 8, false};
    for (const PngMetadata::Chunk& chunk : metadata.before)
        file.before.push_back({chunk.type, chunk.body, {}});
    return file;
}

Result<Bytes> make_png(const RasterHeader& header, Bytes rgba, Deadline deadline) {
    const Result<PngMetadata> metadata = metadata_of(header);
    if (!metadata) return metadata.error();
    const PngFile file = png_view(header, *metadata);
    const PngPicture picture{header.width, header.height, file.layout(), std::move(rgba)};
    const Result<ColorSurvey> survey = survey_colors(picture, deadline);
    if (!survey) return survey.error();
    const EncodeJob job{picture, candidate_layouts(file, picture, *survey), {}, {}, deadline};
    const Result<EncodedPicture> encoded = encode_picture(job);
    if (!encoded) return encoded.error();
    return write_png(file, *metadata, encoded->layout, encoded->idat);
}

Result<Bytes> convert(Format format, ByteView input, Context& context) {
    const Result<RasterHeader> header = read_raster_header(format, input);
    if (!header) return header.error();
    if (header->area() > kMostRasterPixels)
        return Error{ErrorCode::kLimit, "picture too large for the memory of a worker"};
    if (!context.budget.spend_pixels(header->area()))
        return Error{ErrorCode::kLimit, "more pixels than the budget allows"};
    // Neither reader can be interrupted; both together do far more than this in a millisecond.
    constexpr std::uint64_t kPixelsPerMs = 10'000;
    const Deadline deadline = context.budget.deadline();
    if (static_cast<std::int64_t>(header->area() / kPixelsPerMs) > deadline.remaining_ms())
        return Error{ErrorCode::kDeadline, "no time left to decode"};
    // Our own reader first: it is the one that refuses.
    if (const Result<Bytes> own = read_raster(format, input, *header); !own) return own.error();
    Result<Bytes> rgba = read_raster_with_magick(format, input, *header);
    if (!rgba) return rgba;
    return make_png(*header, std::move(*rgba), deadline);
}

// What the optimizer of PNG, which would see the result in a second pass, makes of it now.
Attempt optimized_png(Bytes exact, Context& context) {
    const Optimizer* const row = find_optimizer(Format::kPng);
    if (row == nullptr || !context.options.enabled(Format::kPng))
        return {Outcome::kOptimized, {}, std::move(exact), {}, {}};
    OptimizeResult result = run_optimizer(*row, exact, context);
    const bool better = result.outcome == Outcome::kOptimized;
    return {Outcome::kOptimized, {}, better ? std::move(result.output) : std::move(exact), result.score, {}};
}

}  // namespace

template <Format kFormat>
Attempt optimize_raster(ByteView input, Context& context) {
    if (!context.options.converts(kFormat))
        return leave_alone(Outcome::kNotApplicable, "conversion to PNG is not asked for");
    if (context.depth > 0)
        return leave_alone(Outcome::kNotApplicable, "pictures inside files keep their format");
    Result<Bytes> output = convert(kFormat, input, context);
    if (!output) return leave_alone(output.error());
    Attempt attempt = optimized_png(std::move(*output), context);
    attempt.converted_to = Format::kPng;
    return attempt;
}

// ---- Verification: our own reader against libpng.

namespace {

bool chunk_is(const PngFile& file, std::string_view type, const Bytes& body) {
    const PngChunk* const chunk = file.find(type);
    return chunk == nullptr ? body.empty() : as_text(chunk->body) == as_text(body);
}

std::string compare_metadata(const RasterHeader& header, const PngFile& png) {
    Bytes resolution;
    if (header.x_per_meter != 0) {
        resolution.resize(9);
        write_be32(resolution.data(), header.x_per_meter);
        write_be32(resolution.data() + 4, header.y_per_meter);
        resolution[8] = 1;
    }
    if (!chunk_is(png, "pHYs", resolution)) return "resolution differs";
    const PngChunk* const profile = png.find("iCCP");
    if ((profile != nullptr) == header.icc.empty()) return "colour profile lost or added";
    const std::size_t chunks = png.before.size() + png.after.size();
    if (chunks != (profile != nullptr ? 1u : 0u) + (resolution.empty() ? 0u : 1u)) return "a chunk was added";
    if (profile == nullptr) return {};
    if (!starts_with(profile->body, kProfileName)) return "colour profile differs";
    const Result<Bytes> icc = inflate_zlib(profile->body.subspan(kProfileName.size()), header.icc.size());
    return icc && as_text(*icc) == as_text(header.icc) ? std::string() : "colour profile differs";
}

// As PNG is verified, against the samples of our own reader.
std::string compare_likeness(const RasterHeader& header, Bytes own, const Attempt& attempt,
                             Context& context) {
    const Optimizer* const row = find_optimizer(Format::kPng);
    const Result<Bytes> exact = make_png(header, std::move(own), context.budget.deadline());
    if (row == nullptr || !exact) return "nothing to compare with";
    return row->verify(*exact, attempt, context);
}

}  // namespace

template <Format kFormat>
std::string verify_raster(ByteView input, const Attempt& attempt, Context& context) {
    if (attempt.converted_to != Format::kPng) return "no PNG";
    if (!context.options.converts(kFormat) || context.depth > 0) return "conversion nobody asked for";
    const Result<RasterHeader> header = read_raster_header(kFormat, input);
    const Result<PngFile> png = read_png(attempt.output);
    if (!header || !png) return "no valid file";
    if (header->width != png->header.width || header->height != png->header.height)
        return "picture size differs";
    if (png->header.bit_depth > 8 || png->header.interlaced ||
        scanline_bytes(png->header) > kLargestScanlines)
        return "output of an unexpected form";
    if (std::string why = compare_metadata(*header, *png); !why.empty()) return why;
    Result<Bytes> own = read_raster(kFormat, input, *header);
    if (!own) return "does not decode";
    if (attempt.score) return compare_likeness(*header, std::move(*own), attempt, context);
    PngDecoder decoder(*png, PngSamples::kRgba8);
    if (!decoder.start()) return "does not decode";
    Bytes rgba(decoder.row_bytes() * header->height);
    if (!decoder.read_all(rgba.data(), context.budget.deadline()) || !decoder.finish())
        return "does not decode";
    return *own == rgba ? std::string() : "pixels differ";
}

template Attempt optimize_raster<Format::kBmp>(ByteView, Context&);
template std::string verify_raster<Format::kBmp>(ByteView, const Attempt&, Context&);
template Attempt optimize_raster<Format::kTga>(ByteView, Context&);
template std::string verify_raster<Format::kTga>(ByteView, const Attempt&, Context&);
template Attempt optimize_raster<Format::kPcx>(ByteView, Context&);
template std::string verify_raster<Format::kPcx>(ByteView, const Attempt&, Context&);
template Attempt optimize_raster<Format::kSgi>(ByteView, Context&);
template std::string verify_raster<Format::kSgi>(ByteView, const Attempt&, Context&);
template Attempt optimize_raster<Format::kPnm>(ByteView, Context&);
template std::string verify_raster<Format::kPnm>(ByteView, const Attempt&, Context&);
template Attempt optimize_raster<Format::kSunRaster>(ByteView, Context&);
template std::string verify_raster<Format::kSunRaster>(ByteView, const Attempt&, Context&);

}  // namespace optimilter
