// SPDX-License-Identifier: Apache-2.0
//
// Telling rare picture formats from each other and from text that begins alike: their magic numbers are short
// or, for TGA, at the end. Part of sniff(); see format.hpp.
//
// Security: reads outside bytes; a fixed number of them, bounded by the view.
#pragma once

#include "optimizers/format.hpp"

namespace optimilter {

// kUnknown when it is none of PCX, PSD, SGI, PNM, Sun raster and TGA.
Format sniff_raster(ByteView input, const TypeHint& hint);

}  // namespace optimilter
