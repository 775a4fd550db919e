// SPDX-License-Identifier: Apache-2.0
//
// Our entropy coder against libjpeg's decoder: whatever coefficients go in come out again.
#include "optimizers/jpeg_coding.hpp"

#include "coefficient_picture.hpp"
#include "jpeg_pictures.hpp"
#include "optimizers/effort.hpp"
#include "optimizers/jpeg_significance.hpp"

namespace optimilter {
namespace {

using coefficient_picture::difference;
using coefficient_picture::Factors;
using coefficient_picture::Owned;
using pictures::must;
using pictures::Random;

constexpr std::size_t kNoLimit = 64u << 20;

// Coded each way, and read back by libjpeg.
void check_every_way(const Owned& owned, std::string_view name) {
    for (const JpegScanSearch search :
         {JpegScanSearch::kNone, JpegScanSearch::kSampled, JpegScanSearch::kWhole}) {
        const Bytes file = must(code_jpeg_progressive(owned.picture, {}, search, kNoLimit, Deadline()));
        CHECK_EQ(difference(owned.picture, file), "", name);
        CHECK(pictures::markers_of(file).progressive(), name);
    }
    for (const JpegTables tables : {JpegTables::kStandard, JpegTables::kBest}) {
        const Bytes file = must(code_jpeg_sequential(owned.picture, {}, tables, kNoLimit, Deadline()));
        CHECK_EQ(difference(owned.picture, file), "", name);
        CHECK(!pictures::markers_of(file).progressive(), name);
    }
}

// Sparse or dense, small or large values, of every frequency.
void fill(Owned& owned, Random& random, int percent, int ac_bits) {
    for (std::size_t plane = 0; plane < owned.samples.size(); ++plane) {
        for (std::size_t block = 0; block < owned.block_count(plane); ++block) {
            owned.set(plane, block, 0, random.within(-1000, 1000));
            for (std::size_t k = 1; k < 64; ++k) {
                if (random.within(1, 100) > percent) continue;
                const int limit = (1 << random.within(1, ac_bits)) - 1;
                owned.set(plane, block, k, random.within(-limit, limit));
            }
        }
    }
}

void test_random_coefficients_of_every_sampling() {
    const std::vector<std::vector<Factors>> samplings = {
        {{1, 1}},
        {{2, 2}},
        {{1, 1}, {1, 1}},
        {{1, 1}, {1, 1}, {1, 1}},
        {{2, 1}, {1, 1}, {1, 1}},
        {{1, 2}, {1, 1}, {1, 1}},
        {{2, 2}, {1, 1}, {1, 1}},
        {{4, 1}, {1, 1}, {1, 1}},
        {{4, 2}, {1, 1}, {1, 1}},
        {{1, 1}, {2, 2}, {2, 1}},
        {{2, 2}, {2, 2}, {2, 2}},  // more blocks than one MCU may have
        {{2, 2}, {1, 1}, {1, 1}, {2, 2}},
        {{1, 1}, {1, 1}, {1, 1}, {1, 1}},
        {{4, 4}, {4, 4}, {1, 1}, {1, 1}},
    };
    Random random(5);
    for (const std::vector<Factors>& factors : samplings) {
        for (const auto& [width, height] : {std::pair{1u, 1u}, {17u, 9u}, {100u, 75u}}) {
            for (const int percent : {3, 40, 100}) {
                Owned owned(width, height, factors);
                fill(owned, random, percent, percent == 40 ? 3 : 10);
                check_every_way(owned, std::to_string(factors.size()) + " components, " +
                                           std::to_string(width) + " wide, " + std::to_string(percent) +
                                           " %");
            }
        }
    }
}

void test_extremes() {
    for (const int ac : {1, -1, 7, -8, 1023, -1023}) {
        for (const std::size_t k : {std::size_t{1}, std::size_t{8}, std::size_t{9}, std::size_t{63}}) {
            Owned owned(64, 64, {{1, 1}});
            owned.set(0, 5, k, ac);
            owned.set(0, 63, k, -ac);
            check_every_way(owned, std::to_string(k) + ": " + std::to_string(ac));
        }
    }
    Owned dc(16, 16, {{1, 1}});
    dc.set(0, 0, 0, 1023);
    dc.set(0, 1, 0, -1024);
    dc.set(0, 2, 0, 1023);
    check_every_way(dc, "the largest DC difference");
    Owned full(64, 64, {{1, 1}});
    for (std::size_t block = 0; block < 64; ++block) {
        for (std::size_t k = 0; k < 64; ++k) full.set(0, block, k, block % 2 == 0 ? 1023 : -1023);
    }
    check_every_way(full, "everything at its largest");
}

void test_values_no_eight_bit_file_holds() {
    for (const auto& [k, value] :
         {std::pair<std::size_t, int>{1, 1024}, {63, -1024}, {2, -32768}, {5, 32767}}) {
        Owned owned(64, 64, {{1, 1}});
        owned.set(0, 9, k, value);
        const auto sequential =
            code_jpeg_sequential(owned.picture, {}, JpegTables::kBest, kNoLimit, Deadline());
        const auto progressive =
            code_jpeg_progressive(owned.picture, {}, JpegScanSearch::kSampled, kNoLimit, Deadline());
        CHECK(!sequential && sequential.error().code == ErrorCode::kMalformed, std::to_string(value));
        CHECK(!progressive && progressive.error().code == ErrorCode::kMalformed, std::to_string(value));
    }
    Owned owned(64, 64, {{1, 1}});
    owned.set(0, 0, 0, 1024);
    owned.set(0, 1, 0, -1024);
    CHECK(!code_jpeg_sequential(owned.picture, {}, JpegTables::kBest, kNoLimit, Deadline()));
    CHECK(!code_jpeg_progressive(owned.picture, {}, JpegScanSearch::kNone, kNoLimit, Deadline()));
}

// An end-of-band run ends at 0x7FFF blocks at the latest, in first scans and in refinements with corrections.
void test_longest_runs() {
    for (const std::size_t length : {std::size_t{0x7FFE}, std::size_t{0x7FFF}, std::size_t{0x8000}}) {
        for (const int value : {0, 1, 6, 9}) {
            Owned owned(1536, 1536, {{1, 1}});
            // value in every block of the run: nothing new, but corrections, when its bits are refined.
            for (std::size_t block = 1; block <= length; ++block) owned.set(0, block, 3, value);
            owned.set(0, 0, 40, 1);
            owned.set(0, length + 1, 63, -1);
            check_every_way(owned, std::to_string(length) + " blocks of " + std::to_string(value));
        }
    }
}

// Zero runs of sixteen and more, with coefficients among them that are known already (T.81 figure G.7).
void test_zero_runs_in_refinements() {
    Random random(11);
    for (const std::size_t fresh : {std::size_t{16}, std::size_t{17}, std::size_t{33}, std::size_t{49},
                                    std::size_t{62}, std::size_t{63}}) {
        for (const int known : {0, 1, 2, 20, 61}) {
            Owned owned(80, 80, {{1, 1}});
            for (std::size_t block = 0; block < owned.block_count(0); ++block) {
                for (int i = 0; i < known; ++i)
                    owned.set(0, block, static_cast<std::size_t>(random.within(1, 63)),
                              random.within(-31, 31));
                owned.set(0, block, fresh, random.within(0, 1) == 0 ? 1 : -1);
            }
            check_every_way(owned, std::to_string(fresh) + " after " + std::to_string(known));
        }
    }
}

void test_every_script_in_its_order() {
    for (unsigned low_bit = 0; low_bit <= kJpegLowBitMax; ++low_bit) {
        for (const unsigned split : {0u, 1u, 2u, 8u, 62u}) {
            const std::vector<JpegAcScan> scans = jpeg_ac_scans({low_bit, split});
            CHECK_EQ(scans.size(), (split == 0 ? 1 : 2) + low_bit);
            std::array<unsigned, 64> bit_of{};
            bit_of.fill(99);
            for (const JpegAcScan& scan : scans) {
                for (unsigned k = scan.band.first; k <= scan.band.last; ++k) {
                    CHECK_EQ(scan.high_bit, bit_of[k] == 99 ? 0 : bit_of[k]);
                    bit_of[k] = scan.low_bit;
                }
            }
            for (unsigned k = 1; k < 64; ++k) CHECK_EQ(bit_of[k], 0u);
        }
    }
}

void test_limits() {
    Owned owned(200, 200, {{2, 2}, {1, 1}, {1, 1}});
    Random random(3);
    fill(owned, random, 20, 4);
    const Bytes file =
        must(code_jpeg_progressive(owned.picture, {}, JpegScanSearch::kSampled, kNoLimit, Deadline()));
    const auto with_limit = [&](std::size_t limit) {
        return code_jpeg_progressive(owned.picture, {}, JpegScanSearch::kSampled, limit, Deadline());
    };
    CHECK(with_limit(file.size()));
    for (const std::size_t limit : {std::size_t{0}, std::size_t{100}, file.size() - 1}) {
        CHECK(!with_limit(limit) && with_limit(limit).error().code == ErrorCode::kRefused);
    }
    for (const JpegTables tables : {JpegTables::kStandard, JpegTables::kBest}) {
        const Bytes plain = must(code_jpeg_sequential(owned.picture, {}, tables, kNoLimit, Deadline()));
        CHECK(code_jpeg_sequential(owned.picture, {}, tables, plain.size(), Deadline()));
        CHECK(!code_jpeg_sequential(owned.picture, {}, tables, plain.size() - 1, Deadline()));
        const auto late = code_jpeg_sequential(owned.picture, {}, tables, kNoLimit, Deadline::in_ms(-1));
        CHECK(!late && late.error().code == ErrorCode::kDeadline);
    }
    const auto late =
        code_jpeg_progressive(owned.picture, {}, JpegScanSearch::kSampled, kNoLimit, Deadline::in_ms(-1));
    CHECK(!late && late.error().code == ErrorCode::kDeadline);
}

void test_quantisation_tables() {
    Owned owned(32, 32, {{1, 1}, {1, 1}, {1, 1}, {1, 1}});
    for (const auto& steps : {std::array{1, 1, 1, 1}, std::array{1, 2, 1, 2}, std::array{1, 2, 3, 4},
                              std::array{300, 255, 256, 65535}}) {
        for (std::size_t c = 0; c < 4; ++c)
            owned.picture.planes[c].quant.fill(static_cast<std::uint16_t>(steps[c]));
        check_every_way(owned, std::to_string(steps[3]));
    }
}

// ---- Codes
// ----------------------------------------------------------------------------------------------------

// Lengths of at most 16, room for the code of ones, and no table with shorter codes for the commoner symbols.
void check_table(const JpegHuffmanTable& table, const JpegSymbolCounts& counts, std::string_view name) {
    std::uint32_t used = 0;
    for (unsigned length = 1; length <= 16; ++length)
        used += static_cast<std::uint32_t>(table.codes_of_length[length]) << (16 - length);
    CHECK(used < 65536, name);
    for (std::size_t a = 0; a < 256; ++a) {
        if (counts[a] != 0) CHECK(table.length[a] >= 1 && table.length[a] <= 16, name);
        if (counts[a] != 0) CHECK(table.code[a] != (1u << table.length[a]) - 1, name);
        for (std::size_t b = 0; b < 256; ++b) {
            if (counts[a] > counts[b] && counts[b] != 0) CHECK(table.length[a] <= table.length[b], name);
        }
    }
}

void test_best_tables() {
    JpegSymbolCounts counts{};
    CHECK_EQ(best_jpeg_table(counts).symbols.size(), std::size_t{1});
    counts[7] = 1;
    check_table(best_jpeg_table(counts), counts, "one symbol");
    CHECK_EQ(best_jpeg_table(counts).length[7], 1);
    // Fibonacci's numbers would make codes of 45 bits.
    std::uint32_t a = 1;
    std::uint32_t b = 1;
    for (std::size_t i = 0; i < 45; ++i) {
        counts[i] = a;
        b += a;
        std::swap(a, b);
    }
    check_table(best_jpeg_table(counts), counts, "Fibonacci");
    counts.fill(1);
    check_table(best_jpeg_table(counts), counts, "all the same");
    Random random(1);
    for (int round = 0; round < 50; ++round) {
        for (std::uint32_t& count : counts) count = random.next() >> random.within(0, 30);
        check_table(best_jpeg_table(counts), counts, std::to_string(round));
    }
}

// Against the length Huffman's tree has to have: the sum of its inner nodes.
void test_best_tables_are_the_best() {
    Random random(2);
    for (int round = 0; round < 20; ++round) {
        JpegSymbolCounts counts{};
        std::vector<std::uint64_t> nodes = {0};
        for (std::size_t i = 0; i < 100; ++i) {
            counts[i] = static_cast<std::uint32_t>(random.within(1, 5000));
            nodes.push_back(counts[i]);
        }
        std::uint64_t least = 0;
        while (nodes.size() > 1) {
            std::sort(nodes.begin(), nodes.end(), std::greater<>());
            const std::uint64_t last = nodes.back();
            nodes.pop_back();
            nodes.back() += last;
            least += nodes.back();
        }
        const JpegHuffmanTable table = best_jpeg_table(counts);
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < 256; ++i) bits += std::uint64_t{counts[i]} * table.length[i];
        CHECK_EQ(bits, least);
    }
}

void test_significance_agrees_with_the_definition() {
    Random random(8);
    for (int round = 0; round < 2000; ++round) {
        std::array<std::int16_t, 64> block{};
        for (std::int16_t& value : block) {
            const int limit = (1 << random.within(0, round % 2 == 0 ? 4 : 15)) - 1;
            value = static_cast<std::int16_t>(random.within(-limit - (limit == 32767), limit));
        }
        const JpegSignificance got = jpeg_significance(block.data());
        bool codable = true;
        bool ac = true;
        for (unsigned bit = 0; bit <= kJpegLowBitMax && ac; ++bit) {
            ac = false;
            for (std::size_t k = 0; k < 64; ++k) {
                const int value = block[kJpegNaturalOrder[k]];
                const bool large = (value < 0 ? -value : value) >= 1 << bit;
                CHECK_EQ(got.at_least[bit] >> k & 1, std::uint64_t{large});
                ac = ac || (k != 0 && large);
                if (k != 0 && (value > 1023 || value < -1023)) codable = false;
            }
        }
        CHECK_EQ(got.codable, codable);
    }
}

void test_efforts() {
    for (std::size_t i = 1; i < kEfforts.size(); ++i) {
        CHECK(kEfforts[i].jpeg_scan_search >= kEfforts[i - 1].jpeg_scan_search);
        CHECK(kEfforts[i].jpeg_trellis >= kEfforts[i - 1].jpeg_trellis);
    }
    Options options;
    CHECK_EQ(&effort_settings(options), &kEfforts[kEffortDefault]);
    options.effort = 200;
    CHECK_EQ(&effort_settings(options), &kEfforts[kEffortMax]);
    // What is measured on the whole is never larger than the usual script.
    const Bytes file = pictures::camera_jpeg(pictures::scene(500, 400, 3, 15), 85);
    std::size_t last = file.size();
    for (const std::uint8_t effort : {std::uint8_t{0}, std::uint8_t{4}}) {
        options.effort = effort;
        const pictures::Outcomes outcomes = pictures::run(file, options);
        CHECK(outcomes.optimized, outcomes.verified);
        CHECK(outcomes.attempt.output.size() <= last, std::to_string(effort));
        last = outcomes.attempt.output.size();
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_random_coefficients_of_every_sampling),
                                TEST(test_extremes),
                                TEST(test_values_no_eight_bit_file_holds),
                                TEST(test_longest_runs),
                                TEST(test_zero_runs_in_refinements),
                                TEST(test_every_script_in_its_order),
                                TEST(test_limits),
                                TEST(test_quantisation_tables),
                                TEST(test_best_tables),
                                TEST(test_best_tables_are_the_best),
                                TEST(test_significance_agrees_with_the_definition),
                                TEST(test_efforts)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
