// SPDX-License-Identifier: Apache-2.0
#include "policy/queue_monitor.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace optimilter {

namespace {

bool is_silent(const QueueMonitor::Source& source, std::int64_t now_ms) {
    return now_ms - source.came_ms > QueueMonitor::kIntervalsKept * source.record.interval_ms;
}

void add(QueueSample& sum, const QueueRecord& record) {
    sum.incoming += record.incoming;
    sum.active += record.active;
    sum.deferred += record.deferred;
    sum.hold += record.hold;
    sum.oldest_ms = std::max({sum.oldest_ms, record.incoming_oldest_ms, record.active_oldest_ms});
}

}  // namespace

void QueueMonitor::take(QueueRecord record, std::int64_t now_ms) {
    std::erase_if(sources_, [now_ms](const Source& source) { return is_silent(source, now_ms); });
    const auto same = std::find_if(sources_.begin(), sources_.end(), [&](const Source& source) {
        return source.record.source == record.source;
    });
    if (same == sources_.end() && sources_.size() == kMostSources) return note_refused();
    ++taken_;
    last_came_ms_ = now_ms;
    if (same != sources_.end()) {
        *same = {std::move(record), now_ms};
    } else {
        sources_.push_back({std::move(record), now_ms});
    }
}

std::optional<QueueSample> QueueMonitor::latest(std::int64_t now_ms) const {
    std::optional<QueueSample> sum;
    for (const Source& source : sources_) {
        if (is_silent(source, now_ms) || source.record.folders_read == 0) continue;
        if (!sum) sum.emplace();
        add(*sum, source.record);
    }
    return sum;
}

std::string QueueMonitor::why_off(std::int64_t now_ms) const {
    if (latest(now_ms)) return {};
    if (!why_closed_.empty()) return why_closed_;
    if (const std::vector<Source> heard = sources(now_ms); !heard.empty())
        return heard.front().record.problem.empty() ? "no queue directory is watched"
                                                    : heard.front().record.problem;
    if (!last_came_ms_) return "no sample has come yet";
    return fmt::format("the last sample came {} s ago",
                       std::max<std::int64_t>(0, now_ms - *last_came_ms_) / 1000);
}

std::vector<QueueMonitor::Source> QueueMonitor::sources(std::int64_t now_ms) const {
    std::vector<Source> heard;
    for (const Source& source : sources_)
        if (!is_silent(source, now_ms)) heard.push_back(source);
    return heard;
}

}  // namespace optimilter
