// SPDX-License-Identifier: Apache-2.0
//
// What a taken-over worker may send, keep, promise and do to its output, and what comes of it.
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "base/log.hpp"
#include "check.hpp"
#include "pool_fixture.hpp"
#include "workers/pool.hpp"

namespace optimilter {
namespace {

void test_hostile_replies() {
    struct Case {
        const char* what;
        Outcome want;
        const char* want_reason;
        Counter want_counter;
    };
    constexpr Case kCases[] = {
        {"too-large", Outcome::kTooDifferent, "output size above the limit", Counter::kRepliesRefused},
        {"endless", Outcome::kTooDifferent, "output size above the limit", Counter::kRepliesRefused},
        {"size-of-input", Outcome::kTooDifferent, "output size above the limit", Counter::kRepliesRefused},
        {"kept-with-size", Outcome::kTooDifferent, "output size", Counter::kRepliesRefused},
        {"converted-unasked", Outcome::kTooDifferent, "format of output", Counter::kRepliesRefused},
        {"zero", Outcome::kTooDifferent, "optimized to nothing", Counter::kRepliesRefused},
        {"nan", Outcome::kTooDifferent, "score", Counter::kRepliesRefused},
        {"other-digest", Outcome::kTooDifferent, "digest of another job", Counter::kRepliesRefused},
        {"unprintable", Outcome::kTooDifferent, "reason", Counter::kRepliesRefused},
        {"garbage", Outcome::kTooDifferent, "magic of reply", Counter::kRepliesRefused},
        {"short", Outcome::kTooDifferent, "size of reply", Counter::kRepliesRefused},
        {"long", Outcome::kTooDifferent, "size of reply", Counter::kRepliesRefused},
        {"outcome", Outcome::kTooDifferent, "outcome", Counter::kRepliesRefused},
        {"extra-fds", Outcome::kTooDifferent, "descriptors came along", Counter::kRepliesRefused},
        {"many-fds", Outcome::kTooDifferent, "descriptors came along", Counter::kRepliesRefused},
        {"all-fds", Outcome::kTooDifferent, "descriptors came along", Counter::kRepliesRefused},
        {"map-read-only", Outcome::kTooDifferent, "output cannot be sealed", Counter::kRepliesRefused},
        {"map-in-thread", Outcome::kTooDifferent, "output cannot be sealed", Counter::kRepliesRefused},
        {"map-in-child", Outcome::kTooDifferent, "output cannot be sealed", Counter::kRepliesRefused},
        {"keep-mapping", Outcome::kTooDifferent, "output cannot be sealed", Counter::kRepliesRefused},
        {"seal-seals", Outcome::kTooDifferent, "output cannot be sealed", Counter::kRepliesRefused},
        {"empty", Outcome::kMalformed, "decoder crashed (signal 9)", Counter::kWorkersDied},
        {"exit", Outcome::kMalformed, "decoder ended", Counter::kWorkersDied},
        {"exit-clean", Outcome::kMalformed, "decoder ended", Counter::kWorkersDied},
        {"crash", Outcome::kMalformed, "decoder crashed (signal 11)", Counter::kWorkersDied},
        {"kill-9", Outcome::kMalformed, "decoder crashed (signal 9)", Counter::kWorkersDied},
        {"close", Outcome::kMalformed, "decoder crashed (signal 9)", Counter::kWorkersDied},
    };
    Fixture fixture;
    for (const Case& c : kCases) {
        const std::uint64_t before = fixture.counters.get(c.want_counter);
        const JobResult result = run_one(*fixture.pool, c.what);
        CHECK_EQ(result.outcome, c.want, c.what);
        CHECK(result.reason.find(c.want_reason) != std::string::npos, c.what);
        CHECK(result.output.bytes().empty(), c.what);
        CHECK_EQ(fixture.counters.get(c.want_counter), before + 1, c.what);
        const JobResult again = run_one(*fixture.pool, c.what);
        CHECK_EQ(again.reason, "crashed a worker before", c.what);
        CHECK_EQ(again.outcome, Outcome::kMalformed, c.what);
    }
    CHECK_EQ(run_one(*fixture.pool, "good").outcome, Outcome::kOptimized);
}

// What a worker may try and must not achieve; the answer itself is good.
void test_harmless_attempts() {
    Fixture fixture;
    for (const char* what : {"grow", "shrink", "write-input", "shrink-input", "twice", "write-after",
                             "reply-and-die", "huge-cpu"}) {
        const JobResult result = run_one(*fixture.pool, what);
        CHECK_EQ(result.reason, "", what);
        CHECK_EQ(result.outcome, Outcome::kOptimized, what);
        CHECK_EQ(result.output.bytes().size(), 2048u, what);
        CHECK(result.cpu_ms < 60'000, what);
    }
}

// The engine maps what is promised, nothing of what else was written.
void test_promised_size_counts() {
    Fixture fixture;
    const JobResult result = run_one(*fixture.pool, "too-small");
    CHECK_EQ(result.outcome, Outcome::kOptimized);
    CHECK_EQ(as_text(result.output.bytes()), "too-small\n");
}

// One record is an answer; the rest of the flood is never read.
void test_flood() {
    Fixture fixture;
    CHECK_EQ(run_one(*fixture.pool, "flood").outcome, Outcome::kOptimized);
    CHECK_EQ(run_one(*fixture.pool, "good").outcome, Outcome::kOptimized);
}

// The control: a mapping like the engine's does change under its reader while the output is not sealed, by a
// write and by a hole, and not once it is.
void test_only_the_seal_keeps_the_output() {
    auto output = Memfd::create("output");
    CHECK(output.has_value() && output->resize(4096).has_value() && output->seal_shape().has_value());
    const auto mapping = Mapping::of(output->fd(), 4096);
    CHECK(mapping.has_value());
    const std::uint8_t* const first = mapping->bytes().data();
    const auto now = [first] { return *static_cast<const volatile std::uint8_t*>(first); };
    CHECK_EQ(::pwrite(output->fd(), "X", 1, 0), 1);
    CHECK_EQ(now(), 'X');
    CHECK_EQ(::fallocate(output->fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
    CHECK_EQ(now(), 0);
    CHECK_EQ(::pwrite(output->fd(), "Y", 1, 0), 1);
    CHECK(output->seal_writes().has_value());
    CHECK_EQ(::pwrite(output->fd(), "Z", 1, 0), -1);
    CHECK_EQ(::fallocate(output->fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
    CHECK_EQ(now(), 'Y');
}

// Whoever goes on writing changes nothing that was handed out.
void test_output_does_not_change_any_more() {
    Fixture fixture;
    for (const char* what : {"write-in-thread", "punch-after", "write-after"}) {
        const Deadline deadline = Deadline::in_ms(20'000);
        auto lease = fixture.pool->lease(deadline);
        CHECK(lease.has_value(), what);
        const Input input(what, deadline);
        const JobResult result = lease->run(input.job);
        CHECK_EQ(result.outcome, Outcome::kOptimized, what);
        const Digest handed_out = sha256(result.output.bytes());
        // The worker still lives and writes while its lease is held.
        for (int i = 0; i < 200; ++i) CHECK(sha256(result.output.bytes()) == handed_out, what);
    }
}

// Once the result is mapped, no write of the worker reaches it.
void test_output_is_sealed() {
    Fixture fixture;
    const JobResult result = run_one(*fixture.pool, "write-after");
    CHECK_EQ(result.outcome, Outcome::kOptimized);
    const std::string before(as_text(result.output.bytes()));
    for (int i = 0; i < 50; ++i) run_one(*fixture.pool, "good", Deadline::in_ms(20'000));
    CHECK(as_text(result.output.bytes()) == before);
}

// A message's next part gets another worker after its first killed one, inside the same lease.
void test_replaced_inside_lease() {
    Fixture fixture;
    const Deadline deadline = Deadline::in_ms(20'000);
    auto lease = fixture.pool->lease(deadline);
    CHECK(lease.has_value());
    for (int i = 0; i < 5; ++i) {
        const Input bad("crash", deadline, i);
        CHECK_EQ(lease->run(bad.job).outcome, Outcome::kMalformed);
        const Input good("good", deadline, i);
        CHECK_EQ(lease->run(good.job).outcome, Outcome::kOptimized);
    }
    CHECK_EQ(fixture.counters.get(Counter::kWorkersDied), 5u);
}

// A reply nobody asked for is not taken for the next job's.
void test_stale_reply() {
    Fixture fixture;
    const Deadline deadline = Deadline::in_ms(20'000);
    auto lease = fixture.pool->lease(deadline);
    const Input twice("twice", deadline);
    CHECK_EQ(lease->run(twice.job).outcome, Outcome::kOptimized);
    // Its second reply may come a moment later than the first; either way it answers another digest.
    const Input next("silent", Deadline::in_ms(5000));
    CHECK_EQ(lease->run(next.job).outcome, Outcome::kTooDifferent);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    set_log_sink([](LogLevel, std::string_view) {});
    const CMUnitTest tests[] = {TEST(test_hostile_replies),
                                TEST(test_harmless_attempts),
                                TEST(test_promised_size_counts),
                                TEST(test_flood),
                                TEST(test_only_the_seal_keeps_the_output),
                                TEST(test_output_does_not_change_any_more),
                                TEST(test_output_is_sealed),
                                TEST(test_replaced_inside_lease),
                                TEST(test_stale_reply)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
