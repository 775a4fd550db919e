// SPDX-License-Identifier: Apache-2.0
//
// The file formats we know by their bytes, and how to tell them apart. Decoder-free: the engine, which must
// link no image or archive library, asks it too. Thread safe: pure functions.
//
// Security: sniff() reads outside bytes; it looks at no more than the first 64 KiB and, for ZIP files, the
// central directory (APPNOTE 4.3.12), every read bounded by the view.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"

namespace optimilter {

enum class Format : std::uint8_t {
    kUnknown,
    // Optimised.
    kJpeg,
    kPng,
    kZip,
    kOoxml,
    kOdf,
    kEpub,
    // Known by name only, so that logs tell what was left alone.
    kApng,
    kJar,  // JAR, APK, XPI and other ZIP files whose bytes are a program
    kGif,
    kWebp,
    kHeif,
    kTiff,
    kBmp,
    kPdf,
    kOle,
    kGzip,
    kBzip2,
    kXz,
    kZstd,
    kSevenZip,
    kRar,
    kTar,
    kTga,
    kPcx,
    kPsd,
    kSgi,
    kPnm,
    kSunRaster,
    kCount_
};

// "jpeg", "ooxml", ...: the word in settings, logs and JSON.
std::string_view format_name(Format format);

// What the mail (or the archive) says about a file; foreign text, used to break ties only. Both may be empty.
struct TypeHint {
    std::string_view mime_type;  // "image/jpeg", lower case
    std::string_view file_name;  // decoded, UTF-8 where the sender was right
};

// Bytes decide; the hint only chooses between formats that share their bytes.
Format sniff(ByteView input, const TypeHint& hint = {});

}  // namespace optimilter
