// SPDX-License-Identifier: Apache-2.0
#include "milter/engine_loop.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/log.hpp"
#include "base/service_notify.hpp"
#include "milter/callbacks_socket.hpp"
#include "milter/load_order.hpp"
#include "milter/load_status.hpp"
#include "policy/quantities.hpp"

namespace optimilter {

namespace {

// After the last end-of-message has answered, how long the MTA may take to fetch the answer.
constexpr std::int64_t kDrainGraceMs = 1000;
// While stopping, how soon the end of the last message is seen.
constexpr std::int64_t kStopLookMs = 20;
constexpr std::int64_t kProbeEveryMs = 5000;
// The pool's thread goes round every second; starting a zygote may take it some.
constexpr auto kPoolSilence = std::chrono::seconds(10);

constexpr unsigned char kMilterEnded = 0;
constexpr int kSignals[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};

// Signals and the end of libmilter's loop become bytes in a pipe, which the main thread reads at leisure.
int event_pipe_[2] = {-1, -1};

void post_event(int number) {
    const int saved_errno = errno;
    const auto byte = static_cast<unsigned char>(number);
    [[maybe_unused]] const ssize_t written = ::write(event_pipe_[1], &byte, 1);
    errno = saved_errno;
}

sigset_t our_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : kSignals) ::sigaddset(&set, number);
    return set;
}

void take_signals() {
    for (const int number : kSignals) {
        struct sigaction action {};
        action.sa_handler = post_event;
        action.sa_flags = SA_RESTART;
        ::sigaction(number, &action, nullptr);
    }
    const sigset_t signals = our_signals();
    ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

// Several probes fit into the watchdog's interval, so that one that was late does not count.
std::int64_t probe_interval() {
    return std::min(kProbeEveryMs, std::max<std::int64_t>(1, watchdog_interval().value_or(60'000) / 4));
}

std::string trouble_of(bool milter_answered, const PoolState& pool) {
    if (!milter_answered) return "its own milter socket does not answer";
    if (SteadyClock::now() - pool.last_round > kPoolSilence) return "the thread that tends the workers hangs";
    return {};
}

// text: of our own, with nothing in it that JSON would quote.
std::string error_json(std::string_view text) {
    return fmt::format("{{\"error\":\"{}\"}}\n", text);
}

}  // namespace

bool prepare_signals() {
    const sigset_t signals = our_signals();
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    // Memory files obey the limit of file sizes as well: a body beyond it passes, and must not end us.
    ::signal(SIGXFSZ, SIG_IGN);
    return ::pipe2(event_pipe_, O_CLOEXEC | O_NONBLOCK) == 0;
}

void tell_rules(const RuleSet& rules) {
    for (const std::string& warning : rules.warnings) log_warning("{}", warning);
    const auto end = rules.earliest_valid_until();
    const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
    if (end && end->past(now)) {
        log_error("{} was valid until {}: all mail passes unchanged", end->file, print_day(end->last_day));
    }
    if (!rules.rules.empty())
        log_info("{} rules in {} files of {}", rules.rules.size(), rules.files.size(),
                 rules.settings->policy_dir);
}

void milter_ended() {
    post_event(kMilterEnded);
}

EngineLoop::EngineLoop(Engine& engine, std::string settings_file, UniqueFd control, QueueSocket::Opened queue,
                       SocketAddress milter)
    : engine_(engine),
      started_with_(engine.settings()),
      control_(std::move(control), started_with_->control_socket,
               [this](std::string_view line, uid_t uid) { return command(line, uid); }),
      queue_(std::move(queue), started_with_->queue_socket),
      probe_(std::move(milter)),
      load_(engine.load, load_sources(),
            [this](std::uint8_t from, std::uint8_t to, const LoadState& state) {
                on_level_change(from, to, state);
            }),
      life_(started_with_->alert_file),
      watch_(engine.alerts),
      probe_every_ms_(probe_interval()),
      next_probe_(Deadline::in_ms(0)) {
    run_.settings_file = std::move(settings_file);
    run_.settings_since = std::time(nullptr);
    run_.load = &load_;
    run_.queue = &queue_.monitor();
}

// Where load control looks.
LoadSources EngineLoop::load_sources() {
    LoadSources sources;
    sources.pool = [this] { return engine_.pool.load(); };
    sources.sessions = [this] { return engine_.sessions.load(); };
    sources.queue = [this] { return queue_.monitor().latest(QueueSocket::clock_ms()); };
    sources.why_no_queue = [this] { return queue_.monitor().why_off(QueueSocket::clock_ms()); };
    return sources;
}

void EngineLoop::run() {
    take_signals();
    begin_life();
    for (;;) {
        wait();
        hear_events();
        control_.serve();
        queue_.serve();
        load_.keep_sampling(*engine_.settings());
        keep_probing();
        stop_when_quiet();
    }
}

// An engine that was asked to go is no news; one that crashed or was killed is.
void EngineLoop::begin_life() {
    const auto losses = life_.begin(::getpid(), std::time(nullptr));
    if (!losses) return;
    const std::string told = describe_losses(*losses);
    log_warning("{}", told);
    engine_.alerts.note(AlertKind::kRestarts, told);
}

void EngineLoop::wait() {
    descriptors_.assign(1, {event_pipe_[0], POLLIN, 0});
    control_.watch(descriptors_);
    queue_.watch(descriptors_);
    probe_.watch(descriptors_);
    ::poll(descriptors_.data(), descriptors_.size(), wait_ms());
}

int EngineLoop::wait_ms() const {
    Deadline next = control_.next_due().earlier(probe_.next_due());
    next = next.earlier(queue_.next_due()).earlier(load_.next_due());
    if (stop_by_) {
        next = next.earlier(Deadline::in_ms(kStopLookMs));
    } else if (!probe_.running()) {
        next = next.earlier(next_probe_);
    }
    return static_cast<int>(next.remaining_ms()) + 1;
}

void EngineLoop::hear_events() {
    unsigned char event = 0;
    while (::read(event_pipe_[0], &event, 1) == 1) hear(event);
}

void EngineLoop::hear(int event) {
    switch (event) {
        case SIGHUP:
            return reload();
        case SIGUSR1:
            return log_info("statistics: {}", counters_line(engine_.counters));
        case kMilterEnded:
            return begin_stop(1);
        default:
            return begin_stop(0);
    }
}

// Settings and rules together, or neither: a rule may depend on a setting.
void EngineLoop::reload() {
    notify_service("RELOADING=1");
    LoadedRules loaded = load_policy(run_.settings_file);
    for (const SettingsProblem& problem : loaded.problems) log_error("{}", problem.text);
    if (!loaded.ok()) {
        log_error("reload: {} or its policy_dir has problems, the old settings and rules stay",
                  run_.settings_file);
        run_.settings_problem = loaded.problems.front().text;
    } else {
        const Settings& fresh = *loaded.rules->settings;
        for (const std::string_view key : changes_needing_restart(*engine_.settings(), fresh)) {
            log_warning("reload: {} changed, which takes effect at the next start only", key);
        }
        set_log_level(fresh.log_level);
        tell_rules(*loaded.rules);
        engine_.swap_rules(std::move(loaded.rules));
        run_.settings_since = std::time(nullptr);
        run_.settings_problem.clear();
        log_info("reload: settings read from {}", run_.settings_file);
    }
    notify_service("READY=1\nSTATUS=" + engine_status_line(engine_, run_));
}

std::string EngineLoop::command(std::string_view line, uid_t uid) {
    if (line == "status") return engine_status_json(engine_, run_);
    if (line == "drain") return order_drain(true, uid);
    if (line == "resume") return order_drain(false, uid);
    if (line.starts_with("level ")) return order_level(line.substr(6), uid);
    return error_json("unknown command; there are status, drain, resume and level");
}

std::string EngineLoop::order_level(std::string_view order, uid_t uid) {
    const Result<LevelOrder> parsed = parse_level_order(order);
    if (!parsed) return error_json(parsed.error().text);
    const auto settings = engine_.settings();
    if (parsed->level) {
        log_warning("load: level {} for {}, ordered by uid {}", *parsed->level, print_time(parsed->for_ms),
                    uid);
        load_.pin(*parsed->level, parsed->for_ms, monotonic_ms(), *settings);
    } else if (load_.state().pin) {
        log_warning("load: the order of level {} ended, by uid {}", load_.state().pin->level, uid);
        load_.unpin(*settings);
    }
    return engine_status_json(engine_, run_);
}

// The one place that hears of every change of level, its signal and its figures.
void EngineLoop::on_level_change(std::uint8_t from, std::uint8_t to, const LoadState&) {
    const bool about_bypass = from == kLoadBypass || to == kLoadBypass;
    if (from == kLoadBypass) tell_bypass_is_over();
    log_line(about_bypass ? LogLevel::kWarning : LogLevel::kInfo, level_change_line(from, load_));
    if (to == kLoadBypass) tell_bypass();
    notify_service("STATUS=" + engine_status_line(engine_, run_));
}

void EngineLoop::tell_bypass() {
    bypassed_before_ = engine_.counters.get(Counter::kMessagesBypassed);
    engine_.alerts.raise(AlertKind::kBypass,
                         fmt::format("mail passes untouched because of {} (pressure {:.2f}; {})",
                                     load_signal_name(load_.state().cause), load_.state().pressure,
                                     load_figures(load_.last())));
}

// Messages in bypass have no lines of their own: this one stands for all.
void EngineLoop::tell_bypass_is_over() {
    const std::string passed = fmt::format(
        "{} messages passed unread", engine_.counters.get(Counter::kMessagesBypassed) - bypassed_before_);
    log_warning("load: bypass: {}", passed);
    engine_.alerts.clear(AlertKind::kBypass,
                         fmt::format("{}; now at level {}: {}", passed, load_.state().level,
                                     load_limits_text(load_.limits())));
}

std::string EngineLoop::order_drain(bool drain, uid_t uid) {
    if (engine_.draining) return error_json("the engine is stopping");
    if (engine_.drain_ordered.exchange(drain) != drain) {
        log_warning("{}, ordered by uid {}",
                    drain ? "drain: all new messages pass unchanged until resume" : "resume: drain has ended",
                    uid);
        notify_service("STATUS=" + engine_status_line(engine_, run_));
    }
    return engine_status_json(engine_, run_);
}

void EngineLoop::keep_probing() {
    if (stop_by_) return;
    if (const std::optional<bool> answered = probe_.serve()) judge(*answered);
    if (!probe_.running() && next_probe_.expired()) probe_.begin();
}

// The watchdog hears of us after a probe that went well, and at no other time.
void EngineLoop::judge(bool milter_answered) {
    const PoolState pool = engine_.pool.state();
    watch_over(pool);
    const std::string trouble = trouble_of(milter_answered, pool);
    if (!trouble.empty() && run_.problem.empty()) log_error("in trouble: {}", trouble);
    if (trouble.empty() && !run_.problem.empty()) log_info("out of trouble: {}", run_.problem);
    run_.problem = trouble;
    const std::string status = "STATUS=" + engine_status_line(engine_, run_);
    next_probe_ =
        Deadline::in_ms(trouble.empty() ? probe_every_ms_ : std::min(probe_every_ms_, SelfProbe::kTimeMs));
    if (!trouble.empty()) {
        notify_service(status);
        return;
    }
    notify_service((std::exchange(ready_told_, true) ? "WATCHDOG=1\n" : "READY=1\nWATCHDOG=1\n") + status);
}

void EngineLoop::watch_over(const PoolState& pool) {
    const auto steady =
        std::chrono::duration_cast<std::chrono::seconds>(SteadyClock::now().time_since_epoch());
    watch_.look({steady.count(), std::time(nullptr), engine_.counters.get(Counter::kWorkersDied),
                 engine_.counters.get(Counter::kWorkersStarted), pool.down_reason, engine_.expiries()});
    engine_.alert_file.flush();
}

void EngineLoop::begin_stop(int exit_status) {
    if (stop_by_) return;
    const auto settings = engine_.settings();
    engine_.draining = true;
    remove_milter_socket(*started_with_);
    exit_status_ = exit_status;
    stop_by_ = Deadline::in_ms(settings->deadline + kDrainGraceMs);
    notify_service(fmt::format("STOPPING=1\nEXTEND_TIMEOUT_USEC={}\nSTATUS={}",
                               (settings->deadline + 2 * kDrainGraceMs) * 1000,
                               engine_status_line(engine_, run_)));
}

// The work in flight ends, bounded by its deadline; then the process does, without running destructors under
// libmilter's threads.
void EngineLoop::stop_when_quiet() {
    if (!stop_by_) return;
    const bool quiet = engine_.in_flight.count() == 0;
    if (!quiet && !stop_by_->expired()) return;
    control_.remove();
    queue_.remove();
    if (exit_status_ == 0) life_.end();
    log_info("stopping{}: {}", quiet ? "" : " with work in flight", counters_line(engine_.counters));
    ::_exit(exit_status_);
}

}  // namespace optimilter
