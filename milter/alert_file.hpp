// SPDX-License-Identifier: Apache-2.0
//
// Two small files of the engine. The alert file is written whenever the alert board has changed; systemd
// watches it (optimilter-recover.path) and starts optimilter-recover at once: that is all the engine can and
// needs to do to be heard. The life mark beside it is there while an engine runs and goes with an orderly
// end, so that the next engine knows whether the last one was asked to go. Touching is thread safe; a
// LifeMark belongs to one thread.
//
// Security: links are not followed. Who reads these files must not trust them: they are of the engine's user.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace optimilter {

// Writes it, which is what counts; makes it when it is not there (0640). path empty: nothing is done. kIo.
Status touch_alert_file(const std::string& path);

// Touches it for every change, but not more often than systemd lets a program be started: what comes too
// soon after the last time waits for flush(). Thread safe.
class AlertFile {
  public:
    static constexpr std::int64_t kEveryMs = 5000;

    explicit AlertFile(std::string path, std::int64_t every_ms = kEveryMs)
        : path_(std::move(path)), every_ms_(every_ms) {}

    void changed();
    // To be called now and then: does what waits, when it may be done.
    void flush();

  private:
    const std::string path_;
    const std::int64_t every_ms_;
    std::mutex mutex_;
    bool waits_ = false;                 // under mutex_, as are:
    Deadline may_ = Deadline::in_ms(0);  // passed: it may be touched
};

// How earlier engines ended without being asked to.
struct EngineLosses {
    std::uint32_t count = 0;    // in a row, none of them longer than an hour after the first
    std::int64_t first = 0;     // when the first was found, seconds since 1970
    std::int64_t last_pid = 0;  // of the one that is gone
};

class LifeMark {
  public:
    // alert_file: the mark is beside it, with ".running" behind its name. Empty: there is no mark.
    explicit LifeMark(const std::string& alert_file);

    // Reads the mark of the engine before us and writes our own. Empty when that one ended as it should, or
    // there was none.
    std::optional<EngineLosses> begin(std::int64_t pid, std::int64_t now) const;
    // The end was asked for: removes the mark.
    void end() const;

  private:
    const std::string path_;
};

// "the engine (pid 4711) ended ... 3 times since ...".
std::string describe_losses(const EngineLosses& losses);

}  // namespace optimilter
