// SPDX-License-Identifier: Apache-2.0
//
// One POST of JSON to a URL, by cpp-httplib. Never takes longer than its limit and a name look-up, whatever
// the other side does. Thread safe: no state; each call has a thread of its own to watch the time.
//
// Security: the answer is not used but for its status, and is cut off when it is long. Redirects are not
// followed; an https server must have a certificate that the machine trusts. The URL may hold a secret: what
// is said of a failure names the host alone.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace optimilter {

// url: of the setting notify_webhook. Success when the answer is 2xx; else kIo, kDeadline or kRefused.
Status post_json(const std::string& url, const std::string& json, std::int64_t limit_ms);

// "https://hooks.example.org:8443", of a URL with a path.
std::string url_origin(const std::string& url);

}  // namespace optimilter
