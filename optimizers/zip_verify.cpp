// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/office_uses.hpp"
#include "optimizers/picture_scale.hpp"
#include "optimizers/zip_member.hpp"
#include "optimizers/zip_reader.hpp"
#include "optimizers/zip_second_reader.hpp"

namespace optimilter {

namespace {

bool equal(ByteView a, ByteView b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// Bits 1 to 3, which a replaced entry loses (see zip_writer.cpp).
constexpr std::uint16_t kMayBeCleared = 0x000E;
constexpr std::uint16_t kDeflateVersion = 20;

// Compares an archive with what shall replace it. All that is not in question is compared byte by byte;
// members whose records differ are read by libarchive, which knows nothing of our reader or writer.
class Comparison {
  public:
    Comparison(ByteView input, const ZipArchive& before, const Attempt& attempt, const ZipArchive& after,
               const Context& context)
        : input_(input),
          output_(attempt.output),
          before_(before),
          after_(after),
          changes_(attempt.changes),
          options_(context.options),
          budget_(context.budget),
          uses_(before.entries.size()) {}

    // Empty, or what is wrong.
    std::string run();

  private:
    std::string compare_frame() const;
    std::string compare_fields(std::size_t index) const;
    std::string compare_members();
    std::string compare_member(SecondReader& reader, std::size_t index);
    std::string compare_content(SecondReader& reader, std::size_t index) const;
    std::string compare_change(SecondReader& reader, const MemberChange& change) const;
    std::string compare_picture(std::size_t index, Format format, ByteView original, ByteView content) const;
    bool is_untouched(std::size_t index) const;

    ByteView input_;
    ByteView output_;
    const ZipArchive& before_;
    const ZipArchive& after_;
    const std::vector<MemberChange>& changes_;
    const Options& options_;
    const Budget& budget_;
    PictureUses uses_;
    std::size_t next_change_ = 0;
};

// The end record: all but size and place of the central directory; the order of that directory.
std::string Comparison::compare_frame() const {
    if (before_.entries.size() != after_.entries.size()) return "number of entries differs";
    const ByteView a = slice(input_, before_.end);
    const ByteView b = slice(output_, after_.end);
    if (!equal(a.first(12), b.first(12)) || !equal(a.subspan(20), b.subspan(20))) return "end record differs";
    if (directory_order(before_) != directory_order(after_)) return "order of the directory differs";
    return {};
}

bool Comparison::is_untouched(std::size_t index) const {
    return equal(slice(input_, before_.entries[index].record), slice(output_, after_.entries[index].record));
}

// What may differ between two headers whose fields follow each other as from "version needed" on; the rest of
// a must be found in b.
std::string compare_header(Bytes a, Bytes b, std::size_t version_at) {
    if (a.size() != b.size()) return "header of an entry differs";
    std::uint8_t* const p = &a[version_at];
    std::uint8_t* const q = &b[version_at];
    const std::uint16_t method = read_le16(q + 4);
    const bool version_raised = method == kZipDeflated && read_le16(p) < kDeflateVersion;
    if (version_raised && read_le16(q) == kDeflateVersion) write_le16(p, kDeflateVersion);
    write_le16(p + 2, static_cast<std::uint16_t>(read_le16(p + 2) & ~kMayBeCleared));
    if (method != kZipStored && method != kZipDeflated) return "method of an entry is unusual";
    write_le16(p + 4, method);
    // Checksum and both sizes: the contents are compared, and both readers check them.
    std::copy(q + 10, q + 22, p + 10);
    return equal(a, b) ? std::string() : "header of an entry differs";
}

Bytes copy_of(ByteView file, ByteRange range) {
    const ByteView bytes = slice(file, range);
    return Bytes(bytes.begin(), bytes.end());
}

std::string Comparison::compare_fields(std::size_t index) const {
    const ZipEntry& a = before_.entries[index];
    const ZipEntry& b = after_.entries[index];
    Bytes central_a = copy_of(input_, a.central);
    Bytes central_b = copy_of(output_, b.central);
    // The place of the record; our reader has checked that it is the only one possible.
    write_le32(&central_a[42], 0);
    write_le32(&central_b[42], 0);
    if (is_untouched(index)) return central_a == central_b ? "" : "directory entry differs";
    if (zip_name(input_, a) == "mimetype") return "mimetype entry was rewritten";
    if (!is_readable(a) || !a.plain_file) return "entry that cannot be compared was rewritten";
    if (std::string why = compare_header(std::move(central_a), std::move(central_b), 6); !why.empty()) {
        return why;
    }
    return compare_header(copy_of(input_, {a.record.begin, a.data.begin}),
                          copy_of(output_, {b.record.begin, b.data.begin}), 4);
}

std::string Comparison::compare_content(SecondReader& reader, std::size_t index) const {
    const auto want = MemberContent::of(input_, before_.entries[index]);
    if (!want) return want.error().text;
    const Status same = reader.expect_content(want->bytes());
    return same ? std::string() : same.error().text;
}

// Pixels of the two formats that are ever scaled; nothing for others and for files without a sound header.
std::optional<PictureSize> picture_size(Format format, ByteView file) {
    constexpr std::size_t kPngSizeEnd = 24;
    if (format == Format::kPng && file.size() >= kPngSizeEnd)
        return PictureSize{read_be32(&file[16]), read_be32(&file[20])};
    if (format != Format::kJpeg) return std::nullopt;
    const auto markers = parse_jpeg_markers(file);
    if (!markers) return std::nullopt;
    return PictureSize{markers->width, markers->height};
}

// Whether a picture may have changed at all, and its size, by what the original document says of it. Formats
// that are never scaled had their size compared by their own verification.
std::string Comparison::compare_picture(std::size_t index, Format format, ByteView original,
                                        ByteView content) const {
    if (uses_.must_be_exact(index)) return "picture that must stay as it is was changed";
    const auto before = picture_size(format, original);
    const auto after = picture_size(format, content);
    if (before.has_value() != after.has_value()) return "picture has no size any more";
    if (!before || *before == *after) return {};
    const bool may_scale = options_.lossy && options_.document_ppi != 0;
    const PictureUse use = may_scale ? uses_.at(index, options_.document_ppi) : PictureUse{};
    return size_is_allowed(*before, *after, use) ? "" : "picture is smaller than the document shows it";
}

// A member that was optimised in its turn: what the driver verified is what arrived, of the same format.
std::string Comparison::compare_change(SecondReader& reader, const MemberChange& change) const {
    const ZipEntry& entry = before_.entries[change.index];
    const auto content = reader.content(entry.size);
    if (!content) return content.error().text;
    if (sha256(*content) != change.content) return "content is not what was verified";
    const auto original = MemberContent::of(input_, entry);
    if (!original) return original.error().text;
    const TypeHint hint{{}, zip_name(input_, entry)};
    const Format format = sniff(original->bytes(), hint);
    if (sniff(*content, hint) != format) return "format changed";
    return compare_picture(change.index, format, original->bytes(), *content);
}

// libarchive adds a slash to folders, and where an entry has a Unicode path field (0x7075) or a name that is
// not ASCII it may tell another spelling; our own reader has compared the names' bytes.
bool names_agree(std::string_view ours, std::string_view theirs) {
    const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
    if (!std::all_of(ours.begin(), ours.end(), is_ascii)) return true;
    if (!theirs.empty() && theirs.back() == '/') theirs.remove_suffix(1);
    if (!ours.empty() && ours.back() == '/') ours.remove_suffix(1);
    return ours == theirs;
}

std::string Comparison::compare_member(SecondReader& reader, std::size_t index) {
    const auto member = reader.next();
    if (!member) return member.error().text;
    if (!*member) return "second reader sees fewer entries";
    const std::string_view name = zip_name(output_, after_.entries[index]);
    if (!(*member)->name.empty() && !names_agree(name, (*member)->name))
        return "second reader sees another name";
    const bool claimed = next_change_ < changes_.size() && changes_[next_change_].index == index;
    if (is_untouched(index)) return claimed ? "a change is claimed where there is none" : "";
    if ((*member)->size != after_.entries[index].size) return "second reader sees another size";
    return claimed ? compare_change(reader, changes_[next_change_++]) : compare_content(reader, index);
}

std::string Comparison::compare_members() {
    auto reader = SecondReader::open(output_);
    if (!reader) return reader.error().text;
    for (std::size_t i = 0; i < after_.entries.size(); ++i) {
        if (budget_.expired()) return "no time left to verify";
        if (std::string why = compare_member(*reader, i); !why.empty()) {
            return fmt::format("{} ({})", why, printable(zip_name(output_, after_.entries[i]), 60));
        }
    }
    const auto end = reader->next();
    if (!end) return end.error().text;
    if (*end) return "second reader sees more entries";
    return next_change_ == changes_.size() ? "" : "a change is claimed where there is none";
}

std::string Comparison::run() {
    if (std::string why = compare_frame(); !why.empty()) return why;
    if (options_.lossy && !changes_.empty())
        uses_ = find_picture_uses(input_, before_, sniff(input_), budget_.deadline());
    for (std::size_t i = 0; i < before_.entries.size(); ++i) {
        if (std::string why = compare_fields(i); !why.empty()) {
            return fmt::format("{} ({})", why, printable(zip_name(input_, before_.entries[i]), 60));
        }
    }
    return compare_members();
}

}  // namespace

std::string verify_zip(ByteView input, const Attempt& attempt, Context& context) {
    const auto before = read_zip(input, context.options.max_entries);
    if (!before) return before.error().text;
    const auto after = read_zip(attempt.output, context.options.max_entries);
    if (!after) return fmt::format("result: {}", after.error().text);
    return Comparison(input, *before, attempt, *after, context).run();
}

}  // namespace optimilter
