// SPDX-License-Identifier: Apache-2.0
//
// What optimilter-queuewatch tells the engine, one datagram a sample: how full the MTA's queue is, as a
// record of fixed size (doc/queue-record.md). Knows no socket and no queue. Thread safe: pure functions.
//
// Security: whoever may write to the engine's queue socket may send any bytes. read_queue_record() takes
// exactly one size, and refuses every number beyond its range, every unused byte that is not 0, and text that
// is no clean UTF-8.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace optimilter {

constexpr std::size_t kQueueRecordBytes = 240;
constexpr std::size_t kQueueVersionWidth = 15;  // bytes of text at most
constexpr std::size_t kQueueProblemWidth = 135;
constexpr std::uint64_t kMostQueued = 1'000'000'000;          // messages in a folder
constexpr std::int64_t kOldestQueuedMs = 400ll * 86'400'000;  // age
constexpr std::uint32_t kShortestQueueIntervalMs = 100;
constexpr std::uint32_t kLongestQueueIntervalMs = 60'000;

struct QueueRecord {
    std::uint64_t source =
        1;  // names the watched directories: a new process for the same ones replaces the old
    std::uint32_t interval_ms = 1000;  // until the next sample
    std::uint32_t cost_us = 0;         // CPU that this sample took
    std::uint16_t folders_read = 0;    // of those that count for load: incoming and active, Sendmail's queues
    std::uint16_t folders_lost = 0;    // ... that could not be read
    std::uint64_t incoming = 0;        // messages; with a folder lost: of the others
    std::uint64_t active = 0;
    std::uint64_t deferred = 0;
    std::uint64_t hold = 0;
    std::int64_t incoming_oldest_ms = 0;  // age of the oldest message in there; 0: none
    std::int64_t active_oldest_ms = 0;
    std::uint32_t pid = 0;  // of the sender, to be shown
    std::uint32_t uptime_s = 0;
    std::string version;  // of the sender
    std::string problem;  // the first folder that could not be read, and why; empty: none

    friend bool operator==(const QueueRecord&, const QueueRecord&) = default;
};

// Numbers beyond their range become its end; text is cleaned and cut.
Bytes write_queue_record(const QueueRecord& record);

// kMalformed, with the field, for anything else than write_queue_record() makes.
Result<QueueRecord> read_queue_record(ByteView datagram);

}  // namespace optimilter
