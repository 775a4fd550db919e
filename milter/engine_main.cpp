// SPDX-License-Identifier: Apache-2.0
//
// The engine's start and stop. libmilter ends the process at HUP, TERM and INT with work in flight, so it
// runs in a second thread with those signals blocked, and the main thread takes them: HUP reloads, USR1 logs
// the counters, TERM and INT drain.
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "base/log.hpp"
#include "base/version.hpp"
#include "milter/callbacks.hpp"
#include "milter/callbacks_socket.hpp"
#include "milter/engine.hpp"
#include "milter/pool_settings.hpp"
#include "policy/settings.hpp"
#include "workers/pool.hpp"

namespace optimilter {

namespace {

constexpr char kDefaultConfig[] = "/etc/optimilter/optimilter.toml";
// After the last end-of-message has answered, how long the MTA may take to fetch the answer.
constexpr std::chrono::milliseconds kDrainGrace{1000};

// Reads the settings; every problem is one log line. nullptr: they may not be used.
std::shared_ptr<const Settings> read_settings(const std::string& path) {
    LoadedSettings loaded = load_settings(path);
    for (const SettingsProblem& problem : loaded.problems) log_error("{}", problem.text);
    if (!loaded.ok()) return nullptr;
    return std::make_shared<const Settings>(std::move(loaded.settings));
}

// Gives up root for the user of the settings. kRefused with the reason when that cannot be done.
Status become_user(const std::string& user) {
    if (user.empty() || ::geteuid() != 0) return Success{};
    const passwd* entry = ::getpwnam(user.c_str());
    if (entry == nullptr) return Error{ErrorCode::kRefused, fmt::format("user {} is not known", user)};
    if (::initgroups(user.c_str(), entry->pw_gid) != 0 || ::setgid(entry->pw_gid) != 0 ||
        ::setuid(entry->pw_uid) != 0) {
        return Error{ErrorCode::kRefused, fmt::format("become user {}: {}", user, std::strerror(errno))};
    }
    return Success{};
}

void reload(Engine& engine, const std::string& path) {
    const std::shared_ptr<const Settings> fresh = read_settings(path);
    if (!fresh) {
        log_error("reload: {} has problems, the old settings stay", path);
        return;
    }
    const std::shared_ptr<const Settings> old = engine.settings();
    for (const std::string_view key : changes_needing_restart(*old, *fresh)) {
        log_warning("reload: {} changed, which takes effect at the next start only", key);
    }
    set_log_level(fresh->log_level);
    engine.swap_settings(fresh);
    log_info("reload: settings read from {}", path);
}

// Lets the work in flight end, bounded by its deadline, then leaves without running destructors under
// libmilter's threads.
[[noreturn]] void drain_and_exit(Engine& engine, int code) {
    const auto settings = engine.settings();
    engine.draining = true;
    remove_milter_socket(*settings);
    const bool quiet =
        engine.in_flight.wait_none(std::chrono::milliseconds(settings->deadline) + kDrainGrace);
    log_info("stopping{}: {}", quiet ? "" : " with work in flight", counters_line(engine.counters));
    ::_exit(code);
}

// Signals and the end of libmilter's loop become bytes in a pipe, which the main thread reads at leisure.
int event_pipe_[2] = {-1, -1};
constexpr unsigned char kMilterEnded = 0;

void post_event(int number) {
    const int saved_errno = errno;
    const auto byte = static_cast<unsigned char>(number);
    [[maybe_unused]] const ssize_t written = ::write(event_pipe_[1], &byte, 1);
    errno = saved_errno;
}

constexpr int kSignals[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};

sigset_t our_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : kSignals) ::sigaddset(&set, number);
    return set;
}

// The main thread's whole life once the milter runs.
[[noreturn]] void serve(Engine& engine, const std::string& config) {
    for (const int number : kSignals) {
        struct sigaction action {};
        action.sa_handler = post_event;
        action.sa_flags = SA_RESTART;
        ::sigaction(number, &action, nullptr);
    }
    std::thread([] {
        const bool ended_well = run_milter();
        if (!ended_well) log_error("libmilter's loop failed");
        post_event(kMilterEnded);
    }).detach();
    const sigset_t signals = our_signals();
    ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    log_info("version {} ready on {}", kVersion, engine.settings()->engine_socket);
    for (;;) {
        unsigned char event = 0;
        if (::read(event_pipe_[0], &event, 1) != 1) continue;
        if (event == SIGHUP) reload(engine, config);
        if (event == SIGUSR1) log_info("statistics: {}", counters_line(engine.counters));
        if (event == SIGTERM || event == SIGINT) drain_and_exit(engine, 0);
        if (event == kMilterEnded) drain_and_exit(engine, 1);
    }
}

int run(const std::string& config) {
    // Blocked before the first thread: all of them inherit that, and libmilter's own sigwait() never wins,
    // because only the main thread opens them again.
    const sigset_t signals = our_signals();
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    ::umask(077);
    if (::pipe2(event_pipe_, O_CLOEXEC) != 0) return 1;

    const std::shared_ptr<const Settings> settings = read_settings(config);
    if (!settings) {
        log_fatal("{} has problems: not starting", config);
        return 1;
    }
    open_log("optimilter-engine", settings->log_target, settings->log_level);
    static Counters counters;
    const Result<PoolSettings> pool_settings = pool_settings_of(*settings);
    if (!pool_settings) {
        log_fatal("{}", pool_settings.error().text);
        return 1;
    }
    // Started while still root, so that the zygote can give that up by itself.
    Result<std::unique_ptr<Pool>> pool = Pool::start(*pool_settings, counters);
    if (!pool) {
        log_fatal("workers: {}", pool.error().text);
        return 1;
    }
    for (const std::string& step : (*pool)->missing_sandbox_steps())
        log_warning("this kernel lacks {}", step);
    static Engine engine(settings, **pool, counters);
    if (!register_callbacks(engine)) {
        log_fatal("libmilter does not take the filter");
        return 1;
    }
    if (const Status opened = open_milter_socket(*settings); !opened) {
        log_fatal("{}", opened.error().text);
        return 1;
    }
    if (const Status became = become_user(settings->user); !became) {
        log_fatal("{}", became.error().text);
        return 1;
    }
    serve(engine, config);
}

}  // namespace

int engine_main(int argc, char** argv) {
    CLI::App app("optimilter-engine: makes mail attachments smaller in flight");
    std::string config = kDefaultConfig;
    app.add_option("-c,--config", config, "Settings file")->capture_default_str();
    app.set_version_flag("-V,--version", std::string(kVersion));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return run(config);
}

}  // namespace optimilter

int main(int argc, char** argv) {
    return optimilter::engine_main(argc, argv);
}
