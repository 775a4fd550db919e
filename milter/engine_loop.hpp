// SPDX-License-Identifier: Apache-2.0
//
// The main thread's life once libmilter runs in another: signals, the control socket, the watchdog, and the
// orderly end. It never waits for anything but the next event, and mail never waits for it. One a process.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "milter/alert_file.hpp"
#include "milter/control_socket.hpp"
#include "milter/engine.hpp"
#include "milter/engine_status.hpp"
#include "milter/engine_watch.hpp"
#include "milter/load_monitor.hpp"
#include "milter/queue_socket.hpp"
#include "milter/self_probe.hpp"

namespace optimilter {

// Blocks the signals that are ours, and prepares for them. To be called before the first thread: all of them
// inherit that, and libmilter's own sigwait() never wins, because only the loop opens them again. false:
// there is no descriptor for it.
bool prepare_signals();

// libmilter's loop has ended: from any thread. The engine then ends with status 1.
void milter_ended();

// What the log says of rules that begin to count.
void tell_rules(const RuleSet& rules);

class EngineLoop {
  public:
    // control: a listening socket; without a descriptor nobody can ask. queue: where the counts of the MTA's
    // queue come in, or why they do not. milter: the address of our own socket.
    EngineLoop(Engine& engine, std::string settings_file, UniqueFd control, QueueSocket::Opened queue,
               SocketAddress milter);

    // Until a signal or the end of libmilter ends the process.
    [[noreturn]] void run();

  private:
    void wait();
    int wait_ms() const;
    void hear_events();
    void hear(int event);
    void reload();
    std::string command(std::string_view line, uid_t uid);
    std::string order_drain(bool drain, uid_t uid);
    std::string order_level(std::string_view order, uid_t uid);
    LoadSources load_sources();
    void on_level_change(std::uint8_t from, std::uint8_t to, const LoadState& state);
    void tell_bypass();
    void tell_bypass_is_over();
    void keep_probing();
    void judge(bool milter_answered);
    void begin_life();
    void watch_over(const PoolState& pool);
    void begin_stop(int exit_status);
    void stop_when_quiet();

    Engine& engine_;
    const std::shared_ptr<const Settings> started_with_;  // where the sockets are, whatever a reload says
    EngineRun run_;
    ControlSocket control_;
    QueueSocket queue_;
    SelfProbe probe_;
    LoadMonitor load_;
    std::uint64_t bypassed_before_ = 0;  // counted when bypass was entered
    const LifeMark life_;
    EngineWatch watch_;
    std::int64_t probe_every_ms_;
    Deadline next_probe_;  // passed: now
    bool ready_told_ = false;
    std::optional<Deadline> stop_by_;  // set: the end has begun
    int exit_status_ = 0;
    std::vector<pollfd> descriptors_;
};

}  // namespace optimilter
