// SPDX-License-Identifier: Apache-2.0
//
// What is wrong, or good to know, about the way Sendmail is told to ask us. Reads the text of a sendmail.cf;
// runs nothing, and asks the file system only through functions it is given. Thread safe: pure function.
#pragma once

#include <string_view>
#include <vector>

#include "console/check_mta.hpp"

namespace optimilter {

// Findings stand in the order of the trip: filter, socket, action, time-outs, order, daemons, sizes. No
// warning: all is well.
std::vector<MtaFinding> check_sendmail(std::string_view sendmail_cf, const CheckMtaInput& input);

}  // namespace optimilter
