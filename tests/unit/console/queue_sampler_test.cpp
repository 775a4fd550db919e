// SPDX-License-Identifier: Apache-2.0
#include "console/queue_sampler.hpp"

#include <fmt/format.h>

#include "check.hpp"
#include "planted_queue.hpp"

namespace optimilter {
namespace {

QueueRecord sampled(const std::vector<std::string>& directories) {
    return QueueSampler(directories).sample(QueueClock::now(), true);
}

void test_postfix() {
    const PlantedQueue queue;
    queue.postfix_folders();
    CHECK_EQ(sampled({queue.path()}).folders_read, 2u);
    queue.file("incoming/AAAAAA1");
    queue.file("incoming/AAAAAA2", 0600);  // its client is not done yet
    queue.file("incoming/123456.789", 0600);
    for (const char* name : {"active/BBBBBB1", "active/BBBBBB2"}) queue.file(name);
    for (const char* name : {"deferred/C/CCCCCC1", "deferred/D/DCCCCC2", "deferred/D/DCCCCC3", "hold/EEEEEE1",
                             "hold/EEEEEE2", "hold/EEEEEE3", "hold/EEEEEE4"})
        queue.file(name);
    queue.file("corrupt/FFFFFF1");
    queue.file("defer/C/CCCCCC1", 0600);  // the log of a deferred message is no message
    const QueueClock now = QueueClock::now();
    const QueueRecord record =
        QueueSampler({queue.path()}).sample({now.wall_ms + 60'000, now.monotonic_ms + 60'000});
    CHECK_EQ(record.incoming, 1u);
    CHECK_EQ(record.active, 2u);
    CHECK_EQ(record.deferred, 3u);
    CHECK_EQ(record.hold, 4u);
    CHECK(record.incoming_oldest_ms >= 60'000 && record.incoming_oldest_ms < 90'000);
    CHECK(record.active_oldest_ms >= 60'000 && record.active_oldest_ms < 90'000);
    CHECK_EQ(record.folders_read, 2u);
    CHECK_EQ(record.folders_lost, 0u);
    CHECK_EQ(record.problem, "");
}

void test_several_instances() {
    const PlantedQueue queue;
    queue.postfix_folders("in/");
    queue.postfix_folders("out/");
    queue.file("in/incoming/AAAAAA1");
    queue.file("in/deferred/AAAAAA2");
    queue.file("out/incoming/BBBBBB1");
    queue.file("out/active/BBBBBB2");
    const QueueRecord both = sampled({queue.path("in"), queue.path("out")});
    CHECK_EQ(both.incoming, 2u);
    CHECK_EQ(both.active, 1u);
    CHECK_EQ(both.deferred, 1u);
    CHECK_EQ(both.folders_read, 4u);
    CHECK_EQ(sampled({}).folders_read, 0u);
}

// The same directories are the same source, whoever counts them; others are another.
void test_source() {
    const std::uint64_t source = sampled({"/a", "/b"}).source;
    CHECK_EQ(sampled({"/a", "/b"}).source, source);
    for (const std::vector<std::string>& other :
         {std::vector<std::string>{"/a"}, {"/b", "/a"}, {"/a/b"}, {"/a", "sendmail:/b"}, {}})
        CHECK(sampled(other).source != source);
}

std::string sendmail_id(std::int64_t arrival_s, int number) {
    constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx";
    const std::time_t moment = arrival_s;
    std::tm parts{};
    ::gmtime_r(&moment, &parts);
    std::string id;
    for (const int value :
         {parts.tm_year % 60, parts.tm_mon, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec})
        id += kDigits[static_cast<std::size_t>(value)];
    return id + fmt::format("{:08}", number);
}

void test_sendmail() {
    struct Case {
        const char* name;
        const char* setting;
        const char* folder;
    };
    for (const Case& row : {Case{"one folder", "mqueue", "mqueue/"},
                            {"qf and df apart", "mqueue", "mqueue/qf/"},
                            {"by pattern", "mqueue/q*", "mqueue/q1/"},
                            {"by pattern, qf and df apart", "mqueue/q*", "mqueue/q1/qf/"}}) {
        const PlantedQueue queue;
        const std::string in = row.folder;
        const QueueClock now = QueueClock::now();
        const std::int64_t now_s = now.wall_ms / 1000;
        for (int i = 0; i < 3; ++i) {  // fresh
            queue.file(in + "qf" + sendmail_id(now_s - 100 * i, i));
            queue.file(in + "df" + sendmail_id(now_s - 100 * i, i));
        }
        queue.file(in + "xf" + sendmail_id(now_s, 0));
        queue.file(in + "tf" + sendmail_id(now_s, 0));
        for (int i = 0; i < 4; ++i) queue.file(in + "qf" + sendmail_id(now_s - 301 - 86'400 * i, 10 + i));
        for (int i = 0; i < 2; ++i) queue.file(in + "hf" + sendmail_id(now_s, 20 + i));
        queue.file(in + "Qf" + sendmail_id(now_s, 30));  // lost
        queue.file(in + "qfnonsense");
        queue.file("mqueue/other/qf" + sendmail_id(now_s, 40));
        queue.file("mqueue/x1/qf" + sendmail_id(now_s, 40));
        const QueueRecord record = QueueSampler({"sendmail:" + queue.path(row.setting)}).sample(now);
        CHECK_EQ(record.active, 3u, row.name);
        CHECK_EQ(record.deferred, 4u, row.name);
        CHECK_EQ(record.hold, 2u, row.name);
        CHECK_EQ(record.incoming, 0u, row.name);
        CHECK_EQ(record.active_oldest_ms, 0, row.name);
        CHECK_EQ(record.folders_read, 1u, row.name);
    }
}

void test_several_queues_of_sendmail() {
    const PlantedQueue queue;
    const QueueClock now = QueueClock::now();
    for (int i = 1; i <= 3; ++i)
        queue.file(fmt::format("mqueue/q{}/qf{}", i, sendmail_id(now.wall_ms / 1000, i)));
    queue.file("elsewhere/qf" + sendmail_id(now.wall_ms / 1000, 4));
    std::filesystem::create_directory_symlink(queue.path("elsewhere"), queue.path("mqueue/q4"));
    CHECK_EQ(sampled({"sendmail:" + queue.path("mqueue/q*")}).active, 4u);
    CHECK_EQ(sampled({"sendmail:" + queue.path("mqueue")}).active, 0u);
    queue.postfix_folders();
    queue.file("active/AAAAAA1");
    CHECK_EQ(sampled({"sendmail:" + queue.path("mqueue/q*"), queue.path()}).active, 5u);
}

// Once when it goes, once when it is back, whatever comes between.
void test_news_of_a_folder() {
    const PlantedQueue queue;
    queue.postfix_folders();
    queue.file("active/AAAAAA1");
    QueueSampler sampler({queue.path()});
    const auto step = [&] { return sampler.sample(QueueClock::now()); };
    step();
    CHECK(sampler.take_news().empty());
    queue.move("active", "away");
    for (int i = 0; i < 3; ++i) {
        const QueueRecord record = step();
        CHECK_EQ(record.active, 0u);
        CHECK_EQ(record.folders_read, 1u);
        CHECK_EQ(record.folders_lost, 1u);
        CHECK_EQ(record.problem, queue.path("active") + " cannot be read: No such file or directory");
        const auto news = sampler.take_news();
        CHECK_EQ(news.size(), i == 0 ? 1u : 0u);
        if (i == 0) CHECK(news[0].lost && news[0].text == record.problem);
    }
    queue.move("away", "active");
    const QueueRecord record = step();
    CHECK_EQ(record.active, 1u);
    CHECK_EQ(record.problem, "");
    const auto news = sampler.take_news();
    CHECK_EQ(news.size(), 1u);
    CHECK(!news[0].lost && news[0].text == queue.path("active") + " can be read again");
    CHECK(sampler.take_news().empty());
}

// A folder that is told only is no loss for load.
void test_told_folder_is_lost() {
    const PlantedQueue queue;
    queue.postfix_folders();
    queue.file("deferred/AAAAAA1");
    QueueSampler sampler({queue.path()});
    CHECK_EQ(sampler.sample(QueueClock::now()).deferred, 1u);
    queue.move("deferred", "away");
    QueueRecord record;
    for (int i = 0; i < 3; ++i) record = sampler.sample(QueueClock::now());
    CHECK_EQ(record.deferred, 0u);
    CHECK_EQ(record.folders_read, 2u);
    CHECK_EQ(record.folders_lost, 0u);
    CHECK(record.problem.ends_with("/deferred cannot be read: No such file or directory"));
    CHECK_EQ(sampler.take_news().size(), 1u);
    queue.move("away", "deferred");
    CHECK_EQ(sampler.sample(QueueClock::now()).deferred, 1u);
    CHECK_EQ(sampler.take_news().size(), 1u);
}

void test_nothing_is_there() {
    QueueSampler sampler({"/nonexistent/\n\x1b[2J", "sendmail:/nonexistent"});
    const QueueRecord record = sampler.sample(QueueClock::now());
    CHECK_EQ(record.folders_read, 0u);
    CHECK_EQ(record.folders_lost, 3u);
    CHECK(record.problem.starts_with("/nonexistent/??[2J/incoming cannot be read: "));
    CHECK_EQ(sampler.take_news().size(), 5u);
}

// deferred is listed a share at a time: each sample costs the same, and after some of them the figure is
// right.
void test_told_folders_are_listed_in_shares() {
    const PlantedQueue queue;
    queue.postfix_folders();
    const std::size_t many = 2 * kShareOfListing + 1000;  // more than two shares also without a sixteenth
    for (std::size_t i = 0; i < many; ++i) queue.file(fmt::format("deferred/{:X}/A{:06}", i % 16, i));
    QueueSampler sampler({queue.path()});
    const auto deferred = [&] { return sampler.sample(QueueClock::now()).deferred; };
    CHECK_EQ(deferred(), kShareOfListing);
    CHECK_EQ(deferred(), 2 * kShareOfListing);
    CHECK_EQ(deferred(), many);
    queue.remove("deferred/3");
    for (int i = 0; i < 2; ++i) CHECK_EQ(deferred(), many);  // of the last whole listing
    const std::uint64_t later = deferred();
    CHECK(later < many && later >= many * 15 / 16 - 1);
    CHECK_EQ(sampled({queue.path()}).deferred, later);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_postfix),
                                TEST(test_several_instances),
                                TEST(test_source),
                                TEST(test_sendmail),
                                TEST(test_several_queues_of_sendmail),
                                TEST(test_news_of_a_folder),
                                TEST(test_told_folder_is_lost),
                                TEST(test_nothing_is_there),
                                TEST(test_told_folders_are_listed_in_shares)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
