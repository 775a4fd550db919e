// SPDX-License-Identifier: Apache-2.0
//
// optimilterd, the guard: stands between the MTA and the engine, so that nothing that happens to the engine
// happens to mail (doc/guard.md). A settings file with problems does not stop it: it then passes everything.
#include <linux/capability.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "base/log.hpp"
#include "base/privileges.hpp"
#include "base/service_notify.hpp"
#include "base/version.hpp"
#include "milter/guard.hpp"
#include "policy/settings.hpp"

namespace optimilter {

namespace {

constexpr char kDefaultConfig[] = "/etc/optimilter/optimilter.toml";
constexpr char kUsage[] =
    "usage: optimilterd [-c FILE]\n"
    "  -c, --config FILE   settings file (/etc/optimilter/optimilter.toml)\n"
    "  -V, --version       print the version\n"
    "  -h, --help          print this\n";

UniqueFd open_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int number : {SIGHUP, SIGTERM, SIGINT, SIGUSR1}) ::sigaddset(&signals, number);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGXFSZ, SIG_IGN);  // a log file at its limit costs lines, not mail
    return UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

// Two descriptors a connection; as many as we may have.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

void log_problems(const LoadedSettings& loaded) {
    for (const SettingsProblem& problem : loaded.problems) log_error("{}", problem.text);
}

void reload(Guard& guard, const Settings& running, const std::string& config) {
    notify_service("RELOADING=1");
    const LoadedSettings loaded = load_settings(config);
    log_problems(loaded);
    if (loaded.ok()) {
        for (const std::string_view key : changes_needing_restart(running, loaded.settings))
            log_warning("reload: {} changed, which takes effect at the next start only", key);
        set_log_level(loaded.settings.log_level);
        guard.configure(loaded.settings, PassReason::kNone);
        log_info("reload: settings read from {}", config);
    } else {
        log_error("reload: {} has problems, the old settings stay", config);
    }
    notify_service("READY=1");
}

int run(const std::string& config) {
    UniqueFd signals = open_signals();
    raise_descriptor_limit();
    const LoadedSettings loaded = load_settings(config);
    const Settings& settings = loaded.settings;
    open_log("optimilterd", settings.log_target, settings.log_level, settings.log_socket);
    log_problems(loaded);
    if (!loaded.ok())
        log_error("{} has problems: every message passes unchanged until that is mended and reloaded",
                  config);
    Guard guard(settings, loaded.ok() ? PassReason::kNone : PassReason::kSettings, std::move(signals));
    if (const Status opened = guard.open(); !opened) {
        log_fatal("{}", opened.error().text);
        return 1;
    }
    if (const Status became = become_user(settings.user, CAP_NET_ADMIN); !became) {
        log_fatal("{}", became.error().text);
        return 1;
    }
    guard.measure_send_buffer();
    notify_service("READY=1");
    log_info("version {} ready on {}", kVersion, settings.listen);
    guard.run([&] { reload(guard, settings, config); });
    return 0;
}

int guard_main(int argc, char** argv) {
    std::string config = kDefaultConfig;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "-V" || word == "--version")
            return std::printf("%s\n", std::string(kVersion).c_str()) < 0;
        if (word == "-h" || word == "--help") return std::fputs(kUsage, stdout) < 0;
        const bool takes_file = (word == "-c" || word == "--config") && i + 1 < argc;
        if (!takes_file) {
            std::fputs(kUsage, stderr);
            return 2;
        }
        config = argv[++i];
    }
    return run(config);
}

}  // namespace

}  // namespace optimilter

int main(int argc, char** argv) {
    return optimilter::guard_main(argc, argv);
}
