// SPDX-License-Identifier: Apache-2.0
//
// What a cache hit costs: each file named goes through a real worker once, then a thousand times through the
// same way with the result in memory. Prints, as medians in microseconds, its SHA-256 and all the rest.
//
// usage: build/release/bench/cache-hit FILE...
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/memfd.hpp"
#include "milter/part_work.hpp"
#include "milter/pool_settings.hpp"
#include "policy/decide.hpp"

namespace optimilter {
namespace {

constexpr int kRounds = 1000;
constexpr std::size_t kLargest = std::size_t{256} << 20;

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
    return values[values.size() / 2];
}

class Bench {
  public:
    explicit Bench(const Settings& settings) : settings_(settings), cache_({64 << 20, "", 0}, counters_) {}

    Status start() {
        const auto settings = pool_settings_of(settings_);
        if (!settings) return settings.error();
        auto pool = Pool::start(*settings, counters_);
        if (!pool) return pool.error();
        pool_ = std::move(*pool);
        return Success{};
    }

    void measure(const std::string& path, const Bytes& bytes) {
        const double made_us = once(path, bytes, sha256(bytes));
        cache_.settle();
        std::vector<double> hash_us;
        std::vector<double> hit_us;
        for (int i = 0; i < kRounds; ++i) {
            const Stopwatch watch;
            const Digest digest = sha256(bytes);
            hash_us.push_back(watch.elapsed_ms() * 1000);
            hit_us.push_back(once(path, bytes, digest));
        }
        fmt::print("| {} | {} | {:.0f} | {:.0f} | {:.0f} | {} |\n",
                   std::filesystem::path(path).filename().string(), bytes.size(), made_us, median(hash_us),
                   median(hit_us), hits_);
    }

  private:
    double once(const std::string& path, const Bytes& bytes, const Digest& digest) {
        Result<Memfd> input = Memfd::create("bench");
        if (!input || !input->append(bytes)) std::abort();
        PartReport report;
        report.file_name = path;
        report.bytes_in = bytes.size();
        WorkItem item{&report, std::move(*input), digest, {}};
        const MessagePlan plan = plan_message(settings_, Direction::kInbound);
        const Stopwatch watch;
        PartWork({settings_, plan.options, Direction::kInbound, *pool_, &cache_}, Deadline::in_ms(60'000))
            .run({&item});
        const double us = watch.elapsed_ms() * 1000;
        hits_ += report.cache == "hit";
        return us;
    }

    Settings settings_;
    Counters counters_;
    ResultCache cache_;
    std::unique_ptr<Pool> pool_;
    int hits_ = 0;
};

}  // namespace
}  // namespace optimilter

int main(int count, char** words) {
    using namespace optimilter;
    Settings settings;
    settings.worker_program = OPTIMILTER_BUILD_DIR "/workers/optimilter-worker";
    Bench bench(settings);
    if (const Status started = bench.start(); !started) {
        fmt::print(stderr, "cache-hit: {}\n", started.error().text);
        return 1;
    }
    fmt::print(
        "| file | bytes | worker, us | SHA-256, us | hit besides, us | hits so far "
        "|\n|---|--:|--:|--:|--:|--:|\n");
    for (int i = 1; i < count; ++i) {
        const Result<Bytes> bytes = read_file(words[i], kLargest);
        if (bytes) bench.measure(words[i], *bytes);
    }
    return 0;
}
