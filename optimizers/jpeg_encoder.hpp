// SPDX-License-Identifier: Apache-2.0
//
// Writes JPEG files: coefficients coded anew without loss, or pixels at a quality. APPn and COM segments are
// the caller's; libjpeg adds none of its own. Not thread safe; one object, one file.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "optimizers/jpeg_decoder.hpp"
#include "optimizers/jpeg_errors.hpp"
#include "optimizers/jpeg_file_writer.hpp"

namespace optimilter {

enum class ChromaSampling { k444, k422, k420 };

class JpegEncoder {
  public:
    // limit_bytes: the work ends with kRefused as soon as the file would become larger.
    JpegEncoder(std::size_t limit_bytes, Deadline deadline);
    ~JpegEncoder();
    JpegEncoder(const JpegEncoder&) = delete;
    JpegEncoder& operator=(const JpegEncoder&) = delete;

    // pixels: gray or YCbCr. Sequential with the standard Huffman tables, so quick and large: the answer is
    // meant to be transcoded. No segments at all.
    Result<Bytes> encode(const JpegPixels& pixels, int quality, ChromaSampling sampling);

  private:
    bool create();
    void set_destination();
    bool set_pixels(const JpegPixels& pixels, int quality, ChromaSampling sampling);
    bool write_pixels(const std::uint8_t* from, std::size_t stride);
    bool finish();
    Result<Bytes> taken();

    JpegErrors errors_;
    jpeg_compress_struct state_{};
    jpeg_destination_mgr destination_{};
    Bytes output_;
};

}  // namespace optimilter
