// SPDX-License-Identifier: Apache-2.0
//
// Which member of the ZIP family an archive is, told from the names in its central directory and from a
// stored "mimetype" entry at its start (ODF 1.3 part 2, 3.3; EPUB OCF 3.3, 4.3). Decoder-free. Thread safe:
// pure function.
//
// Security: reads outside bytes; bounded by the view and by the 65535 entries a directory can count.
#pragma once

#include "optimizers/format.hpp"

namespace optimilter {

// input begins with a local header or with an end record. kZip when nothing tells more.
Format sniff_zip(ByteView input, const TypeHint& hint);

// What a first entry named "mimetype", stored and not encrypted, holds, without blanks; empty when there is
// none. Its size is read from the local header, so that one with a data descriptor counts as none.
std::string_view zip_mimetype(ByteView input);

}  // namespace optimilter
