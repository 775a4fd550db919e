// SPDX-License-Identifier: Apache-2.0
//
// Work is never done twice: results of jobs by key, in memory and, when there is one, in a file, and the jobs
// under way. The key says everything a result depends on (workers/pool.hpp, job_key()); what it says is the
// caller's matter. Thread safe. Storing happens in a thread of its own, off the way of the mail.
//
// Security: what is shared among senders tells, by the time an answer takes, whether a file was seen before;
// see doc/SECURITY.md and the setting cache_per_direction.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/counters.hpp"
#include "base/digest.hpp"
#include "store/disk_cache.hpp"
#include "store/flights.hpp"
#include "store/memory_cache.hpp"
#include "store/stored_result.hpp"

namespace optimilter {

struct CacheSettings {
    std::uint64_t memory_bytes = 64ull << 20;  // 0: none
    std::string file;                          // empty: none
    std::uint64_t file_bytes = 1ull << 30;
};

class ResultCache {
  public:
    ResultCache(CacheSettings settings, Counters& counters);
    ~ResultCache();
    ResultCache(const ResultCache&) = delete;
    ResultCache& operator=(const ResultCache&) = delete;

    // From memory, else from the file.
    std::optional<StoredResult> find(const Digest& key);
    // The first of the two that there is, counted as one question.
    std::optional<StoredResult> find(const Digest& key, const Digest& else_key);
    // Takes note of a result. Dropped when more waits to be stored than memory allows.
    void keep(const Digest& key, StoredResult result);

    Flights& flights() { return flights_; }

    std::size_t memory_bytes() const { return memory_.bytes(); }
    std::size_t entries() const { return memory_.entries(); }
    // "none", "open", or "not open"
    std::string file_state() const;

    // Waits until all that was kept before is stored. For tests.
    void settle();

  private:
    struct Note {
        Digest key;
        std::optional<StoredResult> result;  // none: was found in the file
        bool to_file = false;
    };

    std::optional<StoredResult> look_up(const Digest& key);
    std::optional<StoredResult> counted(std::optional<StoredResult> found);
    bool add(Note note);
    void run();
    void store(Note note);

    Counters& counters_;
    MemoryCache memory_;
    std::unique_ptr<DiskCache> file_;  // null: none is configured
    Flights flights_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Note> waiting_;       // guarded by mutex_
    std::size_t waiting_bytes_ = 0;  // guarded by mutex_
    bool storing_ = false;           // guarded by mutex_
    bool stopping_ = false;          // guarded by mutex_
    std::thread thread_;             // last: uses all of the above
};

}  // namespace optimilter
