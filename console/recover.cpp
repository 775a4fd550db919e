// SPDX-License-Identifier: Apache-2.0
#include "console/recover.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

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
    if (settings_failed)
        return plan.left.push_back(fmt::format("{} is not started: the settings have problems", unit.name));
    if (!state.start_is_due(unit.name, now))
        return plan.left.push_back(
            fmt::format("{} failed again soon after its last start; the next try comes later", unit.name));
    plan.deeds.push_back(
        {DeedKind::kStartUnit, fmt::format("start {}, which has failed", unit.name), unit.name, {}});
}

std::string joined(const std::vector<std::string>& sentences, std::string_view between) {
    std::string text;
    for (const std::string& each : sentences) text += (text.empty() ? "" : std::string(between)) + each;
    return text;
}

std::uint32_t restart_count(const UnitState& unit) {
    std::uint32_t count = 0;
    std::from_chars(unit.restarts.data(), unit.restarts.data() + unit.restarts.size(), count);
    return count;
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
    plan_orphans(findings, plan);
    plan_sockets(findings, plan);
    const bool settings_failed = failed(findings.checks, "settings");
    for (const UnitState& unit : findings.units) plan_unit(unit, settings_failed, state, now, plan);
    return plan;
}

DoneDeeds do_deeds(const RecoverPlan& plan, const SelfcheckSources& sources, RecoverState& state) {
    DoneDeeds done;
    for (const Deed& deed : plan.deeds) {
        const Status status = do_deed(deed, sources, state);
        done.told.push_back(deed.what + (status ? ": done" : ": not done, " + status.error().text));
        if (!status) done.failed.push_back(done.told.back());
    }
    return done;
}

AlertLook alert_look(const SelfcheckFindings& findings, const DoneDeeds& done,
                     const SelfcheckSources& sources, RecoverState& state) {
    AlertLook look{facts_of(findings), false};
    if (!done.failed.empty())
        look.facts.push_back(
            {.key = "recovery", .kind = "recovery", .text = joined(done.failed, "; "), .over = {}});
    for (const UnitState& unit : findings.units) {
        // The engine tells of its own losses, and of orderly ends none.
        if (unit.name == kEngineUnit) continue;
        const std::uint32_t fresh = state.new_restarts(unit.name, restart_count(unit));
        if (fresh != 0) look.facts.push_back(restart_fact(unit, fresh, state.ledger, sources.now));
    }
    const std::string& socket = sources.loaded.settings.control_socket;
    const auto status = socket.empty() ? Result<std::string>(std::string()) : sources.ask(socket, "status");
    look.board_known = status && add_board_facts(*status, look.facts);
    return look;
}

}  // namespace optimilter
