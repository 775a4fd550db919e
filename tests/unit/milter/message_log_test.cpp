// SPDX-License-Identifier: Apache-2.0
#include "milter/message_log.hpp"

#include "base/log.hpp"
#include "check.hpp"

namespace optimilter {
namespace {

PartReport photo() {
    PartReport part;
    part.index = 2;
    part.type = "image/jpeg";
    part.file_name = "beach.jpg";
    part.format = Format::kJpeg;
    part.bytes_in = 1000;
    part.bytes_out = 390;
    part.outcome = Outcome::kOptimized;
    part.optimizer = "jpeg";
    part.score = 0.98765;
    part.wall_ms = 12.4;
    part.cpu_ms = 11.6;
    return part;
}

void test_part_line() {
    CHECK_EQ(
        part_line("4XyZ1", photo()),
        "4XyZ1: part=2 type=image/jpeg name=\"beach.jpg\" format=jpeg in=1000 out=390 ms=12 cpu=12 opt=jpeg "
        "score=0.9877 status=optimized (saved 61%)");
    PartReport kept = photo();
    kept.outcome = Outcome::kUntouchable;
    kept.reason = "gain map";
    kept.score.reset();
    kept.optimizer.clear();
    kept.bytes_out = 1000;
    CHECK_EQ(part_line("", kept),
             "NOQUEUE: part=2 type=image/jpeg name=\"beach.jpg\" format=jpeg in=1000 out=1000 ms=12 cpu=12 "
             "status=untouchable (gain map)");
    kept.rule = "photos+none";
    CHECK(part_line("", kept).ends_with(" cpu=12 rule=photos+none status=untouchable (gain map)"));
}

void test_foreign_text_cannot_forge_a_line() {
    PartReport part = photo();
    part.file_name = "x\" status=optimized (saved 99%)\r\nQID2: parts=1";
    part.type = "image/jpeg\nfoo";
    const std::string line = part_line("Q\nX", part);
    CHECK(line.find('\n') == std::string::npos);
    CHECK(line.find('\r') == std::string::npos);
    CHECK(line.find("x\" status") == std::string::npos);
}

void test_message_line() {
    TripResult result;
    result.bytes_out = 500;
    result.parts = {photo(), PartReport{}};
    result.index_ms = 10;
    result.decode_ms = 20;
    result.work_ms = 1500;
    result.splice_ms = 40;
    const MessageFacts facts{"4XyZ1", Direction::kOutbound, 2, 1200, 2000, 10};
    result.new_body = *Memfd::create("test");
    CHECK_EQ(message_line(facts, result),
             "4XyZ1: parts=2 in=1200 out=500 delays=2.00/0.03/1.50/0.05 direction=outbound level=2 "
             "status=replaced "
             "(1 optimized, "
             "1 kept)");
    result.new_body.reset();
    result.reason = "dry run";
    result.rule = "try";
    CHECK(message_line(facts, result)
              .ends_with(" direction=outbound level=2 rule=try status=passed (dry run)"));
    result.rule.clear();
    CHECK_EQ(
        message_line(facts, result),
        "4XyZ1: parts=2 in=1200 out=500 delays=2.00/0.03/1.50/0.05 direction=outbound level=2 status=passed "
        "(dry run)");
}

void test_text_parts_stay_out_of_the_log() {
    int lines = 0;
    set_log_sink([&](LogLevel, std::string_view) { ++lines; });
    TripResult result;
    PartReport text;
    text.type = "text/plain";
    text.outcome = Outcome::kUntouchable;
    result.parts = {text, photo()};
    log_message({"Q", Direction::kInbound, 1, 1, 1}, result);
    set_log_sink({});
    CHECK_EQ(lines, 2);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_part_line), TEST(test_foreign_text_cannot_forge_a_line),
                                TEST(test_message_line), TEST(test_text_parts_stay_out_of_the_log)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
