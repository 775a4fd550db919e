// SPDX-License-Identifier: Apache-2.0
//
// Pixels to a JPEG file at a quality: our own DCT, quantisation and entropy coder. No segments at all. Not
// thread safe; one object, one file.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "optimizers/jpeg_decoder.hpp"
#include "optimizers/jpeg_file_writer.hpp"
#include "optimizers/jpeg_trellis.hpp"

namespace optimilter {

enum class ChromaSampling { k444, k422, k420 };

// Quantised coefficients and the memory they lie in. Movable: the rows of planes point into blocks.
struct JpegEncoded {
    JpegCoefficients picture;
    std::vector<std::vector<std::int16_t>> blocks;
    JpegEncoded() = default;
    JpegEncoded(JpegEncoded&&) = default;
    JpegEncoded& operator=(JpegEncoded&&) = default;
};

class JpegEncoder {
  public:
    // limit_bytes: the work ends with kRefused as soon as the file would become larger. trellis: see
    // jpeg_trellis.hpp; without it as libjpeg does.
    JpegEncoder(std::size_t limit_bytes, Deadline deadline, bool trellis = true)
        : limit_bytes_(limit_bytes), deadline_(deadline), trellis_(trellis) {}
    JpegEncoder(const JpegEncoder&) = delete;
    JpegEncoder& operator=(const JpegEncoder&) = delete;

    // pixels: gray or YCbCr. quality: libjpeg's, 1..100. Sequential with the standard Huffman tables, so
    // quick and large: the answer is meant to be transcoded.
    Result<Bytes> encode(const JpegPixels& pixels, int quality, ChromaSampling sampling);
    // The same up to the coefficients.
    Status quantize(const JpegPixels& pixels, int quality, ChromaSampling sampling);
    // Of the last call, to be coded; the latter once.
    const JpegCoefficients& coefficients() const { return encoded_.picture; }
    JpegEncoded take_coefficients() { return std::move(encoded_); }

  private:
    Status add_plane(const JpegPixels& pixels, std::uint32_t channel, int quality, ChromaSampling sampling);
    Status quantize_plane(const JpegSamplePlane& samples, const JpegQuantTable& steps,
                          std::vector<std::int16_t>& blocks) const;

    std::size_t limit_bytes_;
    Deadline deadline_;
    bool trellis_;
    JpegEncoded encoded_;
};

}  // namespace optimilter
