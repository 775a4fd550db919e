// SPDX-License-Identifier: Apache-2.0
#include "console/process_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "console/process_client.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kMostPidsShown = 8;

// Fields of foreign JSON: what is not there, or of another kind, is as good as empty.
std::string text_field(const nlohmann::json& json, const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? printable(found->get<std::string>(), 200)
                                                     : std::string();
}

std::int64_t number_field(const nlohmann::json& json, const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

bool true_field(const nlohmann::json& json, const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_boolean() && found->get<bool>();
}

// The JSON of a process, or the check that says why there is none.
struct Answer {
    nlohmann::json json;
    Check check;  // ok when json may be used
};

Answer ask_process(const std::string& name, const std::string& path, const std::string& command,
                   const AskForStatus& ask) {
    Answer answer{{}, {name, CheckState::kOk, {}}};
    const auto text = ask(path, command);
    if (!text) {
        // Not to be let in says nothing about the process.
        const bool refused = text.error().code == ErrorCode::kRefused;
        answer.check.state = refused ? CheckState::kWarn : CheckState::kFail;
        answer.check.reason = text.error().text;
        return answer;
    }
    answer.json = nlohmann::json::parse(*text, nullptr, false);
    if (answer.json.is_object() && text_field(answer.json, "process") == name) {
        answer.check.reason =
            fmt::format("version {}, pid {}, up {} s", text_field(answer.json, "version"),
                        number_field(answer.json, "pid"), number_field(answer.json, "uptime_s"));
        return answer;
    }
    answer.check.state = CheckState::kFail;
    answer.check.reason =
        fmt::format("{} gives no status of the {}: {}", printable(path), name, printable(*text, 80));
    return answer;
}

// Told only: optimilter-queuewatch is a choice.
void note_queue(Answer& answer) {
    const auto queue = answer.json.find("queue");
    if (queue == answer.json.end() || !queue->is_object()) return;
    const std::string off = text_field(*queue, "off_reason");
    answer.check.reason +=
        off.empty() ? ", counts of the queue come in" : "; no samples of optimilter-queuewatch: " + off;
}

void note_draining(Answer& answer) {
    if (!true_field(answer.json, "draining")) return;
    answer.check.state = std::max(answer.check.state, CheckState::kWarn);
    answer.check.reason += "; draining: all new mail passes unchanged";
}

std::string pids_of(const std::vector<ProcessEntry>& processes) {
    std::string pids;
    for (std::size_t i = 0; i < processes.size() && i < kMostPidsShown; ++i)
        pids += fmt::format("{}{}", pids.empty() ? "" : ", ", processes[i].pid);
    return processes.size() > kMostPidsShown ? pids + ", ..." : pids;
}

}  // namespace

Result<std::string> ask_for_status(const std::string& path, const std::string& command) {
    ProcessReply reply = query_process(path, command);
    if (reply.reach == Reach::kAnswered) return std::move(reply.text);
    return Error{reply.reach == Reach::kNotAllowed ? ErrorCode::kRefused : ErrorCode::kIo,
                 printable(reply.text, 300)};
}

Check guard_check(const std::string& path, const AskForStatus& ask) {
    if (path.empty()) return {"guard", CheckState::kOk, "guard_status_socket is empty: not asked"};
    Answer answer = ask_process("guard", path, {}, ask);
    if (answer.check.state != CheckState::kOk) return answer.check;
    const std::string engine = text_field(answer.json, "engine");
    answer.check.reason += fmt::format(", engine {}", engine.empty() ? "not told" : engine);
    if (engine != "up") answer.check.state = CheckState::kFail;
    note_draining(answer);
    return answer.check;
}

Check engine_check(const std::string& path, const AskForStatus& ask) {
    if (path.empty()) return {"engine", CheckState::kOk, "control_socket is empty: not asked"};
    Answer answer = ask_process("engine", path, "status", ask);
    if (answer.check.state != CheckState::kOk) return answer.check;
    const auto workers = answer.json.find("workers");
    const std::string down =
        workers != answer.json.end() && workers->is_object() ? text_field(*workers, "down_reason") : "";
    if (!down.empty()) {
        answer.check.state = CheckState::kFail;
        answer.check.reason += "; no workers: " + down;
    }
    if (const std::string problem = text_field(answer.json, "problem"); !problem.empty()) {
        answer.check.state = CheckState::kFail;
        answer.check.reason += "; " + problem;
    }
    note_queue(answer);
    note_draining(answer);
    return answer.check;
}

Check process_check(const std::vector<ProcessEntry>& processes, const std::vector<ProcessEntry>& orphans,
                    const std::string& worker_program) {
    if (!orphans.empty())
        return {"processes", CheckState::kFail,
                fmt::format("{} of optimilter-worker that nothing owns: {}",
                            orphans.size() == 1 ? "one process" : fmt::format("{} processes", orphans.size()),
                            pids_of(orphans))};
    if (worker_program.empty())
        return {"processes", CheckState::kWarn,
                "optimilter-worker is not found: its processes were not looked for"};
    std::size_t ours = 0, hidden = 0;
    for (const ProcessEntry& process : processes) {
        // The kernel cuts names at 15 bytes.
        const bool named = process.name == std::string_view("optimilter-worker").substr(0, 15);
        if (!named || process.state == 'Z') continue;
        process.program.empty() ? ++hidden : ++ours;
    }
    if (hidden != 0)
        return {"processes", CheckState::kWarn,
                fmt::format("{} may be looked at by root only; {} of others are owned", hidden, ours)};
    return {"processes", CheckState::kOk,
            fmt::format("{} of optimilter-worker, none without an owner", ours)};
}

}  // namespace optimilter
