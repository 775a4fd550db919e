// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "optimizers/deflate.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/office_uses.hpp"
#include "optimizers/zip_member.hpp"
#include "optimizers/zip_pace.hpp"
#include "optimizers/zip_reader.hpp"
#include "optimizers/zip_untouchable.hpp"
#include "optimizers/zip_writer.hpp"

namespace optimilter {

namespace {

// Formats that deflate hardly shrinks: never worth the slow levels, and mostly left stored when they were.
bool is_compressed_media(Format format) {
    switch (format) {
        case Format::kUnknown:
        case Format::kTiff:
        case Format::kBmp:
        case Format::kPdf:
        case Format::kOle:
        case Format::kTar:
            return false;
        default:
            return true;
    }
}

// Most bytes that a deflated form of such a content may have to take the place of a stored one; 0: stay
// stored. What deflates in pictures are profiles, XMP and thumbnails, mostly in front, so a look at both ends
// decides.
std::size_t limit_for_stored(ByteView content) {
    constexpr std::size_t kHead = 16384;
    constexpr std::size_t kTail = 2048;
    constexpr std::size_t kLeastGainShare = 20;
    const auto gains = [](ByteView piece) {
        return deflate_raw_within(piece, kMediaLevel, piece.size() - piece.size() / kLeastGainShare)
            .has_value();
    };
    const bool likely = gains(content.first(std::min(kHead, content.size()))) ||
                        gains(content.last(std::min(kTail, content.size())));
    return likely ? content.size() - content.size() / kLeastGainShare : 0;
}

// A member that may be rewritten.
struct Candidate {
    std::size_t index;
    Format format;
};

bool is_scalable(Format format) {
    return format == Format::kJpeg || format == Format::kPng;
}

// What a member's optimizer said, for the next member with the same bytes and the same use.
struct Remembered {
    Candidate candidate;
    PictureUse use;
    OptimizeResult result;
};
// Checksum and size: members that agree in them are compared byte by byte.
using ContentKey = std::pair<std::uint32_t, std::uint32_t>;

// One archive on its way to a smaller one. At every moment the replacements found so far make a whole, valid
// archive; members that time or budget did not reach stay as they are.
class Repacking {
  public:
    Repacking(ByteView input, const ZipArchive& archive, Context& context)
        : input_(input),
          archive_(archive),
          context_(context),
          pace_(context.budget, input.size(), archive.entries.size(), zip_levels(context.options.effort)),
          uses_(archive.entries.size()) {}

    Attempt run();

  private:
    std::optional<Attempt> examine();
    std::optional<Attempt> examine_member(std::size_t index);
    bool is_fixed(std::size_t index) const;
    void largest_first(std::vector<Candidate>& candidates) const;
    void look_at_uses();
    const OptimizeResult& optimized(const Candidate& candidate, ByteView content, const PictureUse& use);
    void shrink_nested(const Candidate& candidate);
    bool replace_content(const Candidate& candidate, const OptimizeResult& result);
    void redeflate(const Candidate& candidate);
    Attempt finish();

    const ZipEntry& entry(const Candidate& candidate) const { return archive_.entries[candidate.index]; }
    ContentKey key(const Candidate& candidate) const { return {entry(candidate).crc, entry(candidate).size}; }

    ByteView input_;
    const ZipArchive& archive_;
    Context& context_;
    ZipPace pace_;
    std::uint64_t expanded_ = 0;
    std::uint64_t compressed_ = 0;
    bool out_of_budget_ = false;     // some members were not looked at
    std::vector<Candidate> nested_;  // with an optimizer of their own
    std::vector<Candidate> plain_;   // to be deflated anew, content untouched
    PictureUses uses_;
    std::map<ContentKey, std::size_t> copies_;  // members of nested_ that may be the same
    std::multimap<ContentKey, Remembered> remembered_;
    OptimizeResult latest_;
    ZipReplacements replacements_;
    std::vector<MemberChange> changes_;
    std::optional<double> score_;
};

// Members that are copied whatever they hold. ODF and EPUB want "mimetype" first, stored and plain; for
// folders and symbolic links libarchive could not confirm the content.
bool Repacking::is_fixed(std::size_t index) const {
    const ZipEntry& entry = archive_.entries[index];
    const bool mimetype = zip_name(input_, entry) == "mimetype";
    return entry.size == 0 || !entry.plain_file || mimetype || !is_readable(entry);
}

std::optional<Attempt> Repacking::examine_member(std::size_t index) {
    constexpr std::uint64_t kHarmless = 8u << 20;
    constexpr std::uint64_t kRatioMax = 200;
    const ZipEntry& entry = archive_.entries[index];
    expanded_ += entry.size;
    compressed_ += entry.data.size();
    if (looks_like_bomb(entry) || (expanded_ > kHarmless && expanded_ > kRatioMax * compressed_)) {
        return leave_alone(Outcome::kOverBudget, "expands too far");
    }
    if (!pace_.allows_inflating(entry.size) || !context_.budget.spend_expanded_bytes(entry.size)) {
        out_of_budget_ = true;
        return std::nullopt;
    }
    const Stopwatch watch;
    const auto content = MemberContent::of(input_, entry);
    if (entry.method == kZipDeflated) pace_.learn_inflating(entry.size, watch.elapsed_ms());
    if (!content) {
        const std::string name = printable(zip_name(input_, entry), 60);
        return leave_alone(zip_refusal(content.error().code),
                           fmt::format("{} ({})", content.error().text, name));
    }
    const Format format = sniff(content->bytes(), {{}, zip_name(input_, entry)});
    (find_optimizer(format) != nullptr ? nested_ : plain_).push_back({index, format});
    return std::nullopt;
}

// Everything is inflated once before anything is changed: a checksum that does not match speaks against the
// whole archive, and pictures are found by their bytes.
std::optional<Attempt> Repacking::examine() {
    for (std::size_t i = 0; i < archive_.entries.size(); ++i) {
        if (is_fixed(i)) continue;
        if (auto refused = examine_member(i)) return refused;
    }
    return std::nullopt;
}

void Repacking::largest_first(std::vector<Candidate>& candidates) const {
    std::stable_sort(candidates.begin(), candidates.end(), [this](const Candidate& a, const Candidate& b) {
        return entry(a).data.size() > entry(b).data.size();
    });
}

// true when the new content makes the entry smaller.
bool Repacking::replace_content(const Candidate& candidate, const OptimizeResult& result) {
    const ZipEntry& old = entry(candidate);
    const ByteView content = result.output;
    if (sniff(content, {{}, zip_name(input_, old)}) != candidate.format) return false;
    ZipReplacement replacement{kZipStored, crc32(content), static_cast<std::uint32_t>(content.size()), {}};
    const std::size_t worth_it = old.method == kZipDeflated ? content.size() - 1 : limit_for_stored(content);
    if (worth_it != 0) {
        const std::size_t limit = std::min(old.data.size() - 1, worth_it);
        auto deflated = deflate_raw_within(content, kMediaLevel, limit);
        if (deflated) {
            replacement.method = kZipDeflated;
            replacement.data = std::move(deflated).value();
        }
    }
    if (replacement.method == kZipStored) {
        if (content.size() >= old.data.size()) return false;
        replacement.data = result.output;
    }
    replacements_[candidate.index] = std::move(replacement);
    pace_.will_verify(old.size);
    changes_.push_back({candidate.index, sha256(content)});
    if (result.score) score_ = std::min(score_.value_or(*result.score), *result.score);
    return true;
}

// Reading a document's text costs time, so only where a picture may change by it.
void Repacking::look_at_uses() {
    const bool pictures = std::any_of(nested_.begin(), nested_.end(), [](const Candidate& candidate) {
        return is_scalable(candidate.format);
    });
    if (!pictures || !context_.options.lossy) return;
    uses_ = find_picture_uses(input_, archive_, sniff(input_), context_.budget.deadline());
}

// One picture that stands in a document several times is optimised once. What is remembered lives as long as
// there may be another copy.
const OptimizeResult& Repacking::optimized(const Candidate& candidate, ByteView content,
                                           const PictureUse& use) {
    const auto [begin, end] = remembered_.equal_range(key(candidate));
    for (auto earlier = begin; earlier != end; ++earlier) {
        const Remembered& known = earlier->second;
        if (known.use != use || known.candidate.format != candidate.format) continue;
        const auto same = MemberContent::of(input_, entry(known.candidate));
        if (same && std::equal(content.begin(), content.end(), same->bytes().begin(), same->bytes().end()))
            return known.result;
    }
    latest_ = context_.nested(content, {{}, zip_name(input_, entry(candidate))}, use);
    if (copies_[key(candidate)] < 2 || latest_.outcome == Outcome::kOverBudget) return latest_;
    return remembered_.emplace(key(candidate), Remembered{candidate, use, std::move(latest_)})->second.result;
}

void Repacking::shrink_nested(const Candidate& candidate) {
    if (pace_.time_is_up()) {
        out_of_budget_ = true;
        return;
    }
    if (uses_.must_be_exact(candidate.index)) return plain_.push_back(candidate);
    const auto content = MemberContent::of(input_, entry(candidate));
    if (!content) return;
    const ReservedTime reserved(context_.budget, pace_.reserve_ms(entry(candidate).size));
    const PictureUse use = uses_.at(candidate.index, context_.options.document_ppi);
    const OptimizeResult& result = optimized(candidate, content->bytes(), use);
    if (result.outcome == Outcome::kUntouchable) return;
    if (result.outcome == Outcome::kOverBudget) {
        out_of_budget_ = true;
        return;
    }
    if (result.outcome == Outcome::kOptimized && replace_content(candidate, result)) return;
    plain_.push_back(candidate);
}

void Repacking::redeflate(const Candidate& candidate) {
    const ZipEntry& old = entry(candidate);
    const bool media = is_compressed_media(candidate.format);
    const auto level = pace_.level_for(old.size, media);
    if (!level) {
        out_of_budget_ = true;
        return;
    }
    const auto content = MemberContent::of(input_, old);
    if (!content) return;
    const bool keeps_stored = media && old.method == kZipStored;
    const std::size_t limit = keeps_stored ? limit_for_stored(content->bytes()) : old.data.size() - 1;
    if (limit == 0) return;
    const Stopwatch watch;
    auto deflated = deflate_raw_within(content->bytes(), *level, limit);
    pace_.learn_deflating(old.size, *level, watch.elapsed_ms());
    if (!deflated) return;
    replacements_[candidate.index] = {kZipDeflated, old.crc, old.size, std::move(deflated).value()};
    pace_.will_verify(old.size);
}

Attempt Repacking::finish() {
    if (replacements_.empty()) {
        return out_of_budget_ ? leave_alone(Outcome::kOverBudget, "no time or budget for any member")
                              : leave_alone(Outcome::kNotSmaller, "no member became smaller");
    }
    std::sort(changes_.begin(), changes_.end(),
              [](const MemberChange& a, const MemberChange& b) { return a.index < b.index; });
    Attempt attempt;
    attempt.outcome = Outcome::kOptimized;
    attempt.output = write_zip(input_, archive_, replacements_);
    attempt.score = score_;
    attempt.changes = std::move(changes_);
    return attempt;
}

Attempt Repacking::run() {
    if (auto refused = examine()) return *refused;
    look_at_uses();
    for (const Candidate& candidate : nested_) ++copies_[key(candidate)];
    largest_first(nested_);
    for (const Candidate& candidate : nested_) shrink_nested(candidate);
    largest_first(plain_);
    for (const Candidate& candidate : plain_) redeflate(candidate);
    return finish();
}

}  // namespace

Attempt optimize_zip(ByteView input, Context& context) {
    const auto archive = read_zip(input, context.options.max_entries);
    if (!archive) return leave_alone(zip_refusal(archive.error().code), archive.error().text);
    if (!context.budget.spend_entries(archive->entries.size())) {
        return leave_alone(Outcome::kOverBudget, "too many entries");
    }
    if (auto untouchable = zip_untouchable(input, *archive, context.budget)) return *untouchable;
    return Repacking(input, *archive, context).run();
}

}  // namespace optimilter
