// SPDX-License-Identifier: Apache-2.0
//
// What is wrong, or good to know, about the way Postfix is told to ask us, and what checks of
// other MTAs share. Reads text that postconf printed;
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
    std::int64_t guard_slack_ms = 500;
    std::uint64_t body_share = 64ull << 20;  // body bytes one client may take
    bool skip_dkim_outbound = false;
    std::vector<std::string> queue_directories = {"/var/spool/postfix"};  // the setting
    // false only when the path is known to be missing; a path we may not look at counts as there.
    std::function<bool(const std::string&)> path_exists = [](const std::string&) { return true; };
    // Why Sendmail calls the place of a socket unsafe, in words; empty when it does not.
    std::function<std::string(const std::string&)> unsafe_place = [](const std::string&) {
        return std::string();
    };
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

// What the checks of all MTAs share: does a milter's name or address look like one that signs, and what to
// say when it stands before us. port: of an inet address, else empty.
bool looks_like_dkim_signer(std::string_view name_or_address, std::string_view port);
std::string order_warning(std::string_view list, std::string_view signer, const CheckMtaInput& input);

// A note for the admin when no queue of the setting is this one of the MTA (as the setting writes it), so
// that optimilter-queuewatch does not count it; empty: one is. what: names the queue.
std::string uncounted_queue(std::string_view what, const std::string& queue, const CheckMtaInput& input);

// Why Sendmail would refuse a unix socket of this path: a link, or a folder above it that its group or
// everybody may write to. Empty: it would not, or there is nothing to look at.
std::string unsafe_socket_place(const std::string& path);

}  // namespace optimilter
