// SPDX-License-Identifier: Apache-2.0
//
// The whole decision about one message, from its bytes to the new body, fail-open in one place. Called by the
// engine's end-of-message, by tests and by optimilterctl optimize; knows no libmilter. Thread safe: a Trip
// shares only the Pool and the Counters.
//
// Security: header fields and body are hostile; see mail/ for their bounds. No codec runs here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/counters.hpp"
#include "base/memfd.hpp"
#include "mail/header_field.hpp"
#include "milter/part_report.hpp"
#include "optimizers/format.hpp"
#include "policy/decide.hpp"
#include "policy/load_controller.hpp"
#include "policy/message_policy.hpp"
#include "policy/settings.hpp"
#include "policy/yield_table.hpp"
#include "store/result_cache.hpp"
#include "workers/pool.hpp"

namespace optimilter {

struct TripInput {
    const HeaderFields& fields;
    ByteView body;
    bool null_sender = false;
    Direction direction = Direction::kInbound;
    Deadline deadline;
    // What the rules make of it, its header taken in; null: settings count for every part.
    MessagePolicy* policy = nullptr;
    LoadLimits load = {};          // what the machine's load allows
    YieldTable* yields = nullptr;  // what was learned of kinds of files, and learns more; null: nothing
};

struct TripResult {
    std::optional<Memfd> new_body;  // set: replace the body by exactly this; strictly smaller, verified
    std::size_t bytes_out = 0;      // size of the body as it would leave (also in a dry run)
    std::string reason;             // why the message stays as it is; empty when replaced
    std::string rule;               // of the message as a whole; empty: none
    bool dry_run = false;           // new_body is withheld, reports tell what would be
    bool worked_on = false;         // some part was a matter for a worker, or for what is remembered
    std::vector<PartReport> parts;  // leaf parts, in order
    // Stages, in ms: indexing, decoding, workers, splicing and checking.
    double index_ms = 0, decode_ms = 0, work_ms = 0, splice_ms = 0;
};

// Never throws. settings: of the message as a whole. What is not ready at the deadline stays, a new body too;
// later than that by one pass over the body at most. cache: null for none.
TripResult run_trip(const TripInput& input, const Settings& settings, Pool& pool, Counters& counters,
                    ResultCache* cache = nullptr);

// The same without any work: parts that would be worked on say so by their outcome, kOptimized, with
// bytes_out as bytes_in. The body stays.
TripResult plan_trip(const TripInput& input, const Settings& settings);

// The reason to accept at the end of headers, before the body is sent; empty: read the body. Static text.
std::string_view skip_at_headers(const HeaderFields& fields, bool null_sender, Direction direction,
                                 const Settings& settings);

// One bare file instead of a message (optimilterctl optimize): the same checks, workers and limits. input is
// given up. policy: as in TripInput.
struct FileResult {
    PartReport report;
    SharedBytes output;  // the smaller file; empty unless optimised
};
FileResult run_file_trip(Memfd input, const TypeHint& hint, Direction direction, Deadline deadline,
                         const Settings& settings, Pool& pool, Counters& counters,
                         MessagePolicy* policy = nullptr);

// Value of the trace header added together with a replaced body.
std::string trace_value(const TripResult& result);

}  // namespace optimilter
