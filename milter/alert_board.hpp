// SPDX-License-Identifier: Apache-2.0
//
// What the admin should know of the engine: one place a kind, with the state of now, what it was last, and
// how often. Whoever notices something raises it; optimilter-recover reads the board from the engine's
// status, remembers what was told and writes the mail: the engine itself starts no program and tells nobody.
// Knows neither mail nor files. Thread safe; never waits for more than a copy of some text.
//
// Bounded: one entry a kind, texts are cut. What comes and goes between two looks is not lost: `count` has
// grown.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace optimilter {

enum class AlertKind : std::uint8_t {
    kBypass,      // bypass: the load is too high, mail passes untouched
    kWorkers,     // workers: they crash again and again, or cannot be started
    kRestarts,    // restarts: the engine before this one ended without being asked to
    kValidUntil,  // valid_until: of a policy, near or past
    kCount_
};
// The word in status, mail and `optimilterctl alerts snooze`.
std::string_view alert_kind_name(AlertKind kind);

struct Alert {
    AlertKind kind = AlertKind::kBypass;
    std::int64_t since = 0;    // seconds since 1970, when it was last raised
    std::int64_t cleared = 0;  // ... and when that was over; 0: it lasts
    std::uint64_t count = 0;   // times raised since the start of the engine
    std::string text;          // cause with figures, one line
    std::string over;          // what is so since it was cleared, one line; empty while it lasts
};

class AlertBoard {
  public:
    static constexpr std::size_t kLongestText = 400;  // bytes; cut behind that

    using Now = std::function<std::int64_t()>;
    // on_change: called by the thread that changed something, outside of the lock. now: seconds since 1970.
    explicit AlertBoard(std::function<void()> on_change = {}, Now now = {});

    // It is so from now on. When it is raised already only the text becomes the new one, which is no change.
    void raise(AlertKind kind, std::string_view text);
    // It is over. Does nothing when it is not raised.
    void clear(AlertKind kind, std::string_view text);
    // It happened, and is over at once.
    void note(AlertKind kind, std::string_view text);

    bool raised(AlertKind kind) const;
    // Those that were ever raised, in the order of the kinds.
    std::vector<Alert> list() const;

  private:
    using Places = std::array<std::optional<Alert>, static_cast<std::size_t>(AlertKind::kCount_)>;
    // true: a change.
    bool set_raised(AlertKind kind, std::string_view text);
    bool set_cleared(AlertKind kind, std::string_view text);
    void tell(bool changed) const;

    const std::function<void()> on_change_;
    const Now now_;
    mutable std::mutex mutex_;
    Places places_;  // under mutex_
};

}  // namespace optimilter
