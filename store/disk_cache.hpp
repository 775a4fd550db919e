// SPDX-License-Identifier: Apache-2.0
//
// Results in a file (SQLite), so that they outlive the engine. The file is disposable: when anything is wrong
// with it, it is removed and begun anew, and while that fails there is none. Mail never depends on it. Any
// number of readers, one thread that writes.
//
// Security: the file's owner alone may read it (mode 0600). What is read is checked by a digest of its own,
// so that bytes which went bad on the disk reach no mail; who can write the file as our user needs no such
// way.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "base/result.hpp"
#include "store/stored_result.hpp"

namespace optimilter {

class DiskCache {
  public:
    // limit_bytes: largest size of the file. Opened by the first tend().
    DiskCache(std::string path, std::uint64_t limit_bytes);
    ~DiskCache();
    DiskCache(const DiskCache&) = delete;
    DiskCache& operator=(const DiskCache&) = delete;

    // Any thread. Nothing as well when the file is broken, busy or not open.
    std::optional<StoredResult> find(const Digest& key);
    bool is_open() const;

    // ---- One thread alone.
    // Opens the file, again when it was given up: at most once a minute. Says in the log why it cannot.
    void tend();
    // Makes room by dropping what was not asked for longest.
    void keep(const Digest& key, const StoredResult& result);
    // Notes that the result was asked for.
    void touch(const Digest& key);

  private:
    class File;

    Status open();
    void give_up(const std::string& why);
    void note_problem(int code, const char* doing);

    const std::string path_;
    const std::uint64_t limit_bytes_;
    mutable std::mutex mutex_;
    std::unique_ptr<File> reader_;  // guarded by mutex_; null: not open
    bool broken_ = false;           // guarded by mutex_; the file is to be removed
    std::unique_ptr<File> writer_;  // the writing thread's own; null: not open
    SteadyClock::time_point not_before_{};
    std::string last_reason_;  // why it was given up, so that the log says it once
};

}  // namespace optimilter
