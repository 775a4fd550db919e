// SPDX-License-Identifier: Apache-2.0
#include "policy/queue_record.hpp"

#include <random>

#include "check.hpp"

namespace optimilter {
namespace {

QueueRecord full_record() {
    QueueRecord record;
    record.source = 0xFEDCBA9876543210ull;
    record.interval_ms = 2500;
    record.cost_us = 4321;
    record.folders_read = 3;
    record.folders_lost = 1;
    record.incoming = 1;
    record.active = 20'000;
    record.deferred = kMostQueued;
    record.hold = 4;
    record.incoming_oldest_ms = 5;
    record.active_oldest_ms = kOldestQueuedMs;
    record.pid = 4'194'304;
    record.uptime_s = 7;
    record.version = "0.1.0";
    record.problem = "/var/spool/postfix/active: Permission denied \xC3\xA9";
    return record;
}

void test_round_trip() {
    for (const QueueRecord& record : {QueueRecord(), full_record()}) {
        const Bytes written = write_queue_record(record);
        CHECK_EQ(written.size(), kQueueRecordBytes);
        const auto read = read_queue_record(written);
        CHECK(read.has_value());
        CHECK(*read == record);
    }
}

// doc/queue-record.md promises these places.
void test_places_of_the_fields() {
    const Bytes bytes = write_queue_record(full_record());
    CHECK_EQ(as_text(ByteView(bytes).first(4)), "OMQS");
    CHECK_EQ(read_le16(&bytes[4]), 1);
    CHECK_EQ(read_le16(&bytes[6]), 3);
    CHECK_EQ(read_le16(&bytes[8]), 1);
    CHECK_EQ(read_le32(&bytes[16]), 0x76543210u);
    CHECK_EQ(read_le32(&bytes[24]), 2500u);
    CHECK_EQ(read_le32(&bytes[28]), 4321u);
    CHECK_EQ(read_le32(&bytes[32]), 1u);
    CHECK_EQ(read_le32(&bytes[40]), 20'000u);
    CHECK_EQ(read_le32(&bytes[48]), 1'000'000'000u);
    CHECK_EQ(read_le32(&bytes[56]), 4u);
    CHECK_EQ(read_le32(&bytes[64]), 5u);
    CHECK_EQ(read_le32(&bytes[80]), 4'194'304u);
    CHECK_EQ(read_le32(&bytes[84]), 7u);
    CHECK_EQ(bytes[88], 5u);
    CHECK_EQ(as_text(ByteView(bytes).subspan(89, 5)), "0.1.0");
    CHECK_EQ(bytes[104], 47u);
    CHECK_EQ(as_text(ByteView(bytes).subspan(105, 4)), "/var");
}

void test_writing_keeps_to_the_ranges() {
    QueueRecord record = full_record();
    record.interval_ms = 0;
    record.incoming = UINT64_MAX;
    record.incoming_oldest_ms = -1;
    record.active_oldest_ms = INT64_MAX;
    record.pid = UINT32_MAX;
    record.version = std::string(100, 'v');
    record.problem = "line\nend \x1b[2J \xff " + std::string(300, 'x');
    const auto read = read_queue_record(write_queue_record(record));
    CHECK(read.has_value());
    CHECK_EQ(read->interval_ms, kShortestQueueIntervalMs);
    CHECK_EQ(read->incoming, kMostQueued);
    CHECK_EQ(read->incoming_oldest_ms, 0);
    CHECK_EQ(read->active_oldest_ms, kOldestQueuedMs);
    CHECK_EQ(read->version.size(), kQueueVersionWidth);
    CHECK(read->problem.starts_with("line?end ?[2J ? xxx"));
    CHECK_EQ(read->problem.size(), kQueueProblemWidth);
    record.interval_ms = UINT32_MAX;
    CHECK_EQ(read_queue_record(write_queue_record(record))->interval_ms, kLongestQueueIntervalMs);
}

void test_hostile_records() {
    struct Case {
        const char* name;
        std::size_t at;
        std::vector<std::uint8_t> bytes;
        const char* want;
    };
    const std::vector<std::uint8_t> huge(8, 0xFF);
    const std::vector<std::uint8_t> over_a_billion = {0x01, 0xCA, 0x9A, 0x3B, 0, 0, 0, 0};
    for (const Case& row : {
             Case{"magic", 0, {'X'}, "magic"},
             {"another record of ours", 0, {'O', 'M', 'J', 'Q'}, "magic"},
             {"version 0", 4, {0, 0}, "version"},
             {"version 2", 4, {2, 0}, "version"},
             {"version in the other byte order", 4, {0, 1}, "version"},
             {"unused byte", 10, {1}, "unused bytes"},
             {"last unused byte", 15, {1}, "unused bytes"},
             {"interval 0", 24, {0, 0, 0, 0}, "interval"},
             {"interval 99 ms", 24, {99, 0, 0, 0}, "interval"},
             {"interval of a minute and 1 ms", 24, {0x61, 0xEA, 0, 0}, "interval"},
             {"interval huge", 24, {255, 255, 255, 255}, "interval"},
             {"incoming one too many", 32, over_a_billion, "count"},
             {"incoming huge", 32, huge, "count"},
             {"active huge", 40, huge, "count"},
             {"deferred huge", 48, huge, "count"},
             {"hold huge", 56, huge, "count"},
             {"age in incoming negative", 64, huge, "age"},
             {"age in active negative", 72, huge, "age"},
             {"age in active of a thousand years", 72, {0, 0, 0, 0, 0, 0x1D, 0, 0}, "age"},
             {"pid", 80, {1, 0, 0x40, 0}, "pid"},
             {"version longer than its slot", 88, {16}, "slot"},
             {"version with bytes behind it", 103, {'x'}, "slot"},
             {"version with a control character", 89, {7}, "text"},
             {"problem longer than its slot", 104, {136}, "slot"},
             {"problem shorter than told", 104, {135}, "text"},
             {"problem with a line end", 105, {'\n'}, "text"},
             {"problem not UTF-8", 105, {0xC3, 0x28}, "text"},
             {"problem with a right-to-left mark", 105, {0xE2, 0x80, 0xAE}, "text"},
         }) {
        Bytes bytes = write_queue_record(full_record());
        std::copy(row.bytes.begin(), row.bytes.end(), bytes.begin() + static_cast<std::ptrdiff_t>(row.at));
        const auto read = read_queue_record(bytes);
        CHECK(!read.has_value(), row.name);
        CHECK(read.error().text.find(row.want) != std::string::npos, row.name);
        CHECK(read.error().code == ErrorCode::kMalformed, row.name);
    }
}

void test_every_other_size() {
    const Bytes whole = write_queue_record(full_record());
    for (std::size_t size = 0; size < 600; ++size) {
        Bytes bytes = whole;
        bytes.resize(size);
        CHECK_EQ(read_queue_record(bytes).has_value(), size == kQueueRecordBytes);
    }
}

// Whatever is taken can be written again and comes back the same: nothing out of range slips through.
void test_random_changes() {
    std::mt19937 random(5);
    int taken = 0;
    for (int round = 0; round < 50'000; ++round) {
        Bytes bytes = write_queue_record(full_record());
        for (int change = 0; change < 3; ++change)
            bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
        const auto read = read_queue_record(bytes);
        if (!read) continue;
        ++taken;
        CHECK(write_queue_record(*read) == bytes);
    }
    CHECK(taken > 100);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_round_trip),      TEST(test_places_of_the_fields), TEST(test_writing_keeps_to_the_ranges),
        TEST(test_hostile_records), TEST(test_every_other_size),     TEST(test_random_changes)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
