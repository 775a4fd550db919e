// SPDX-License-Identifier: Apache-2.0
//
// The guard's loop: one thread, one epoll. Takes the MTA's connections, gives each a GuardSession, keeps the
// limits that concern them all, and looks at the clock. It never waits for the engine, the log, or the disk.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "milter/circuit_breaker.hpp"
#include "milter/engine_line.hpp"
#include "milter/guard_counters.hpp"
#include "milter/guard_session.hpp"
#include "policy/settings.hpp"

namespace optimilter {

class Guard {
  public:
    // always: not kNone passes every message for that reason. signals: a signalfd.
    Guard(const Settings& settings, PassReason always, UniqueFd signals);

    // Opens all sockets; do it while still root.
    Status open();
    // After the privileges are what they will be: what is the largest reply that can be sent whole?
    void measure_send_buffer();
    // Serves until SIGTERM or SIGINT has been heard and the messages under way have ended. on_reload: SIGHUP.
    template <typename OnReload>
    void run(OnReload&& on_reload) {
        while (!done()) {
            if (turn()) on_reload();
        }
    }
    // New values of what can be reloaded.
    void configure(const Settings& settings, PassReason always);

    const GuardCounters& counters() const { return counters_; }
    std::string status_json();

  private:
    using Time = SteadyClock::time_point;

    bool turn();  // one round of the loop; true: SIGHUP came
    bool done() const;
    bool dispatch(const GuardEndpoint& endpoint, std::uint32_t events);
    bool dispatch_to(const GuardEndpoint& endpoint, std::uint32_t events);
    bool hear_signals();
    void accept_all();
    void accept_one(UniqueFd mta);
    void shed();
    PassReason reason_to_pass();
    std::size_t relaying_sessions() const;
    void settle(GuardSession& session);
    void tell(const MessageNote& note);
    void tick(Time now);
    void guard_times(Time now);
    void kick(std::size_t waiting, bool long_wait);
    void probe(Time now);
    void open_breaker();
    void engine_is(bool reachable);
    void close_idle(Time now);
    void bury();
    void begin_drain();
    void answer_status();
    void tell_service(Time now);

    Settings settings_;
    PassReason always_;
    GuardTimes times_;
    SocketAddress engine_address_;
    GuardCounters counters_;
    ReplyBudget budget_;
    CircuitBreaker breaker_;

    UniqueFd epoll_, signals_, listener_, status_listener_;
    std::string listener_path_, status_path_;  // files to remove; a reload may name others
    UniqueFd spare_;  // given up to turn a connection away when there is no other descriptor
    GuardEndpoint signals_endpoint_{GuardEndpoint::Kind::kSignals};
    GuardEndpoint listener_endpoint_{GuardEndpoint::Kind::kListener};
    GuardEndpoint status_endpoint_{GuardEndpoint::Kind::kStatus};
    GuardEndpoint line_endpoint_{GuardEndpoint::Kind::kLine};
    EngineLine line_;
    std::unordered_map<GuardSession*, std::unique_ptr<GuardSession>> sessions_;

    bool somebody_left_ = false;  // a session is over
    bool probing_ = false;
    bool engine_reachable_ = true;
    bool reload_asked_ = false;
    bool draining_ = false;
    std::size_t waiting_ = 0;     // sessions that wait for the engine, at the last tick
    std::size_t kicks_owed_ = 0;  // sessions that began to wait long
    Time last_tick_{};            // of guard_times()
    Time drain_until_{}, next_tick_{}, next_idle_check_{}, next_service_word_{};
    Time started_ = SteadyClock::now();
};

}  // namespace optimilter
