// SPDX-License-Identifier: Apache-2.0
//
// Decodes the pixels of a PNG file through libpng. It is given checked chunks (png_chunks.hpp) and shows
// libpng only those that carry pixels: IHDR, PLTE, tRNS, IDAT. So no profile or text of a stranger is ever
// parsed, and a harmless warning about one cannot cost the file its optimisation. Any warning about pixels is
// fatal. One decoder, one thread.
//
// Security: reads outside bytes. The caller bounds pixels and memory before; rows are checked against the
// deadline.
#pragma once

#include <memory>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "optimizers/png_chunks.hpp"
#include "optimizers/png_picture.hpp"

namespace optimilter {

// What the rows hold: packed samples as in the file, or four samples a pixel of 8 or 16 bits (big-endian).
enum class PngSamples { kAsInFile, kRgba8, kRgba16 };

class PngDecoder {
  public:
    // file and the bytes it views must outlive the decoder.
    PngDecoder(const PngFile& file, PngSamples samples);
    PngDecoder(PngDecoder&&) = delete;
    ~PngDecoder();

    // Reads the header; before anything else, once.
    Status start();
    // Bytes of one row as it is given out.
    std::size_t row_bytes() const;
    // Writes the next row. Not for interlaced files, whose rows come together only at the end.
    Status read_row(std::uint8_t* to);
    // Writes all rows, row_bytes() each. kDeadline when the time is up.
    Status read_all(std::uint8_t* to, Deadline deadline);
    // After the last row: kMalformed unless the compressed data ends there.
    Status finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

// The whole picture, rows as in the file without interlacing. kMalformed also for palette indexes out of
// range; kDeadline; kLimit when memory is out.
Result<PngPicture> decode_png(const PngFile& file, Deadline deadline);

}  // namespace optimilter
