// SPDX-License-Identifier: Apache-2.0
//
// The trip with real workers and no MTA: own sample mails and small mails made here.
#include "milter/trip.hpp"

#include <string>

#include "base/text.hpp"
#include "check.hpp"
#include "mail/message_text.hpp"
#include "mail/transfer_coding.hpp"
#include "policy/settings.hpp"
#include "test_pool.hpp"

namespace optimilter {
namespace {

// A message as text, and the trip of it.
struct Message {
    Bytes bytes;
    MessageText text;
};

Message message_of(ByteView bytes) {
    Message message;
    message.bytes.assign(bytes.begin(), bytes.end());
    auto text = split_message(message.bytes);
    CHECK(text.has_value());
    message.text = std::move(*text);
    return message;
}

Message sample(const char* name) {
    const std::string path = std::string(OPTIMILTER_TEST_SOURCE_DIR "/samples/") + name;
    const auto bytes = read_file(path.c_str(), 8 << 20);
    CHECK(bytes.has_value(), name);
    return message_of(*bytes);
}

TripResult trip(const Message& message, const Settings& settings,
                Deadline deadline = Deadline::in_ms(60000)) {
    const ByteView body = slice(message.bytes, message.text.body);
    return run_trip({message.text.fields, body, false, Direction::kInbound, deadline}, settings, *pool_,
                    counters_);
}

Message reassembled(const Message& before, const TripResult& result) {
    const auto body = Mapping::of(result.new_body->fd(), result.new_body->size());
    CHECK(body.has_value());
    Bytes bytes(before.bytes.begin(),
                before.bytes.begin() + static_cast<std::ptrdiff_t>(before.text.body.begin));
    append(bytes, body->bytes());
    return message_of(bytes);
}

const PartReport& optimized_part(const TripResult& result) {
    for (const PartReport& part : result.parts) {
        if (part.outcome == Outcome::kOptimized) return part;
    }
    check::failed(__FILE__, __LINE__, "", "no part was optimized: " + result.reason);
}

void test_photo_gets_smaller() {
    const Message message = sample("01-holiday-photo.eml");
    const TripResult result = trip(message, test_settings());
    CHECK(result.new_body.has_value());
    const PartReport& part = optimized_part(result);
    CHECK_EQ(part.optimizer, "jpeg");
    CHECK(part.bytes_out < part.bytes_in);
    CHECK(!part.score.has_value());
    CHECK_EQ(result.new_body->size(), result.bytes_out);
    CHECK(result.bytes_out < message.text.body.size());
}

void test_second_pass_changes_nothing() {
    for (const ProfileName profile :
         {ProfileName::kLossless, ProfileName::kBalanced, ProfileName::kCompact}) {
        const Message message = sample("01-holiday-photo.eml");
        const TripResult first = trip(message, test_settings(profile));
        CHECK(first.new_body.has_value());
        const TripResult second = trip(reassembled(message, first), test_settings(profile));
        CHECK(!second.new_body.has_value());
        CHECK_EQ(second.bytes_out, first.bytes_out);
    }
}

void test_dry_run_tells_but_keeps() {
    Settings settings = test_settings();
    settings.dry_run = true;
    const Message message = sample("01-holiday-photo.eml");
    const TripResult result = trip(message, settings);
    CHECK(!result.new_body.has_value());
    CHECK_EQ(result.reason, "dry run");
    CHECK(result.bytes_out < message.text.body.size());
    CHECK(optimized_part(result).bytes_out > 0);
}

void test_left_alone() {
    struct Case {
        const char* name;
        const char* sample;
    };
    constexpr Case kCases[] = {{"plain text", "08-plain-text.eml"},
                               {"PGP", "09-pgp-signed.eml"},
                               {"DKIM, inbound", "10-dkim-signed.eml"}};
    for (const Case& c : kCases) {
        const TripResult result = trip(sample(c.sample), test_settings());
        CHECK(!result.new_body.has_value(), c.name);
        CHECK(!result.reason.empty(), c.name);
        for (const PartReport& part : result.parts) CHECK(part.outcome != Outcome::kOptimized, c.name);
    }
}

void test_policy_keeps_parts() {
    struct Case {
        const char* name;
        void (*change)(Settings&);
    };
    const Case kCases[] = {
        {"too small", [](Settings& s) { s.min_size = 100 << 20; }},
        {"too large", [](Settings& s) { s.max_size = 1024; }},
        {"format off", [](Settings& s) { s.formats = FormatSet{}; }},
        {"gain too small", [](Settings& s) { s.min_gain_percent = 99; }},
        {"gain too few bytes", [](Settings& s) { s.min_gain_bytes = 1 << 30; }},
    };
    const Message message = sample("01-holiday-photo.eml");
    for (const Case& c : kCases) {
        Settings settings = test_settings();
        c.change(settings);
        const TripResult result = trip(message, settings);
        CHECK(!result.new_body.has_value(), c.name);
        CHECK_EQ(result.bytes_out, message.text.body.size(), c.name);
    }
}

void test_deadline_already_passed() {
    const Message message = sample("01-holiday-photo.eml");
    const std::uint64_t missed = counters_.get(Counter::kDeadlinesMissed);
    const TripResult result = trip(message, test_settings(), Deadline::in_ms(0));
    CHECK(!result.new_body.has_value());
    bool over_budget = false;
    for (const PartReport& part : result.parts)
        over_budget = over_budget || part.outcome == Outcome::kOverBudget;
    CHECK(over_budget);
    CHECK_EQ(counters_.get(Counter::kDeadlinesMissed), missed + 1);
}

// Wherever the deadline falls, the answer is whole: a new body with its parts, or the old one and no part.
void test_whole_at_any_deadline() {
    const Message message = sample("01-holiday-photo.eml");
    const Stopwatch watch;
    CHECK(trip(message, test_settings()).new_body.has_value());
    const auto full_ms = static_cast<std::int64_t>(watch.elapsed_ms()) + 40;
    constexpr int kSteps = 16;
    for (int i = 0; i <= kSteps; ++i) {
        const TripResult result = trip(message, test_settings(), Deadline::in_ms(full_ms * i / kSteps));
        bool optimized = false;
        for (const PartReport& part : result.parts)
            optimized = optimized || part.outcome == Outcome::kOptimized;
        CHECK_EQ(optimized, result.new_body.has_value());
        CHECK_EQ(result.reason.empty(), result.new_body.has_value(), result.reason);
        if (!result.new_body) CHECK_EQ(result.bytes_out, message.text.body.size());
    }
}

// Who gets no worker in time is not even decoded; a worker taken up by others costs only the parts.
void test_no_worker_in_time() {
    auto pool_settings = pool_settings_of(test_settings());
    CHECK(pool_settings.has_value());
    pool_settings->workers = 1;
    pool_settings->waiting = 0;
    auto pool = Pool::start(*pool_settings, counters_);
    CHECK(pool.has_value());
    auto held = (*pool)->lease(Deadline::in_ms(60'000));
    CHECK(held.has_value());
    const Message message = sample("01-holiday-photo.eml");
    const TripInput input{message.text.fields, slice(message.bytes, message.text.body), false,
                          Direction::kInbound, Deadline::in_ms(60'000)};
    const TripResult refused = run_trip(input, test_settings(), **pool, counters_);
    CHECK(!refused.new_body.has_value());
    CHECK_EQ(refused.reason, "no part became smaller");
    bool told = false;
    for (const PartReport& part : refused.parts)
        told = told || part.reason == "too many messages wait for a worker";
    CHECK(told);
    held = Pool::Lease();
    CHECK(run_trip(input, test_settings(), **pool, counters_).new_body.has_value());
}

const PartReport& part_named(const TripResult& result, std::string_view name) {
    for (const PartReport& part : result.parts) {
        if (part.file_name.find(name) != std::string::npos) return part;
    }
    check::failed(__FILE__, __LINE__, name, "no such part");
}

TripResult loaded_trip(const Message& message, const LoadLimits& load, YieldTable* yields = nullptr) {
    const ByteView body = slice(message.bytes, message.text.body);
    const Settings settings = test_settings();
    return run_trip({message.text.fields, body, false, Direction::kInbound, Deadline::in_ms(60000), nullptr,
                     load, yields},
                    settings, *pool_, counters_);
}

// A level's window and yield leave parts out before any of their bytes is decoded; level 0 leaves none.
void test_load_leaves_parts() {
    const Message message = sample("01-holiday-photo.eml");
    const PartReport photo = optimized_part(trip(message, test_settings()));
    struct Case {
        const char* name;
        LoadLimits limits;
        const char* want;  // empty: worked on
    };
    LoadLimits narrow, small, dear;
    narrow.level = small.level = dear.level = 1;
    narrow.max_size = photo.bytes_in - 1;
    small.min_size = photo.bytes_in + 1;
    dear.least_yield = 1e12;
    LoadLimits just = {};
    just.level = 4;
    just.min_size = just.max_size = photo.bytes_in;
    LoadLimits calm = dear;
    calm.level = 0;
    calm.max_size = 1;
    for (const Case& c : {Case{"larger", narrow, "load: larger than the window"},
                          {"smaller", small, "load: smaller than the window"},
                          {"yield", dear, "load: saves too little for its CPU time"},
                          {"just inside", just, ""},
                          {"level 0", calm, ""}}) {
        YieldTable yields;
        const std::uint64_t before = counters_.get(Counter::kPartsLoad);
        const TripResult result = loaded_trip(message, c.limits, &yields);
        const PartReport& part = part_named(result, photo.file_name);
        const bool left = *c.want != '\0';
        CHECK_EQ(part.reason, c.want, c.name);
        CHECK(part.outcome == (left ? Outcome::kOverBudget : Outcome::kOptimized), c.name);
        CHECK_EQ(part.left_for_load, left, c.name);
        CHECK_EQ(result.worked_on, !left, c.name);
        CHECK_EQ(counters_.get(Counter::kPartsLoad), before + (left ? 1 : 0), c.name);
    }
    // Without a table every kind promises enough.
    CHECK(loaded_trip(message, dear).new_body.has_value());
}

// A document looks like any ZIP until its end is read: its own kind decides, then.
void test_load_asks_again_once_decoded() {
    const Message message = sample("04-report-docx.eml");
    const PartReport docx = optimized_part(trip(message, test_settings()));
    CHECK(docx.format == Format::kOoxml);
    YieldTable yields;
    for (int i = 0; i < 100; ++i) yields.note(Format::kOoxml, docx.bytes_in, 0, 1000);
    LoadLimits load;
    load.level = 1;
    load.least_yield = yields.expected(Format::kZip, docx.bytes_in) / 2;
    CHECK(yields.expected(Format::kOoxml, docx.bytes_in) < load.least_yield);
    const TripResult result = loaded_trip(message, load, &yields);
    CHECK(!result.new_body.has_value());
    CHECK_EQ(part_named(result, docx.file_name).reason, "load: saves too little for its CPU time");
}

void test_load_lowers_effort() {
    const Message message = sample("01-holiday-photo.eml");
    Settings low = test_settings();
    low.effort = 0;
    LoadLimits load;
    load.level = 4;
    load.effort_max = 0;
    CHECK_EQ(loaded_trip(message, load).bytes_out, trip(message, low).bytes_out);
    // Never above what the settings say.
    load.effort_max = UINT8_MAX;
    CHECK_EQ(loaded_trip(message, load).bytes_out, trip(message, test_settings()).bytes_out);
}

void test_yields_are_learned() {
    const Message message = sample("01-holiday-photo.eml");
    YieldTable yields;
    const PartReport before = optimized_part(trip(message, test_settings()));
    const double expected = yields.expected(before.format, before.bytes_in);
    // So low that a sanitizer's CPU time is still well spent.
    for (int i = 0; i < 1000; ++i) yields.note(before.format, before.bytes_in, 0, 1000);
    const double low = yields.expected(before.format, before.bytes_in);
    CHECK(low < expected);
    CHECK(loaded_trip(message, {}, &yields).new_body.has_value());
    CHECK(yields.expected(before.format, before.bytes_in) > low);
}

void test_malformed_is_kept() {
    struct Case {
        const char* name;
        const char* text;
    };
    constexpr Case kCases[] = {
        {"no final boundary",
         "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\nContent-Type: "
         "image/jpeg\r\n"
         "Content-Transfer-Encoding: base64\r\n\r\n/9j/\r\n"},
        {"duplicate Content-Type",
         "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=B\r\nContent-Type: "
         "text/plain\r\n\r\n--B--\r\n"},
        {"empty body",
         "MIME-Version: 1.0\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\n\r\n"},
        {"dirty base64",
         "MIME-Version: 1.0\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: "
         "base64\r\n\r\n/9j/*4AAQ\r\n"},
    };
    for (const Case& c : kCases) {
        const TripResult result = trip(message_of(as_bytes(c.text)), test_settings());
        CHECK(!result.new_body.has_value(), c.name);
        CHECK(!result.parts.empty(), c.name);
    }
}

void test_truncations_never_harm() {
    const Message whole = sample("01-holiday-photo.eml");
    for (int i = 1; i < 16; ++i) {
        const std::size_t size =
            whole.text.body.begin + whole.text.body.size() * static_cast<std::size_t>(i) / 16;
        const TripResult result = trip(message_of(ByteView(whole.bytes).first(size)), test_settings());
        CHECK(!result.new_body.has_value());
    }
}

void test_bare_file() {
    const Message message = sample("01-holiday-photo.eml");
    const TripResult result = trip(message, test_settings());
    const PartReport& part = optimized_part(result);
    auto index = index_message(message.text.fields, slice(message.bytes, message.text.body));
    CHECK(index.has_value());
    const ByteView encoded = slice(slice(message.bytes, message.text.body), index->parts[part.index].body);
    const auto layout = inspect_base64(encoded);
    CHECK(layout.has_value());
    auto input = Memfd::create("test");
    CHECK(input->append(decode_base64(encoded, *layout)).has_value());
    const FileResult file = run_file_trip(std::move(*input), {}, Direction::kInbound, Deadline::in_ms(60000),
                                          test_settings(), *pool_, counters_);
    CHECK(file.report.outcome == Outcome::kOptimized);
    CHECK_EQ(file.output.bytes().size(), part.bytes_out);
}

void test_trace_value() {
    TripResult result;
    PartReport part;
    part.outcome = Outcome::kOptimized;
    part.bytes_in = 10;
    part.bytes_out = 4;
    result.parts = {part, PartReport{}};
    CHECK_EQ(trace_value(result), std::string(OPTIMILTER_VERSION) + "; parts=1; in=10; out=4");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_photo_gets_smaller),
                                TEST(test_second_pass_changes_nothing),
                                TEST(test_dry_run_tells_but_keeps),
                                TEST(test_left_alone),
                                TEST(test_policy_keeps_parts),
                                TEST(test_deadline_already_passed),
                                TEST(test_whole_at_any_deadline),
                                TEST(test_no_worker_in_time),
                                TEST(test_load_leaves_parts),
                                TEST(test_load_asks_again_once_decoded),
                                TEST(test_load_lowers_effort),
                                TEST(test_yields_are_learned),
                                TEST(test_malformed_is_kept),
                                TEST(test_truncations_never_harm),
                                TEST(test_bare_file),
                                TEST(test_trace_value)};
    return cmocka_run_group_tests(tests, start_pool, stop_pool);
}
