// SPDX-License-Identifier: Apache-2.0
#include "console/status_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "policy/quantities.hpp"

namespace optimilter {

namespace {

using Json = nlohmann::ordered_json;

// Fields of foreign JSON: what is not there, or of another kind, is as good as empty.
constexpr std::size_t kLongestAlert = 500;

std::string text_of(const Json& json, const char* name, std::size_t limit = 200) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? printable(found->get<std::string>(), limit)
                                                     : std::string();
}

std::int64_t number_of(const Json& json, const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

bool true_in(const Json& json, const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_boolean() && found->get<bool>();
}

const Json& object_in(const Json& json, const char* name) {
    static const Json kEmpty = Json::object();
    const auto found = json.find(name);
    return found != json.end() && found->is_object() ? *found : kEmpty;
}

std::string duration(std::int64_t seconds) {
    if (seconds < 60) return fmt::format("{} s", seconds);
    if (seconds < 3600) return fmt::format("{} min", seconds / 60);
    if (seconds < 86400) return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
    return fmt::format("{} d {} h", seconds / 86400, seconds / 3600 % 24);
}

std::string mebibytes(std::int64_t bytes) {
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

// Those that are not zero: the others say nothing.
std::string counts(const Json& counters) {
    std::string line;
    for (const auto& [name, value] : counters.items()) {
        if (!value.is_number_integer() || value.get<std::int64_t>() == 0) continue;
        line +=
            fmt::format("{}{} {}", line.empty() ? "" : ", ", printable(name, 40), value.get<std::int64_t>());
    }
    return line.empty() ? "nothing yet" : line;
}

std::string texts_in(const Json& json, const char* name) {
    std::string all;
    const auto found = json.find(name);
    if (found == json.end() || !found->is_array()) return all;
    for (const Json& item : *found) {
        if (item.is_string()) all += (all.empty() ? "" : ", ") + printable(item.get<std::string>());
    }
    return all;
}

// The report as it grows.
class Report {
  public:
    void line(std::string_view name, const std::string& text) {
        text_ += fmt::format("{:<9} {}\n", name, text);
    }
    void problem(std::string text) { problems_.push_back(std::move(text)); }
    // Above all else, for what somebody has to do by a date.
    void banner(const std::string& text) {
        text_.insert(0, fmt::format("*** {} ***\n", text));
        problem(text);
    }
    // The JSON of a process; empty when it gave none, and then the reason has been told.
    Json take(const char* process, const std::string& socket, const ProcessReply& reply);
    StatusReport finish();

  private:
    Json absent(const char* process, const char* state, const std::string& why);

    std::string text_;
    Json json_ = Json::object();
    std::vector<std::string> problems_;
};

Json Report::absent(const char* process, const char* state, const std::string& why) {
    line(process, fmt::format("{}: {}", state, why));
    json_[process] = Json{{"state", state}, {"reason", why}};
    return {};
}

Json Report::take(const char* process, const std::string& socket, const ProcessReply& reply) {
    if (socket.empty()) return absent(process, "not asked", "the settings name no socket for it");
    const char* state = reply.reach == Reach::kNotRunning   ? "not running"
                        : reply.reach == Reach::kNotAllowed ? "not allowed to ask"
                                                            : "not answering";
    std::string why = printable(reply.text);
    if (reply.reach == Reach::kAnswered) {
        Json json = Json::parse(reply.text, nullptr, false);
        if (json.is_object() && text_of(json, "process") == process) {
            json_[process] = Json{{"state", "running"}};
            json_[process].update(json);
            line(process, fmt::format("running, version {}, pid {}, up {}", text_of(json, "version"),
                                      number_of(json, "pid"), duration(number_of(json, "uptime_s"))));
            return json;
        }
        why = "this is not its status: " + printable(reply.text, 80);
    }
    problem(fmt::format("{} {}: {}", process, state, why));
    return absent(process, state, why);
}

StatusReport Report::finish() {
    json_["ok"] = problems_.empty();
    json_["problems"] = problems_;
    for (const std::string& text : problems_) line("problem", text);
    if (problems_.empty()) line("all well", "");
    while (text_.size() > 1 && text_[text_.size() - 2] == ' ') text_.erase(text_.size() - 2, 1);
    return {std::move(text_), json_.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n',
            std::move(problems_)};
}

void tell_guard(const Json& guard, Report& report) {
    const std::string engine = text_of(guard, "engine");
    report.line("", fmt::format("{} sessions, engine {}", number_of(guard, "sessions"), engine));
    report.line("", counts(object_in(guard, "counters")));
    if (engine == "hanging") {
        report.problem("the engine hangs: the guard's circuit breaker is open, all mail passes unchanged");
    } else if (engine != "up") {
        report.problem("the guard does not reach the engine: all mail passes unchanged");
    }
    if (true_in(guard, "draining")) report.problem("guard draining: it is about to stop");
    if (true_in(guard, "passing_all"))
        report.problem("the settings file had problems when the guard started: all mail passes unchanged");
}

void tell_workers(const Json& workers, Report& report) {
    const std::int64_t zygote = number_of(workers, "zygote_pid");
    const std::string down = text_of(workers, "down_reason");
    report.line("zygote", zygote == 0 ? "not running"
                                      : fmt::format("running, pid {}, up {}", zygote,
                                                    duration(number_of(workers, "zygote_uptime_s"))));
    report.line("workers", fmt::format("{} of {} busy, {} idle, {} warming; {} messages wait",
                                       number_of(workers, "busy"), number_of(workers, "limit"),
                                       number_of(workers, "idle"), number_of(workers, "warming"),
                                       number_of(workers, "waiting")));
    const std::string missing = texts_in(workers, "missing_sandbox_steps");
    report.line("sandbox", missing.empty() ? "complete" : "this kernel lacks: " + missing);
    if (!down.empty()) {
        report.problem("workers cannot be started: " + down);
    } else if (zygote == 0) {
        report.problem("zygote not running: attachments pass unchanged");
    }
}

double decimal_in(const Json& json, const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_number() ? found->get<double>() : 0;
}

// What is done at this level.
std::string work_at(const Json& load) {
    if (number_of(load, "level") == 0) return "everything is worked on";
    const std::int64_t one_in = number_of(load, "probe_one_in");
    if (true_in(load, "bypass"))
        return one_in == 0 ? "no message is read" : fmt::format("one message in {} is read", one_in);
    return fmt::format("attachments of {} to {} with effort {} are worked on",
                       print_size(number_of(load, "min_size")), print_size(number_of(load, "max_size")),
                       number_of(load, "effort_max"));
}

std::string signals_off(const Json& load) {
    std::string all;
    for (const auto& [name, why] : object_in(load, "signals_off").items()) {
        // Of the queue its own line says it.
        if (!why.is_string() || name.starts_with("queue_")) continue;
        all += fmt::format("{}{} ({})", all.empty() ? "" : ", ", printable(name, 40),
                           printable(why.get<std::string>(), 100));
    }
    return all;
}

void tell_load(const Json& load, Report& report) {
    if (load.empty()) return;
    const std::string cause = text_of(load, "cause");
    report.line("load",
                fmt::format("level {} of 5 for {}{}: {}", number_of(load, "level"),
                            duration(number_of(load, "level_s")),
                            cause.empty() || cause == "none" ? "" : ", because of " + cause, work_at(load)));
    report.line("", fmt::format("pressure {:.2f}, most of it by {}", decimal_in(load, "pressure"),
                                text_of(load, "signal")));
    const Json& pin = object_in(load, "pin");
    if (!pin.empty()) report.line("", "ordered for " + duration(number_of(pin, "left_s")) + " more");
    if (const std::string off = signals_off(load); !off.empty()) report.line("", "signals off: " + off);
    if (true_in(load, "bypass"))
        report.problem("load: mail passes untouched until the load is gone" +
                       std::string(pin.empty() ? "" : ", as ordered"));
}

std::string age_of(const Json& json, const char* name) {
    const std::int64_t age_ms = number_of(json, name);
    return age_ms <= 0 ? std::string() : fmt::format(" (oldest {})", duration(age_ms / 1000));
}

// One that runs and cannot read is a problem; none at all is how the machine is set up.
void tell_queue_source(const Json& source, Report& report) {
    report.line("queuewatch", fmt::format("running, version {}, pid {}, up {}; a sample takes {:.1f} ms",
                                          text_of(source, "version"), number_of(source, "pid"),
                                          duration(number_of(source, "uptime_s")),
                                          static_cast<double>(number_of(source, "cost_us")) / 1000));
    const std::string problem = text_of(source, "problem");
    if (!problem.empty()) report.problem("queuewatch: " + problem);
}

void tell_queue(const Json& queue, Report& report) {
    const auto sources = queue.find("sources");
    if (sources != queue.end() && sources->is_array()) {
        for (const Json& source : *sources) tell_queue_source(source, report);
    }
    const std::string off = text_of(queue, "off_reason");
    if (!off.empty()) return report.line("queue", "no samples, that signal is off: " + off);
    report.line("queue", fmt::format("incoming {}, active {}{}, tried again {}, deferred {}, hold {}",
                                     number_of(queue, "incoming"), number_of(queue, "active"),
                                     age_of(queue, "oldest_ms"), number_of(queue, "retried"),
                                     number_of(queue, "deferred"), number_of(queue, "hold")));
}

void tell_engine_problems(const Json& engine, Report& report) {
    const std::string problem = text_of(engine, "problem"), settings = text_of(engine, "settings_problem");
    if (true_in(engine, "stopping")) {
        report.problem("engine stopping");
    } else if (true_in(engine, "draining")) {
        report.problem("engine draining: new mail passes unchanged until optimilterctl resume");
    }
    if (!problem.empty()) report.problem("engine in trouble: " + problem);
    if (!settings.empty())
        report.problem("settings or rules have problems, older settings are used: " + settings);
    const Json policy = object_in(engine, "policy");
    if (true_in(policy, "out_of_date"))
        report.problem("the rules were valid until " + text_of(policy, "valid_until") +
                       ": all mail passes unchanged");
}

// Those that last. Dates stand above all else.
void tell_alerts(const Json& engine, Report& report) {
    const auto alerts = engine.find("alerts");
    if (alerts == engine.end() || !alerts->is_array()) return;
    for (const Json& alert : *alerts) {
        if (!alert.is_object() || number_of(alert, "cleared") != 0) continue;
        const std::string kind = text_of(alert, "kind"), text = text_of(alert, "text", kLongestAlert);
        kind == "valid_until" ? report.banner(text) : report.problem(fmt::format("alert {}: {}", kind, text));
    }
}

void tell_engine(const Json& engine, Report& report) {
    report.line("", fmt::format("settings {}, read {}", text_of(engine, "settings_file"),
                                text_of(engine, "settings_since")));
    const Json policy = object_in(engine, "policy");
    const std::string end = text_of(policy, "valid_until");
    report.line("rules", fmt::format("{} in {}{}", number_of(policy, "rules"), text_of(policy, "folder"),
                                     end.empty() ? "" : ", valid until " + end));
    report.line(
        "", fmt::format("{} sessions, {} at their end; bodies take {} of {}", number_of(engine, "sessions"),
                        number_of(engine, "in_flight"), mebibytes(number_of(engine, "body_bytes")),
                        mebibytes(number_of(engine, "body_budget"))));
    report.line("", counts(object_in(engine, "counters")));
    tell_workers(object_in(engine, "workers"), report);
    tell_load(object_in(engine, "load"), report);
    if (const Json& queue = object_in(engine, "queue"); !queue.empty()) tell_queue(queue, report);
    tell_engine_problems(engine, report);
    tell_alerts(engine, report);
}

}  // namespace

StatusReport report_status(const ProcessReplies& replies) {
    Report report;
    const Json guard = report.take("guard", replies.guard_socket, replies.guard);
    if (guard.is_object()) tell_guard(guard, report);
    const Json engine = report.take("engine", replies.engine_socket, replies.engine);
    if (engine.is_object()) tell_engine(engine, report);
    if (guard.is_object() && engine.is_object() && text_of(guard, "version") != text_of(engine, "version"))
        report.line("note", "guard and engine are of different versions: one was not restarted");
    for (const std::string& text : replies.certificates) report.banner(printable(text, kLongestAlert));
    return report.finish();
}

StatusReport report_load(const std::string& engine_socket, const ProcessReply& reply) {
    Report report;
    const Json engine = report.take("engine", engine_socket, reply);
    if (engine.is_object()) tell_load(object_in(engine, "load"), report);
    return report.finish();
}

}  // namespace optimilter
