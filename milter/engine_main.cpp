// SPDX-License-Identifier: Apache-2.0
//
// The engine's start. libmilter ends the process at HUP, TERM and INT with work in flight, so it runs in a
// second thread with those signals blocked, and the main thread takes them (milter/engine_loop).
#include <fmt/format.h>
#include <sys/stat.h>
#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <thread>

#include "base/log.hpp"
#include "base/privileges.hpp"
#include "base/version.hpp"
#include "milter/callbacks.hpp"
#include "milter/callbacks_socket.hpp"
#include "milter/control_socket.hpp"
#include "milter/engine.hpp"
#include "milter/engine_loop.hpp"
#include "milter/guard_sockets.hpp"
#include "milter/pool_settings.hpp"
#include "milter/queue_socket.hpp"
#include "policy/rule_set.hpp"
#include "workers/pool.hpp"
#include "workers/worker_cgroup.hpp"

namespace optimilter {

namespace {

constexpr char kDefaultConfig[] = "/etc/optimilter/optimilter.toml";

// EX_CONFIG is for what only a change of the settings can mend: systemd is told not to try again. Anything
// else may be gone at the next start.
int give_up(const std::string& why, int exit_status = 1) {
    log_fatal("{}", why);
    return exit_status;
}

// Settings and rules. nullptr: they may not be used; every problem is one log line.
std::shared_ptr<const RuleSet> read_policy(const std::string& path) {
    LoadedRules loaded = load_policy(path);
    for (const SettingsProblem& problem : loaded.problems) log_error("{}", problem.text);
    return loaded.rules;
}

// Without it mail flows as well: nobody can ask, that is all.
UniqueFd open_control(const Settings& settings) {
    Result<UniqueFd> control = ControlSocket::open(settings);
    if (!control) log_warning("no control socket: {}", control.error().text);
    return control ? std::move(*control) : UniqueFd();
}

// Without it mail flows as well: load is judged without the MTA's queue.
QueueSocket::Opened open_queue(const Settings& settings) {
    QueueSocket::Opened opened = QueueSocket::open(settings);
    if (!opened.fd && !settings.queue_socket.empty()) log_warning("no queue socket: {}", opened.why_not);
    return opened;
}

// As the user we have become, who shall own the file.
void open_cache(Engine& engine, const Settings& settings) {
    if (settings.cache_memory == 0 && settings.cache_file.empty()) return;
    const CacheSettings cache{settings.cache_memory, settings.cache_file, settings.cache_file_size};
    engine.cache = std::make_unique<ResultCache>(cache, engine.counters);
}

int serve(Engine& engine, const std::string& config) {
    const auto settings = engine.settings();
    const Result<SocketAddress> address = resolve_address(settings->engine_socket);
    if (!address) return give_up(address.error().text);
    if (!register_callbacks(engine)) return give_up("libmilter refuses the filter");
    if (const Status opened = open_milter_socket(*settings); !opened) return give_up(opened.error().text);
    UniqueFd control = open_control(*settings);
    QueueSocket::Opened queue = open_queue(*settings);
    if (const Status became = become_user(settings->user); !became) return give_up(became.error().text);
    open_cache(engine, *settings);
    static EngineLoop loop(engine, config, std::move(control), std::move(queue), *address);
    std::thread([] {
        if (!run_milter()) log_error("libmilter's loop failed");
        milter_ended();
    }).detach();
    log_info("version {} ready on {}", kVersion, settings->engine_socket);
    loop.run();
}

// In a unit that systemd has handed to us. Elsewhere the workers run without, which is told.
void limit_workers(const Settings& settings, PoolSettings& pool) {
    const WorkerLimits limits{settings.workers_memory, settings.workers_cpu_weight};
    if (limits.memory_bytes == 0 && limits.cpu_weight == 0) return;
    const Result<std::string> folder = make_worker_cgroup(limits, kernel_places());
    pool.limits = folder ? describe_limits(limits) : "none: " + folder.error().text;
    if (folder) pool.control_group = *folder;
    // Memory is limited only where somebody asked for it; the CPU weight has a default.
    const bool missed = !folder && limits.memory_bytes != 0;
    log_line(missed ? LogLevel::kWarning : LogLevel::kInfo, "limits of all workers together: " + pool.limits);
}

int run(const std::string& config) {
    if (!prepare_signals()) return 1;
    ::umask(077);
    const std::shared_ptr<const RuleSet> rules = read_policy(config);
    if (!rules) return give_up(config + " or its policy_dir has problems: not starting", EX_CONFIG);
    const std::shared_ptr<const Settings> settings = rules->settings;
    open_log("optimilter-engine", settings->log_target, settings->log_level, settings->log_socket);
    static Counters counters;
    Result<PoolSettings> pool_settings = pool_settings_of(*settings);
    if (!pool_settings) {
        const Error& error = pool_settings.error();
        return give_up(error.text, error.code == ErrorCode::kRefused ? EX_CONFIG : 1);
    }
    limit_workers(*settings, *pool_settings);
    // Started while still root, so that the zygote can give that up by itself.
    Result<std::unique_ptr<Pool>> pool = Pool::start(*pool_settings, counters);
    if (!pool) return give_up("workers: " + pool.error().text);
    for (const std::string& step : (*pool)->missing_sandbox_steps())
        log_warning("this kernel lacks {}", step);
    tell_rules(*rules);
    static Engine engine(rules, **pool, counters);
    return serve(engine, config);
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
