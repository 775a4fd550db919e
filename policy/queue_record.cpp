// SPDX-License-Identifier: Apache-2.0
#include "policy/queue_record.hpp"

#include <algorithm>

#include "base/record_fields.hpp"
#include "base/text.hpp"

namespace optimilter {

namespace {

constexpr std::string_view kMagic = "OMQS";
constexpr std::uint16_t kVersion = 1;
constexpr std::uint32_t kMaxPid = 1u << 22;  // PID_MAX_LIMIT of 64-bit kernels

Error wrong(std::string_view field) {
    return {ErrorCode::kMalformed, "queue record: " + std::string(field)};
}

std::uint64_t count_field(std::uint64_t count) {
    return std::min(count, kMostQueued);
}

std::uint64_t age_field(std::int64_t age_ms) {
    return static_cast<std::uint64_t>(std::clamp<std::int64_t>(age_ms, 0, kOldestQueuedMs));
}

// printable() changes nothing in what is clean, and cuts at a character.
bool is_clean(std::string_view text) {
    return printable(text, text.size()) == text;
}

bool counts_in_range(const QueueRecord& record) {
    return std::max({record.incoming, record.active, record.deferred, record.hold}) <= kMostQueued;
}

bool is_age(std::int64_t age_ms) {
    return age_ms >= 0 && age_ms <= kOldestQueuedMs;
}

QueueRecord read_fields(FieldReader& in) {
    QueueRecord record;
    record.folders_read = in.u16();
    record.folders_lost = in.u16();
    in.zeros(6);
    record.source = in.u64();
    record.interval_ms = in.u32();
    record.cost_us = in.u32();
    for (std::uint64_t* count : {&record.incoming, &record.active, &record.deferred, &record.hold})
        *count = in.u64();
    record.incoming_oldest_ms = static_cast<std::int64_t>(in.u64());
    record.active_oldest_ms = static_cast<std::int64_t>(in.u64());
    record.pid = in.u32();
    record.uptime_s = in.u32();
    record.version = in.slot(kQueueVersionWidth);
    record.problem = in.slot(kQueueProblemWidth);
    return record;
}

}  // namespace

Bytes write_queue_record(const QueueRecord& record) {
    FieldWriter out(kQueueRecordBytes);
    out.text(kMagic);
    out.u16(kVersion);
    out.u16(record.folders_read);
    out.u16(record.folders_lost);
    out.zeros(6);
    out.u64(record.source);
    out.u32(std::clamp(record.interval_ms, kShortestQueueIntervalMs, kLongestQueueIntervalMs));
    out.u32(record.cost_us);
    for (const std::uint64_t count : {record.incoming, record.active, record.deferred, record.hold})
        out.u64(count_field(count));
    out.u64(age_field(record.incoming_oldest_ms));
    out.u64(age_field(record.active_oldest_ms));
    out.u32(std::min(record.pid, kMaxPid));
    out.u32(record.uptime_s);
    out.slot(printable(record.version, kQueueVersionWidth), kQueueVersionWidth);
    out.slot(printable(record.problem, kQueueProblemWidth), kQueueProblemWidth);
    return out.finish();
}

Result<QueueRecord> read_queue_record(ByteView datagram) {
    if (datagram.size() != kQueueRecordBytes) return wrong("size");
    FieldReader in(datagram);
    if (in.text(kMagic.size()) != kMagic) return wrong("magic");
    if (in.u16() != kVersion) return wrong("version");
    QueueRecord record = read_fields(in);
    if (!in.clean()) return wrong("unused bytes or a slot's length");
    if (record.interval_ms < kShortestQueueIntervalMs || record.interval_ms > kLongestQueueIntervalMs)
        return wrong("interval");
    if (!counts_in_range(record)) return wrong("count");
    if (!is_age(record.incoming_oldest_ms) || !is_age(record.active_oldest_ms)) return wrong("age");
    if (record.pid > kMaxPid) return wrong("pid");
    if (!is_clean(record.version) || !is_clean(record.problem)) return wrong("text");
    return record;
}

}  // namespace optimilter
