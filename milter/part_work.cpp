// SPDX-License-Identifier: Apache-2.0
#include "milter/part_work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace optimilter {

void keep_part(PartReport& report, Outcome outcome, std::string_view reason) {
    report.outcome = outcome;
    report.reason = reason;
    report.bytes_out = report.bytes_in;
    report.output_format = Format::kUnknown;
}

void PartWork::run(const std::vector<WorkItem*>& items) {
    for (WorkItem* item : items) {
        const std::optional<Digest> key = key_of(*item, options_of(*item));
        if (key && take_from_cache(*item, *key)) continue;
        std::optional<Flights::Flight> flight =
            key ? around_.cache->flights().begin(*key) : std::optional<Flights::Flight>();
        if (key && !flight) {
            waiting_.push_back({item, *key});
            continue;
        }
        do_own(*item, key, std::move(flight));
    }
    // Whoever waits for others keeps no worker from them.
    if (!waiting_.empty()) await_others();
    lease_.reset();
}

Options PartWork::options_of(const WorkItem& item) const {
    Options options = item.options;
    options.effort = std::min(options.effort, around_.effort_max);
    return options;
}

std::optional<Digest> PartWork::key_of(const WorkItem& item, const Options& options) const {
    const std::uint32_t fingerprint = around_.cache ? around_.pool.worker_fingerprint() : 0;
    if (fingerprint == 0) return std::nullopt;
    const Digest job = job_key(job_of(item, options));
    Bytes name(job.begin(), job.end());
    for (int shift = 0; shift < 32; shift += 8)
        name.push_back(static_cast<std::uint8_t>(fingerprint >> shift));
    const bool outbound = around_.direction == Direction::kOutbound;
    name.push_back(!item.settings->cache_per_direction ? 0 : outbound ? 1 : 2);
    return sha256(name);
}

Job PartWork::job_of(const WorkItem& item, const Options& options) const {
    Job job;
    job.input = &item.input;
    job.digest = item.digest;
    job.hint = TypeHint{item.report->type, item.report->file_name};
    job.options = &options;
    job.deadline = deadline_;
    return job;
}

bool PartWork::take_from_cache(WorkItem& item, const Digest& key) {
    const Stopwatch watch;
    const auto own = done_.find(key);
    const std::optional<StoredResult> found = own != done_.end() ? own->second : remembered(item, key);
    if (!found) return false;
    take(item, *found);
    item.report->cache = "hit";
    item.report->wall_ms = watch.elapsed_ms();
    return true;
}

// The effort is a part of the key, so what was done in a hurry is never taken in calmer times; the other way
// round it is the better result, and for nothing.
std::optional<StoredResult> PartWork::remembered(const WorkItem& item, const Digest& key) const {
    if (item.options.effort <= around_.effort_max) return around_.cache->find(key);
    return around_.cache->find(key_of(item, item.options).value_or(key), key);
}

void PartWork::do_own(WorkItem& item, const std::optional<Digest>& key,
                      std::optional<Flights::Flight> flight) {
    if (!lease_) lease_.emplace(around_.pool.lease(deadline_));
    if (!*lease_) return keep_part(*item.report, Outcome::kOverBudget, lease_->error().text);
    const Stopwatch watch;
    const Options options = options_of(item);
    JobResult done = (*lease_)->run(job_of(item, options));
    // The worker has its own copy of the descriptor no longer, and we need the input no more.
    item.input = Memfd();
    StoredResult result{done.outcome,
                        done.format,
                        done.output_format,
                        done.score,
                        done.optimizer,
                        done.reason,
                        SharedBytes(std::move(done.output))};
    take(item, result);
    item.report->wall_ms = watch.elapsed_ms();
    item.report->cpu_ms = done.cpu_ms;
    if (!key || done.passing) return;
    done_[*key] = result;
    around_.cache->keep(*key, result);
    if (flight) flight->land(std::move(result));
}

void PartWork::await_others() {
    lease_.reset();
    for (const auto& [item, key] : waiting_) {
        const Stopwatch watch;
        std::optional<StoredResult> landed = around_.cache->flights().await(key, deadline_);
        // It may have landed before we came to wait for it.
        if (!landed) landed = around_.cache->find(key);
        if (!landed) {
            do_own(*item, key, std::nullopt);
            continue;
        }
        take(*item, *landed);
        item->report->cache = "joined";
        item->report->wall_ms = watch.elapsed_ms();
    }
}

void PartWork::take(WorkItem& item, const StoredResult& result) const {
    PartReport& report = *item.report;
    if (result.format != Format::kUnknown) report.format = result.format;
    report.optimizer = result.optimizer;
    report.score = result.score;
    if (result.outcome != Outcome::kOptimized) return keep_part(report, result.outcome, result.reason);
    const std::size_t bytes_out = result.output.bytes().size();
    if (!gain_is_enough(*item.settings, report.bytes_in, bytes_out)) {
        return keep_part(report, Outcome::kNotSmaller,
                         fmt::format("gain of {} bytes is below the minimum",
                                     report.bytes_in - std::min(report.bytes_in, bytes_out)));
    }
    report.outcome = Outcome::kOptimized;
    report.output_format = result.output_format;
    report.reason.clear();
    report.bytes_out = bytes_out;
    item.output = result.output;
}

}  // namespace optimilter
