// SPDX-License-Identifier: Apache-2.0
#include "console/optimize_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "console/file_report.hpp"
#include "console/output_plan.hpp"
#include "mail/message_text.hpp"
#include "mail/untouchable.hpp"
#include "milter/pool_settings.hpp"
#include "milter/trip.hpp"
#include "policy/message_policy.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kMaxFileBytes = 1ull << 30;
constexpr std::size_t kManyFiles = 5;

bool ends_with_eml(std::string_view path) {
    return path.size() > 4 && iequals(path.substr(path.size() - 4), ".eml");
}

// A message by its name, or by fields that nothing but a message starts with.
bool is_message(const std::string& path, ByteView bytes) {
    if (ends_with_eml(path)) return true;
    if (sniff(bytes) != Format::kUnknown) return false;
    const Result<MessageText> message = split_message(bytes);
    if (!message) return false;
    constexpr std::string_view kMailFields[] = {"MIME-Version", "Received",    "From",
                                                "Message-ID",   "Return-Path", "Date"};
    const auto found = [&](std::string_view name) {
        return std::any_of(message->fields.begin(), message->fields.end(),
                           [name](const HeaderField& field) { return iequals(field.name, name); });
    };
    return std::count_if(std::begin(kMailFields), std::end(kMailFields), found) >= 2;
}

std::string_view base_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

// One file's way through the trip.
struct Done {
    FileReport report;
    Bytes output;  // what --output gets: the new file, or the old one
};

class Runner {
  public:
    Runner(const OptimizeRequest& request, std::shared_ptr<const RuleSet> rules, Pool& pool)
        : request_(request), rules_(std::move(rules)), pool_(pool) {}

    Done run(const std::string& path, Bytes bytes) {
        const Stopwatch watch;
        const double cpu_before = process_cpu_ms() + pool_.overhead_cpu_ms();
        Done done;
        done.report.file = path;
        done.report.bytes_in = bytes.size();
        done.report.is_message = is_message(path, bytes);
        done.output = std::move(bytes);
        if (done.report.is_message) {
            run_message(done);
        } else {
            run_file(path, done);
        }
        done.report.bytes_out = done.output.size();
        done.report.wall_ms = watch.elapsed_ms();
        done.report.cpu_ms = process_cpu_ms() + pool_.overhead_cpu_ms() - cpu_before;
        for (const PartReport& part : done.report.parts) done.report.cpu_ms += part.cpu_ms;
        return done;
    }

  private:
    static void ask(MessagePolicy& policy, const HeaderFields& fields) {
        std::vector<HeaderText> texts;
        for (const HeaderField& field : fields) texts.push_back({field.name, field.value});
        policy.set_header(
            texts, std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now()));
    }
    static Deadline deadline_of(const MessagePolicy& policy) {
        return Deadline::in_ms(policy.settings().deadline);
    }

    void run_message(Done& done) {
        const Result<MessageText> message = split_message(done.output);
        if (!message) {
            done.report.reason = message.error().text;
            PartReport whole;
            whole.bytes_in = whole.bytes_out = done.output.size();
            whole.outcome = Outcome::kMalformed;
            whole.reason = done.report.reason;
            done.report.parts.push_back(std::move(whole));
            return;
        }
        MessagePolicy policy(rules_, {request_.direction, {}, {}, {}, {}});
        ask(policy, message->fields);
        const TripInput input{message->fields,
                              slice(done.output, message->body),
                              false,
                              request_.direction,
                              deadline_of(policy),
                              &policy};
        TripResult result = run_trip(input, policy.settings(), pool_, counters_);
        if (result.new_body) assemble(done, *message, result, policy.settings().trace_header);
        done.report.reason = result.reason;
        done.report.parts = std::move(result.parts);
    }

    // The message as an MTA would write it: its own header, the trace field last, the new body.
    void assemble(Done& done, const MessageText& message, const TripResult& result, bool trace_header) {
        const Result<Mapping> body = Mapping::of(result.new_body->fd(), result.new_body->size());
        if (!body) return;
        const ByteView old(done.output);
        const std::string_view separator = as_text(slice(old, {message.header.end, message.body.begin}));
        Bytes whole(old.begin(), old.begin() + static_cast<std::ptrdiff_t>(message.header.end));
        if (trace_header) {
            const std::string_view line_end = separator.find('\r') == std::string_view::npos ? "\n" : "\r\n";
            append(whole, as_bytes(fmt::format("{}: {}{}", kTraceHeader, trace_value(result), line_end)));
        }
        append(whole, as_bytes(separator));
        append(whole, body->bytes());
        done.output = std::move(whole);
    }

    void run_file(const std::string& path, Done& done) {
        Result<Memfd> input = Memfd::create("optimilter-input");
        if (!input || !input->append(done.output)) {
            done.report.reason = "no memory for the file";
            return;
        }
        const std::string name(base_name(path));
        MessagePolicy policy(rules_, {request_.direction, {}, {}, {}, {}});
        ask(policy, {});
        FileResult result = run_file_trip(std::move(*input), TypeHint{{}, name}, request_.direction,
                                          deadline_of(policy), policy.settings(), pool_, counters_, &policy);
        if (result.report.outcome == Outcome::kOptimized && !policy.settings().dry_run) {
            done.output.assign(result.output.bytes().begin(), result.output.bytes().end());
        }
        done.report.reason = result.report.reason;
        done.report.parts.push_back(std::move(result.report));
    }

    const OptimizeRequest& request_;
    std::shared_ptr<const RuleSet> rules_;
    Pool& pool_;
    Counters counters_;
};

// A bar on the terminal while many files are worked on; silent everywhere else.
class Progress {
  public:
    explicit Progress(std::size_t total)
        : total_(total), shown_(total > kManyFiles && ::isatty(STDERR_FILENO) == 1) {}
    ~Progress() { clear(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void show(std::size_t done) const {
        if (!shown_) return;
        constexpr std::size_t kWidth = 40;
        const std::size_t filled = done * kWidth / total_;
        fmt::print(stderr, "\r[{}{}] {}/{} ", std::string(filled, '#'), std::string(kWidth - filled, '.'),
                   done, total_);
        std::fflush(stderr);
    }
    void clear() const {
        if (shown_) fmt::print(stderr, "\r\x1b[K");
    }

  private:
    std::size_t total_;
    bool shown_;
};

// Reads, runs and writes one file; false when it could not be read or its result not be written.
bool one_file(const OptimizeRequest& request, Runner& runner, const std::string& path,
              const std::string* target, const Progress& progress) {
    Result<Bytes> bytes = read_file(path.c_str(), kMaxFileBytes);
    if (!bytes) {
        progress.clear();
        log_error("{}: {}", printable(path, 400), bytes.error().text);
        return false;
    }
    const Done done = runner.run(path, std::move(*bytes));
    bool written = true;
    if (target != nullptr) {
        const Status status = write_output(*target, done.output);
        progress.clear();
        if (!status) log_error("{}", status.error().text);
        written = status.has_value();
    }
    progress.clear();
    fmt::print("{}", request.json ? json_line(done.report) + "\n" : text_lines(done.report));
    std::fflush(stdout);
    return written;
}

}  // namespace

int optimize_files(const OptimizeRequest& request, std::shared_ptr<const RuleSet> rules) {
    const Result<OutputPlan> plan = plan_output(request.output, request.files);
    if (!plan) {
        log_error("--output: {}", plan.error().text);
        return 2;
    }
    const Result<PoolSettings> pool_settings = pool_settings_of(*rules->settings);
    if (!pool_settings) {
        log_error("{}", pool_settings.error().text);
        return 1;
    }
    Counters counters;
    const Result<std::unique_ptr<Pool>> pool = Pool::start(*pool_settings, counters);
    if (!pool) {
        log_error("workers: {}", pool.error().text);
        return 1;
    }
    Runner runner(request, std::move(rules), **pool);
    const Progress progress(request.files.size());
    bool all_read = true;
    for (std::size_t i = 0; i < request.files.size(); ++i) {
        progress.show(i);
        const std::string* target = plan->targets.empty() ? nullptr : &plan->targets[i];
        all_read = one_file(request, runner, request.files[i], target, progress) && all_read;
    }
    return all_read ? 0 : 1;
}

}  // namespace optimilter
