// SPDX-License-Identifier: Apache-2.0
#include "console/recover.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace optimilter {

namespace {

bool failed(const CheckList& checks, std::string_view name) {
    return std::any_of(checks.begin(), checks.end(), [name](const Check& check) {
        return check.name == name && check.state == CheckState::kFail;
    });
}

void plan_orphans(const SelfcheckFindings& findings, RecoverPlan& plan) {
    for (const ProcessEntry& orphan : findings.orphans)
        plan.deeds.push_back({DeedKind::kEndOrphan,
                              fmt::format("end process {} ({}), which nothing owns", orphan.pid, orphan.name),
                              {},
                              orphan});
}

void plan_sockets(const SelfcheckFindings& findings, RecoverPlan& plan) {
    for (const SocketFinding& socket : findings.sockets) {
        if (socket.answer != SocketAnswer::kStale) continue;
        const std::string path = socket_path(socket.place.address);
        plan.deeds.push_back({DeedKind::kRemoveSocket,
                              fmt::format("remove {}, a socket that nobody serves", printable(path)),
                              path,
                              {}});
    }
}

void plan_unit(const UnitState& unit, bool settings_failed, const RecoverState& state, std::int64_t now,
               RecoverPlan& plan) {
    if (unit.active != "failed") return;
    plan.causes.push_back(unit.name);
    if (settings_failed)
        return plan.left.push_back(fmt::format("{} is not started: the settings have problems", unit.name));
    if (!state.start_is_due(unit.name, now))
        return plan.left.push_back(
            fmt::format("{} failed again soon after its last start; the next try comes later", unit.name));
    plan.deeds.push_back(
        {DeedKind::kStartUnit, fmt::format("start {}, which has failed", unit.name), unit.name, {}});
}

Status start_unit(const std::string& unit, const SelfcheckSources& sources) {
    // Clears the start limit that systemd has reached. Not waiting: a start may take longer than we may.
    const auto cleared = sources.systemctl({"reset-failed", unit});
    if (!cleared) return cleared.error();
    const auto started = sources.systemctl({"--no-block", "start", unit});
    if (!started) return started.error();
    return Success{};
}

Status do_deed(const Deed& deed, const SelfcheckSources& sources, RecoverState& state) {
    switch (deed.kind) {
        case DeedKind::kEndOrphan:
            return end_orphan(deed.process, sources.proc, sources.worker_program);
        case DeedKind::kRemoveSocket:
            return remove_stale_socket(deed.subject, sources.proc);
        case DeedKind::kStartUnit:
            state.note_start(deed.subject, sources.now);
            return start_unit(deed.subject, sources);
    }
    return Error{ErrorCode::kInternal, "unknown deed"};
}

}  // namespace

RecoverPlan plan_recovery(const SelfcheckFindings& findings, const RecoverState& state, std::int64_t now) {
    RecoverPlan plan;
    for (const Check& check : findings.checks)
        if (check.state == CheckState::kFail) plan.causes.push_back(check.name);
    plan_orphans(findings, plan);
    plan_sockets(findings, plan);
    const bool settings_failed = failed(findings.checks, "settings");
    for (const UnitState& unit : findings.units) plan_unit(unit, settings_failed, state, now, plan);
    return plan;
}

std::vector<std::string> do_deeds(const RecoverPlan& plan, const SelfcheckSources& sources,
                                  RecoverState& state) {
    std::vector<std::string> told;
    for (const Deed& deed : plan.deeds) {
        const Status done = do_deed(deed, sources, state);
        told.push_back(deed.what + (done ? ": done" : ": not done, " + done.error().text));
    }
    return told;
}

}  // namespace optimilter
