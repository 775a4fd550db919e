// SPDX-License-Identifier: Apache-2.0
//
// Checks a TIFF result against the file it would replace, from the bytes of both alone: the trees of
// directories field by field, and the samples of every page as libtiff gives them row by row, which is not
// the way optimize_tiff() decodes.
#include <fmt/format.h>

#include <algorithm>

#include "optimizers/formats.hpp"
#include "optimizers/tiff_codec.hpp"
#include "optimizers/tiff_limits.hpp"
#include "optimizers/tiff_writer.hpp"

namespace optimilter {

namespace {

constexpr std::uint32_t kRowsPerDeadlineCheck = 64;
constexpr unsigned kNoTag = 65536;

bool same_bytes(ByteView a, ByteView b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

bool same_field(const TiffField& a, const TiffField& b) {
    return a.tag == b.tag && a.type == b.type && a.count == b.count && same_bytes(a.value, b.value);
}

// Fields that say something about the picture, in order.
std::vector<TiffField> lasting_fields(const TiffDirectory& directory) {
    std::vector<TiffField> fields;
    for (const TiffField& field : directory.fields)
        if (!is_tiff_storage_tag(field.tag) && !is_tiff_directory_pointer(field.tag)) fields.push_back(field);
    return fields;
}

std::string compare_fields(const TiffDirectory& a, const TiffDirectory& b) {
    const std::vector<TiffField> before = lasting_fields(a);
    const std::vector<TiffField> after = lasting_fields(b);
    for (std::size_t i = 0; i < std::max(before.size(), after.size()); ++i) {
        const unsigned want = i < before.size() ? before[i].tag : kNoTag;
        const unsigned got = i < after.size() ? after[i].tag : kNoTag;
        if (want < got) return fmt::format("tag {} is lost", want);
        if (got < want) return fmt::format("tag {} was added", got);
        if (!same_field(before[i], after[i])) return fmt::format("tag {} differs", want);
    }
    return {};
}

// The very same strips or tiles, to be read the same way.
bool same_storage(const TiffForm& form, const TiffDirectory& a, const TiffDirectory& b) {
    using namespace tiff_tag;
    for (const std::uint16_t tag : {kCompression, kRowsPerStrip, kT4Options, kT6Options, kPredictor}) {
        const TiffField* const before = a.find(tag);
        const TiffField* const after = b.find(tag);
        if ((before == nullptr) != (after == nullptr)) return false;
        if (before != nullptr && !same_field(*before, *after)) return false;
    }
    const bool same_kind = (a.find(kTileOffsets) == nullptr) == (b.find(kTileOffsets) == nullptr);
    return same_kind &&
           std::equal(a.blocks.begin(), a.blocks.end(), b.blocks.begin(), b.blocks.end(), same_bytes) &&
           a.number(form, kWidth, 0) == b.number(form, kWidth, 0);
}

// A change of storage that every reader of the first form can follow.
std::string judge_change(const TiffPage& before, const TiffPage& after) {
    using namespace tiff_compression;
    if (!tiff_page_can_be_recoded(before)) return "samples of this kind must not be stored anew";
    if (before.ccitt() && after.compression != kCcittG4) return "CCITT did not stay CCITT";
    if (after.compression == kCcittG4 && !before.bilevel()) return "CCITT for a page that is not bilevel";
    if (after.compression != kCcittG4 && after.compression != kDeflate) return "compression we do not write";
    if (before.tiled != after.tiled) return "strips became tiles or tiles strips";
    if (before.tiled &&
        (before.block_width != after.block_width || before.block_height != after.block_height))
        return "tiles changed their size";
    return {};
}

class TiffComparison {
  public:
    TiffComparison(ByteView input, ByteView output, const TiffForm& form, Deadline deadline)
        : form_(form), deadline_(deadline), before_(input), after_(output) {}

    // Empty when both trees say and show the same.
    std::string run(const TiffFile& input, const TiffFile& output) {
        const Result<std::size_t> counted = after_.count_pages();
        if (!counted) return counted.error().text;
        if (input.pages.size() != output.pages.size() || *counted != output.pages.size())
            return fmt::format("{} pages became {}", input.pages.size(), *counted);
        for (std::size_t i = 0; i < input.pages.size(); ++i)
            if (std::string why = compare(input.pages[i], output.pages[i]); !why.empty())
                return fmt::format("page {}: {}", i + 1, why);
        return {};
    }

  private:
    std::string compare(const TiffDirectory& a, const TiffDirectory& b) {
        if (std::string why = compare_fields(a, b); !why.empty()) return why;
        if (a.children.size() != b.children.size()) return "a sub-directory is lost";
        if (a.blocks.empty() != b.blocks.empty()) return "samples are lost";
        if (!a.blocks.empty() && !same_storage(form_, a, b))
            if (std::string why = compare_samples(a, b); !why.empty()) return why;
        for (std::size_t i = 0; i < a.children.size(); ++i) {
            if (a.children[i].tag != b.children[i].tag) return "a sub-directory is lost";
            if (std::string why = compare(a.children[i].directory, b.children[i].directory); !why.empty())
                return why;
        }
        return {};
    }

    std::string compare_samples(const TiffDirectory& a, const TiffDirectory& b) {
        const Result<TiffPage> before = describe_tiff_page(form_, a);
        if (!before) return before.error().text;
        const Result<TiffPage> after = describe_tiff_page(form_, b);
        if (!after) return after.error().text;
        if (std::string why = judge_change(*before, *after); !why.empty()) return why;
        if (Status status = before_.open_page(a.offset, *before); !status) return status.error().text;
        if (Status status = after_.open_page(b.offset, *after); !status) return status.error().text;
        return before->tiled ? compare_tiles(*before, *after) : compare_rows(*before, *after);
    }

    std::string compare_rows(const TiffPage& before, const TiffPage& after) {
        Bytes want;
        Bytes got;
        for (std::uint32_t plane = 0; plane < before.planes(); ++plane)
            for (std::uint32_t row = 0; row < before.height; ++row) {
                if (row % kRowsPerDeadlineCheck == 0 && deadline_.expired()) return "no time left to verify";
                if (Status status = before_.read_row(before, row, plane, want); !status)
                    return status.error().text;
                if (Status status = after_.read_row(after, row, plane, got); !status)
                    return status.error().text;
                if (want != got) return fmt::format("samples of row {} differ", row);
            }
        return {};
    }

    std::string compare_tiles(const TiffPage& before, const TiffPage& after) {
        for (std::uint64_t tile = 0; tile < before.blocks(); ++tile) {
            if (deadline_.expired()) return "no time left to verify";
            Bytes want;
            Bytes got;
            if (Status status = before_.append_block(before, tile, want); !status) return status.error().text;
            if (Status status = after_.append_block(after, tile, got); !status) return status.error().text;
            if (want != got) return fmt::format("samples of tile {} differ", tile);
        }
        return {};
    }

    TiffForm form_;
    Deadline deadline_;
    TiffDecoder before_;
    TiffDecoder after_;
};

}  // namespace

std::string verify_tiff(ByteView input, const Attempt& attempt, Context& context) {
    if (attempt.score) return "loss in a TIFF file";
    const Result<TiffFile> before = read_tiff(input, kMostTiffPages);
    if (!before) return before.error().text;
    const Result<TiffFile> after = read_tiff(attempt.output, kMostTiffPages);
    if (!after) return "result: " + after.error().text;
    if (!(before->form == after->form)) return "byte order or kind of TIFF changed";
    if (after->loose_bytes != 0) return "result holds bytes that nothing refers to";
    return TiffComparison(input, attempt.output, before->form, context.budget.deadline())
        .run(*before, *after);
}

}  // namespace optimilter
