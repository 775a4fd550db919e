// SPDX-License-Identifier: Apache-2.0
//
// One POST of JSON to a URL, by cpp-httplib, in a process of its own that is killed when its time is over.
// Thread safe: no state.
//
// Security: the library counts its time-outs from each byte anew and takes headers without end, so time and
// memory are bounded from outside, by the process. The answer is not used but for its status. Redirects are
// not followed; an https server must have a certificate that the machine trusts. The URL may hold a secret:
// what is said of a failure names scheme, host and port alone.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace optimilter {

// url: of the setting notify_webhook. Success when the answer is 2xx; else kIo, kDeadline, kLimit
// or kRefused.
Status post_json(const std::string& url, const std::string& json, std::int64_t limit_ms);

// "https://hooks.example.org:8443", of a URL with a path.
std::string url_origin(const std::string& url);

}  // namespace optimilter
