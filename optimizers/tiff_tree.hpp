// SPDX-License-Identifier: Apache-2.0
//
// The directories of a TIFF file (TIFF 6.0, section 2) or BigTIFF file as a tree of byte ranges: a reader
// that takes only files without any doubt. It knows which tags point at something, and no samples. Views
// point into the bytes given to read_tiff(). Thread safe: pure functions.
//
// Security: reads outside bytes; every offset and count is checked in 64 bits against the file, directories,
// depth and fields are counted, no directory is visited twice.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace optimilter {

// The tags that say where or how samples are stored, and those that point at other directories.
namespace tiff_tag {
constexpr std::uint16_t kWidth = 256;
constexpr std::uint16_t kHeight = 257;
constexpr std::uint16_t kBitsPerSample = 258;
constexpr std::uint16_t kCompression = 259;
constexpr std::uint16_t kPhotometric = 262;
constexpr std::uint16_t kFillOrder = 266;
constexpr std::uint16_t kImageDescription = 270;
constexpr std::uint16_t kStripOffsets = 273;
constexpr std::uint16_t kSamplesPerPixel = 277;
constexpr std::uint16_t kRowsPerStrip = 278;
constexpr std::uint16_t kStripByteCounts = 279;
constexpr std::uint16_t kPlanar = 284;
constexpr std::uint16_t kT4Options = 292;
constexpr std::uint16_t kT6Options = 293;
constexpr std::uint16_t kPredictor = 317;
constexpr std::uint16_t kTileWidth = 322;
constexpr std::uint16_t kTileLength = 323;
constexpr std::uint16_t kTileOffsets = 324;
constexpr std::uint16_t kTileByteCounts = 325;
constexpr std::uint16_t kSubIfds = 330;
constexpr std::uint16_t kSampleFormat = 339;
constexpr std::uint16_t kExifIfd = 34665;
constexpr std::uint16_t kGpsIfd = 34853;
constexpr std::uint16_t kInteropIfd = 40965;
}  // namespace tiff_tag

namespace tiff_type {
constexpr std::uint16_t kShort = 3;
constexpr std::uint16_t kLong = 4;
constexpr std::uint16_t kIfd = 13;
constexpr std::uint16_t kLong8 = 16;
constexpr std::uint16_t kIfd8 = 18;
}  // namespace tiff_type

// How numbers stand in the file.
struct TiffForm {
    bool big_endian = false;
    bool big_tiff = false;
    friend bool operator==(const TiffForm&, const TiffForm&) = default;

    // The size_bytes (1, 2, 4 or 8) at p, which the caller has bounded.
    std::uint64_t read(const std::uint8_t* p, std::size_t size_bytes) const;
    void write(std::uint8_t* p, std::size_t size_bytes, std::uint64_t number) const;
    std::size_t offset_bytes() const { return big_tiff ? 8 : 4; }
};

// Bytes of one value of a type; 0: no such type.
std::size_t tiff_type_bytes(std::uint16_t type);

struct TiffField {
    std::uint16_t tag = 0;
    std::uint16_t type = 0;
    std::uint64_t count = 0;
    ByteView value;  // all of it, in the order of the file

    // One of the values of an unsigned field; 0 where index or type are wrong.
    std::uint64_t number(const TiffForm& form, std::size_t index = 0) const;
    bool unsigned_type() const;
};

struct TiffChild;

struct TiffDirectory {
    std::uint64_t offset = 0;         // in the file, of the directory
    std::vector<TiffField> fields;    // by tag, ascending
    std::vector<TiffChild> children;  // in the order of their fields
    std::vector<ByteView> blocks;     // strips or tiles, as they are stored

    const TiffField* find(std::uint16_t tag) const;
    // The first number of an unsigned field, or otherwise when there is none.
    std::uint64_t number(const TiffForm& form, std::uint16_t tag, std::uint64_t otherwise) const;
};

// What SubIFDs, Exif, GPS and interoperability fields point at.
struct TiffChild {
    std::uint16_t tag = 0;
    TiffDirectory directory;
};

struct TiffFile {
    TiffForm form;
    std::vector<TiffDirectory> pages;
    // Bytes other than zero that nothing in the tree refers to.
    std::uint64_t loose_bytes = 0;
};

bool is_tiff_directory_pointer(std::uint16_t tag);

// kMalformed: a rule is broken. kUnsupported: sound, but of a kind we do not copy. kLimit: more pages than
// most_pages, or too many fields.
Result<TiffFile> read_tiff(ByteView bytes, std::size_t most_pages);

}  // namespace optimilter
