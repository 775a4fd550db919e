// SPDX-License-Identifier: Apache-2.0
#include "console/compare_command.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/text.hpp"
#include "milter/pool_settings.hpp"
#include "optimizers/score_scale.hpp"
#include "policy/decide.hpp"
#include "workers/pool.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kMaxFileBytes = 1ull << 30;
constexpr std::int64_t kDeadlineMs = 60'000;

Result<Memfd> pair_input(const Bytes& first, const Bytes& second) {
    Result<Memfd> input = Memfd::create("optimilter-pair");
    if (!input) return input;
    Bytes size;
    for (unsigned shift = 0; shift < 64; shift += 8)
        size.push_back(static_cast<std::uint8_t>(std::uint64_t{first.size()} >> shift));
    for (const ByteView bytes : {ByteView(size), ByteView(first), ByteView(second)}) {
        if (const Status appended = input->append(bytes); !appended) return appended.error();
    }
    return input;
}

Result<JobResult> measure(const Bytes& first, const Bytes& second, const Settings& settings) {
    Result<Memfd> input = pair_input(first, second);
    if (!input) return input.error();
    const Result<PoolSettings> pool_settings = pool_settings_of(settings);
    if (!pool_settings) return pool_settings.error();
    Counters counters;
    const Result<std::unique_ptr<Pool>> pool = Pool::start(*pool_settings, counters);
    if (!pool) return pool.error();
    const Deadline deadline = Deadline::in_ms(kDeadlineMs);
    Result<Pool::Lease> lease = (*pool)->lease(deadline);
    if (!lease) return lease.error();
    const Options options = profile_options(settings);
    Job job{&*input, {}, {}, &options, deadline};
    job.compare = true;
    return lease->run(job);
}

void print_json(const CompareRequest& request, const JobResult& result) {
    nlohmann::ordered_json json;
    json["first"] = request.first;
    json["second"] = request.second;
    json["score"] = std::round(*result.score * 10000) / 10000;
    json["distance"] = std::round(distance_of_score(*result.score) * 100) / 100;
    json["worst"] = result.reason;
    fmt::print("{}\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace

int compare_pictures_command(const CompareRequest& request, const Settings& settings) {
    Bytes files[2];
    const std::string* names[] = {&request.first, &request.second};
    for (std::size_t i = 0; i < 2; ++i) {
        Result<Bytes> bytes = read_file(names[i]->c_str(), kMaxFileBytes);
        if (!bytes) {
            log_error("{}: {}", printable(*names[i], 400), bytes.error().text);
            return 1;
        }
        files[i] = std::move(*bytes);
    }
    const Result<JobResult> result = measure(files[0], files[1], settings);
    if (!result || !result->score || *result->score <= 0) {
        log_error("compare: {}", !result ? result.error().text : result->reason);
        return 1;
    }
    if (request.json) {
        print_json(request, *result);
    } else {
        fmt::print("score {:.4f}, distance {:.2f}, {}\n", *result->score, distance_of_score(*result->score),
                   result->reason);
    }
    return 0;
}

}  // namespace optimilter
