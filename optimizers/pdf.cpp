// SPDX-License-Identifier: Apache-2.0
//
// The way of one PDF file: read strictly, look for seals, give every stream a smaller coding of the same
// bytes (pictures: within the bounds of lossy profiles), write it anew. What time or budget did not reach
// keeps its bytes.
#include <algorithm>
#include <utility>
#include <vector>

#include "optimizers/deflate.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/pdf_document.hpp"
#include "optimizers/pdf_graph.hpp"
#include "optimizers/pdf_picture.hpp"
#include "optimizers/pdf_picture_use.hpp"
#include "optimizers/pdf_recode.hpp"
#include "optimizers/pdf_untouchable.hpp"
#include "optimizers/pdf_writer.hpp"
#include "optimizers/zip_pace.hpp"

namespace optimilter {

namespace {

// A result must win this share of the file: less is not worth touching somebody's document.
constexpr std::size_t kLeastGainShare = 200;
// Of streams up to a megabyte and larger ones. Most of a document's streams are contents and fonts, for which
// nothing else is done than this.
constexpr DeflateLevels kStreamLevels = {12, 9};

bool is_metadata(QPDFObjectHandle stream) {
    QPDFObjectHandle type = stream.getDict().getKey("/Type");
    return type.isName() && type.getName() == "/Metadata";
}

long long length_of(QPDFObjectHandle stream) {
    QPDFObjectHandle length = stream.getDict().getKey("/Length");
    return length.isInteger() ? length.getIntValue() : 0;
}

class PdfWork {
  public:
    PdfWork(ByteView input, const PdfDocument& document, Context& context,
            const std::vector<QPDFObjectHandle>& objects, PdfPictureUses& uses)
        : input_(input),
          document_(document),
          context_(context),
          objects_(objects),
          uses_(uses),
          pace_(context.budget, input.size(), objects.size(), kStreamLevels) {}

    Attempt run() {
        sort_streams();
        if (context_.options.lossy && !pictures_.empty())
            static_cast<void>(uses_.read_pages(document_, context_.budget.deadline()));
        for (const QPDFObjectHandle& stream : pictures_)
            if (!take(stream, recode_picture(stream))) return damaged_;
        for (const QPDFObjectHandle& stream : plain_)
            if (!take(stream, recode_pdf_stream(document_, stream, context_, pace_))) return damaged_;
        return finish();
    }

  private:
    // Largest first. XMP stays as it is, for programs that search files for it without reading PDF.
    void sort_streams() {
        for (QPDFObjectHandle object : objects_) {
            if (!object.isStream() || pdf_coding(object) == PdfCoding::kOther || is_metadata(object))
                continue;
            const bool picture = is_pdf_picture(object);
            if (!picture && pdf_coding(object) == PdfCoding::kDct) continue;
            (picture ? pictures_ : plain_).push_back(object);
        }
        const auto larger = [](const QPDFObjectHandle& a, const QPDFObjectHandle& b) {
            return length_of(a) > length_of(b);
        };
        std::stable_sort(pictures_.begin(), pictures_.end(), larger);
        std::stable_sort(plain_.begin(), plain_.end(), larger);
    }

    PdfRecoded recode_picture(QPDFObjectHandle stream) {
        if (pace_.time_is_up()) return {PdfRecoded::State::kOutOfBudget, {}, {}, {}};
        const PdfLeave leave = pdf_leave(document_, stream, uses_, context_.options);
        const ReservedTime reserved(context_.budget, pace_.reserve_ms(0));
        if (pdf_coding(stream) == PdfCoding::kDct) return recode_pdf_jpeg(document_, stream, leave, context_);
        return recode_pdf_samples(document_, stream, leave, context_, pace_);
    }

    // false: the file is damaged.
    bool take(QPDFObjectHandle stream, PdfRecoded recoded) {
        if (recoded.state == PdfRecoded::State::kDamaged) {
            damaged_ = leave_alone(Outcome::kMalformed, std::move(recoded.damage));
            return false;
        }
        if (recoded.state == PdfRecoded::State::kOutOfBudget) out_of_budget_ = true;
        if (recoded.state != PdfRecoded::State::kChanged) return true;
        if (recoded.score) score_ = std::min(score_.value_or(1.0), *recoded.score);
        replacements_[stream.getObjGen()] = std::move(recoded.replacement);
        return true;
    }

    Attempt finish() {
        Result<Bytes> output =
            write_pdf(document_, replacements_, kDeflateSmallest, context_.budget.deadline());
        if (!output) return leave_alone(output.error());
        if (output->size() > input_.size() - input_.size() / kLeastGainShare) {
            return out_of_budget_ ? leave_alone(Outcome::kOverBudget, "no time or budget for any stream")
                                  : leave_alone(Outcome::kNotSmaller, "not smaller");
        }
        Attempt attempt;
        attempt.outcome = Outcome::kOptimized;
        attempt.output = std::move(*output);
        attempt.score = score_;
        return attempt;
    }

    ByteView input_;
    const PdfDocument& document_;
    Context& context_;
    const std::vector<QPDFObjectHandle>& objects_;
    PdfPictureUses& uses_;
    ZipPace pace_;
    std::vector<QPDFObjectHandle> pictures_;
    std::vector<QPDFObjectHandle> plain_;
    PdfReplacements replacements_;
    std::optional<double> score_;
    bool out_of_budget_ = false;  // some streams were not looked at
    Attempt damaged_;
};

// Numbers in names, strings and content are cheap; what costs is streams.
std::uint64_t count_streams(const std::vector<QPDFObjectHandle>& objects) {
    return static_cast<std::uint64_t>(std::count_if(
        objects.begin(), objects.end(), [](QPDFObjectHandle object) { return object.isStream(); }));
}

Attempt optimize_document(ByteView input, const PdfDocument& document, Context& context) {
    PdfSeals seals;
    PdfPictureUses uses;
    PdfVisit visit;
    uses.watch(visit);
    const auto watch_uses = visit.dictionary;
    visit.dictionary = [&](const PdfPlace& place, QPDFObjectHandle dictionary, QPDFObjectHandle stream) {
        seals.look_at(dictionary);
        watch_uses(place, dictionary, stream);
    };
    const auto objects = walk_pdf(document, visit, context.budget.deadline());
    if (!objects) return leave_alone(objects.error());
    if (auto sealed = seals.found(input, document)) return *sealed;
    if (!context.budget.spend_entries(count_streams(*objects)))
        return leave_alone(Outcome::kOverBudget, "too many streams");
    return PdfWork(input, document, context, *objects, uses).run();
}

}  // namespace

Attempt optimize_pdf(ByteView input, Context& context) {
    const Result<PdfDocument> document = PdfDocument::open(input, context.budget.deadline());
    if (!document) return leave_alone(document.error());
    Attempt attempt;
    const Status done = guarded_by_deadline(context.budget.deadline(), [&]() -> Status {
        attempt = optimize_document(input, *document, context);
        return Success{};
    });
    return done ? attempt : leave_alone(done.error());
}

}  // namespace optimilter
