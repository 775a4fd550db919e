// SPDX-License-Identifier: Apache-2.0
#include "workers/job_record.hpp"

#include <cstring>
#include <limits>

#include "check.hpp"
#include "workers/sandbox_steps.hpp"
#include "workers/zygote_record.hpp"

namespace optimilter {
namespace {

JobRequest sample_request() {
    JobRequest request;
    request.deadline_ms_left = 4321;
    request.input_size = 1'000'000;
    request.output_limit = 999'999;
    request.digest.fill(0x5A);
    request.options.lossy = true;
    request.options.enabled_formats = 0x12345678;
    request.options.jpeg_progressive = false;
    request.options.jpeg_quality_max = 91;
    request.options.jpeg_quality_min = 41;
    request.options.score_min = 9777;
    request.options.score_min_text = 9888;
    request.options.document_ppi = 150;
    request.options.convert_formats = 0x00204000;
    request.options.effort = 2;
    request.options.max_side_px = 4096;
    request.options.png_quantize = false;
    request.options.png_quality_min = 66;
    request.options.keep_gps = false;
    request.options.max_pixels = 1ull << 40;
    request.options.max_expanded_bytes = 1ull << 41;
    request.options.max_entries = 77;
    request.options.max_depth = 5;
    request.mime_type = "image/jpeg";
    request.file_name = "holiday.jpg";
    return request;
}

JobReply sample_reply() {
    JobReply reply;
    reply.outcome = Outcome::kOptimized;
    reply.format = Format::kOoxml;
    reply.output_format = Format::kOoxml;
    reply.output_size = 999'999;
    reply.cpu_us = 123'456;
    reply.score = 0.987;
    reply.digest.fill(0x5A);
    reply.optimizer = "ooxml";
    return reply;
}

void test_request_round_trip() {
    const JobRequest request = sample_request();
    const Bytes record = encode_request(request);
    CHECK_EQ(record.size(), kJobRequestBytes);
    const auto parsed = parse_request(record);
    CHECK(parsed.has_value());
    // Every field of the options differs from its default, so one forgotten would show.
    CHECK(encode_request(*parsed) == record);
    CHECK(parsed->options.lossy && !parsed->options.jpeg_progressive && !parsed->options.png_quantize);
    CHECK(!parsed->options.keep_gps);
    CHECK_EQ(parsed->options.enabled_formats, 0x12345678u);
    CHECK_EQ(parsed->options.max_pixels, 1ull << 40);
    CHECK_EQ(parsed->options.max_expanded_bytes, 1ull << 41);
    CHECK_EQ(parsed->options.max_entries, 77u);
    CHECK_EQ(parsed->options.max_side_px, 4096u);
    CHECK_EQ(parsed->options.score_min, 9777);
    CHECK_EQ(parsed->options.score_min_text, 9888);
    CHECK_EQ(parsed->options.document_ppi, 150);
    CHECK_EQ(parsed->options.convert_formats, 0x00204000u);
    CHECK_EQ(parsed->options.effort, 2);
    CHECK_EQ(parsed->mime_type, "image/jpeg");
    CHECK_EQ(parsed->file_name, "holiday.jpg");
    CHECK_EQ(parsed->deadline_ms_left, 4321u);
}

// The layout that doc/job-protocol.md promises: a change here needs a new version.
void test_layout() {
    const Bytes request = encode_request(sample_request());
    CHECK(starts_with(request, "OMJQ"));
    CHECK_EQ(read_le16(&request[4]), 2);
    CHECK_EQ(request[6], 1);
    CHECK_EQ(read_le32(&request[8]), 4321u);
    CHECK_EQ(read_le32(&request[16]), 1'000'000u);
    CHECK_EQ(read_le32(&request[24]), 999'999u);
    CHECK_EQ(request[32], 0x5A);
    CHECK_EQ(request[64], 1);
    CHECK_EQ(read_le16(&request[68]), 9777);
    CHECK_EQ(read_le32(&request[76]), 0x12345678u);
    CHECK_EQ(read_le16(&request[74]), 9888);
    CHECK_EQ(request[104], 2);
    CHECK_EQ(read_le16(&request[106]), 150);
    CHECK_EQ(read_le32(&request[108]), 0x00204000u);
    CHECK_EQ(request[112], 10);
    CHECK_EQ(request[368], 11);
    const Bytes reply = encode_reply(sample_reply());
    CHECK_EQ(reply.size(), kJobReplyBytes);
    CHECK(starts_with(reply, "OMJR"));
    CHECK_EQ(reply[6], 0);
    CHECK_EQ(reply[7], static_cast<std::uint8_t>(Format::kOoxml));
    CHECK_EQ(read_le32(&reply[8]), 999'999u);
    CHECK_EQ(read_le32(&reply[16]), 123'456u);
    CHECK_EQ(reply[24], 1);
    CHECK_EQ(reply[40], 0x5A);
    CHECK_EQ(reply[72], 5);
    CHECK_EQ(reply[104], 0);
}

void test_long_hints_are_cut() {
    JobRequest request = sample_request();
    request.mime_type = std::string(300, 'm');
    request.file_name = std::string(300, 'n') + ".docx";
    const auto parsed = parse_request(encode_request(request));
    CHECK(parsed.has_value());
    CHECK_EQ(parsed->mime_type.size(), kJobTextBytes);
    CHECK_EQ(parsed->file_name.size(), kJobTextBytes);
    CHECK_EQ(parsed->file_name.substr(250), ".docx");
}

void test_unknown_kind_is_left_to_the_worker() {
    JobRequest request = sample_request();
    request.kind = 99;
    const auto parsed = parse_request(encode_request(request));
    CHECK(parsed.has_value());
    CHECK_EQ(parsed->kind, 99);
}

struct Patch {
    const char* name;
    std::size_t offset;
    std::uint8_t value;
    const char* want;  // in the error's text
};

void test_request_refused() {
    constexpr Patch kPatches[] = {
        {"magic", 0, 'X', "magic"},
        {"version", 4, 1, "version"},
        {"version high byte", 5, 1, "version"},
        {"unused byte", 7, 1, "unused"},
        {"deadline above a day", 11, 0xFF, "deadline"},
        {"unused word", 12, 1, "unused"},
        {"limit not below size", 26, 0xFF, "output limit"},
        {"flag neither 0 nor 1", 64, 2, "flag"},
        {"jpeg quality", 66, 101, "jpeg quality"},
        {"lowest jpeg quality", 67, 255, "jpeg quality"},
        {"score above 10000", 69, 0xFF, "lowest score"},
        {"png quality", 71, 101, "png quality"},
        {"score for text above 10000", 75, 0xFF, "lowest score"},
        {"effort", 104, 5, "effort"},
        {"unused after options", 105, 1, "unused"},
        {"bytes behind the type", 112 + 1 + 200, 'x', "unused"},
        {"bytes behind the name", kJobRequestBytes - 1, 'x', "unused"},
    };
    for (const Patch& p : kPatches) {
        Bytes record = encode_request(sample_request());
        record[p.offset] = p.value;
        const auto parsed = parse_request(record);
        CHECK(!parsed.has_value(), p.name);
        CHECK_EQ(parsed.error().code, ErrorCode::kMalformed, p.name);
        CHECK(parsed.error().text.find(p.want) != std::string::npos, p.name);
    }
}

void test_wrong_sizes() {
    const Bytes request = encode_request(sample_request());
    const Bytes reply = encode_reply(sample_reply());
    for (std::size_t size = 0; size < request.size(); ++size)
        CHECK(!parse_request(ByteView(request).first(size)).has_value());
    for (std::size_t size = 0; size < reply.size(); ++size)
        CHECK(!parse_reply(ByteView(reply).first(size), sample_request()).has_value());
    Bytes longer = reply;
    longer.push_back(0);
    CHECK(!parse_reply(longer, sample_request()).has_value());
}

void test_reply_round_trip() {
    const auto optimized = parse_reply(encode_reply(sample_reply()), sample_request());
    CHECK(optimized.has_value());
    CHECK_EQ(*optimized->score, 0.987);
    CHECK_EQ(optimized->optimizer, "ooxml");
    JobReply left;
    left.outcome = Outcome::kUntouchable;
    left.digest.fill(0x5A);
    left.reason =
        "signed by Gr\xC3\xBC\xC3\x9F"
        "e";
    const auto parsed = parse_reply(encode_reply(left), sample_request());
    CHECK(parsed.has_value());
    CHECK_EQ(parsed->reason, left.reason);
    CHECK(!parsed->score.has_value());
}

void test_reply_refused_by_bytes() {
    constexpr Patch kPatches[] = {
        {"magic", 3, 'Q', "magic"},
        {"version", 4, 0, "version"},
        {"outcome", 6, kOutcomeCount, "outcome"},
        {"outcome 255", 6, 255, "outcome"},
        {"format", 7, static_cast<std::uint8_t>(Format::kCount_), "format"},
        {"size above limit", 15, 0x80, "output size above"},
        {"score flag", 24, 3, "score"},
        {"score without flag", 24, 0, "score"},
        {"format of output unknown", 25, static_cast<std::uint8_t>(Format::kCount_), "format of output"},
        {"converted without being asked", 25, static_cast<std::uint8_t>(Format::kPng), "format of output"},
        {"cut short", 26, 2, "flag"},
        {"unused", 31, 1, "unused"},
        {"digest", 71, 0, "digest"},
        {"optimizer longer than its slot", 72, 32, "unused"},
        {"optimizer's letters", 73, ' ', "optimizer"},
        {"bytes behind the optimizer", 103, 'x', "unused"},
        {"bytes behind the reason", 359, 'x', "unused"},
        {"reason of zero bytes", 104, 4, "reason"},
    };
    for (const Patch& p : kPatches) {
        Bytes record = encode_reply(sample_reply());
        record[p.offset] = p.value;
        const auto parsed = parse_reply(record, sample_request());
        CHECK(!parsed.has_value(), p.name);
        CHECK(parsed.error().text.find(p.want) != std::string::npos, p.name);
    }
}

// A comparison answers with a score alone.
void test_comparison() {
    JobRequest request = sample_request();
    request.kind = static_cast<std::uint8_t>(JobKind::kCompare);
    JobReply compared;
    compared.outcome = Outcome::kOptimized;
    compared.digest = request.digest;
    compared.score = 0.95;
    compared.reason = "worst tile at 0,0";
    const auto refused = [&](const JobReply& reply) {
        return !parse_reply(encode_reply(reply), request).has_value();
    };
    CHECK(!refused(compared));
    JobReply reply = compared;
    reply.outcome = Outcome::kNotApplicable;
    CHECK(refused(reply), "a score of nothing");
    reply.score.reset();
    CHECK(!refused(reply));
    reply.outcome = Outcome::kOptimized;
    CHECK(refused(reply), "no score");
    reply = compared;
    reply.output_size = 1;
    CHECK(refused(reply), "output");
    reply = compared;
    reply.output_format = Format::kPng;
    CHECK(refused(reply), "format of output");
    CHECK(!parse_reply(encode_reply(compared), sample_request()).has_value(), "to another kind of job");
}

void test_reply_refused_by_rules() {
    struct Case {
        const char* name;
        void (*spoil)(JobReply&);
    };
    const Case kCases[] = {
        {"optimized to nothing", [](JobReply& r) { r.output_size = 0; }},
        {"one byte above the limit", [](JobReply& r) { r.output_size = 1'000'000; }},
        {"not optimized, with output", [](JobReply& r) { r.outcome = Outcome::kNotSmaller; }},
        {"not optimized, with score",
         [](JobReply& r) {
             r.outcome = Outcome::kMalformed;
             r.output_size = 0;
         }},
        {"NaN", [](JobReply& r) { r.score = std::numeric_limits<double>::quiet_NaN(); }},
        {"infinite", [](JobReply& r) { r.score = std::numeric_limits<double>::infinity(); }},
        {"above 1", [](JobReply& r) { r.score = 1.0000001; }},
        {"below 0", [](JobReply& r) { r.score = -0.1; }},
        {"nobody", [](JobReply& r) { r.optimizer.clear(); }},
        {"line end in reason", [](JobReply& r) { r.reason = "a\nQID: status=sent"; }},
        {"escape in reason", [](JobReply& r) { r.reason = "\x1b[31m"; }},
        {"reason is no UTF-8", [](JobReply& r) { r.reason = "\xFF"; }},
        {"digest of another job", [](JobReply& r) { r.digest.fill(0x5B); }},
    };
    for (const Case& c : kCases) {
        JobReply reply = sample_reply();
        c.spoil(reply);
        CHECK(!parse_reply(encode_reply(reply), sample_request()).has_value(), c.name);
    }
}

void test_tidy() {
    JobReply reply = sample_reply();
    reply.reason = std::string(400, 'r') + "\n";
    reply.optimizer = std::string(40, 'o');
    tidy_reply(reply);
    CHECK_EQ(reply.reason.size(), kJobTextBytes);
    CHECK(parse_reply(encode_reply(reply), sample_request()).has_value());
    reply.reason = "bad\x01";
    tidy_reply(reply);
    CHECK_EQ(reply.reason, "bad?");
}

// No byte string makes the parsers read outside (the sanitizers watch) or accept what they should not.
void test_noise() {
    std::uint32_t state = 1;
    for (int round = 0; round < 3000; ++round) {
        Bytes record = encode_reply(sample_reply());
        for (int i = 0; i < 1 + round % 7; ++i) {
            state = state * 1664525u + 1013904223u;
            record[(state >> 8) % record.size()] = static_cast<std::uint8_t>(state >> 24);
        }
        const auto parsed = parse_reply(record, sample_request());
        if (!parsed) continue;
        CHECK(parsed->output_size <= 999'999);
        CHECK(encode_reply(*parsed) == record);
    }
}

void test_zygote_record() {
    const ZygoteRecord record{ZygoteWord::kReaped, 4242, -7, 1ull << 40, 5, 0};
    const Bytes bytes = encode_zygote_record(record);
    CHECK_EQ(bytes.size(), kZygoteRecordBytes);
    const auto parsed = parse_zygote_record(bytes);
    CHECK(parsed.has_value());
    CHECK(encode_zygote_record(*parsed) == bytes);
    CHECK_EQ(parsed->status, -7);
    constexpr Patch kPatches[] = {
        {"magic", 0, 'X', "magic"},
        {"version", 4, 9, "version"},
        {"word 0", 6, 0, "word"},
        {"word 7", 6, 7, "word"},
        {"unused", 7, 1, "unused"},
        {"pid above the kernel's most", 11, 0x80, "pid"},
        {"pid where none belongs", 6, 2, "pid"},
        {"unknown step", 26, 1, "sandbox steps"},
        {"fingerprint of a worker", 31, 1, "fingerprint"},
    };
    for (const Patch& p : kPatches) {
        Bytes patched = bytes;
        patched[p.offset] = p.value;
        const auto refused = parse_zygote_record(patched);
        CHECK(!refused.has_value(), p.name);
        CHECK(refused.error().text.find(p.want) != std::string::npos, p.name);
    }
    CHECK(!parse_zygote_record(encode_zygote_record({ZygoteWord::kForked, 0, 0, 0, 0, 0})).has_value());
}

void test_step_names() {
    CHECK(sandbox_step_names(0).empty());
    CHECK_EQ(sandbox_step_names(kAllSandboxSteps).size(), kSandboxStepCount);
    CHECK_EQ(sandbox_step_names(sandbox_bit(SandboxStep::kLandlock)).at(0), "Landlock");
    CHECK_EQ(failed_sandbox_step(kSandboxExitStatus + 8), "system call filter");
    CHECK(failed_sandbox_step(kSandboxExitStatus + 9).empty());
    CHECK(failed_sandbox_step(0).empty());
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_request_round_trip),
                                TEST(test_layout),
                                TEST(test_long_hints_are_cut),
                                TEST(test_unknown_kind_is_left_to_the_worker),
                                TEST(test_request_refused),
                                TEST(test_wrong_sizes),
                                TEST(test_reply_round_trip),
                                TEST(test_reply_refused_by_bytes),
                                TEST(test_comparison),
                                TEST(test_reply_refused_by_rules),
                                TEST(test_tidy),
                                TEST(test_noise),
                                TEST(test_zygote_record),
                                TEST(test_step_names)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
