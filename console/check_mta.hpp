// SPDX-License-Identifier: Apache-2.0
//
// What is wrong, or good to know, about the way Postfix is told to ask us. Reads text that postconf printed;
// runs nothing, and asks the file system only through a function it is given. Thread safe: pure function.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/settings.hpp"

namespace optimilter {

struct CheckMtaInput {
    std::string listen = "unix:/run/optimilter/optimilter.sock";  // the setting, as libmilter writes it
    std::int64_t deadline_ms = 5000;
    std::uint64_t body_share = 64ull << 20;  // body bytes one client may take
    bool skip_dkim_outbound = false;
    // false only when the path is known to be missing; a path we may not look at counts as there.
    std::function<bool(const std::string&)> path_exists = [](const std::string&) { return true; };
};
CheckMtaInput mta_input(const Settings& settings);

struct MtaFinding {
    bool warning = false;
    std::string text;  // one line, without file or line; foreign text is cleaned
};

// settings: the output of `postconf -x`; services: of `postconf -M -x`. Findings stand in the order of the
// trip: entry, socket, time-outs, order, sizes, services. No warning: all is well.
std::vector<MtaFinding> check_mta(std::string_view settings, std::string_view services,
                                  const CheckMtaInput& input);

}  // namespace optimilter
