// SPDX-License-Identifier: Apache-2.0
//
// The way of one TIFF file, without loss in every profile: read its tree of directories, decode the pages
// whose samples may be stored in another way, and write the tree anew with the smaller of both forms of each.
// Pages that the deadline does not reach are carried over as they are.
#include <algorithm>
#include <utility>

#include "optimizers/formats.hpp"
#include "optimizers/tiff_limits.hpp"
#include "optimizers/tiff_recode.hpp"
#include "optimizers/tiff_untouchable.hpp"

namespace optimilter {

namespace {

// A result must win this share of a page, and of the file; less would let a second pass find a byte here and
// there.
constexpr std::size_t kLeastGainShare = 200;
constexpr std::uint32_t kYCbCr = 6;

class TiffOptimization {
  public:
    TiffOptimization(ByteView input, const TiffFile& file, Context& context)
        : input_(input), file_(file), context_(context), decoder_(input) {}

    Attempt run() {
        const Result<std::size_t> pages = decoder_.count_pages();
        if (!pages) return leave_alone(pages.error());
        if (*pages != file_.pages.size())
            return leave_alone(Outcome::kMalformed, "libtiff counts other pages");
        for (const TiffDirectory& page : file_.pages)
            if (Status status = visit(page); !status) return leave_alone(status.error());
        if (recodings_.empty()) {
            if (late_) return leave_alone(Outcome::kOverBudget, "no time left for any page");
            return leave_alone(Outcome::kNotSmaller, "not smaller");
        }
        Bytes output = write_tiff(file_, recodings_);
        if (output.size() >= input_.size() - input_.size() / kLeastGainShare)
            return leave_alone(Outcome::kNotSmaller, "not smaller");
        return {Outcome::kOptimized, {}, std::move(output), std::nullopt, {}};
    }

  private:
    // A directory with all below it.
    Status visit(const TiffDirectory& directory) {
        if (!directory.blocks.empty())
            if (Status status = consider(directory); !status) return status;
        for (const TiffChild& child : directory.children)
            if (Status status = visit(child.directory); !status) return status;
        return Success{};
    }

    // An error means doubt about the file; what merely cannot be made smaller stays as it is.
    Status consider(const TiffDirectory& directory) {
        const Result<TiffPage> page = describe_tiff_page(file_.form, directory);
        if (!page && page.error().code == ErrorCode::kUnsupported) return Success{};
        if (!page) return page.error();
        const Result<bool> alone = holds_its_samples_alone(*page, directory);
        if (!alone) return alone.error();
        if (!*alone || !tiff_page_can_be_recoded(*page)) return Success{};
        if (Status status = spend_tiff_budget(*page, context_.budget); !status) return status;
        if (!pace_.allows_decoding(page->sample_bytes(), context_.budget.deadline())) {
            late_ = true;
            return Success{};
        }
        Stopwatch watch;
        Bytes samples;
        if (Status status = decode(directory, *page, samples); !status) return status;
        pace_.learn_decoding(page->sample_bytes(), watch.elapsed_ms());
        recode(directory, *page, samples);
        return Success{};
    }

    // Bytes after the samples of an uncompressed strip would get lost; fewer of them mean a broken file.
    static Result<bool> holds_its_samples_alone(const TiffPage& page, const TiffDirectory& directory) {
        // Subsampled chroma takes fewer bytes than the rows of the page; such strips stay as they are anyway.
        if (page.compression != tiff_compression::kNone || page.photometric == kYCbCr) return true;
        bool alone = true;
        for (std::uint64_t i = 0; i < directory.blocks.size(); ++i) {
            const std::uint64_t want = page.row_bytes() * page.rows_of(i);
            if (directory.blocks[i].size() < want)
                return Error{ErrorCode::kMalformed, "strip or tile with too few samples"};
            alone &= directory.blocks[i].size() == want;
        }
        return alone;
    }

    Status decode(const TiffDirectory& directory, const TiffPage& page, Bytes& samples) {
        if (Status status = decoder_.open_page(directory.offset, page); !status) return status;
        samples.reserve(static_cast<std::size_t>(page.sample_bytes()));
        for (std::uint64_t block = 0; block < page.blocks(); ++block) {
            if (context_.budget.expired()) return Error{ErrorCode::kDeadline, "deadline"};
            if (Status status = decoder_.append_block(page, block, samples); !status) return status;
        }
        return Success{};
    }

    void recode(const TiffDirectory& directory, const TiffPage& page, ByteView samples) {
        const Deadline deadline = pace_.before_verifying(page.sample_bytes(), context_.budget.deadline());
        Result<TiffRecoding> recoding =
            recode_tiff_page(file_.form, page, samples, context_.options.effort, deadline);
        if (!recoding) {
            late_ |= recoding.error().code == ErrorCode::kDeadline;
            return;
        }
        std::size_t stored = 0;
        for (const ByteView block : directory.blocks) stored += block.size();
        if (recoding->size_bytes() >= stored - stored / kLeastGainShare) return;
        pace_.will_verify(page.sample_bytes());
        recodings_.emplace(&directory, std::move(*recoding));
    }

    ByteView input_;
    const TiffFile& file_;
    Context& context_;
    TiffDecoder decoder_;
    TiffPace pace_;
    TiffRecodings recodings_;
    bool late_ = false;
};

}  // namespace

Attempt optimize_tiff(ByteView input, Context& context) {
    const Result<TiffFile> file = read_tiff(input, kMostTiffPages);
    if (!file) return leave_alone(file.error());
    if (TiffRefusal refusal = refuse_tiff(*file, input.size()))
        return leave_alone(refusal.outcome, refusal.reason);
    if (!context.budget.spend_entries(file->pages.size()))
        return leave_alone(Outcome::kOverBudget, "more pages than the budget allows");
    return TiffOptimization(input, *file, context).run();
}

}  // namespace optimilter
