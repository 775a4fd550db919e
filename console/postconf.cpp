// SPDX-License-Identifier: Apache-2.0
#include "console/postconf.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "base/text.hpp"
#include "console/run_program.hpp"

namespace optimilter {

namespace {

constexpr std::int64_t kLimitMs = 10'000;

// postconf lives in sbin, which is not in everybody's PATH.
std::string find_postconf() {
    for (const char* place :
         {"/usr/sbin/postconf", "/usr/local/sbin/postconf", "/opt/postfix/sbin/postconf"}) {
        if (::access(place, X_OK) == 0) return place;
    }
    return "postconf";
}

}  // namespace

Result<std::string> run_postconf(const std::string& config_dir, const std::vector<std::string>& arguments) {
    std::vector<std::string> words{find_postconf()};
    if (!config_dir.empty()) words.insert(words.end(), {"-c", config_dir});
    words.insert(words.end(), arguments.begin(), arguments.end());
    auto ran = run_program(words, kLimitMs);
    if (!ran) return ran.error();
    if (ran->exit_status == 0) return std::move(ran->output);
    return Error{ErrorCode::kIo, fmt::format("postconf failed: {}", printable(trim(ran->errors), 300))};
}

}  // namespace optimilter
