// SPDX-License-Identifier: Apache-2.0
//
// The chunks of a WebP file (RFC 9649, section 2): a reader that takes only files without any doubt, and a
// writer that changes pictures and copies everything else byte for byte. It knows no pixels. Views point into
// the bytes given to read_webp(). Thread safe: pure functions.
//
// Security: reads outside bytes; every length is checked against what is left, chunks are counted.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace optimilter {

struct WebpChunk {
    std::string_view type;  // four letters
    ByteView body;
    ByteView whole;  // with type, length and padding
};

// One coded picture: the file's only one, or a frame of an animation.
struct WebpPicture {
    std::uint32_t width = 0;  // as the bitstream says
    std::uint32_t height = 0;
    bool lossless = false;  // VP8L; otherwise VP8, with or without ALPH
    bool alpha = false;     // an ALPH chunk stands before it
    ByteView coded;         // its chunks, whole: ALPH if there is one, and VP8 or VP8L
    ByteView bitstream;     // the body of VP8 or VP8L
    std::size_t chunk = 0;  // of WebpFile::chunks, that it stands in
};

struct WebpFile {
    std::vector<WebpChunk> chunks;
    std::vector<WebpPicture> pictures;  // in the order they are shown
    bool animated = false;
};

// kMalformed: a rule is broken. kUnsupported: bytes after the end, or chunks where we know no reader to
// expect them. kRefused: signed (C2PA). kLimit: more chunks than most_chunks.
Result<WebpFile> read_webp(ByteView bytes, std::size_t most_chunks);

// A picture that fills bytes: ALPH if there is one, and VP8 or VP8L.
Result<WebpPicture> read_webp_picture(ByteView bytes);

// The file with other chunks (VP8L, or ALPH and VP8) for some of its pictures, by their number.
Bytes write_webp(ByteView bytes, const WebpFile& file, const std::map<std::size_t, Bytes>& coded);

// The lowest quantizer index (0 finest .. 127) that any segment of a VP8 key frame uses, RFC 6386 sections
// 9.2 to 9.6. kMalformed: no sound frame header.
Result<int> finest_vp8_quantizer(ByteView bitstream);

}  // namespace optimilter
