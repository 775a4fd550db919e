// SPDX-License-Identifier: Apache-2.0
//
// Work is never done twice: the trip of a message with a cache, with real workers and no MTA.
#include <string>
#include <thread>

#include "check.hpp"
#include "mail/message_text.hpp"
#include "mail/transfer_coding.hpp"
#include "milter/trip.hpp"
#include "test_pool.hpp"

namespace optimilter {
namespace {

struct Mail {
    Bytes bytes;
    MessageText text;
};

// A sample's photo so many times in one message, each under its own boundary.
Mail mail_with_photo(int copies, const char* file_name = "photo.jpg") {
    const auto sample = read_file(OPTIMILTER_TEST_SOURCE_DIR "/samples/01-holiday-photo.eml", 8 << 20);
    CHECK(sample.has_value());
    const std::string_view text = as_text(*sample);
    const std::size_t start = text.find("/9j/");
    CHECK(start != text.npos);
    const std::string_view photo = text.substr(start, text.find("\n--", start) - start);
    std::string mail = "From: a@b.test\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n";
    for (int i = 0; i < copies; ++i) {
        mail += "--b\nContent-Type: image/jpeg; name=" + std::string(file_name) +
                "\nContent-Transfer-Encoding: base64\n\n" + std::string(photo) + "\n";
    }
    mail += "--b--\n";
    std::erase(mail, '\r');
    Mail made;
    made.bytes.assign(mail.begin(), mail.end());
    made.text = *split_message(made.bytes);
    return made;
}

TripResult trip(const Mail& mail, ResultCache& cache, const Settings& settings = test_settings(),
                Direction direction = Direction::kInbound, Deadline deadline = Deadline::in_ms(60000)) {
    const ByteView body = slice(mail.bytes, mail.text.body);
    return run_trip({mail.text.fields, body, false, direction, deadline}, settings, *pool_, counters_,
                    &cache);
}

Bytes new_body(const TripResult& result) {
    CHECK(result.new_body.has_value());
    const auto body = Mapping::of(result.new_body->fd(), result.new_body->size());
    return {body->bytes().begin(), body->bytes().end()};
}

void test_second_time_takes_no_worker() {
    ResultCache cache({16 << 20, "", 0}, counters_);
    const Mail mail = mail_with_photo(1);
    const TripResult first = trip(mail, cache);
    CHECK(first.parts.at(0).cache.empty());
    CHECK(first.parts.at(0).cpu_ms > 0);
    cache.settle();
    const TripResult second = trip(mail, cache);
    CHECK_EQ(second.parts.at(0).cache, "hit");
    CHECK(second.parts.at(0).cpu_ms == 0);
    CHECK(new_body(first) == new_body(second));
}

// "not smaller" is remembered as well: the output of the first pass, sent again.
void test_not_smaller_is_remembered() {
    ResultCache cache({16 << 20, "", 0}, counters_);
    const Mail mail = mail_with_photo(1);
    Mail again = mail;
    const Bytes body = new_body(trip(mail, cache));
    again.bytes.resize(mail.text.body.begin);
    append(again.bytes, body);
    again.text = *split_message(again.bytes);
    const TripResult first = trip(again, cache);
    CHECK(first.parts.at(0).outcome == Outcome::kNotSmaller);
    cache.settle();
    const TripResult second = trip(again, cache);
    CHECK_EQ(second.parts.at(0).cache, "hit");
    CHECK_EQ(second.parts.at(0).reason, first.parts.at(0).reason);
}

// All that a result depends on is in the key.
void test_other_circumstances_miss() {
    ResultCache cache({16 << 20, "", 0}, counters_);
    const Mail mail = mail_with_photo(1);
    trip(mail, cache);
    cache.settle();
    Settings baseline = test_settings();
    baseline.jpeg_progressive = false;
    CHECK(trip(mail, cache, baseline).parts.at(0).cache.empty());
    Settings lossy = test_settings();
    lossy.profile = ProfileName::kBalanced;
    CHECK(trip(mail, cache, lossy).parts.at(0).cache.empty());
    Settings effort = test_settings();
    effort.effort = 1;
    CHECK(trip(mail, cache, effort).parts.at(0).cache.empty());
    CHECK(trip(mail_with_photo(1, "other.jpg"), cache).parts.at(0).cache.empty());
    CHECK(trip(mail, cache, test_settings(), Direction::kOutbound).parts.at(0).cache.empty());
    CHECK_EQ(trip(mail, cache).parts.at(0).cache, "hit");
}

void test_directions_share_when_told() {
    ResultCache cache({16 << 20, "", 0}, counters_);
    const Mail mail = mail_with_photo(1);
    Settings shared = test_settings();
    shared.cache_per_direction = false;
    trip(mail, cache, shared);
    cache.settle();
    CHECK_EQ(trip(mail, cache, shared, Direction::kOutbound).parts.at(0).cache, "hit");
}

void test_minimum_gain_is_asked_each_time() {
    ResultCache cache({16 << 20, "", 0}, counters_);
    const Mail mail = mail_with_photo(1);
    CHECK(trip(mail, cache).new_body.has_value());
    cache.settle();
    Settings strict = test_settings();
    strict.min_gain_percent = 99;
    const TripResult result = trip(mail, cache, strict);
    CHECK_EQ(result.parts.at(0).cache, "hit");
    CHECK(!result.new_body.has_value());
    CHECK(result.parts.at(0).outcome == Outcome::kNotSmaller);
}

// Three copies in one message: one job, three smaller parts.
void test_copies_in_one_message() {
    ResultCache cache({16 << 20, "", 0}, counters_);
    const TripResult result = trip(mail_with_photo(3), cache);
    int worked = 0;
    for (std::size_t i = 0; i < result.parts.size(); ++i) {
        CHECK(result.parts[i].outcome == Outcome::kOptimized);
        worked += result.parts[i].cpu_ms > 0;
    }
    CHECK_EQ(result.parts.size(), 3u);
    CHECK_EQ(worked, 1);
}

// The same message in four sessions at once: whatever their order, the work is done once.
void test_same_at_the_same_time() {
    ResultCache cache({16 << 20, "", 0}, counters_);
    const Mail mail = mail_with_photo(1);
    std::vector<std::thread> threads;
    std::vector<TripResult> results(4);
    for (TripResult& result : results) threads.emplace_back([&] { result = trip(mail, cache); });
    for (std::thread& thread : threads) thread.join();
    const Bytes body = new_body(results[0]);
    int worked = 0;
    for (const TripResult& result : results) {
        CHECK(new_body(result) == body);
        worked += result.parts.at(0).cpu_ms > 0;
    }
    CHECK_EQ(worked, 1);
}

TripResult hurried_trip(const Mail& mail, ResultCache& cache) {
    const ByteView body = slice(mail.bytes, mail.text.body);
    LoadLimits load;
    load.level = 4;
    load.effort_max = 0;
    const Settings settings = test_settings();
    return run_trip(
        {mail.text.fields, body, false, Direction::kInbound, Deadline::in_ms(60000), nullptr, load}, settings,
        *pool_, counters_, &cache);
}

// A result of calmer times is taken under load; one made in a hurry is good for hurry alone.
void test_hurry_spoils_nothing() {
    ResultCache cache({16 << 20, "", 0}, counters_);
    const Mail mail = mail_with_photo(1);
    CHECK(hurried_trip(mail, cache).parts.at(0).cache.empty());
    cache.settle();
    CHECK_EQ(hurried_trip(mail, cache).parts.at(0).cache, "hit");
    const TripResult calm = trip(mail, cache);
    CHECK(calm.parts.at(0).cache.empty());
    cache.settle();
    const std::uint64_t hits = counters_.get(Counter::kCacheHits);
    const std::uint64_t misses = counters_.get(Counter::kCacheMisses);
    const TripResult again = hurried_trip(mail, cache);
    CHECK_EQ(again.parts.at(0).cache, "hit");
    CHECK(new_body(again) == new_body(calm));
    CHECK_EQ(counters_.get(Counter::kCacheHits), hits + 1);
    CHECK(hurried_trip(mail_with_photo(1, "b.jpg"), cache).parts.at(0).cache.empty());
    CHECK_EQ(counters_.get(Counter::kCacheMisses), misses + 1);
}

// What had no time is not remembered as having no result.
void test_deadline_is_not_remembered() {
    ResultCache cache({16 << 20, "", 0}, counters_);
    const Mail mail = mail_with_photo(1);
    for (const std::int64_t ms : {-10, 1, 22, 25, 30})
        trip(mail, cache, test_settings(), Direction::kInbound, Deadline::in_ms(ms));
    cache.settle();
    const TripResult result = trip(mail, cache);
    CHECK(result.parts.at(0).outcome == Outcome::kOptimized);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_second_time_takes_no_worker),
                                TEST(test_not_smaller_is_remembered),
                                TEST(test_other_circumstances_miss),
                                TEST(test_directions_share_when_told),
                                TEST(test_minimum_gain_is_asked_each_time),
                                TEST(test_copies_in_one_message),
                                TEST(test_same_at_the_same_time),
                                TEST(test_deadline_is_not_remembered),
                                TEST(test_hurry_spoils_nothing)};
    return cmocka_run_group_tests(tests, start_pool, stop_pool);
}
