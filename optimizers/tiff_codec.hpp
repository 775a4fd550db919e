// SPDX-License-Identifier: Apache-2.0
//
// libtiff behind RAII: decodes the strips and tiles of a file in memory, and codes bilevel rows as CCITT G4
// (ITU-T T.6). A warning of libtiff counts as an error, but for those about tags, which we carry over
// ourselves. Not thread safe as objects; no state is shared between them.
//
// Security: decodes outside bytes; libtiff sees no file but the view, and allocates no block larger than
// kMostLibtiffBytes. Callers bound sizes by the tree (tiff_tree.hpp) before they ask.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "optimizers/tiff_page.hpp"

struct tiff;

namespace optimilter {

constexpr std::int64_t kMostLibtiffBytes = std::int64_t{200} << 20;

class TiffDecoder {
  public:
    // bytes must outlive the decoder.
    explicit TiffDecoder(ByteView bytes);
    ~TiffDecoder();
    TiffDecoder(const TiffDecoder&) = delete;
    TiffDecoder& operator=(const TiffDecoder&) = delete;

    // Directories in the chain, as libtiff counts them.
    Result<std::size_t> count_pages();
    // The directory at this offset. kMalformed when libtiff takes it for anything but this page.
    Status open_page(std::uint64_t offset, const TiffPage& page);
    // Appends one strip or tile, numbers in the order of this machine.
    Status append_block(const TiffPage& page, std::uint64_t block, Bytes& to);
    // One row of a plane of a page with strips; rows must be asked for one after the other.
    Status read_row(const TiffPage& page, std::uint32_t row, std::uint32_t plane, Bytes& to);

  private:
    struct State;
    Error failure() const;

    std::unique_ptr<State> state_;
};

// rows: bilevel, each padded to a byte. reversed_bits: for FillOrder 2. kInternal: libtiff failed.
Result<Bytes> encode_ccitt_g4(ByteView rows, std::uint32_t width, std::uint32_t height, bool reversed_bits);

}  // namespace optimilter
