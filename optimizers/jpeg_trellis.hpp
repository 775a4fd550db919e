// SPDX-License-Identifier: Apache-2.0
//
// Quantisation: plain rounding, or a trellis that gives up what costs more bits than it shows. For each block
// the cheapest path through its coefficients is found (Viterbi), where a path costs the bits of its symbols
// plus the weighted squared error; busy blocks hide more error and weigh it less. Knows no samples and no
// files. One object, one component; add_sample() must be done before quantize(), which is then const and
// thread safe.
#pragma once

#include <array>
#include <cstdint>

#include "optimizers/jpeg_coefficients.hpp"
#include "optimizers/jpeg_dct.hpp"
#include "optimizers/jpeg_huffman.hpp"
#include "optimizers/jpeg_quality.hpp"

namespace optimilter {

class JpegQuantizer {
  public:
    explicit JpegQuantizer(const JpegQuantTable& steps);

    // Each to the nearest multiple of its step.
    void round(const JpegDctBlock& from, std::int16_t* to) const;

    // Learns what symbols cost in this picture. A few thousand blocks are enough.
    void add_sample(const JpegDctBlock& block);
    void learn();
    // Weighs bits against error.
    void quantize(const JpegDctBlock& from, std::int16_t* to) const;

  private:
    struct Stop;
    struct Path;
    struct GroupErrors;

    float magnitudes_of(const JpegDctBlock& from, JpegDctBlock& to) const;
    void find_stops(const JpegDctBlock& from, const JpegDctBlock& magnitudes, Path& path) const;
    void reach(Path& path, std::size_t stop, float weight) const;
    std::size_t best_end(const Path& path, float weight) const;
    std::int16_t rounded_dc(const JpegDctBlock& from) const;

    std::array<float, 64> reciprocal_{};  // of the steps, natural order
    JpegSymbolCounts counts_{};
    std::array<float, 256> bits_{};  // of a symbol and what follows it
};

}  // namespace optimilter
