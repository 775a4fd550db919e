// SPDX-License-Identifier: Apache-2.0
#include "milter/guard.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/log.hpp"
#include "base/service_notify.hpp"
#include "base/text.hpp"
#include "base/version.hpp"

namespace optimilter {

namespace {

// How exact time-outs are, and how often a starving worker pool is woken.
constexpr std::int64_t kTickMs = 20;
constexpr std::int64_t kRestMs = 500;  // longest sleep of the loop
constexpr std::chrono::seconds kIdleCheck{5};
constexpr int kAcceptsAtOnce = 64;  // between two looks at the sessions that are there
// After the last answer of a drain, how long the MTA may take to fetch it.
constexpr std::chrono::milliseconds kDrainGrace{1000};

GuardTimes times_of(const Settings& settings) {
    return {settings.engine_timeout, settings.deadline + settings.guard_slack};
}

GuardCounter counter_of(PassReason reason) {
    switch (reason) {
        case PassReason::kNone:
        case PassReason::kNoEngine:
            return GuardCounter::kPassedNoEngine;
        case PassReason::kDied:
            return GuardCounter::kPassedDied;
        case PassReason::kTimeout:
            return GuardCounter::kPassedTimeout;
        case PassReason::kWrong:
            return GuardCounter::kPassedWrong;
        case PassReason::kBreaker:
            return GuardCounter::kPassedBreaker;
        case PassReason::kSessions:
            return GuardCounter::kPassedSessions;
        case PassReason::kBudget:
            return GuardCounter::kPassedBudget;
        case PassReason::kDoesNotFit:
            return GuardCounter::kPassedDoesNotFit;
        case PassReason::kTooLong:
            return GuardCounter::kPassedTooLong;
        case PassReason::kSettings:
            return GuardCounter::kPassedSettings;
    }
    return GuardCounter::kPassedNoEngine;
}

UniqueFd open_spare() {
    return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

Guard::Guard(const Settings& settings, PassReason always, UniqueFd signals)
    : settings_(settings),
      always_(always),
      times_(times_of(settings)),
      budget_(settings.guard_reply_budget),
      breaker_(settings.breaker_timeouts, settings.breaker_probe),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      signals_(std::move(signals)),
      spare_(open_spare()),
      line_(epoll_.get(), engine_address_, &line_endpoint_) {}

Status Guard::open() {
    Result<SocketAddress> engine = resolve_address(settings_.engine_socket);
    if (!engine) return engine.error();
    engine_address_ = std::move(*engine);
    Result<SocketAddress> mta = resolve_address(settings_.listen);
    if (!mta) return mta.error();
    Result<UniqueFd> listener =
        listen_on(*mta, {settings_.user, settings_.socket_group, settings_.socket_mode});
    if (!listener) return listener.error();
    listener_ = std::move(*listener);
    listener_path_ = mta->path;
    if (!settings_.guard_status_socket.empty()) {
        Result<SocketAddress> place = resolve_address("unix:" + settings_.guard_status_socket);
        Result<UniqueFd> status =
            place ? listen_on(*place, {settings_.user, settings_.control_group, 0660}) : place.error();
        // Mail matters more than being looked at.
        if (status) {
            status_listener_ = std::move(*status);
            status_path_ = place->path;
        } else {
            log_error("no status for optimilterctl: {}", status.error().text);
        }
    }
    const auto watch = [this](const UniqueFd& fd, GuardEndpoint& endpoint) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &endpoint;
        return !fd || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) == 0;
    };
    const bool watched = watch(signals_, signals_endpoint_) && watch(listener_, listener_endpoint_) &&
                         watch(status_listener_, status_endpoint_);
    if (!watched) return Error{ErrorCode::kIo, fmt::format("epoll: {}", std::strerror(errno))};
    return Success{};
}

void Guard::measure_send_buffer() {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return;
    const UniqueFd here(pair[0]), there(pair[1]);
    const std::size_t limit = set_send_buffer(here.get(), settings_.send_buffer);
    if (limit >= settings_.send_buffer) return;
    log_warning(
        "send_buffer is not granted: it needs CAP_NET_ADMIN, or a larger net.core.wmem_max. New bodies of "
        "more "
        "than {} KiB are {}",
        limit >> 10,
        settings_.reply_in_pieces ? "sent in pieces" : "not sent: those messages pass unchanged");
}

void Guard::configure(const Settings& settings, PassReason always) {
    settings_ = settings;
    always_ = always;
    times_ = times_of(settings);
    budget_.set_limit(settings.guard_reply_budget);
    breaker_.configure(settings.breaker_timeouts, settings.breaker_probe);
}

// ---- The loop
// ------------------------------------------------------------------------------------------------

bool Guard::turn() {
    std::array<epoll_event, 256> events;
    const int timeout = static_cast<int>(waiting_ > 0 || probing_ ? kTickMs : kRestMs);
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    reload_asked_ = false;
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (!dispatch(*static_cast<GuardEndpoint*>(event.data.ptr), event.events)) break;
    }
    const Time now = SteadyClock::now();
    try {
        if (now >= next_tick_) tick(now);
        tell_service(now);
    } catch (const std::bad_alloc&) {
        // The next tick comes in a moment.
    }
    bury();
    return reload_asked_;
}

bool Guard::done() const {
    return draining_ && (sessions_.empty() || SteadyClock::now() >= drain_until_);
}

// false: the rest of the batch is stale. Without memory the connection that asked for it ends, which the MTA
// takes for "accept"; all others go on.
bool Guard::dispatch(const GuardEndpoint& endpoint, std::uint32_t events) {
    try {
        return dispatch_to(endpoint, events);
    } catch (const std::bad_alloc&) {
        counters_.add(GuardCounter::kShed);
        if (endpoint.session != nullptr) endpoint.session->abandon();
        somebody_left_ = true;
        return true;
    }
}

bool Guard::dispatch_to(const GuardEndpoint& endpoint, std::uint32_t events) {
    switch (endpoint.kind) {
        case GuardEndpoint::Kind::kMta:
        case GuardEndpoint::Kind::kEngine:
            endpoint.session->on_event(endpoint.kind == GuardEndpoint::Kind::kEngine, events);
            settle(*endpoint.session);
            return true;
        case GuardEndpoint::Kind::kListener:
            accept_all();
            return true;
        case GuardEndpoint::Kind::kStatus:
            answer_status();
            return true;
        case GuardEndpoint::Kind::kSignals:
            return hear_signals();
        case GuardEndpoint::Kind::kLine:
            line_.on_event();
            return true;
    }
    return true;
}

bool Guard::hear_signals() {
    signalfd_siginfo heard{};
    if (::read(signals_.get(), &heard, sizeof heard) != sizeof heard) return true;
    if (heard.ssi_signo == SIGHUP) reload_asked_ = true;
    if (heard.ssi_signo == SIGUSR1) log_info("statistics: {}", guard_counters_line(counters_));
    if (heard.ssi_signo == SIGTERM || heard.ssi_signo == SIGINT) begin_drain();
    return !draining_;
}

// What came of the session's last event. Over or not, it stays until bury(): later events of the same batch
// may name it.
void Guard::settle(GuardSession& session) {
    for (const MessageNote& note : session.take_notes()) tell(note);
    if (session.take_torn()) {
        counters_.add(GuardCounter::kTorn);
        log_warning(
            "an answer left in several pieces: for a moment, killing the guard could have spliced it");
    }
    if (session.take_proof_of_life()) breaker_.answered();
    if (session.over()) somebody_left_ = true;
    if (session.waiting()) ++waiting_;  // at least: the next tick counts
}

void Guard::bury() {
    if (!std::exchange(somebody_left_, false)) return;
    std::erase_if(sessions_, [](const auto& entry) { return entry.first->over(); });
}

// ---- Connections
// ---------------------------------------------------------------------------------------------

void Guard::accept_all() {
    for (int i = 0; i < kAcceptsAtOnce && listener_; ++i) {
        UniqueFd mta(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (mta) {
            accept_one(std::move(mta));
            continue;
        }
        if (errno == EMFILE || errno == ENFILE) shed();
        return;
    }
}

void Guard::accept_one(UniqueFd mta) {
    counters_.add(GuardCounter::kSessions);
    const std::size_t reply_limit = set_send_buffer(mta.get(), settings_.send_buffer);
    PassReason reason = reason_to_pass();
    EngineConnection engine;
    if (reason == PassReason::kNone) {
        engine = connect_to(engine_address_);
        engine_is(static_cast<bool>(engine.fd));
        if (!engine.fd) reason = PassReason::kNoEngine;
    }
    auto session = std::make_unique<GuardSession>(epoll_.get(), std::move(mta), std::move(engine), reason,
                                                  budget_, times_);
    if (!settings_.reply_in_pieces) session->set_reply_limit(reply_limit);
    GuardSession* key = session.get();
    sessions_.emplace(key, std::move(session));
}

// No descriptor is left: the connection is taken and closed, which the MTA understands at once; one left in
// the backlog would wait for its time-out.
void Guard::shed() {
    spare_.reset();
    const UniqueFd turned_away(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (turned_away) counters_.add(GuardCounter::kShed);
    spare_ = open_spare();
}

PassReason Guard::reason_to_pass() {
    if (always_ != PassReason::kNone) return always_;
    if (breaker_.open()) return PassReason::kBreaker;
    if (relaying_sessions() >= settings_.guard_sessions) return PassReason::kSessions;
    return PassReason::kNone;
}

std::size_t Guard::relaying_sessions() const {
    return static_cast<std::size_t>(std::count_if(sessions_.begin(), sessions_.end(), [](const auto& entry) {
        return !entry.first->over() && entry.first->relay().relaying();
    }));
}

void Guard::engine_is(bool reachable) {
    if (std::exchange(engine_reachable_, reachable) == reachable) return;
    if (reachable) {
        log_info("the engine is back at {}", settings_.engine_socket);
    } else {
        log_warning("no engine at {} ({}): messages pass unchanged until it is back", settings_.engine_socket,
                    std::strerror(errno));
    }
}

// ---- Notes
// ---------------------------------------------------------------------------------------------------

void Guard::tell(const MessageNote& note) {
    counters_.add(GuardCounter::kMessages);
    if (note.replaced) counters_.add(GuardCounter::kReplaced);
    if (note.reason == PassReason::kNone) return;
    counters_.add(GuardCounter::kPassed);
    counters_.add(counter_of(note.reason));
    const bool alarming = note.reason == PassReason::kWrong || note.reason == PassReason::kDoesNotFit;
    std::string answer;
    if (note.answer != 0) answer = fmt::format(" '{}'", printable(std::string_view(&note.answer, 1)));
    log_line(alarming ? LogLevel::kWarning : LogLevel::kInfo,
             fmt::format("{}: status=passed (guard: {}{}, at {})",
                         note.queue_id.empty() ? "NOQUEUE" : printable(note.queue_id),
                         pass_reason_text(note.reason), answer, command_name(note.command)));
}

// ---- Time
// ----------------------------------------------------------------------------------------------------

void Guard::tick(Time now) {
    next_tick_ = now + std::chrono::milliseconds(kTickMs);
    if (waiting_ > 0) guard_times(now);
    probe(now);
    close_idle(now);
}

void Guard::guard_times(Time now) {
    std::size_t waiting = 0;
    bool long_wait = false, opened = false;
    for (const auto& [key, session] : sessions_) {
        if (session->over() || !session->waiting()) continue;
        session->on_tick(now);
        if (!session->waiting() && session->relay().reason() == PassReason::kTimeout)
            opened = breaker_.timed_out(now) || opened;
        const bool waits_long = session->waiting_longer_than(now, kTickMs);
        long_wait = long_wait || waits_long;
        if (waits_long && !session->waiting_longer_than(last_tick_, kTickMs)) ++kicks_owed_;
        if (session->waiting()) ++waiting;
    }
    for (const auto& [key, session] : sessions_) settle(*session);
    waiting_ = waiting;
    if (opened) open_breaker();
    last_tick_ = now;
    kick(waiting, long_wait);
}

// Debian's libmilter (8.17.1.9, _FFR_WORKERS_POOL) assigns sessions that become ready together to fewer
// threads than there are; the rest starve until some thread is done with another session, and then that
// thread takes one of them. A kick is such a session: a connection that is closed at once. (A command on an
// open connection does it too, but holds its thread for 10 ms to see whether more follows.) One for each
// session that waits, and one a tick in case those were too few. A session that waits alone cannot starve:
// the pool has a thread for it.
void Guard::kick(std::size_t waiting, bool long_wait) {
    constexpr std::size_t kMostAtOnce = 256;
    if (waiting >= 2 && long_wait) {
        const std::size_t kicks = 1 + std::min(kicks_owed_, kMostAtOnce);
        for (std::size_t i = 0; i < kicks && connect_to(engine_address_).fd; ++i)
            counters_.add(GuardCounter::kKicks);
    }
    kicks_owed_ = 0;
}

void Guard::open_breaker() {
    counters_.add(GuardCounter::kBreakerOpened);
    log_warning("the engine hangs: messages pass unchanged until it answers a probe");
    // Whoever does not wait yet need not begin to.
    for (const auto& [key, session] : sessions_) {
        if (!session->waiting() && session->relay().relaying()) session->pass(PassReason::kBreaker);
    }
}

void Guard::probe(Time now) {
    if (!breaker_.open()) return;
    if (!probing_ && breaker_.probe_due(now)) {
        probing_ = line_.open(now);
        if (!probing_) breaker_.probe_failed(now);
    }
    if (!probing_) return;
    if (line_.ready()) {
        probing_ = false;
        breaker_.probe_answered();
        log_info("the engine answers again");
    } else if (!line_.is_open() ||
               now - line_.opened_at() >= std::chrono::milliseconds(settings_.engine_timeout)) {
        probing_ = false;
        line_.close();
        breaker_.probe_failed(now);
    }
}

void Guard::close_idle(Time now) {
    if (now < next_idle_check_) return;
    next_idle_check_ = now + kIdleCheck;
    const auto limit = std::chrono::milliseconds(settings_.idle_timeout);
    for (const auto& [key, session] : sessions_) {
        if (now - session->last_heard() <= limit) continue;
        session->close();
        settle(*session);
    }
}

void Guard::tell_service(Time now) {
    if (now < next_service_word_) return;
    const auto every = watchdog_interval();
    next_service_word_ =
        now + std::chrono::milliseconds(every ? std::max<std::int64_t>(*every / 2, 1) : 10000);
    notify_service(fmt::format("WATCHDOG=1\nSTATUS={} connections, {} messages, {} passed by the guard",
                               sessions_.size(), counters_.get(GuardCounter::kMessages),
                               counters_.get(GuardCounter::kPassed)));
}

// ---- The end
// -------------------------------------------------------------------------------------------------

void Guard::begin_drain() {
    if (std::exchange(draining_, true)) return;
    notify_service("STOPPING=1");
    listener_.reset();
    for (const std::string& path : {listener_path_, status_path_}) {
        if (!path.empty()) ::unlink(path.c_str());
    }
    status_listener_.reset();
    drain_until_ = SteadyClock::now() + std::chrono::milliseconds(times_.message) + kDrainGrace;
    for (const auto& [key, session] : sessions_) {
        session->drain();
        settle(*session);
    }
    log_info("stopping: {}", guard_counters_line(counters_));
}

// ---- Status
// --------------------------------------------------------------------------------------------------

void Guard::answer_status() {
    const UniqueFd asker(::accept4(status_listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!asker) return;
    const std::string status = status_json();
    // A fresh socket's buffer holds it; who does not read it gets nothing.
    [[maybe_unused]] const ssize_t sent =
        ::send(asker.get(), status.data(), status.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

std::string Guard::status_json() {
    std::string_view engine = "hanging";
    if (!breaker_.open()) engine = connect_to(engine_address_).fd ? "up" : "down";
    std::string counters;
    for (std::size_t i = 0; i < static_cast<std::size_t>(GuardCounter::kCount_); ++i) {
        const auto counter = static_cast<GuardCounter>(i);
        counters += fmt::format("{}\"{}\":{}", i == 0 ? "" : ",", guard_counter_name(counter),
                                counters_.get(counter));
    }
    const auto up = std::chrono::duration_cast<std::chrono::seconds>(SteadyClock::now() - started_);
    return fmt::format(
        "{{\"process\":\"guard\",\"version\":\"{}\",\"pid\":{},\"uptime_s\":{},\"draining\":{},\"passing_"
        "all\":{},"
        "\"engine\":\"{}\",\"sessions\":{},\"sessions_relayed\":{},\"reply_bytes\":{},\"log_lines_lost\":{},"
        "\"counters\":{{{}}}}}\n",
        kVersion, ::getpid(), up.count(), draining_, always_ != PassReason::kNone, engine, sessions_.size(),
        relaying_sessions(), budget_.held(), lost_log_lines(), counters);
}

}  // namespace optimilter
