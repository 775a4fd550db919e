// SPDX-License-Identifier: Apache-2.0
#include "milter/engine_status.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/version.hpp"
#include "milter/load_status.hpp"
#include "milter/queue_socket.hpp"

namespace optimilter {

namespace {

using Json = nlohmann::ordered_json;

std::int64_t seconds_since(SteadyClock::time_point moment) {
    return std::chrono::duration_cast<std::chrono::seconds>(SteadyClock::now() - moment).count();
}

// As in RFC 3339, in UTC.
std::string time_text(std::time_t moment) {
    std::tm parts{};
    char text[32] = "";
    if (::gmtime_r(&moment, &parts) != nullptr)
        std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

Json workers_json(const PoolState& state) {
    Json json;
    json["limit"] = state.workers_limit;
    json["busy"] = state.workers_busy;
    json["idle"] = state.workers_idle;
    json["warming"] = state.workers_warming;
    json["waiting"] = state.waiting;
    json["service_ms"] = static_cast<std::int64_t>(state.service_ms);
    json["zygote_pid"] = state.zygote_pid;
    json["zygote_uptime_s"] = state.zygote_pid == 0 ? 0 : seconds_since(state.zygote_since);
    json["down_reason"] = state.down_reason;
    json["missing_sandbox_steps"] = state.missing_steps;
    json["limits"] = state.limits;
    return json;
}

// rules that are out of date let all mail pass.
Json policy_json(const RuleSet& rules) {
    const auto end = rules.earliest_valid_until();
    Json json;
    json["folder"] = rules.settings->policy_dir;
    json["rules"] = rules.rules.size();
    json["valid_until"] = end ? Json(print_day(end->last_day)) : Json(nullptr);
    json["out_of_date"] =
        end &&
        end->past(std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now()));
    return json;
}

Json cache_json(const ResultCache* cache) {
    Json json;
    json["entries"] = cache == nullptr ? 0 : cache->entries();
    json["memory_bytes"] = cache == nullptr ? 0 : cache->memory_bytes();
    json["file"] = cache == nullptr ? "none" : cache->file_state();
    return json;
}

Json queue_source_json(const QueueMonitor::Source& source, std::int64_t now_ms) {
    const QueueRecord& record = source.record;
    Json json;
    json["pid"] = record.pid;
    json["version"] = record.version;
    json["uptime_s"] = record.uptime_s;
    json["sample_age_ms"] = now_ms - source.came_ms;
    json["interval_ms"] = record.interval_ms;
    json["cost_us"] = record.cost_us;
    json["incoming_oldest_ms"] = record.incoming_oldest_ms;
    json["active_oldest_ms"] = record.active_oldest_ms;
    json["folders_read"] = record.folders_read;
    json["folders_lost"] = record.folders_lost;
    json["problem"] = record.problem;
    return json;
}

// Without any sample the counts are null: not known is not 0.
Json queue_json(const QueueMonitor& monitor) {
    const std::int64_t now_ms = QueueSocket::clock_ms();
    const std::optional<QueueSample> sample = monitor.latest(now_ms);
    const auto known = [&](auto member) { return sample ? Json((*sample).*member) : Json(nullptr); };
    Json json;
    json["off_reason"] = monitor.why_off(now_ms);
    json["incoming"] = known(&QueueSample::incoming);
    json["active"] = known(&QueueSample::active);
    json["deferred"] = known(&QueueSample::deferred);
    json["hold"] = known(&QueueSample::hold);
    json["oldest_ms"] = known(&QueueSample::oldest_ms);
    json["samples"] = monitor.taken();
    json["refused"] = monitor.refused();
    json["sources"] = Json::array();
    for (const QueueMonitor::Source& source : monitor.sources(now_ms))
        json["sources"].push_back(queue_source_json(source, now_ms));
    return json;
}

Json alerts_json(const AlertBoard& alerts) {
    Json all = Json::array();
    for (const Alert& alert : alerts.list()) {
        Json json;
        json["kind"] = alert_kind_name(alert.kind);
        json["since"] = alert.since;
        json["cleared"] = alert.cleared;
        json["count"] = alert.count;
        json["text"] = alert.text;
        json["over"] = alert.over;
        all.push_back(std::move(json));
    }
    return all;
}

Json counters_json(const Counters& counters) {
    Json all = Json::object();
    for (std::size_t i = 0; i < static_cast<std::size_t>(Counter::kCount_); ++i) {
        const auto counter = static_cast<Counter>(i);
        all[std::string(counter_name(counter))] = counters.get(counter);
    }
    return all;
}

std::string_view doing(const Engine& engine, const EngineRun& run) {
    if (engine.draining) return "stopping";
    if (engine.drain_ordered) return "draining";
    return run.problem.empty() ? "serving" : "in trouble";
}

}  // namespace

std::string engine_status_json(const Engine& engine, const EngineRun& run) {
    Json json;
    json["process"] = "engine";
    json["version"] = kVersion;
    json["pid"] = ::getpid();
    json["uptime_s"] = seconds_since(run.started);
    json["draining"] = engine.draining || engine.drain_ordered;
    json["stopping"] = engine.draining.load();
    json["problem"] = run.problem;
    json["settings_file"] = run.settings_file;
    json["settings_since"] = time_text(run.settings_since);
    json["settings_problem"] = run.settings_problem;
    json["policy"] = policy_json(*engine.rules());
    json["sessions"] = engine.sessions.load();
    json["in_flight"] = engine.in_flight.count();
    json["body_bytes"] = engine.body_budget.held();
    json["body_budget"] = engine.settings()->body_budget;
    json["cache"] = cache_json(engine.cache.get());
    json["workers"] = workers_json(engine.pool.state());
    if (run.load != nullptr) json["load"] = load_json(*run.load, *engine.settings(), monotonic_ms());
    if (run.queue != nullptr) json["queue"] = queue_json(*run.queue);
    json["alerts"] = alerts_json(engine.alerts);
    json["counters"] = counters_json(engine.counters);
    // Paths and reasons may hold any bytes; JSON may not.
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string engine_status_line(const Engine& engine, const EngineRun& run) {
    const Counters& counters = engine.counters;
    std::string line =
        fmt::format("{}: {} sessions, {} messages, {} replaced, {} drained", doing(engine, run),
                    engine.sessions.load(), counters.get(Counter::kMessages),
                    counters.get(Counter::kMessagesReplaced), counters.get(Counter::kMessagesDrained));
    if (run.load != nullptr && run.load->state().level > 0)
        line += fmt::format(", load level {}", run.load->state().level);
    if (!run.problem.empty()) line += "; " + run.problem;
    if (!run.settings_problem.empty()) line += "; the settings or rules have problems";
    return line;
}

}  // namespace optimilter
