// SPDX-License-Identifier: Apache-2.0
//
// How long the messages of one folder have been in it. A file is looked at once, when its name is new; after
// that its name is enough. Its time is the later of two: its ctime, which moving it into the folder sets
// (mtime is no help: Postfix sets it into the future to say when to try again, and to now when some
// recipients are done), and the last listing that did not have it. Ages then count on the monotonic clock, so
// that a clock that jumps changes none. Not thread safe.
//
// Security: bounded by kMostLooks files a listing and kMostRemembered names; beyond that the oldest of those
// that are known is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace optimilter {

struct QueueClock {
    std::int64_t wall_ms = 0;  // since 1970
    std::int64_t monotonic_ms = 0;
    static QueueClock now();
};

class QueueAges {
  public:
    static constexpr std::size_t kMostLooks = 4096;
    static constexpr std::size_t kMostRemembered = 1u << 16;

    // ready_only: a file that its owner may not execute is still being written, as in Postfix's incoming, and
    // is no message yet.
    explicit QueueAges(bool ready_only) : ready_only_(ready_only) {}

    // A listing of the folder: begin(), see() for each message, end(). whole: nothing was left out.
    void begin(const QueueClock& now);
    // folder: descriptor of the folder that has the name.
    void see(const char* name, int folder);
    void end(bool whole);

    // Of the last listing: messages that are ready, and the age of the oldest; 0 without any.
    std::uint64_t messages() const { return messages_; }
    std::int64_t oldest_ms() const;

  private:
    // Of times on the monotonic clock, which are below 0 for what came in before the machine started.
    static constexpr std::int64_t kNever = INT64_MIN;

    // Open addressing: a name costs 16 bytes and no allocation of its own.
    class Table {
      public:
        // When it came in, or kNever.
        std::int64_t find(std::uint64_t key) const;
        bool put(std::uint64_t key, std::int64_t since_ms);
        void clear();

      private:
        struct Slot {
            std::uint64_t key = 0;  // 0: free
            std::int64_t since_ms = 0;
        };
        std::size_t place_of(std::uint64_t key) const;
        void grow();
        std::vector<Slot> slots_;  // a power of two
        std::size_t used_ = 0;
    };

    void look(std::uint64_t key, const char* name, int folder);
    void note(std::uint64_t key, std::int64_t since_ms);

    const bool ready_only_;
    Table before_, current_;
    QueueClock now_;
    std::int64_t listed_ms_ = kNever;  // when the listing before began, if all of it was known
    std::uint64_t messages_ = 0;
    std::int64_t oldest_since_ms_ = kNever;
    std::size_t looks_ = 0;
    bool all_known_ = false;
};

}  // namespace optimilter
