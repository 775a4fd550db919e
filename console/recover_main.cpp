// SPDX-License-Identifier: Apache-2.0
//
// optimilter-recover: started by systemd when a unit of ours has failed, and by a timer. Looks around, puts
// right what nobody owns, starts what failed, and writes to the admin. Short-lived; mail never needs it.
#include <fmt/format.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/version.hpp"
#include "console/admin_mail.hpp"
#include "console/recover.hpp"
#include "console/recover_state.hpp"
#include "console/selfcheck.hpp"
#include "console/send_mail.hpp"

namespace optimilter {

namespace {

constexpr char kDefaultState[] = "/run/optimilter-recover";
constexpr int kBadUsage = 2;
constexpr std::int64_t kMailMs = 20'000;

struct Arguments {
    std::string config;
    std::string mta_config_dir;
    std::string state_folder = kDefaultState;
    bool dry_run = false;
};

int exit_status(const CheckList& checks) {
    return worst_state(checks) == CheckState::kOk ? 0 : 1;
}

void print_plan(const RecoverPlan& plan) {
    if (plan.deeds.empty()) fmt::print("would do nothing\n");
    for (const Deed& deed : plan.deeds) fmt::print("would {}\n", deed.what);
    for (const std::string& left : plan.left) fmt::print("would leave: {}\n", left);
}

AdminMail mail_about(const SelfcheckFindings& findings, const RecoverPlan& plan, const RecoverState& state,
                     std::vector<std::string> deeds, std::int64_t now) {
    deeds.insert(deeds.end(), plan.left.begin(), plan.left.end());
    return {host_name(), state.notices.from, state.notices.to, now,
            0,           findings.checks,    plan.causes,      std::move(deeds)};
}

// Says on standard output, which is the journal under systemd, whether the admin is told. What cannot be
// remembered is not sent: it would be sent again and again.
void tell_admin(AdminMail mail, const StateFolder& folder, RecoverState& state, std::int64_t now) {
    if (!state.mail_is_due(now)) return;
    if (mail.to.empty()) return fmt::print("nobody is told: the setting notify is empty\n");
    RecoverState after = state;
    after.note_mail(now);
    mail.next_reminder = after.next_reminder_in(now);
    if (const Status kept = folder.write(after); !kept)
        return fmt::print("no mail is sent, because the state cannot be kept: {}\n", kept.error().text);
    const Status sent = send_mail(state.notices.via, mail.to, build_admin_mail(mail), kMailMs);
    if (!sent) return fmt::print("the admin could not be told: {}\n", sent.error().text);
    state = after;
    fmt::print("the admin was told by mail\n");
}

void note_healthy_units(const SelfcheckFindings& findings, RecoverState& state, std::int64_t now) {
    for (const UnitState& unit : findings.units)
        if (unit.active == "active") state.note_healthy(unit.name, now);
}

// The folder may be missing, foreign or full. Then what is broken is still put right, and no mail is sent,
// because nobody would know that it was sent before.
int recover(const Arguments& arguments) {
    const SelfcheckSources sources = this_machine(arguments.config, arguments.mta_config_dir);
    const SelfcheckFindings findings = selfcheck(sources);
    fmt::print("{}", check_table(findings.checks));
    if (arguments.dry_run) {
        print_plan(plan_recovery(findings, StateFolder::peek(arguments.state_folder), sources.now));
        return exit_status(findings.checks);
    }
    auto folder = StateFolder::open(arguments.state_folder);
    RecoverState state = folder ? folder->read() : RecoverState();
    if (sources.loaded.ok()) state.notices = notice_settings(sources.loaded.settings);
    const RecoverPlan plan = plan_recovery(findings, state, sources.now);
    if (!folder) fmt::print("no state is kept and no mail is sent: {}\n", folder.error().text);
    if (!folder && folder.error().code == ErrorCode::kRefused) return 1;
    std::vector<std::string> deeds = do_deeds(plan, sources, state);
    for (const std::string& deed : deeds) fmt::print("{}\n", deed);
    for (const std::string& left : plan.left) fmt::print("{}\n", left);
    note_healthy_units(findings, state, sources.now);
    state.see_causes(plan.causes, sources.now);
    if (folder)
        tell_admin(mail_about(findings, plan, state, std::move(deeds), sources.now), *folder, state,
                   sources.now);
    const Status kept = folder ? folder->write(state) : Status(Success{});
    if (!kept) fmt::print("the state could not be kept: {}\n", kept.error().text);
    return exit_status(findings.checks);
}

int run(int argc, char** argv) {
    CLI::App app("optimilter-recover: puts right what failed, and tells the admin");
    Arguments arguments;
    app.add_option("-c,--config", arguments.config, "Settings file");
    app.add_option("--postfix-config", arguments.mta_config_dir, "Postfix configuration directory");
    app.add_option("--state", arguments.state_folder, "Folder to remember in")->capture_default_str();
    app.add_flag("-n,--dry-run", arguments.dry_run, "Say what would be done, do nothing, write to nobody");
    app.set_version_flag("-V,--version", fmt::format("optimilter {}", kVersion));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kBadUsage;
    }
    return recover(arguments);
}

}  // namespace

}  // namespace optimilter

int main(int argc, char** argv) {
    optimilter::open_log("optimilter-recover", optimilter::LogTarget::kStderr,
                         optimilter::LogLevel::kWarning);
    return optimilter::run(argc, argv);
}
