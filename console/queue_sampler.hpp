// SPDX-License-Identifier: Apache-2.0
//
// Counts the queues of all MTAs of this machine that the settings name, into one record. Of Postfix: incoming
// and active whole and with their ages, deferred and hold a share at a time, because they can be large and
// are told only. Of Sendmail, which keeps everything in one place: what came in within kSendmailFreshS counts
// as active, the rest as deferred, what is quarantined as hold; its ages are not told, because a message that
// waits to be tried again looks like one that nobody has tried. Reads nothing but folders and the times of
// files. Not thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "console/queue_ages.hpp"
#include "console/queue_walk.hpp"
#include "policy/queue_record.hpp"

namespace optimilter {

constexpr std::int64_t kSendmailFreshS = 300;
// A folder that is told only: so many messages are listed for a sample.
constexpr std::size_t kShareOfListing = 4096;
// incoming, active and the queues of Sendmail are counted no further in one sample; nor need they be.
constexpr std::uint64_t kMostCounted = 1u << 20;

// What happened to a folder, once each time, for the log.
struct QueueNews {
    bool lost = false;  // else it can be read again
    std::string text;   // foreign text is cleaned
};

class QueueSampler {
  public:
    // directories: as in the setting queue_directories.
    explicit QueueSampler(const std::vector<std::string>& directories);

    // Counts, ages, folders, problem and source; the rest is the sender's. whole: lists everything at once,
    // however long that takes.
    QueueRecord sample(const QueueClock& now, bool whole = false);
    // Since the call before.
    std::vector<QueueNews> take_news();

  private:
    struct Folder {
        std::string path;
        std::string lost;  // why it cannot be read; empty: it can
    };
    // incoming or active.
    struct LoadFolder {
        Folder folder;
        QueueAges ages;
    };
    // deferred or hold.
    struct ToldFolder {
        Folder folder;
        std::optional<QueueWalk> walk;  // under way
        std::uint64_t counting = 0;     // by it
        std::uint64_t counted = 0;      // by the one before
        bool counted_once = false;
    };
    struct Postfix {
        LoadFolder incoming, active;
        ToldFolder deferred, hold;
    };
    struct Sendmail {
        Folder folder;
        std::string pattern;  // of its subfolders: how their names begin; empty: the folder is the queue
        bool has_pattern = false;
    };

    static Postfix postfix_queue(const std::string& path);
    static Sendmail sendmail_queue(const std::string& path);

    void count(LoadFolder& folder, const QueueClock& now, std::uint64_t& messages, std::int64_t& oldest_ms);
    void count(ToldFolder& folder, bool whole, std::uint64_t& messages);
    void count(Sendmail& queue, const QueueClock& now);
    void note(Folder& folder, const std::string& why_lost, bool counts_for_load);

    std::uint64_t source_ = 0;
    std::vector<Postfix> postfix_;
    std::vector<Sendmail> sendmail_;
    QueueRecord record_;  // of the sample under way
    std::vector<QueueNews> news_;
};

}  // namespace optimilter
