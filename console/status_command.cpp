// SPDX-License-Identifier: Apache-2.0
#include "console/status_command.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "console/certificate_check.hpp"
#include "console/process_client.hpp"
#include "console/status_report.hpp"

namespace optimilter {

namespace {

// What the engine says against an order; empty: it has obeyed.
std::string refusal(const ProcessReply& reply) {
    if (reply.reach != Reach::kAnswered) return printable(reply.text);
    const auto json = nlohmann::json::parse(reply.text, nullptr, false);
    if (!json.is_object()) return "this is no answer: " + printable(reply.text, 80);
    const auto error = json.find("error");
    if (error == json.end()) return {};
    return error->is_string() ? printable(error->get<std::string>()) : "it refuses";
}

// false: it is told why not.
bool obeyed(const Settings& settings, std::string_view line) {
    const std::string why = settings.control_socket.empty()
                                ? "the settings name no control_socket"
                                : refusal(query_process(settings.control_socket, line));
    if (why.empty()) return true;
    fmt::print(stderr, "optimilterctl: the engine could not be told: {}\n", why);
    return false;
}

}  // namespace

int show_status(const Settings& settings, bool json) {
    ProcessReplies replies{settings.guard_status_socket, settings.control_socket, {}, {}, {}};
    if (!replies.guard_socket.empty()) replies.guard = query_process(replies.guard_socket, {});
    if (!replies.engine_socket.empty()) replies.engine = query_process(replies.engine_socket, "status");
    for (const auto& found : look_at_certificates(settings.watch_certificates, std::time(nullptr)))
        if (found.state != CheckState::kOk) replies.certificates.push_back(found.text);
    const StatusReport report = report_status(replies);
    fmt::print("{}", json ? report.json : report.text);
    return report.well() ? 0 : 1;
}

int order_drain(const Settings& settings, bool drain) {
    if (!obeyed(settings, drain ? "drain" : "resume")) return 1;
    fmt::print("{}\n", drain ? "draining: new mail passes unchanged until optimilterctl resume"
                             : "resumed: mail is made smaller again");
    return 0;
}

int show_level(const Settings& settings) {
    ProcessReply reply;
    if (!settings.control_socket.empty()) reply = query_process(settings.control_socket, "status");
    const StatusReport report = report_load(settings.control_socket, reply);
    fmt::print("{}", report.text);
    return report.well() && !settings.control_socket.empty() ? 0 : 1;
}

int order_level(const Settings& settings, const std::string& level, const std::string& time) {
    if (!obeyed(settings, fmt::format("level {}{}{}", level, time.empty() ? "" : " ", time))) return 1;
    show_level(settings);
    return 0;
}

}  // namespace optimilter
