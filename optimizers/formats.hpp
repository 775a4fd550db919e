// SPDX-License-Identifier: Apache-2.0
//
// The functions behind the rows of the table (optimizers/registry.cpp): one pair a family of formats. For the
// table and for tests only; everybody else calls optimize().
#pragma once

#include <string>

#include "optimizers/optimize.hpp"

namespace optimilter {

// JPEG, ITU-T T.81.
Attempt optimize_jpeg(ByteView input, Context& context);
std::string verify_jpeg(ByteView input, const Attempt& attempt, Context& context);

// PNG, W3C PNG (third edition).
Attempt optimize_png(ByteView input, Context& context);
std::string verify_png(ByteView input, const Attempt& attempt, Context& context);

// GIF, GIF89a specification, without loss in every profile.
Attempt optimize_gif(ByteView input, Context& context);
std::string verify_gif(ByteView input, const Attempt& attempt, Context& context);

// BMP, TGA, PCX, SGI, PNM and Sun raster files, which become PNG where that is asked for.
template <Format kFormat>
Attempt optimize_raster(ByteView input, Context& context);
template <Format kFormat>
std::string verify_raster(ByteView input, const Attempt& attempt, Context& context);

// TIFF 6.0 and BigTIFF, all pages, without loss in every profile.
Attempt optimize_tiff(ByteView input, Context& context);
std::string verify_tiff(ByteView input, const Attempt& attempt, Context& context);

// WebP, RFC 9649, stills and animations.
Attempt optimize_webp(ByteView input, Context& context);
std::string verify_webp(ByteView input, const Attempt& attempt, Context& context);

// ZIP, OOXML, ODF and EPUB: APPNOTE.TXT 6.3, ECMA-376 part 2, ODF 1.3 part 2, EPUB OCF 3.3.
Attempt optimize_zip(ByteView input, Context& context);
std::string verify_zip(ByteView input, const Attempt& attempt, Context& context);

// OLE compound files: PowerPoint and Word 97 to 2003, Outlook messages ([MS-CFB], [MS-PPT], [MS-DOC],
// [MS-OXMSG]).
Attempt optimize_ole(ByteView input, Context& context);
std::string verify_ole(ByteView input, const Attempt& attempt, Context& context);

// tar: POSIX.1-2017 pax, ustar, and GNU's long names.
Attempt optimize_tar(ByteView input, Context& context);
std::string verify_tar(ByteView input, const Attempt& attempt, Context& context);

// 7z, around smaller members only.
Attempt optimize_seven_zip(ByteView input, Context& context);
std::string verify_seven_zip(ByteView input, const Attempt& attempt, Context& context);

// One compressed stream around one file: gzip (RFC 1952), bzip2, xz (1.0.4), zstd (RFC 8878).
Attempt optimize_compressed(ByteView input, Context& context);
std::string verify_compressed(ByteView input, const Attempt& attempt, Context& context);

// PDF, ISO 32000-1 and -2.
Attempt optimize_pdf(ByteView input, Context& context);
std::string verify_pdf(ByteView input, const Attempt& attempt, Context& context);

}  // namespace optimilter
