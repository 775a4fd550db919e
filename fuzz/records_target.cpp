// SPDX-License-Identifier: Apache-2.0
//
// The records between engine, zygote, worker and queue watch. First byte: 0 a request, 1 a reply (the request
// it answers is made up), 2 a zygote record, 3 a reply to be made of texts, 4 a queue record. Promises: what
// parses is written again byte for byte, obeys its bounds, and what a worker tidies always parses.
#include <algorithm>
#include <bit>

#include "base/text.hpp"
#include "fuzz/fuzz_target.hpp"
#include "policy/queue_record.hpp"
#include "workers/job_record.hpp"
#include "workers/zygote_record.hpp"

namespace optimilter::fuzz {

namespace {

constexpr std::uint64_t kInputSize = 5000;

void check_request(ByteView record) {
    const auto request = parse_request(record);
    if (!request) return;
    promise(encode_request(*request) == bytes_of(record), "a request has one form");
    promise(request->output_limit < request->input_size, "a result is smaller");
}

void check_reply(ByteView record) {
    JobRequest request;
    request.input_size = kInputSize;
    request.output_limit = kInputSize - 1;
    const auto reply = parse_reply(record, request);
    if (!reply) return;
    promise(encode_reply(*reply) == bytes_of(record), "a reply has one form");
    promise(reply->output_size <= request.output_limit, "an output keeps its limit");
    promise((reply->outcome == Outcome::kOptimized) == (reply->output_size > 0),
            "only an optimised file has an output");
    promise(!reply->score || (*reply->score >= 0 && *reply->score <= 1), "a score lies between 0 and 1");
    promise(is_utf8(reply->reason) && printable(reply->reason, kJobTextBytes) == reply->reason,
            "a reason can be logged");
}

void check_zygote(ByteView bytes) {
    const auto record = parse_zygote_record(bytes);
    if (record) promise(encode_zygote_record(*record) == bytes_of(bytes), "a zygote record has one form");
}

void check_queue(ByteView bytes) {
    const auto record = read_queue_record(bytes);
    if (!record) return;
    promise(write_queue_record(*record) == bytes_of(bytes), "a queue record has one form");
    promise(std::max({record->incoming, record->active, record->deferred, record->hold}) <= kMostQueued,
            "counts can be added up");
    promise(printable(record->problem) == record->problem, "a problem can be logged");
}

void check_tidied(ByteView input) {
    Feed feed(input);
    JobRequest request;
    request.input_size = kInputSize;
    request.output_limit = kInputSize - 1;
    JobReply reply;
    reply.outcome = static_cast<Outcome>(feed.byte() % kOutcomeCount);
    reply.format = static_cast<Format>(feed.byte() % static_cast<unsigned>(Format::kCount_));
    const bool optimized = reply.outcome == Outcome::kOptimized;
    // A worker always knows the format of what it made smaller.
    if (optimized && reply.format == Format::kUnknown) reply.format = Format::kPng;
    if (optimized) reply.output_format = reply.format;
    if (optimized) reply.output_size = 1 + feed.number(2) % request.output_limit;
    if (optimized && feed.byte() % 2) reply.score = static_cast<double>(feed.byte()) / 255;
    reply.cpu_us = feed.number(8);
    if (optimized)
        reply.optimizer = "zip";
    else
        reply.optimizer = feed.text();
    reply.reason = feed.text();
    reply.reason += feed.text();
    tidy_reply(reply);
    const auto parsed = parse_reply(encode_reply(reply), request);
    promise(parsed.has_value(), "a tidied reply parses", parsed ? "" : parsed.error().text);
    promise(parsed->reason == reply.reason && parsed->optimizer == reply.optimizer, "its texts arrive");
}

void run(ByteView input) {
    if (input.empty()) return;
    const ByteView rest = input.subspan(1);
    switch (input[0] % 5) {
        case 0:
            return check_request(rest);
        case 1:
            return check_reply(rest);
        case 2:
            return check_zygote(rest);
        case 3:
            return check_tidied(rest);
        default:
            return check_queue(rest);
    }
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
