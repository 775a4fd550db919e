// SPDX-License-Identifier: Apache-2.0
//
// GPS positions in XMP (exif:GPSLatitude and its kin, as attributes or as elements): blanked in place, so
// that no XML has to be written anew. Thread safe: pure functions.
//
// Security: reads outside bytes; plain searches within the view, linear in its size.
#pragma once

#include "base/bytes.hpp"

namespace optimilter {

bool xmp_mentions_gps(ByteView packet);

// Overwrites every GPS property with blanks. false when one is left that has another form; the packet then
// must not be used.
bool blank_xmp_gps(Bytes& packet);

}  // namespace optimilter
