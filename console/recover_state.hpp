// SPDX-License-Identifier: Apache-2.0
//
// What optimilter-recover remembers from one run to the next, in one small JSON file: which causes the admin
// was told of and when, when units were started again, and the last good answer to "whom do we write to". It
// decides by times that are passed in. Not thread safe; one process holds the lock.
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
#include "policy/settings.hpp"

namespace optimilter {

// A thing that went wrong and that the admin should know of.
struct KnownCause {
    std::int64_t last_seen = 0;  // seconds since 1970
    std::int64_t last_mail = 0;
    std::uint32_t mails = 0;
};

struct UnitTries {
    std::int64_t last_try = 0;
    std::uint32_t tries = 0;
};

struct NoticeSettings {
    std::vector<std::string> to;
    std::string from;
    std::string via = "sendmail";
};
NoticeSettings notice_settings(const Settings& settings);

class RecoverState {
  public:
    static RecoverState parse(const std::string& json);
    std::string print() const;

    // ---- Mail
    // The causes of this run. Those not seen for an hour are forgotten, so that one that comes and goes is
    // one.
    void see_causes(const std::vector<std::string>& causes, std::int64_t now);
    // Is a mail due: for a cause that is new, or a reminder: 1 h, 4 h, then 24 h after the one before.
    bool mail_is_due(std::int64_t now) const;
    void note_mail(std::int64_t now);
    // Seconds until the next reminder of what was seen last; 0 when there is nothing to be reminded of.
    std::int64_t next_reminder_in(std::int64_t now) const;

    // ---- Units
    // May this failed unit be started again: at once, then after 1, 2, 4, ... 30 minutes. Never gives up.
    bool start_is_due(const std::string& unit, std::int64_t now) const;
    void note_start(const std::string& unit, std::int64_t now);
    // It did not fail; when that has lasted for an hour, the next failure is a first one again.
    void note_healthy(const std::string& unit, std::int64_t now);

    NoticeSettings notices;  // of the last settings file without problems

  private:
    std::map<std::string, KnownCause> causes_;
    std::map<std::string, UnitTries> units_;
};

// The folder of the file, locked as long as this lives.
class StateFolder {
  public:
    // Makes the folder (0700) when it is not there. kRefused when another process holds the lock, or the
    // folder belongs to somebody else; kIo.
    static Result<StateFolder> open(const std::string& folder);

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
