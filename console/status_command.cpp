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
    const std::string why = settings.control_socket.empty()
                                ? "the settings name no control_socket"
                                : refusal(query_process(settings.control_socket, drain ? "drain" : "resume"));
    if (!why.empty()) {
        fmt::print(stderr, "optimilterctl: the engine could not be told: {}\n", why);
        return 1;
    }
    fmt::print("{}\n", drain ? "draining: new mail passes unchanged until optimilterctl resume"
                             : "resumed: mail is made smaller again");
    return 0;
}

}  // namespace optimilter
