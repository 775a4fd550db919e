// SPDX-License-Identifier: Apache-2.0
//
// The model of bench/simulate: the same for the same seed, nothing lost on the way, every kind of trace read,
// and what bench/RESULTS.md says of controller and fixed windows, in small.
#include <cstdio>
#include <fstream>

#include "bench/simulate/arrivals.hpp"
#include "bench/simulate/costs.hpp"
#include "bench/simulate/report.hpp"
#include "check.hpp"

namespace optimilter::sim {
namespace {

std::vector<Mail> mix() {
    Random random(7);
    return business_mix(5000, random);
}

Plan plan(double rate, int seconds) {
    Plan plan;
    plan.rate = rate;
    plan.seconds = seconds;
    return plan;
}

void test_same_seed_same_run() {
    const auto trace = mix();
    Plan p = plan(30, 120);
    const std::string first = csv(run_host(p, trace));
    CHECK_EQ(csv(run_host(p, trace)), first);
    CHECK_EQ(std::count(first.begin(), first.end(), '\n'), 121);
    p.seed = 2;
    CHECK(csv(run_host(p, trace)) != first);
}

// Every message that arrived is accepted, refused, in a session or waiting for one; no worker works overtime.
void test_nothing_is_lost() {
    const auto trace = mix();
    for (const double rate : {1.0, 30.0, 1000.0}) {
        const auto seconds = run_host(plan(rate, 30), trace);
        const Totals sum = totals(seconds, 0);
        const Second& last = seconds.back();
        CHECK_EQ(sum.arrived, sum.accepted + sum.refused + last.sessions + last.clients_waiting);
        CHECK(sum.worked <= sum.accepted && sum.missed <= sum.worked);
        CHECK(sum.p50_ms <= sum.p95_ms && sum.p95_ms <= sum.p99_ms);
        for (const Second& second : seconds) CHECK(second.busy <= 1 && second.sessions <= 100);
    }
}

// No message waits beyond its deadline, however hopeless; the figure has steps of 5 %.
void test_deadline() {
    const auto trace = mix();
    Plan hopeless = plan(300, 60);
    hopeless.settings.load_control = false;
    hopeless.sessions = 2000;
    const auto seconds = run_host(hopeless, trace);
    CHECK(totals(seconds, 0).missed > 0);
    for (const Second& second : seconds) CHECK(second.delays.percentile(1) <= 5000 * 1.06);
}

void test_level_follows_the_load() {
    const auto trace = mix();
    CHECK_EQ(totals(run_host(plan(2, 300), trace), 0).highest, 0);
    Plan flood = plan(400, 900);
    flood.shape = Shape::kFlood;  // from 180 s to 540 s
    const auto seconds = run_host(flood, trace);
    CHECK(std::any_of(seconds.begin() + 180, seconds.begin() + 184,
                      [](const Second& s) { return s.level > 0; }));
    CHECK_EQ(totals(seconds, 0).highest, kLoadBypass);
}

// Whatever the flood was, from its end on it takes less than five minutes to level 0.
void test_comes_back() {
    const auto trace = mix();
    for (const double rate : {60.0, 250.0}) {
        for (std::uint64_t seed = 1; seed <= 2; ++seed) {
            Plan flood = plan(rate, 1500);
            flood.shape = Shape::kFlood;  // from 300 s to 900 s
            flood.seed = seed;
            flood.deliver_rate = 5000;  // the queue itself is no load of the time after
            const auto seconds = run_host(flood, trace);
            CHECK(totals(seconds, 0).highest > 0);
            for (std::size_t s = 900 + 300; s < seconds.size(); ++s)
                CHECK_EQ(int{seconds[s].level}, 0, std::to_string(rate) + " " + std::to_string(seed));
        }
    }
}

// Steady, half as much again as the workers can carry at level 0 (about 39 messages a second of this mix):
// more saved for the CPU than with any window that stays, and nearly all in time.
void test_beats_fixed_windows() {
    const auto trace = mix();
    Plan controlled = plan(59, 900);
    const Totals on = totals(run_host(controlled, trace), 120);
    CHECK(on.missed * 100 < on.worked);
    constexpr std::uint64_t kWindows[][2] = {{8 << 10, 64 << 20},
                                             {8 << 10, 1 << 20},
                                             {64 << 10, 4 << 20},
                                             {512 << 10, 64 << 20},
                                             {1 << 20, 8 << 20}};
    for (const auto& window : kWindows) {
        Plan fixed = controlled;
        fixed.settings.load_control = false;
        fixed.settings.min_size = window[0];
        fixed.settings.max_size = window[1];
        const Totals off = totals(run_host(fixed, trace), 120);
        CHECK_EQ(off.highest, 0);
        CHECK(on.saved_bytes / on.cpu_ms > off.saved_bytes / off.cpu_ms, std::to_string(window[0]));
    }
}

std::string planted(const std::string& text) {
    const std::string path = std::string(OPTIMILTER_TEST_BINARY_DIR) + "/simulate_test.trace";
    std::ofstream(path, std::ios::binary) << text;
    return path;
}

void test_traces() {
    const auto index =
        read_trace(planted("file\tkind\tbytes\tsha256\tattachments(path|bytes|sha256;...)\n"
                           "000001.eml\ttext\t4721\tab\t\n"
                           "000002.eml\tattach\t254333\tab\tpdf/a.pdf|109798|00;archives/"
                           "b.7z|28316|01;derived:photo-zip|9000000|02\n"
                           "cut\tshort\n000003.eml\tattach\t-5\tab\tjpeg/x|nonsense|\n"));
    CHECK(index.has_value());
    CHECK_EQ(index->size(), 3u);
    CHECK_EQ(index->at(1).size, 254333u);
    CHECK_EQ(index->at(1).attachments.size(), 3u);
    CHECK_EQ(format_name(index->at(1).attachments[0].format), "pdf");
    CHECK_EQ(format_name(index->at(1).attachments[1].format), "7z");
    CHECK_EQ(format_name(index->at(1).attachments[2].format), "zip");
    CHECK_EQ(index->at(2).attachments.at(0).size, 0u);

    const auto own = read_trace(planted(
        "Nov 30 10:00:00 mx optimilter[1]: 9E44EA86108: part=2 type=image/jpeg name=\"a b.jpg\" format=jpeg "
        "in=470774 "
        "out=119884 ms=278 cpu=267 opt=jpeg score=0.9536 status=optimized (saved 74%)\n"
        "Nov 30 10:00:00 mx optimilter[1]: 9E44EA86108: parts=2 in=644546 out=164382 status=replaced\n"
        "Nov 30 10:00:01 mx optimilter[1]: 2086DA8610B: parts=0 in=0 out=0 status=passed (signed (DKIM))\n"));
    CHECK(own.has_value());
    CHECK_EQ(own->size(), 2u);
    const Mail& worked = own->at(0).attachments.empty() ? own->at(1) : own->at(0);
    CHECK_EQ(worked.attachments.size(), 1u);
    CHECK_EQ(worked.attachments[0].known_cpu_ms, 267.0);
    CHECK_EQ(worked.attachments[0].known_saved, 470774.0 - 119884.0);

    const auto postfix = read_trace(
        planted("Nov 30 10:00:00 mx postfix/qmgr[9]: A1: from=<a@b>, size=2345, nrcpt=1 (queue active)\n"
                "Nov 30 10:00:00 mx postfix/qmgr[9]: A2: from=<>, size=5000000, nrcpt=1 (queue active)\n"
                "Nov 30 10:00:00 mx postfix/qmgr[9]: A2: removed\n"));
    CHECK(postfix.has_value());
    CHECK_EQ(postfix->size(), 2u);
    CHECK(postfix->at(0).attachments.empty());
    CHECK_EQ(postfix->at(1).attachments.size(), 1u);

    for (const std::string& bad :
         {std::string("nothing\n"), std::string(), std::string("file\tkind\t\n"), std::string(70000, 'x')})
        CHECK(!read_trace(planted(bad)).has_value(), bad.substr(0, 10));
    CHECK(!read_trace("/nowhere/at/all").has_value());
}

void test_arrivals() {
    for (const std::string_view name : {"steady", "ramp", "spike", "saw", "day", "flood"}) {
        const auto shape = shape_named(name);
        CHECK(shape.has_value(), name);
        double expected = 0, highest = 0;
        for (int s = 0; s < 1000; ++s) {
            expected += rate_at(*shape, 20, s, 1000);
            highest = std::max(highest, rate_at(*shape, 20, s, 1000));
        }
        CHECK(highest > 19 && highest <= 20, name);
        Random random(1);
        int count = 0;
        for (double at = 0; (at = next_arrival_ms(*shape, 20, 1000, at, random)) < 1e6; ++count)
            CHECK(at >= 0);
        CHECK(count > expected * 0.95 && count < expected * 1.05, name);
    }
    CHECK(!shape_named("square").has_value());
}

void test_costs() {
    for (unsigned i = 0; i < static_cast<unsigned>(Format::kCount_); ++i) {
        for (const std::size_t size : {std::size_t{1}, std::size_t{9000}, std::size_t{5} << 20}) {
            for (std::uint32_t effort = 0; effort <= kEffortMax; ++effort) {
                const Cost cost = mean_cost(static_cast<Format>(i), size, effort);
                CHECK(cost.cpu_ms > 0 && cost.saved_bytes >= 0 &&
                      cost.saved_bytes <= static_cast<double>(size));
                CHECK(cost.cpu_ms >=
                      mean_cost(static_cast<Format>(i), size, effort > 0 ? effort - 1 : 0).cpu_ms);
            }
        }
    }
    Random random(3);
    double saved = 0, cpu_ms = 0;
    for (int i = 0; i < 20000; ++i) {
        const Cost cost = job_cost(Format::kOoxml, 100000, 3, random);
        saved += cost.saved_bytes / 20000;
        cpu_ms += cost.cpu_ms / 20000;
    }
    const Cost mean = mean_cost(Format::kOoxml, 100000, 3);
    CHECK(std::abs(saved / mean.saved_bytes - 1) < 0.05);
    CHECK(std::abs(cpu_ms / mean.cpu_ms - 1) < 0.05);
}

void test_picture() {
    const auto trace = mix();
    const std::string picture = svg(run_host(plan(20, 30), trace), "a <title> & more");
    CHECK(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    CHECK(picture.find("a &lt;title> &amp; more") != std::string::npos);
    CHECK(picture.find("nan") == std::string::npos && picture.find("inf") == std::string::npos);
    CHECK_EQ(svg({}, ""), "");
}

}  // namespace
}  // namespace optimilter::sim

int main() {
    using namespace optimilter::sim;
    const CMUnitTest tests[] = {
        TEST(test_same_seed_same_run),
        TEST(test_nothing_is_lost),
        TEST(test_deadline),
        TEST(test_level_follows_the_load),
        TEST(test_comes_back),
        TEST(test_beats_fixed_windows),
        TEST(test_traces),
        TEST(test_arrivals),
        TEST(test_costs),
        TEST(test_picture),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
