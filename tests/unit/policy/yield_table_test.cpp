// SPDX-License-Identifier: Apache-2.0
#include "policy/yield_table.hpp"

#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "check.hpp"
#include "policy/settings.hpp"

namespace optimilter {
namespace {

constexpr std::size_t kKib = 1024;

void note_often(YieldTable& table, Format format, std::size_t size, std::size_t saved, double cpu_ms,
                int times) {
    for (int i = 0; i < times; ++i) table.note(format, size, saved, cpu_ms);
}

// Whatever may be worked on is expected to pay something before anything was learned: else load would switch
// it off unseen.
void test_priors() {
    const YieldTable table;
    for (unsigned i = 0; i < static_cast<unsigned>(Format::kCount_); ++i) {
        const auto format = static_cast<Format>(i);
        const bool worked_on = FormatSet::all().has(format);
        for (const std::size_t size : {std::size_t{0}, 9 * kKib, 900 * kKib, std::size_t{1} << 40}) {
            const double expected = table.expected(format, size);
            CHECK_EQ(expected > 0, worked_on, format_name(format));
            CHECK(std::isfinite(expected) && expected < 10000, format_name(format));
        }
    }
    // Larger files carry the cost of a worker more easily.
    CHECK(table.expected(Format::kJpeg, 4096 * kKib) > 1.5 * table.expected(Format::kJpeg, 8 * kKib));
    CHECK(table.expected(Format::kJpeg, 512 * kKib) > table.expected(Format::kPng, 512 * kKib));
}

void test_learns_and_forgets() {
    YieldTable table;
    note_often(table, Format::kPdf, 100 * kKib, 5000, 100, 300);
    CHECK(std::abs(table.expected(Format::kPdf, 100 * kKib) - 50) < 1);
    note_often(table, Format::kPdf, 100 * kKib, 0, 100, 300);
    CHECK(table.expected(Format::kPdf, 100 * kKib) < 1);
    note_often(table, Format::kPdf, 100 * kKib, 90000, 100, 300);
    CHECK(std::abs(table.expected(Format::kPdf, 100 * kKib) - 900) < 10);
}

void test_one_result_is_no_rule() {
    YieldTable table;
    const double before = table.expected(Format::kPng, 100 * kKib);
    table.note(Format::kPng, 100 * kKib, 0, 120);
    CHECK(table.expected(Format::kPng, 100 * kKib) > before / 2);
    CHECK(table.expected(Format::kPng, 100 * kKib) < before);
}

void test_kinds_are_apart() {
    YieldTable table;
    const double other_format = table.expected(Format::kPng, 100 * kKib);
    const double other_class = table.expected(Format::kPdf, 300 * kKib);
    note_often(table, Format::kPdf, 100 * kKib, 0, 1000, 100);
    CHECK_EQ(table.expected(Format::kPng, 100 * kKib), other_format);
    CHECK_EQ(table.expected(Format::kPdf, 300 * kKib), other_class);
    // 64 KiB and 127 KiB are one class, 128 KiB is the next.
    CHECK_EQ(table.expected(Format::kPdf, 64 * kKib), table.expected(Format::kPdf, 128 * kKib - 1));
    CHECK(table.expected(Format::kPdf, 128 * kKib) > table.expected(Format::kPdf, 128 * kKib - 1));
}

void test_nonsense_is_not_noted() {
    YieldTable table;
    const double before = table.expected(Format::kJpeg, 100 * kKib);
    const double bad[] = {std::nan(""), -1.0, std::numeric_limits<double>::infinity()};
    for (const double cpu_ms : bad) table.note(Format::kJpeg, 100 * kKib, 1000, cpu_ms);
    CHECK_EQ(table.expected(Format::kJpeg, 100 * kKib), before);
    table.note(Format::kCount_, 1, 1, 1);
    table.note(static_cast<Format>(255), 1, 1, 1);
    CHECK_EQ(table.expected(Format::kCount_, 1), 0.0);
    CHECK_EQ(table.expected(static_cast<Format>(255), 1), 0.0);
    CHECK_EQ(table.expected(Format::kUnknown, 100 * kKib), 0.0);
    // A clock too coarse to see the work does not make it free.
    note_often(table, Format::kJpeg, 100 * kKib, 100, 0, 300);
    CHECK(table.expected(Format::kJpeg, 100 * kKib) < 1000);
}

// Results of all engine threads come in at once; the sums must be those of one thread.
void test_threads() {
    YieldTable table;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&table] {
            for (int n = 0; n < 2000; ++n) {
                table.note(Format::kJpeg, 100 * kKib, 4000, 10);
                static_cast<void>(table.expected(Format::kJpeg, 100 * kKib));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(std::abs(table.expected(Format::kJpeg, 100 * kKib) - 400) < 0.1);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_priors),          TEST(test_learns_and_forgets),    TEST(test_one_result_is_no_rule),
        TEST(test_kinds_are_apart), TEST(test_nonsense_is_not_noted), TEST(test_threads),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
