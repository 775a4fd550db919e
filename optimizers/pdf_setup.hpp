// SPDX-License-Identifier: Apache-2.0
//
// Starts what libqpdf starts on first use (tables, cryptography), while nothing is forbidden yet. Once per
// process, single-threaded.
#pragma once

namespace optimilter {

void warm_up_pdf();

}  // namespace optimilter
