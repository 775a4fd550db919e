// SPDX-License-Identifier: Apache-2.0
#include "milter/trip.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include "base/version.hpp"
#include "mail/mime_index.hpp"
#include "mail/mime_splice.hpp"
#include "mail/retyped_part.hpp"
#include "mail/transfer_coding.hpp"
#include "mail/untouchable.hpp"
#include "milter/part_work.hpp"

namespace optimilter {

namespace {

constexpr std::string_view kDeadline = "deadline";

// A base64 part that may be rewritten, decoded.
struct Candidate {
    std::size_t report = 0;  // index into TripResult::parts
    const Part* part = nullptr;
    Base64Layout layout;
    WorkItem work;
};

// What the rules say of a part, or the settings where there are none.
PartPolicy policy_of(MessagePolicy* policy, const Settings& settings, const Options& options,
                     const PartReport& report, std::size_t message_bytes) {
    if (policy == nullptr) return {&settings, &options, {}, {}};
    return policy->for_part({report.type, report.file_name, report.format, report.bytes_in, message_bytes});
}

// Policy's last word on a part that is not to be worked on. The outcome tells a rule from a bound.
struct Exclusion {
    Outcome outcome = Outcome::kNotApplicable;
    std::string_view reason;  // empty: work on it
};
Exclusion exclusion(const PartPolicy& policy, const PartReport& report) {
    if (!policy.leave_alone.empty()) return {Outcome::kUntouchable, policy.leave_alone};
    return {Outcome::kNotApplicable, part_excluded(*policy.settings, report.format, report.bytes_in)};
}

// What happens after the last worker has answered takes time too: encoding, splicing, checking and sending,
// measured at about 5 ms a megabyte, three times as long as indexing. It is set aside, so that the answer is
// out at the deadline, not begun. index_ms, of this very message, tells how busy the machine is.
Deadline work_deadline(Deadline deadline, std::size_t body_bytes, double index_ms) {
    if (deadline.at() == SteadyClock::time_point::max()) return deadline;
    const auto calm_ms = static_cast<double>(20 + 8 * (body_bytes >> 20));
    const auto reserve_ms = static_cast<std::int64_t>(std::max(calm_ms, 3 * index_ms));
    return Deadline(deadline.at() - std::chrono::milliseconds(reserve_ms));
}

MimeLimits mime_limits(const Settings& settings) {
    MimeLimits limits;
    limits.max_depth = settings.max_mime_depth;
    limits.max_parts = settings.max_mime_parts;
    limits.inner_messages = settings.inner_messages;
    return limits;
}

void count_part(const PartReport& report, Counters& counters) {
    counters.add(report.outcome == Outcome::kOptimized ? Counter::kPartsOptimized : Counter::kPartsKept);
    if (report.outcome == Outcome::kUntouchable) counters.add(Counter::kPartsUntouchable);
    if (report.outcome == Outcome::kMalformed) counters.add(Counter::kPartsMalformed);
    if (report.outcome == Outcome::kOverBudget) counters.add(Counter::kPartsOverBudget);
    if (report.left_for_load) counters.add(Counter::kPartsLoad);
}

// One trip: the stages in the order they happen, each leaving what the next one needs.
class Trip {
  public:
    // pool: null to plan only.
    Trip(const TripInput& input, const Settings& settings, Pool* pool, ResultCache* cache)
        : input_(input),
          settings_(settings),
          pool_(pool),
          cache_(cache),
          plan_(plan_message(settings, input.direction)),
          deadline_(work_deadline(input.deadline, input.body.size(), 0)) {
        result_.bytes_out = input.body.size();
        result_.dry_run = plan_.dry_run;
        if (input.policy != nullptr) result_.rule = input.policy->rule();
    }

    TripResult run() {
        std::string_view refusal =
            skip_at_headers(input_.fields, input_.null_sender, input_.direction, settings_);
        if (input_.policy != nullptr && !input_.policy->leave_alone().empty())
            refusal = input_.policy->leave_alone();
        if (index(refusal)) {
            deadline_ = work_deadline(input_.deadline, input_.body.size(), result_.index_ms);
            result_.worked_on = !candidates_.empty();
            ask_for_worker();
            decode();
            if (pool_ != nullptr) {
                work();
                assemble();
            }
        }
        return std::move(result_);
    }

  private:
    // Indexes the message and lists its leaves. false: the message stays as it is.
    bool index(std::string_view refusal) {
        const Stopwatch watch;
        Result<MimeIndex> index = index_message(input_.fields, input_.body, mime_limits(settings_));
        if (!index) {
            refuse_unindexed(index.error(), refusal);
            result_.index_ms = watch.elapsed_ms();
            return false;
        }
        index_ = std::move(*index);
        if (refusal.empty()) refusal = untouchable_message(index_, input_.body);
        for (const Part& part : index_.parts) {
            if (!part.multipart) list_leaf(part, refusal);
        }
        result_.reason = refusal;
        result_.index_ms = watch.elapsed_ms();
        return refusal.empty();
    }

    // Nothing can be said of its parts: one line stands for the whole message.
    void refuse_unindexed(const Error& error, std::string_view refusal) {
        PartReport report;
        report.bytes_in = input_.body.size();
        const bool left_alone = !refusal.empty() || error.code == ErrorCode::kUnsupported;
        const Outcome outcome = left_alone                        ? Outcome::kUntouchable
                                : error.code == ErrorCode::kLimit ? Outcome::kOverBudget
                                                                  : Outcome::kMalformed;
        result_.reason = refusal.empty() ? error.text : std::string(refusal);
        keep_part(report, outcome, result_.reason);
        result_.parts.push_back(std::move(report));
    }

    void list_leaf(const Part& part, std::string_view refusal) {
        PartReport report;
        report.index = part.index;
        report.type = part.type;
        report.file_name = part.file_name;
        if (deadline_.expired()) {
            // What it holds is not looked at any more: the size is that of its encoded bytes.
            report.bytes_in = part.body.size();
            keep_part(report, Outcome::kOverBudget, kDeadline);
            result_.parts.push_back(std::move(report));
            return;
        }
        const Glimpse seen = glimpse(slice(input_.body, part.body), part.encoding);
        report.bytes_in = seen.decoded_size;
        report.format = sniff(seen.head, TypeHint{part.type, part.file_name});
        if (!refusal.empty()) {
            keep_part(report, Outcome::kUntouchable, refusal);
        } else if (const std::string_view why = untouchable_part(index_, part); !why.empty()) {
            keep_part(report, Outcome::kUntouchable, why);
        } else {
            consider(part, report);
        }
        result_.parts.push_back(std::move(report));
    }

    // Policy's word on a part that may be touched as far as mail is concerned.
    void consider(const Part& part, PartReport& report) {
        if (deadline_.expired()) return keep_part(report, Outcome::kOverBudget, kDeadline);
        Result<Base64Layout> layout = inspect_base64(slice(input_.body, part.body), part.crlf);
        if (!layout) {
            keep_part(report, Outcome::kMalformed, layout.error().text);
            return;
        }
        report.bytes_in = layout->decoded_size;
        // Whether ZIP bytes are a document shows only at their end, so policy is asked again once the part is
        // decoded.
        const Exclusion excluded = exclusion(ask_policy(report), report);
        if (!excluded.reason.empty() && report.format != Format::kZip) {
            keep_part(report, excluded.outcome, excluded.reason);
            return;
        }
        if (left_for_load(report)) return;
        Candidate candidate;
        candidate.report = result_.parts.size();
        candidate.part = &part;
        candidate.layout = *layout;
        candidates_.push_back(std::move(candidate));
    }

    // Load control's word on a part that is worth it otherwise.
    bool left_for_load(PartReport& report) const {
        const double yield = input_.yields == nullptr
                                 ? std::numeric_limits<double>::infinity()
                                 : input_.yields->expected(report.format, report.bytes_in);
        const std::string_view why = load_excluded(input_.load, yield, report.bytes_in);
        if (why.empty()) return false;
        report.left_for_load = true;
        keep_part(report, Outcome::kOverBudget, why);
        return true;
    }

    PartPolicy ask_policy(PartReport& report) {
        const PartPolicy policy =
            policy_of(input_.policy, settings_, plan_.options, report, input_.body.size());
        report.rule = policy.rule;
        return policy;
    }

    // Decoding is of no use when no worker can be had in time, unless results are remembered.
    void ask_for_worker() {
        if (candidates_.empty() || cache_ != nullptr || pool_ == nullptr) return;
        if (const Status admitted = pool_->admits(deadline_); !admitted)
            keep_candidates(admitted.error().text);
    }

    void keep_candidates(std::string_view why) {
        for (const Candidate& candidate : candidates_)
            keep_part(result_.parts[candidate.report], Outcome::kOverBudget, why);
        candidates_.clear();
    }

    void decode() {
        const Stopwatch watch;
        std::erase_if(candidates_, [this](Candidate& candidate) {
            PartReport& report = result_.parts[candidate.report];
            if (deadline_.expired()) {
                keep_part(report, Outcome::kOverBudget, kDeadline);
                return true;
            }
            const Status decoded = decode_one(candidate, report);
            if (!decoded) keep_part(report, Outcome::kOverBudget, decoded.error().text);
            return !decoded || report.outcome != Outcome::kOptimized;
        });
        result_.decode_ms = watch.elapsed_ms();
    }

    // Leaves the outcome at kOptimized as a mark for "goes on"; everything else is final.
    Status decode_one(Candidate& candidate, PartReport& report) {
        Result<Memfd> file = Memfd::create("optimilter-input");
        if (!file) return file.error();
        const ByteView encoded = slice(input_.body, candidate.part->body);
        const Status status = decode_base64(encoded, candidate.layout, [&](ByteView piece) -> Status {
            if (deadline_.expired()) return Error{ErrorCode::kDeadline, std::string(kDeadline)};
            return file->append(piece);
        });
        if (!status) return status;
        const Result<Mapping> mapping = Mapping::of(file->fd(), file->size());
        if (!mapping) return mapping.error();
        report.format = sniff(mapping->bytes(), TypeHint{report.type, report.file_name});
        const PartPolicy policy = ask_policy(report);
        if (const Exclusion excluded = exclusion(policy, report); !excluded.reason.empty()) {
            keep_part(report, excluded.outcome, excluded.reason);
            return Success{};
        }
        if (left_for_load(report)) return Success{};
        candidate.work.settings = policy.settings;
        candidate.work.options = *policy.options;
        candidate.work.digest = sha256(mapping->bytes());
        candidate.work.input = std::move(*file);
        report.outcome = Outcome::kOptimized;
        return Success{};
    }

    // Largest first: what the deadline cuts off are the parts that matter least.
    void work() {
        const Stopwatch watch;
        std::sort(candidates_.begin(), candidates_.end(), [this](const Candidate& a, const Candidate& b) {
            return result_.parts[a.report].bytes_in > result_.parts[b.report].bytes_in;
        });
        std::vector<WorkItem*> items;
        for (Candidate& candidate : candidates_) {
            candidate.work.report = &result_.parts[candidate.report];
            items.push_back(&candidate.work);
        }
        const PartWork::Surroundings around{input_.direction, *pool_, cache_, input_.load.effort_max};
        PartWork(around, deadline_).run(items);
        if (input_.yields != nullptr) learn_yields();
        result_.work_ms = watch.elapsed_ms();
    }

    // From what workers did; what was remembered cost nothing and tells nothing.
    void learn_yields() const {
        for (const Candidate& candidate : candidates_) {
            const PartReport& report = result_.parts[candidate.report];
            if (report.cpu_ms > 0)
                input_.yields->note(report.format, report.bytes_in, report.bytes_in - report.bytes_out,
                                    report.cpu_ms);
        }
    }

    // Encodes what became smaller and splices it in; any doubt keeps the whole message.
    void assemble() {
        const Stopwatch watch;
        std::vector<PartReplacement> replacements;
        for (const Candidate& candidate : candidates_) {
            PartReport& report = result_.parts[candidate.report];
            if (report.outcome != Outcome::kOptimized) continue;
            if (input_.deadline.expired()) {
                keep_part(report, Outcome::kOverBudget, kDeadline);
                continue;
            }
            const bool to_png = report.output_format == Format::kPng && report.format != Format::kPng;
            if (to_png && !may_become_png(*candidate.part, report)) continue;
            const ByteView old_body = slice(input_.body, candidate.part->body);
            std::string encoded = encode_base64(candidate.work.output.bytes(), candidate.layout, old_body);
            if (encoded.size() >= old_body.size()) {
                keep_part(report, Outcome::kNotSmaller, "not smaller once encoded");
                continue;
            }
            replacements.push_back({candidate.part->index, std::move(encoded), report.bytes_out, to_png});
        }
        if (replacements.empty()) {
            result_.reason = "no part became smaller";
        } else {
            replace(std::move(replacements));
        }
        if (input_.deadline.expired()) withdraw();
        result_.splice_ms = watch.elapsed_ms();
    }

    // The header of a converted part must tell its new type and name; when it cannot be edited, the part
    // stays.
    bool may_become_png(const Part& part, PartReport& report) {
        const auto edits = edits_to_png(input_.body, part);
        if (!edits) keep_part(report, Outcome::kNotApplicable, "conversion: " + edits.error().text);
        return edits.has_value();
    }

    // All is ready, but too late: the short answer still gets out in time, the new body might not.
    void withdraw() {
        if (!result_.new_body) return;
        result_.new_body.reset();
        result_.bytes_out = input_.body.size();
        result_.reason = kDeadline;
        keep_optimized(Outcome::kOverBudget);
    }

    void keep_optimized(Outcome outcome) {
        for (PartReport& report : result_.parts) {
            if (report.outcome == Outcome::kOptimized) keep_part(report, outcome, result_.reason);
        }
    }

    void replace(std::vector<PartReplacement> replacements) {
        Result<Memfd> body = splice(input_.fields, input_.body, index_, std::move(replacements),
                                    mime_limits(settings_), input_.deadline);
        if (!body || body->size() >= input_.body.size()) {
            result_.reason = body ? "not smaller as a whole" : body.error().text;
            const bool late = !body && body.error().code == ErrorCode::kDeadline;
            keep_optimized(late ? Outcome::kOverBudget : Outcome::kTooDifferent);
            return;
        }
        result_.bytes_out = body->size();
        if (plan_.dry_run) {
            result_.reason = "dry run";
        } else {
            result_.new_body = std::move(*body);
        }
    }

    const TripInput& input_;
    const Settings& settings_;
    Pool* pool_;
    ResultCache* cache_;
    MessagePlan plan_;
    Deadline deadline_;  // of the workers; earlier than the message's
    MimeIndex index_;
    std::vector<Candidate> candidates_;
    TripResult result_;
};

TripResult kept_message(const TripInput& input, std::string reason) {
    TripResult result;
    result.bytes_out = input.body.size();
    result.reason = std::move(reason);
    return result;
}

}  // namespace

TripResult run_trip(const TripInput& input, const Settings& settings, Pool& pool, Counters& counters,
                    ResultCache* cache) {
    TripResult result;
    // The one place where whatever went wrong becomes "the message stays as it came".
    try {
        result = Trip(input, settings, &pool, cache).run();
    } catch (const std::exception& error) {
        result = kept_message(input, fmt::format("internal: {}", error.what()));
    } catch (...) {
        result = kept_message(input, "internal: unknown exception");
    }
    counters.add(Counter::kMessages);
    counters.add(result.new_body ? Counter::kMessagesReplaced : Counter::kMessagesPassed);
    counters.add(Counter::kBytesIn, input.body.size());
    counters.add(Counter::kBytesOut, result.new_body ? result.bytes_out : input.body.size());
    for (const PartReport& report : result.parts) count_part(report, counters);
    if (input.deadline.expired()) counters.add(Counter::kDeadlinesMissed);
    return result;
}

TripResult plan_trip(const TripInput& input, const Settings& settings) {
    return Trip(input, settings, nullptr, nullptr).run();
}

std::string_view skip_at_headers(const HeaderFields& fields, bool null_sender, Direction direction,
                                 const Settings& settings) {
    UntouchableOptions options;
    options.skip_dkim = plan_message(settings, direction).skip_dkim;
    return untouchable_headers(fields, null_sender, options);
}

FileResult run_file_trip(Memfd input, const TypeHint& hint, Direction direction, Deadline deadline,
                         const Settings& settings, Pool& pool, Counters& counters, MessagePolicy* policy) {
    FileResult result;
    PartReport& report = result.report;
    report.type = hint.mime_type;
    report.file_name = hint.file_name;
    report.bytes_in = input.size();
    const auto finish = [&](Outcome outcome, std::string_view reason) {
        if (outcome != Outcome::kOptimized) keep_part(report, outcome, reason);
        count_part(report, counters);
        return std::move(result);
    };
    Digest digest{};
    {
        // The mapping ends before the worker gets the file: it is sealed against writing then.
        const Result<Mapping> mapping = Mapping::of(input.fd(), input.size());
        if (!mapping) return finish(Outcome::kOverBudget, mapping.error().text);
        report.format = sniff(mapping->bytes(), hint);
        digest = sha256(mapping->bytes());
    }
    const MessagePlan plan = plan_message(settings, direction);
    const PartPolicy part = policy_of(policy, settings, plan.options, report, report.bytes_in);
    report.rule = part.rule;
    if (const Exclusion excluded = exclusion(part, report); !excluded.reason.empty())
        return finish(excluded.outcome, excluded.reason);
    WorkItem item{&report, part.settings, *part.options, std::move(input), digest, {}};
    PartWork({direction, pool, nullptr}, deadline).run({&item});
    result.output = std::move(item.output);
    return finish(report.outcome, report.reason);
}

std::string trace_value(const TripResult& result) {
    std::size_t parts = 0, in = 0, out = 0;
    for (const PartReport& report : result.parts) {
        if (report.outcome != Outcome::kOptimized) continue;
        ++parts;
        in += report.bytes_in;
        out += report.bytes_out;
    }
    return fmt::format("{}; parts={}; in={}; out={}", kVersion, parts, in, out);
}

}  // namespace optimilter
