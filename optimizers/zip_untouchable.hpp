// SPDX-License-Identifier: Apache-2.0
//
// Archives that are well-formed ZIP files and yet must not change by one byte, because somebody signed,
// encrypted or counted what is in them: OPC signatures (ECMA-376 part 2, 13), ODF documentsignatures.xml and
// encryption-data (ODF 1.3 part 2, 4 and 3), EPUB encryption and rights, ASiC (ETSI EN 319 162), JAR
// signature files, detached signatures and lists of checksums next to what they cover. Thread safe: pure
// function.
//
// Security: inflates four small entries of outside bytes; paid from the budget.
#pragma once

#include <string>

#include "optimizers/budget.hpp"
#include "optimizers/optimize.hpp"
#include "optimizers/zip_reader.hpp"

namespace optimilter {

// Nothing, or why the whole archive stays as it is.
std::optional<Attempt> zip_untouchable(ByteView file, const ZipArchive& archive, Budget& budget);

// true for a name that tells of a signature, of encryption or of digests over other entries.
bool is_sealing_name(std::string_view name);

}  // namespace optimilter
