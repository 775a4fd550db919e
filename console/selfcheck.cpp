// SPDX-License-Identifier: Apache-2.0
#include "console/selfcheck.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/memfd.hpp"
#include "base/text.hpp"
#include "console/check_mta.hpp"
#include "console/check_sendmail.hpp"
#include "console/postconf.hpp"
#include "console/postfix_lists.hpp"
#include "console/process_checks.hpp"
#include "console/queue_check.hpp"
#include "console/run_program.hpp"
#include "console/small_file.hpp"
#include "milter/pool_settings.hpp"

namespace optimilter {

namespace {

constexpr char kDefaultConfig[] = "/etc/optimilter/optimilter.toml";
constexpr std::int64_t kProgramMs = 10'000;
constexpr std::size_t kMostSendmailCf = 4u << 20;

// Settings, and the rules that belong to them.
Check settings_check(const SelfcheckSources& sources) {
    const std::string file = sources.settings_file.empty() ? "built-in values, there is no settings file"
                                                           : printable(sources.settings_file);
    const auto& problems = sources.loaded.ok() ? sources.rules.problems : sources.loaded.problems;
    if (!problems.empty()) {
        return {"settings", CheckState::kFail,
                fmt::format("{}{}", problems.front().text,
                            problems.size() == 1 ? "" : fmt::format(" (and {} more)", problems.size() - 1))};
    }
    const auto end = sources.rules.rules ? sources.rules.rules->earliest_valid_until() : std::nullopt;
    if (end && end->past(std::chrono::sys_seconds(std::chrono::seconds(sources.now)))) {
        // No reason not to start what has failed; the alert is the engine's (valid_until).
        return {"settings", CheckState::kWarn,
                fmt::format("{} was valid until {}: all mail passes unchanged", printable(end->file),
                            print_day(end->last_day))};
    }
    return {"settings", CheckState::kOk, file + ": no problems"};
}

// The MTA of this machine, as far as it can be read.
struct Mta {
    bool postfix = false, sendmail = false;
    std::string queue_directory;
    std::vector<MtaFinding> findings;
    std::string problem;  // why it is neither
};

Mta look_at_mta(const SelfcheckSources& sources) {
    Mta mta;
    const CheckMtaInput input = mta_input(sources.loaded.settings);
    const auto settings = sources.postconf({"-x"});
    const auto services = settings ? sources.postconf({"-M", "-x"}) : settings;
    if (settings && services) {
        mta.postfix = true;
        const PostfixSettings values = parse_postfix_settings(*settings);
        const auto queue = values.find("queue_directory");
        mta.queue_directory = queue == values.end() ? "/var/spool/postfix" : queue->second;
        mta.findings = check_mta(*settings, *services, input);
        return mta;
    }
    const auto cf = read_small_file(sources.sendmail_cf, kMostSendmailCf);
    if (!cf) {
        mta.problem = fmt::format("no Postfix ({}) and no {}", (settings ? services : settings).error().text,
                                  printable(sources.sendmail_cf));
        return mta;
    }
    mta.sendmail = true;
    mta.queue_directory = sources.sendmail_queue;
    mta.findings = check_sendmail(*cf, input);
    return mta;
}

Check mta_check(const Mta& mta) {
    if (!mta.postfix && !mta.sendmail) return {"mta", CheckState::kWarn, mta.problem};
    const std::string name = mta.postfix ? "Postfix" : "Sendmail";
    const auto is_warning = [](const MtaFinding& finding) { return finding.warning; };
    const auto warnings = std::count_if(mta.findings.begin(), mta.findings.end(), is_warning);
    if (warnings == 0) return {"mta", CheckState::kOk, name + " asks us as it should"};
    const auto first = std::find_if(mta.findings.begin(), mta.findings.end(), is_warning);
    return {"mta", CheckState::kWarn,
            fmt::format("{}: {} {}, see optimilterctl check-mta: {}", name, warnings,
                        warnings == 1 ? "warning" : "warnings", first->text)};
}

Check queue_check(const Mta& mta, std::int64_t now) {
    if (mta.postfix) return postfix_queue_check(mta.queue_directory, now);
    if (mta.sendmail) return sendmail_queue_check(mta.queue_directory);
    return {"queue", CheckState::kWarn, "no MTA whose queue could be counted"};
}

Check units_check(const SelfcheckSources& sources, std::vector<UnitState>& units) {
    if (::access(sources.systemd.c_str(), F_OK) != 0)
        return {"units", CheckState::kOk, "no systemd: not checked"};
    const auto shown = sources.systemctl(show_units_arguments());
    if (!shown) return {"units", CheckState::kWarn, shown.error().text};
    units = parse_units(*shown);
    return unit_check(units);
}

Result<std::string> run_systemctl(const std::vector<std::string>& arguments) {
    std::vector<std::string> words{"systemctl"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    auto ran = run_program(words, kProgramMs);
    if (!ran) return ran.error();
    if (ran->exit_status == 0) return std::move(ran->output);
    return Error{ErrorCode::kIo,
                 fmt::format("systemctl {}: {}", arguments.front(), printable(trim(ran->errors), 300))};
}

}  // namespace

SelfcheckSources this_machine(const std::string& settings_file, const std::string& postfix_config) {
    SelfcheckSources sources;
    sources.settings_file = settings_file;
    if (settings_file.empty() && ::access(kDefaultConfig, F_OK) == 0) sources.settings_file = kDefaultConfig;
    if (!sources.settings_file.empty()) sources.loaded = load_settings(sources.settings_file);
    sources.rules = load_rules(sources.loaded.settings.policy_dir,
                               std::make_shared<const Settings>(sources.loaded.settings));
    if (auto program = worker_program_of(sources.loaded.settings)) sources.worker_program = *program;
    sources.now = static_cast<std::int64_t>(::time(nullptr));
    sources.disk_space = disk_space;
    sources.ask = ask_for_status;
    sources.postconf = [postfix_config](const std::vector<std::string>& arguments) {
        return run_postconf(postfix_config, arguments);
    };
    sources.systemctl = run_systemctl;
    return sources;
}

SelfcheckFindings selfcheck(const SelfcheckSources& sources) {
    const Settings& settings = sources.loaded.settings;
    SelfcheckFindings findings;
    const Mta mta = look_at_mta(sources);
    std::vector<std::string> folders{"/", "/run", sources.logs};
    if (!mta.queue_directory.empty()) folders.push_back(mta.queue_directory);
    const std::vector<ProcessEntry> processes = read_process_table(sources.proc);
    findings.sockets = look_at_sockets(socket_places(settings), sources.proc);
    findings.orphans = find_orphans(processes, sources.worker_program);
    findings.certificates = look_at_certificates(settings.watch_certificates, sources.now);
    findings.checks = {settings_check(sources),
                       disk_check(folders, sources.disk_space),
                       memory_check(sources.proc),
                       socket_check(findings.sockets),
                       guard_check(settings.guard_status_socket, sources.ask),
                       engine_check(settings.control_socket, sources.ask),
                       process_check(processes, findings.orphans, sources.worker_program),
                       queue_check(mta, sources.now),
                       mta_check(mta),
                       units_check(sources, findings.units),
                       certificate_check(findings.certificates),
                       core_dump_check(sources.core_dumps)};
    return findings;
}

}  // namespace optimilter
