// SPDX-License-Identifier: Apache-2.0
//
// One JPEG file open in libjpeg: its coefficients or its pixels, read strictly (see jpeg_errors.hpp). Call
// read_header() first, then one of the read functions, once. Not thread safe; the input must outlive it.
//
// Security: allocates by the header's dimensions; the caller spends them from the Budget before.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "optimizers/jpeg_coefficients.hpp"
#include "optimizers/jpeg_errors.hpp"

namespace optimilter {

// 8-bit samples, interleaved, rows without padding.
struct JpegPixels {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t channels = 0;  // 1 or 3
    Bytes samples;
};

// The same without the samples.
struct JpegShape {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t channels = 0;
};

enum class JpegColors { kGray, kYCbCr, kRgb };

// All that makes the pixels of a file, in a form that two files can be compared by: equal summaries decode to
// equal pixels. The digest covers every coefficient; it is no defence against somebody who looks for
// collisions, and need not be: only our own output is compared with its input.
struct JpegSummary {
    struct Component {
        int id = 0;
        int horizontal = 0;
        int vertical = 0;
        std::array<std::uint16_t, 64> quant{};
        std::array<std::uint64_t, 4> digest{};
        friend bool operator==(const Component&, const Component&) = default;
    };
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    int color_space = 0;  // libjpeg's J_COLOR_SPACE, from markers and component ids
    std::vector<Component> components;
    friend bool operator==(const JpegSummary&, const JpegSummary&) = default;
};

class JpegDecoder {
  public:
    JpegDecoder(ByteView input, Deadline deadline);
    ~JpegDecoder();
    JpegDecoder(const JpegDecoder&) = delete;
    JpegDecoder& operator=(const JpegDecoder&) = delete;

    Status read_header();

    // Decodes all entropy-coded bits. kUnsupported: a progressive file that lacks scans, whose decoders make
    // up what is missing from its neighbours (T.81 K.8), so that completed scans would change the pixels.
    Status read_coefficients();
    // After read_coefficients().
    Result<JpegSummary> summary();
    // After read_coefficients(). The rows lie in memory of this object.
    Result<JpegCoefficients> coefficients();

    // scale_denominator: 1, 2, 4 or 8, reduction within the inverse DCT.
    Result<JpegPixels> read_pixels(JpegColors colors, unsigned scale_denominator = 1);

    // The same a few rows at a time, for who need not keep them all: next_rows() until shape.height rows were
    // read, count of them to be written without padding. Errors as of read_pixels().
    Result<JpegShape> start_pixels(JpegColors colors, unsigned scale_denominator = 1);
    Status next_rows(std::uint8_t* to, std::uint32_t count);

    const jpeg_decompress_struct& state() const { return state_; }

  private:
    bool create();
    bool header();
    bool decode_coefficients();
    bool row_pointers(int component, const std::int16_t** rows);
    bool digest_rows(int component, JpegSummary::Component& into);
    bool start(J_COLOR_SPACE colors, unsigned scale_denominator);
    bool rows(std::uint8_t* to, std::size_t stride, JDIMENSION begin, JDIMENSION end);
    bool progressive_complete() const;

    ByteView input_;
    JpegErrors errors_;
    jpeg_decompress_struct state_{};
    jvirt_barray_ptr* arrays_ = nullptr;
};

}  // namespace optimilter
