// SPDX-License-Identifier: Apache-2.0
//
// optimilter-queuewatch: counts the MTA's queue for the engine's load control. A process of its own, because
// only the MTA's user may read the queue and the engine is not to be that user. Reads folders and the times
// of files; opens no mail.
#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <string>

#include "base/log.hpp"
#include "base/privileges.hpp"
#include "base/version.hpp"
#include "console/queue_watch.hpp"

namespace optimilter {

namespace {

constexpr char kDefaultConfig[] = "/etc/optimilter/optimilter.toml";

UniqueFd open_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int number : {SIGHUP, SIGTERM, SIGINT}) ::sigaddset(&signals, number);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGXFSZ, SIG_IGN);  // a log file at its limit costs lines, not the watch
    return UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

// For an admin who wants to see whether it may read what it should.
int count_once(const Settings& settings) {
    const QueueRecord record = QueueSampler(settings.queue_directories).sample(QueueClock::now(), true);
    fmt::print("{}\n", QueueWatch::counts_line(record));
    return record.problem.empty() ? 0 : 1;
}

int run(const std::string& config, bool once) {
    UniqueFd signals = open_signals();
    const LoadedSettings loaded = load_settings(config);
    for (const SettingsProblem& problem : loaded.problems) log_error("{}", problem.text);
    const Settings& settings = loaded.settings;
    if (!loaded.ok()) {
        log_fatal("{} has problems: not starting", config);
        return EX_CONFIG;
    }
    if (!once)
        open_log("optimilter-queuewatch", settings.log_target, settings.log_level, settings.log_socket);
    if (const Status became = become_user(settings.queue_user); !became) {
        log_fatal("{}", became.error().text);
        return EX_CONFIG;
    }
    if (once) return count_once(settings);
    if (!signals) {
        log_fatal("there is no descriptor for signals");
        return 1;
    }
    log_info("version {} counts {} queue directories", kVersion, settings.queue_directories.size());
    return QueueWatch(settings, config, std::move(signals)).run();
}

}  // namespace

int queuewatch_main(int argc, char** argv) {
    CLI::App app("optimilter-queuewatch: counts the MTA's queue for the engine");
    std::string config = kDefaultConfig;
    bool once = false;
    app.add_option("-c,--config", config, "Settings file")->capture_default_str();
    app.add_flag("-1,--once", once, "Count once, print it and exit");
    app.set_version_flag("-V,--version", std::string(kVersion));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return run(config, once);
}

}  // namespace optimilter

int main(int argc, char** argv) {
    optimilter::open_log("optimilter-queuewatch", optimilter::LogTarget::kStderr,
                         optimilter::LogLevel::kInfo);
    return optimilter::queuewatch_main(argc, argv);
}
