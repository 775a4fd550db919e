// SPDX-License-Identifier: Apache-2.0
//
// optimilterctl: the operator's side. Every subcommand is a line in commands() and a function of its own.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/memfd.hpp"
#include "base/version.hpp"
#include "console/alert_words.hpp"
#include "console/alerts_command.hpp"
#include "console/check_mta.hpp"
#include "console/check_sendmail.hpp"
#include "console/compare_command.hpp"
#include "console/optimize_command.hpp"
#include "console/policy_command.hpp"
#include "console/postconf.hpp"
#include "console/selfcheck.hpp"
#include "console/status_command.hpp"
#include "policy/quantities.hpp"
#include "policy/rule_set.hpp"

namespace optimilter {

namespace {

constexpr char kDefaultConfig[] = "/etc/optimilter/optimilter.toml";
constexpr char kSendmailCf[] = "/etc/mail/sendmail.cf";
constexpr std::size_t kMostSendmailCf = 4u << 20;
constexpr int kBadUsage = 2;

struct Arguments {
    std::string config;
    std::string profile;
    std::string direction = "inbound";
    std::string mta_config_dir;
    std::string sendmail_cf;
    OptimizeRequest optimize;
    CompareRequest compare;
    bool only_changed = false;
    std::string checked_file;
    bool status_json = false;
    bool selfcheck_json = false;
    std::string level;
    std::string level_time;
    AlertsRequest alerts;
    std::string alerts_for;
    CLI::App* snooze = nullptr;  // of alerts
    CLI::App* unsnooze = nullptr;
    std::string policy_folder;
    ExplainRequest explain;
};

// The named file; without a name the default one, and the built-in values where that does not exist.
LoadedSettings settings_for(const Arguments& arguments) {
    if (!arguments.config.empty()) return load_settings(arguments.config);
    return ::access(kDefaultConfig, F_OK) == 0 ? load_settings(kDefaultConfig) : LoadedSettings{};
}

// loaded: LoadedSettings or LoadedRules.
template <typename Loaded>
bool report_problems(const Loaded& loaded) {
    for (const SettingsProblem& problem : loaded.problems)
        fmt::print(stderr, "optimilterctl: {}\n", problem.text);
    return !loaded.ok();
}

// The rules of the folder that was named, else of the settings.
LoadedRules rules_for(const Arguments& arguments, Settings settings) {
    if (!arguments.policy_folder.empty()) settings.policy_dir = arguments.policy_folder;
    auto base = std::make_shared<const Settings>(std::move(settings));
    return load_rules(base->policy_dir, base);
}

// The value is one of the three: CLI11 has checked it.
ProfileName profile_named(const std::string& name) {
    if (name == "lossless") return ProfileName::kLossless;
    return name == "compact" ? ProfileName::kCompact : ProfileName::kBalanced;
}

int optimize_command(Arguments& arguments) {
    LoadedSettings loaded = settings_for(arguments);
    if (report_problems(loaded)) return kBadUsage;
    if (!arguments.profile.empty()) loaded.settings.profile = profile_named(arguments.profile);
    arguments.optimize.direction =
        arguments.direction == "outbound" ? Direction::kOutbound : Direction::kInbound;
    const LoadedRules rules = rules_for(arguments, std::move(loaded.settings));
    if (report_problems(rules)) return kBadUsage;
    return optimize_files(arguments.optimize, rules.rules);
}

int compare_command(Arguments& arguments) {
    const LoadedSettings loaded = settings_for(arguments);
    if (report_problems(loaded)) return kBadUsage;
    return compare_pictures_command(arguments.compare, loaded.settings);
}

int config_command(Arguments& arguments) {
    const LoadedSettings loaded = settings_for(arguments);
    if (report_problems(loaded)) return 1;
    fmt::print("{}", print_settings(loaded.settings, arguments.only_changed));
    return 0;
}

int check_config_command(Arguments& arguments) {
    const LoadedSettings loaded = load_settings(arguments.checked_file);
    if (report_problems(loaded)) return 1;
    fmt::print("{}: no problems\n", arguments.checked_file);
    return 0;
}

Result<std::vector<MtaFinding>> postfix_findings(const Arguments& arguments, const CheckMtaInput& input) {
    const Result<std::string> settings = run_postconf(arguments.mta_config_dir, {"-x"});
    if (!settings) return settings.error();
    const Result<std::string> services = run_postconf(arguments.mta_config_dir, {"-M", "-x"});
    if (!services) return services.error();
    return check_mta(*settings, *services, input);
}

Result<std::vector<MtaFinding>> sendmail_findings(const Arguments& arguments, const CheckMtaInput& input) {
    const Result<Bytes> text = read_file(arguments.sendmail_cf.c_str(), kMostSendmailCf);
    if (!text)
        return Error{text.error().code, fmt::format("{}: {}", arguments.sendmail_cf, text.error().text)};
    return check_sendmail({reinterpret_cast<const char*>(text->data()), text->size()}, input);
}

int check_mta_command(Arguments& arguments) {
    const LoadedSettings loaded = settings_for(arguments);
    if (report_problems(loaded)) return 1;
    const CheckMtaInput input = mta_input(loaded.settings);
    const auto findings = arguments.sendmail_cf.empty() ? postfix_findings(arguments, input)
                                                        : sendmail_findings(arguments, input);
    if (!findings) {
        fmt::print(stderr, "optimilterctl: {}\n", findings.error().text);
        return 1;
    }
    bool warned = false;
    for (const MtaFinding& finding : *findings) {
        fmt::print("{}: {}\n", finding.warning ? "warning" : "ok", finding.text);
        warned = warned || finding.warning;
    }
    return warned ? 1 : 0;
}

// A file with problems does not stop these: it does not stop the guard either, which lives by the same
// values.
int process_command(const Arguments& arguments, int (*command)(const Settings&, bool), bool choice) {
    const LoadedSettings loaded = settings_for(arguments);
    const bool problems = report_problems(loaded);
    const int status = command(loaded.settings, choice);
    return problems ? 1 : status;
}

int status_command(Arguments& arguments) {
    return process_command(arguments, show_status, arguments.status_json);
}

int drain_command(Arguments& arguments) {
    return process_command(arguments, order_drain, true);
}

int resume_command(Arguments& arguments) {
    return process_command(arguments, order_drain, false);
}

int level_command(Arguments& arguments) {
    const LoadedSettings loaded = settings_for(arguments);
    const bool problems = report_problems(loaded);
    const int status = arguments.level.empty()
                           ? show_level(loaded.settings)
                           : order_level(loaded.settings, arguments.level, arguments.level_time);
    return problems ? 1 : status;
}

// 0: all is well; 1: a warning or worse.
int selfcheck_command(Arguments& arguments) {
    const CheckList checks = selfcheck(this_machine(arguments.config, arguments.mta_config_dir)).checks;
    fmt::print("{}", arguments.selfcheck_json ? check_json(checks) : check_table(checks));
    return worst_state(checks) == CheckState::kOk ? 0 : 1;
}

int alerts_command(Arguments& arguments) {
    if (arguments.unsnooze->parsed()) return unsnooze_alerts(arguments.alerts);
    if (arguments.snooze->parsed()) {
        const auto wanted = parse_time(arguments.alerts_for);
        if (!wanted || *wanted < 60'000 || *wanted > 30LL * 86'400'000) {
            fmt::print(stderr, "optimilterctl: --for: want a time from 1m to 720h\n");
            return kBadUsage;
        }
        arguments.alerts.for_ms = *wanted;
        return snooze_alerts(arguments.alerts);
    }
    const LoadedSettings loaded = settings_for(arguments);
    const bool problems = report_problems(loaded);
    const int status = list_alerts(arguments.alerts, loaded.settings);
    return problems ? 1 : status;
}

int check_rules_command(Arguments& arguments) {
    LoadedSettings loaded = settings_for(arguments);
    if (report_problems(loaded)) return 1;
    const std::string folder =
        arguments.policy_folder.empty() ? loaded.settings.policy_dir : arguments.policy_folder;
    return check_rules(folder, rules_for(arguments, std::move(loaded.settings)));
}

int explain_command(Arguments& arguments) {
    LoadedSettings loaded = settings_for(arguments);
    if (report_problems(loaded)) return kBadUsage;
    const LoadedRules rules = rules_for(arguments, std::move(loaded.settings));
    if (report_problems(rules)) return kBadUsage;
    return explain_message(arguments.explain, rules.rules);
}

int version_command(Arguments&) {
    fmt::print("optimilter {}\n", kVersion);
    return 0;
}

CLI::Option* add_config_option(CLI::App* command, Arguments& arguments) {
    return command->add_option("-c,--config", arguments.config,
                               fmt::format("Settings file (default: {} where it exists)", kDefaultConfig));
}

CLI::App* add_optimize(CLI::App& app, Arguments& arguments) {
    CLI::App* command = app.add_subcommand("optimize", "Make messages or files smaller, as the milter would");
    command->add_option("-p,--profile", arguments.profile, "Profile instead of the one in the settings")
        ->check(CLI::IsMember({"lossless", "balanced", "compact"}));
    add_config_option(command, arguments);
    command->add_option("--direction", arguments.direction, "Direction to assume for messages")
        ->check(CLI::IsMember({"inbound", "outbound"}))
        ->capture_default_str();
    command->add_flag("--json", arguments.optimize.json, "One line of JSON a file");
    command->add_option("-o,--output", arguments.optimize.output,
                        "File for one input, else an existing directory for all results");
    command->add_option("FILE", arguments.optimize.files, "Messages (.eml) or bare files")->required();
    return command;
}

CLI::App* add_compare(CLI::App& app, Arguments& arguments) {
    CLI::App* command = app.add_subcommand("compare", "How alike two pictures look, as the score says");
    add_config_option(command, arguments);
    command->add_flag("--json", arguments.compare.json, "One line of JSON");
    command->add_option("FIRST", arguments.compare.first, "A picture")->required();
    command->add_option("SECOND", arguments.compare.second, "Another one of the same size")->required();
    return command;
}

CLI::App* add_check_mta(CLI::App& app, Arguments& arguments) {
    CLI::App* command = app.add_subcommand(
        "check-mta", "Check the MTA's settings for the milter (reads postconf or sendmail.cf)");
    add_config_option(command, arguments);
    CLI::Option* postfix =
        command->add_option("--postfix-config", arguments.mta_config_dir, "Postfix configuration directory");
    command
        ->add_option_function<std::vector<std::string>>(
            "--sendmail",
            [&arguments](const std::vector<std::string>& file) {
                arguments.sendmail_cf = file.empty() || file[0].empty() ? kSendmailCf : file[0];
            },
            fmt::format("Check Sendmail by this sendmail.cf (default: {})", kSendmailCf))
        ->expected(0, 1)
        ->excludes(postfix);
    return command;
}

CLI::App* add_check_rules(CLI::App& policy, Arguments& arguments) {
    CLI::App* command = policy.add_subcommand("check", "Check all rules; every problem with file:line");
    add_config_option(command, arguments);
    command->add_option("DIR", arguments.policy_folder, "Folder of the rules (default: policy_dir)");
    return command;
}

CLI::App* add_explain(CLI::App& policy, Arguments& arguments) {
    ExplainRequest& request = arguments.explain;
    CLI::App* command =
        policy.add_subcommand("explain", "Which rule decides on each part of a message, and why");
    add_config_option(command, arguments);
    command->add_option("--policy-dir", arguments.policy_folder, "Folder of the rules (default: policy_dir)");
    command->add_option("--from", request.sender, "Envelope sender; <> is the null sender")->required();
    // One a time, so that FILE may stand behind it.
    command->add_option("--to", request.recipients, "Envelope recipient; may be given more than once")
        ->required()
        ->allow_extra_args(false);
    command->add_option("--client", request.client_address, "IP address of the client");
    command->add_option("--auth", request.auth_user, "User who has authenticated");
    command->add_option("--listener", request.listener, "Name of the listener, {daemon_name}");
    command->add_option("--direction", request.direction, "Instead of what client and user tell")
        ->check(CLI::IsMember({"inbound", "outbound"}));
    command->add_flag("--json", request.json, "One line of JSON");
    command->add_option("FILE", request.file, "Message (.eml)")->required();
    return command;
}

CLI::App* add_status(CLI::App& app, Arguments& arguments) {
    CLI::App* command = app.add_subcommand("status", "State of every process, and what is wrong with it");
    add_config_option(command, arguments);
    command->add_flag("--json", arguments.status_json, "One line of JSON");
    return command;
}

CLI::App* add_selfcheck(CLI::App& app, Arguments& arguments) {
    CLI::App* command = app.add_subcommand("selfcheck", "Look at all that optimilter needs on this machine");
    add_config_option(command, arguments);
    command->add_option("--postfix-config", arguments.mta_config_dir, "Postfix configuration directory");
    command->add_flag("--json", arguments.selfcheck_json, "One line of JSON");
    return command;
}

CLI::Option* add_kind_option(CLI::App* command, Arguments& arguments) {
    const std::vector<std::string_view> kinds = alert_kinds();
    return command->add_option("KIND", arguments.alerts.kind, "Kind of alert")
        ->required()
        ->check(CLI::IsMember(std::vector<std::string>(kinds.begin(), kinds.end())));
}

CLI::App* add_alerts(CLI::App& app, Arguments& arguments) {
    CLI::App* command = app.add_subcommand("alerts", "What went wrong, and what the admin was told of it");
    add_config_option(command, arguments);
    command->add_flag("--json", arguments.alerts.json, "One line of JSON");
    command->add_option("--state", arguments.alerts.state_folder, "Folder of optimilter-recover")
        ->capture_default_str();
    command->require_subcommand(0, 1);
    arguments.snooze = command->add_subcommand("snooze", "Tell nothing of a kind for a time (root)");
    add_kind_option(arguments.snooze, arguments);
    arguments.snooze->add_option("--for", arguments.alerts_for, "How long: 30m, 8h, ...")->required();
    arguments.unsnooze = command->add_subcommand("unsnooze", "End that (root)");
    add_kind_option(arguments.unsnooze, arguments);
    return command;
}

CLI::App* add_drain(CLI::App& app, Arguments& arguments) {
    CLI::App* command = app.add_subcommand("drain", "Pass all new mail unchanged, until resume");
    add_config_option(command, arguments);
    return command;
}

CLI::App* add_resume(CLI::App& app, Arguments& arguments) {
    CLI::App* command = app.add_subcommand("resume", "End drain: make mail smaller again");
    add_config_option(command, arguments);
    return command;
}

CLI::App* add_level(CLI::App& app, Arguments& arguments) {
    CLI::App* command = app.add_subcommand("level", "Tell the load level, or order one");
    add_config_option(command, arguments);
    CLI::Option* level =
        command->add_option("LEVEL", arguments.level, "0 (everything) to 5 (nothing), or auto")
            ->check(CLI::IsMember({"0", "1", "2", "3", "4", "5", "auto"}));
    command->add_option("--for", arguments.level_time, "How long, such as 30m or 2h (default: 1h)")
        ->needs(level);
    return command;
}

int run(int argc, char** argv) {
    CLI::App app("optimilterctl: tries, checks and explains optimilter");
    Arguments arguments;
    app.require_subcommand(1);
    app.set_version_flag("-V,--version", fmt::format("optimilter {}", kVersion));
    CLI::App* optimize = add_optimize(app, arguments);
    CLI::App* compare = add_compare(app, arguments);
    CLI::App* config =
        app.add_subcommand("config", "Print all settings, or only those that differ from the defaults");
    add_config_option(config, arguments);
    config->add_flag("-n,--changed", arguments.only_changed, "Only settings that differ from the defaults");
    CLI::App* check_config =
        app.add_subcommand("check-config", "Check a settings file; every problem with file:line");
    check_config->add_option("FILE", arguments.checked_file, "Settings file")->required();
    CLI::App* check_mta = add_check_mta(app, arguments);
    CLI::App* policy = app.add_subcommand("policy", "Check and explain the rules");
    policy->require_subcommand(1);
    CLI::App* check_policy = add_check_rules(*policy, arguments);
    CLI::App* explain = add_explain(*policy, arguments);
    CLI::App* status = add_status(app, arguments);
    CLI::App* selfcheck = add_selfcheck(app, arguments);
    CLI::App* alerts = add_alerts(app, arguments);
    CLI::App* drain = add_drain(app, arguments);
    CLI::App* resume = add_resume(app, arguments);
    CLI::App* level = add_level(app, arguments);
    CLI::App* version = app.add_subcommand("version", "Print the version");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kBadUsage;
    }
    struct Command {
        CLI::App* app;
        int (*run)(Arguments&);
    };
    for (const Command& command :
         {Command{optimize, optimize_command}, Command{compare, compare_command},
          Command{config, config_command}, Command{check_config, check_config_command},
          Command{check_mta, check_mta_command}, Command{check_policy, check_rules_command},
          Command{explain, explain_command}, Command{status, status_command}, Command{alerts, alerts_command},
          Command{selfcheck, selfcheck_command}, Command{drain, drain_command},
          Command{resume, resume_command}, Command{level, level_command},
          Command{version, version_command}}) {
        if (command.app->parsed()) return command.run(arguments);
    }
    return kBadUsage;
}

}  // namespace

}  // namespace optimilter

int main(int argc, char** argv) {
    optimilter::open_log("optimilterctl", optimilter::LogTarget::kStderr, optimilter::LogLevel::kWarning);
    return optimilter::run(argc, argv);
}
