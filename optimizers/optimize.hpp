// SPDX-License-Identifier: Apache-2.0
//
// The driver: bytes of one file in, a smaller verified file or the reason why not out. It sniffs, runs the
// optimizer of the table, compares sizes and verifies what was written, so that no format can forget to.
// Knows no mail. Not thread safe as a whole (libvips keeps errors per process): one job at a time per
// process.
//
// Security: the input is hostile. Decoders run here, so this is called in the sandboxed worker only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/digest.hpp"
#include "base/result.hpp"
#include "optimizers/budget.hpp"
#include "optimizers/format.hpp"
#include "optimizers/options.hpp"
#include "optimizers/outcome.hpp"

namespace optimilter {

// Initialises the libraries (libvips, ...). Once per process, single-threaded, before the sandbox closes.
void initialize_optimizers();

class JpegJudge;

struct OptimizeResult {
    Outcome outcome = Outcome::kNotApplicable;
    std::string reason;  // plain words; empty when optimised
    Format format = Format::kUnknown;
    std::string_view optimizer;               // name of the table's row, static storage; empty when none ran
    Bytes output;                             // only when optimised
    Format output_format = Format::kUnknown;  // only when optimised; differs from format when converted
    std::optional<double> score;  // lowest measured score of any picture changed with loss; none: lossless
};

// input: the whole file; hint: see format.hpp. Never throws for hostile input; std::bad_alloc becomes
// kOverBudget.
OptimizeResult optimize(ByteView input, const TypeHint& hint, const Options& options, Budget& budget);

// ---- What the formats see
// -------------------------------------------------------------------------------------

// What a container knows of a member picture's use.
struct PictureUse {
    // Most pixels that are of use across and down, as the document shows it; 0: not known, keep the size.
    std::uint32_t width_px = 0;
    std::uint32_t height_px = 0;
    // A result that is larger than this, or smaller on both sides, is scored as it is seen at this size; 0:
    // pixel by pixel.
    std::uint32_t seen_width_px = 0;
    std::uint32_t seen_height_px = 0;
    friend bool operator==(const PictureUse&, const PictureUse&) = default;
};

// How one format's function was called.
struct Context {
    const Options& options;
    Budget& budget;
    // 0: the file itself; 1 and up: a member of that many containers.
    int depth = 0;
    // For containers: the driver for one member, already one level deeper. Verified like a file of its own.
    std::function<OptimizeResult(ByteView member, const TypeHint& hint, const PictureUse& use)> nested;
    // Of the file itself when it is a picture inside a document.
    PictureUse use = {};
};

// A member of a container that was replaced: its place among the entries, and the digest of its new content.
struct MemberChange {
    std::size_t index = 0;
    Digest content{};
};

// What a format's function proposes. outcome kOptimized: output holds a candidate, still unverified.
struct Attempt {
    Outcome outcome = Outcome::kNotApplicable;
    std::string reason;
    Bytes output;
    // Empty: the candidate claims to be lossless and is verified as such. Set: changed with loss, with this
    // score.
    std::optional<double> score;
    std::vector<MemberChange> changes;  // containers only
    // Lossless JPEG only: what was decoded from the input, digested before anything was written, so that
    // verify needs to decode the output alone. None: verify decodes both.
    std::optional<Digest> decoded_input = std::nullopt;
    // Lossy JPEG only, likewise: the input decoded at the size of the result before anything was coded, by
    // the one that measures files against it. None: verify decodes the input, too.
    std::shared_ptr<JpegJudge> jpeg_judge = nullptr;
    // Set when output is of another format (Options::convert_formats).
    Format converted_to = Format::kUnknown;
};

inline Attempt leave_alone(Outcome outcome, std::string reason) {
    return {outcome, std::move(reason), {}, {}, {}};
}

// What an error of a reader, decoder or encoder means for the file.
Outcome outcome_of(ErrorCode code);
inline Attempt leave_alone(const Error& error) {
    return leave_alone(outcome_of(error.code), error.text);
}

// A row of the one table, optimizers/registry.cpp.
struct Optimizer {
    std::string_view name;
    Format format;
    bool container;
    Attempt (*optimize)(ByteView input, Context& context);
    // Empty when output may replace input under the attempt's claim, else the reason why not. Must not trust
    // optimize().
    std::string (*verify)(ByteView input, const Attempt& attempt, Context& context);
};

// The row for a format, or nullptr.
const Optimizer* find_optimizer(Format format);

// Runs one row on input and holds it to the promises of all formats: smaller, no loss unless allowed, the
// score bound, verified, no exception out. For the driver and its tests.
OptimizeResult run_optimizer(const Optimizer& row, ByteView input, Context& context);

}  // namespace optimilter
