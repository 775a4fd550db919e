// SPDX-License-Identifier: Apache-2.0
//
// One connection of the MTA and the one to the engine that belongs to it: reading, writing, back-pressure and
// waiting times around a GuardRelay. Never blocks. Driven by the guard's loop; not thread safe.
//
// Security: what a side sends is read only as fast as the other takes it: at most one frame and one read
// ahead.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "milter/frame.hpp"
#include "milter/guard_relay.hpp"
#include "milter/guard_sockets.hpp"

namespace optimilter {

class GuardSession;

// What epoll hands back: whose socket has something to say.
struct GuardEndpoint {
    enum class Kind { kMta, kEngine, kListener, kStatus, kSignals, kLine };
    Kind kind;
    GuardSession* session = nullptr;  // of kMta and kEngine
};

// How long the engine may take, in ms.
struct GuardTimes {
    std::int64_t engine_timeout = 0;  // before end-of-message, all waits of a message together
    std::int64_t message = 0;         // all waits of a message, its end included
};

class GuardSession {
  public:
    // mta is accepted and non-blocking; engine too, and absent exactly when reason is not kNone. Both are
    // registered with epoll, which must outlive the session, as must budget and times.
    GuardSession(int epoll, UniqueFd mta, EngineConnection engine, PassReason reason, ReplyBudget& budget,
                 const GuardTimes& times);

    void on_event(bool is_engine, std::uint32_t events);
    // Looks at the clock; called again and again while the session is waiting().
    void on_tick(SteadyClock::time_point now);
    // No more of the engine: answers what is due and passes the rest of the session.
    void pass(PassReason reason);
    // Ends after the message that is under way; at once when none is.
    void drain();

    // Largest reply that is sent.
    void set_reply_limit(std::size_t bytes) { relay_.set_reply_limit(bytes); }

    // The MTA has been silent for too long.
    void close() { finish(); }

    // At once, and without memory to say goodbye.
    void abandon();

    bool over() const { return over_; }
    // Something is expected of the engine.
    bool waiting() const { return waiting_since_.has_value(); }
    bool waiting_for_end() const { return waiting() && relay_.waiting_for_end(); }
    bool waiting_longer_than(SteadyClock::time_point now, std::int64_t ms) const;
    const GuardRelay& relay() const { return relay_; }
    std::vector<MessageNote> take_notes() { return relay_.take_notes(); }
    // A reply left in several pieces (once).
    bool take_torn() { return std::exchange(torn_, false); }
    // The engine answered an end-of-message (once).
    bool take_proof_of_life() { return std::exchange(proof_of_life_, false); }
    SteadyClock::time_point last_heard() const { return last_heard_; }

  private:
    void read_mta();
    void read_engine();
    void work();
    bool can_serve_mta() const;
    void serve_mta();
    bool serve_engine();
    std::size_t engine_backlog() const;
    void flush_engine();
    void flush_mta();
    void lose_engine(PassReason reason);
    void close_engine();
    void finish();
    void measure_wait();
    std::int64_t time_left(SteadyClock::time_point now) const;
    void watch();
    void set_events(int fd, GuardEndpoint& endpoint, std::uint32_t& now, std::uint32_t wanted);

    int epoll_;
    UniqueFd mta_, engine_;
    GuardEndpoint mta_endpoint_{GuardEndpoint::Kind::kMta, this};
    GuardEndpoint engine_endpoint_{GuardEndpoint::Kind::kEngine, this};
    std::uint32_t mta_events_ = 0, engine_events_ = 0;
    bool connecting_;
    FrameReader from_mta_, from_engine_;
    std::size_t mta_sent_ = 0, engine_sent_ = 0;  // of the front of the relay's buffers
    GuardRelay relay_;
    const GuardTimes& times_;

    std::optional<SteadyClock::time_point> waiting_since_;
    std::uint64_t waited_message_ = 0;  // message that waited_ belongs to
    SteadyClock::duration waited_{};
    SteadyClock::time_point last_heard_ = SteadyClock::now();
    bool draining_ = false, over_ = false, torn_ = false, proof_of_life_ = false;
};

}  // namespace optimilter
