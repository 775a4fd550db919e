// SPDX-License-Identifier: Apache-2.0
//
// Two pictures compared by the program that ships, in its full sandbox.
#include <cstddef>
#include <cstdio>
// jpeglib.h needs both above.
#include <jpeglib.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "check.hpp"
#include "workers/pool.hpp"

namespace optimilter {
namespace {

struct Fixture {
    Counters counters;
    std::unique_ptr<Pool> pool;

    Fixture() {
        PoolSettings chosen;
        chosen.worker_program = OPTIMILTER_WORKER;
        chosen.workers = 1;
        chosen.spares = 1;
        auto started = Pool::start(chosen, counters);
        if (!started) throw check::Failure("start: " + started.error().text);
        pool = std::move(*started);
    }
};

struct Compressor {
    jpeg_compress_struct state{};
    jpeg_error_mgr errors{};
    Compressor() {
        state.err = ::jpeg_std_error(&errors);
        ::jpeg_create_compress(&state);
    }
    ~Compressor() { ::jpeg_destroy_compress(&state); }
    Compressor(const Compressor&) = delete;
    Compressor& operator=(const Compressor&) = delete;
};

Bytes jpeg(unsigned width, unsigned height, int quality) {
    Compressor jpeg;
    unsigned char* bytes = nullptr;
    unsigned long size = 0;
    ::jpeg_mem_dest(&jpeg.state, &bytes, &size);
    jpeg.state.image_width = width;
    jpeg.state.image_height = height;
    jpeg.state.input_components = 1;
    jpeg.state.in_color_space = JCS_GRAYSCALE;
    ::jpeg_set_defaults(&jpeg.state);
    ::jpeg_set_quality(&jpeg.state, quality, TRUE);
    ::jpeg_start_compress(&jpeg.state, TRUE);
    std::vector<JSAMPLE> row(width);
    for (unsigned y = 0; y < height; ++y) {
        for (unsigned x = 0; x < width; ++x)
            row[x] = static_cast<JSAMPLE>(40 + (x * 3 + y) % 150 + (x * y) % 11);
        JSAMPROW rows[] = {row.data()};
        ::jpeg_write_scanlines(&jpeg.state, rows, 1);
    }
    ::jpeg_finish_compress(&jpeg.state);
    Bytes file(bytes, bytes + size);
    std::free(bytes);
    return file;
}

// 4x4 pixels, one colour; the first with palette and transparency.
constexpr std::string_view kGif(
    "GIF89a\4\0\4\0\x80\0\0\xff\0\0\0\0\xff,\0\0\0\0\4\0\4\0\0\2\4\x84\x8f\t\x05\0;", 39);

JobResult compare(Pool& pool, std::uint64_t size_of_first, ByteView a, ByteView b) {
    const Options options;
    const Deadline deadline = Deadline::in_ms(60'000);
    auto lease = pool.lease(deadline);
    if (!lease) throw check::Failure("lease: " + lease.error().text);
    auto file = Memfd::create("pair");
    Bytes size;
    for (unsigned shift = 0; shift < 64; shift += 8)
        size.push_back(static_cast<std::uint8_t>(size_of_first >> shift));
    CHECK(file->append(size).has_value() && file->append(a).has_value() && file->append(b).has_value());
    Job job{&*file, {}, {}, &options, deadline};
    job.compare = true;
    return lease->run(job);
}

JobResult compare(Pool& pool, ByteView a, ByteView b) {
    return compare(pool, a.size(), a, b);
}

void test_scores() {
    Fixture fixture;
    const Bytes best = jpeg(200, 120, 100);
    double last = 1.1;
    for (const int quality : {100, 90, 60, 20}) {
        const JobResult result = compare(*fixture.pool, best, jpeg(200, 120, quality));
        CHECK_EQ(result.outcome, Outcome::kOptimized, result.reason);
        CHECK(result.score.value_or(2) < last, std::to_string(quality));
        CHECK(result.reason.find("worst tile at ") == 0, result.reason);
        CHECK(result.output.bytes().empty());
        last = *result.score;
    }
    CHECK_EQ(compare(*fixture.pool, best, best).score.value_or(0), 1.0);
}

void test_what_cannot_be_compared() {
    Fixture fixture;
    const Bytes good = jpeg(64, 64, 80);
    const Bytes taller = jpeg(64, 65, 80);
    const ByteView cut = ByteView(good).first(good.size() / 2);
    const struct {
        std::string_view name;
        ByteView a, b;
        Outcome want;
        std::string_view want_reason;
    } cases[] = {
        {"other size", good, taller, Outcome::kNotApplicable, "sizes differ: 64x64 and 64x65 pixels"},
        {"text", good, as_bytes("just text"), Outcome::kNotApplicable,
         "the second file is no picture we decode"},
        {"nothing", {}, good, Outcome::kNotApplicable, "the first file is no picture we decode"},
        {"cut", good, cut, Outcome::kMalformed, "the second file does not decode"},
        {"broken GIF", as_bytes(kGif.substr(0, 14)), good, Outcome::kMalformed,
         "the first file does not decode"},
    };
    for (const auto& c : cases) {
        const JobResult result = compare(*fixture.pool, c.a, c.b);
        CHECK_EQ(result.outcome, c.want, c.name);
        CHECK_EQ(result.reason, c.want_reason, c.name);
        CHECK(!result.score.has_value(), c.name);
    }
    CHECK_EQ(compare(*fixture.pool, good.size() * 9, good, good).reason, "no two pictures");
    CHECK_EQ(compare(*fixture.pool, ~std::uint64_t{0}, good, good).reason, "no two pictures");
    CHECK_EQ(fixture.counters.get(Counter::kWorkersDied), 0u);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    open_log("compare_job_test", LogTarget::kStderr, LogLevel::kError);
    const CMUnitTest tests[] = {TEST(test_scores), TEST(test_what_cannot_be_compared)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
