// SPDX-License-Identifier: Apache-2.0
//
// optimilter-recover: started by systemd when a unit of ours has failed, and by a timer. Looks around, puts
// right what nobody owns, starts what failed, and writes to the admin. Short-lived; mail never needs it.
#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/version.hpp"
#include "console/admin_mail.hpp"
#include "console/alerts_command.hpp"
#include "console/recover.hpp"
#include "console/recover_state.hpp"
#include "console/selfcheck.hpp"
#include "console/send_mail.hpp"
#include "console/webhook.hpp"

namespace optimilter {

namespace {

constexpr int kBadUsage = 2;
constexpr std::int64_t kMailMs = 20'000, kWebhookMs = 10'000;
constexpr std::int64_t kLockWaitMs = 2000;  // optimilterctl alerts snooze holds it for a moment
constexpr int kMostRounds = 3;

struct Arguments {
    std::string config;
    std::string mta_config_dir;
    std::string state_folder = kRecoverState;
    bool dry_run = false;
};

int exit_status(const CheckList& checks) {
    return worst_state(checks) == CheckState::kOk ? 0 : 1;
}

// Of a file that need not be there: in ns since 1970.
std::int64_t changed_at(const std::string& file) {
    struct stat found {};
    if (file.empty() || ::lstat(file.c_str(), &found) != 0) return 0;
    return std::int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec;
}

void print_plan(const RecoverPlan& plan) {
    if (plan.deeds.empty()) fmt::print("would do nothing\n");
    for (const Deed& deed : plan.deeds) fmt::print("would {}\n", deed.what);
    for (const std::string& left : plan.left) fmt::print("would leave: {}\n", left);
}

// The program of the channel, and what its failure is called.
Status send_notices(Channel channel, const NoticeLetter& letter, const NoticeSettings& settings) {
    if (channel == Channel::kWebhook) return post_json(settings.webhook, notice_json(letter), kWebhookMs);
    return send_mail(settings.via, settings.to, build_admin_mail(letter, settings.from, settings.to),
                     kMailMs);
}

// Says on standard output, which is the journal under systemd, whether the admin is told. Only what was sent
// is noted; the rest is due again. Returns what failed.
std::string tell_by(Channel channel, NoticeLetter letter, RecoverState& state) {
    const char* const name = channel == Channel::kMail ? "mail" : "webhook";
    letter.notices = state.ledger.due(channel, letter.now);
    if (letter.notices.empty()) return {};
    AlertLedger after = state.ledger;
    after.note_told(channel, letter.notices, letter.now);
    letter.next_reminder = after.next_reminder_in(channel, letter.now);
    const Status sent = send_notices(channel, letter, state.notices);
    if (!sent) {
        const std::string why = fmt::format("the admin could not be told by {}: {}", name, sent.error().text);
        fmt::print("{}\n", why);
        return why;
    }
    state.ledger = std::move(after);
    fmt::print("the admin was told by {}\n", name);
    return {};
}

// Whether anything is due at all is asked of the mail's side, when there is no channel.
void tell_admin(NoticeLetter letter, const StateFolder& folder, RecoverState& state) {
    const Channels channels = state.notices.channels();
    if (channels.empty()) {
        if (!state.ledger.due(Channel::kMail, letter.now).empty())
            fmt::print("nobody is told: the settings notify and notify_webhook are empty\n");
        return;
    }
    // What cannot be remembered is not sent: it would be sent again and again.
    if (const Status kept = folder.write(state); !kept)
        return fmt::print("nobody is told, because the state cannot be kept: {}\n", kept.error().text);
    // The webhook first: that it failed can then be read in the mail.
    for (auto channel = channels.rbegin(); channel != channels.rend(); ++channel) {
        const std::string failed = tell_by(*channel, letter, state);
        if (!failed.empty()) letter.deeds.push_back(failed);
    }
}

void note_healthy_units(const SelfcheckFindings& findings, RecoverState& state, std::int64_t now) {
    for (const UnitState& unit : findings.units)
        if (unit.active == "active") state.note_healthy(unit.name, now);
}

int dry_run(const Arguments& arguments, const SelfcheckFindings& findings, std::int64_t now) {
    const RecoverState state = StateFolder::peek(arguments.state_folder);
    print_plan(plan_recovery(findings, state, now));
    return exit_status(findings.checks);
}

void remember_and_tell(const SelfcheckSources& sources, const SelfcheckFindings& findings,
                       const RecoverPlan& plan, DoneDeeds done, const StateFolder& folder,
                       RecoverState& state) {
    state.ledger.see(alert_look(findings, done, sources, state), sources.now);
    NoticeLetter letter{host_name(), sources.now, 0, {}, findings.checks, std::move(done.told)};
    letter.deeds.insert(letter.deeds.end(), plan.left.begin(), plan.left.end());
    tell_admin(std::move(letter), folder, state);
    state.ledger.forget(state.notices.channels(), sources.now);
    if (const Status kept = folder.write(state); !kept)
        fmt::print("the state could not be kept: {}\n", kept.error().text);
}

// One look at the machine and all that follows. The folder may be missing, foreign or full. Then what is
// broken is still put right, and nobody is told, because nobody would know that it was told before.
int recover_once(const Arguments& arguments) {
    const SelfcheckSources sources = this_machine(arguments.config, arguments.mta_config_dir);
    const SelfcheckFindings findings = selfcheck(sources);
    fmt::print("{}", check_table(findings.checks));
    if (arguments.dry_run) return dry_run(arguments, findings, sources.now);
    const auto folder = StateFolder::open(arguments.state_folder, kLockWaitMs);
    if (!folder) fmt::print("no state is kept and nobody is told: {}\n", folder.error().text);
    if (!folder && folder.error().code == ErrorCode::kRefused) return 1;
    RecoverState state = folder ? folder->read() : RecoverState();
    if (sources.loaded.ok()) state.notices = notice_settings(sources.loaded.settings);
    const RecoverPlan plan = plan_recovery(findings, state, sources.now);
    DoneDeeds done = do_deeds(plan, sources, state);
    for (const std::string& deed : done.told) fmt::print("{}\n", deed);
    for (const std::string& left : plan.left) fmt::print("{}\n", left);
    note_healthy_units(findings, state, sources.now);
    if (folder) remember_and_tell(sources, findings, plan, std::move(done), *folder, state);
    return exit_status(findings.checks);
}

// When the engine has something new to tell while we are at work, systemd does not start us once more: what
// it wrote then is seen by a look at the file's time, before and behind.
int recover(const Arguments& arguments) {
    const LoadedSettings loaded = this_machine(arguments.config, arguments.mta_config_dir).loaded;
    for (int round = 1;; ++round) {
        const auto before = changed_at(loaded.settings.alert_file);
        const int status = recover_once(arguments);
        if (arguments.dry_run || round == kMostRounds || changed_at(loaded.settings.alert_file) == before)
            return status;
        fmt::print("the engine has something new to tell\n");
    }
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
