// SPDX-License-Identifier: Apache-2.0
//
// What optimilter-recover remembers from one run to the next, in one small JSON file: the ledger of alerts,
// when units were started again and how often systemd did so, and the last good answer to "whom do we write
// to". It decides by times that are passed in. Not thread safe; one process holds the lock.
//
// Security: the file is ours (a folder of root's, mode 0700). A broken one counts as empty; sizes are
// bounded.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "console/alert_ledger.hpp"
#include "policy/settings.hpp"

namespace optimilter {

struct UnitTries {
    std::int64_t last_try = 0;
    std::uint32_t tries = 0;
};

struct NoticeSettings {
    std::vector<std::string> to;
    std::string from;
    std::string via = "sendmail";
    std::string webhook;

    Channels channels() const;  // those in use
};
NoticeSettings notice_settings(const Settings& settings);

class RecoverState {
  public:
    static RecoverState parse(const std::string& json);
    std::string print() const;

    // ---- Units
    // May this failed unit be started again: at once, then after 1, 2, 4, ... 30 minutes. Never gives up.
    bool start_is_due(const std::string& unit, std::int64_t now) const;
    void note_start(const std::string& unit, std::int64_t now);
    // It did not fail; when that has lasted for an hour, the next failure is a first one again.
    void note_healthy(const std::string& unit, std::int64_t now);

    // How often systemd has started it by itself since the last look; a smaller number than before is one
    // that was counted anew. The first look only learns.
    std::uint32_t new_restarts(const std::string& unit, std::uint32_t restarts);

    AlertLedger ledger;
    NoticeSettings notices;  // of the last settings file without problems

  private:
    std::map<std::string, UnitTries> units_;
    std::map<std::string, std::uint32_t> restarts_;
};

// The folder of the file, locked as long as this lives.
class StateFolder {
  public:
    // Makes the folder (0700) when it is not there. kRefused when another process holds the lock for longer
    // than we would wait, or the folder belongs to somebody else; kIo.
    static Result<StateFolder> open(const std::string& folder, std::int64_t wait_ms = 0);

    // What is remembered there, for a look alone: makes nothing, locks nothing.
    static RecoverState peek(const std::string& folder);

    // Empty when there is none or it is broken.
    RecoverState read() const;
    // Whole or not at all (rename(2)).
    Status write(const RecoverState& state) const;

  private:
    UniqueFd folder_;
    UniqueFd lock_;
};

}  // namespace optimilter
