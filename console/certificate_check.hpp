// SPDX-License-Identifier: Apache-2.0
//
// How long certificates are valid still: the files of the setting watch_certificates, read by OpenSSL. Uses
// no key and trusts nothing in them but the date. Thread safe: pure functions over files.
//
// Security: the files are the admin's; they are bounded in size, and a broken one is a finding.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "console/check_list.hpp"

namespace optimilter {

// The soonest end of all certificates in the PEM text, in seconds since 1970. kMalformed: there is none.
Result<std::int64_t> soonest_end(const std::string& pem);

struct CertificateFinding {
    std::string path;
    CheckState state = CheckState::kOk;  // warn: within 14 days; fail: past, or it cannot be read
    std::string text;
};
std::vector<CertificateFinding> look_at_certificates(const std::vector<std::string>& paths, std::int64_t now);

Check certificate_check(const std::vector<CertificateFinding>& findings);

}  // namespace optimilter
