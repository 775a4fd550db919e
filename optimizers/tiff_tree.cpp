// SPDX-License-Identifier: Apache-2.0
#include "optimizers/tiff_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>
#include <utility>

namespace optimilter {

namespace {

constexpr int kDeepest = 3;
constexpr std::uint64_t kMostFields = 1000;
constexpr std::size_t kMostChildren = 100;
// Writers round offsets up to even numbers, BigTIFF writers to multiples of eight.
constexpr std::size_t kAlignment = 8;
// Some writers let two resolutions share one value.
constexpr std::uint64_t kMostShared = 1024;

Error malformed(std::string text) {
    return {ErrorCode::kMalformed, std::move(text)};
}

Error odd_tag(std::uint16_t tag, std::string_view what) {
    return {ErrorCode::kMalformed, fmt::format("tag {}: {}", tag, what)};
}

bool may_point(std::uint16_t type) {
    return type == tiff_type::kLong || type == tiff_type::kIfd || type == tiff_type::kLong8 ||
           type == tiff_type::kIfd8;
}

// What of the file the tree refers to.
class Coverage {
  public:
    explicit Coverage(ByteView bytes) : bytes_(bytes) {}

    void add(std::uint64_t begin, std::uint64_t size) {
        ranges_.push_back({static_cast<std::size_t>(begin), static_cast<std::size_t>(begin + size)});
        sum_ += size;
    }

    // Values and strips that share their bytes would be written once for each, without any bound.
    bool much_shared() const { return sum_ > bytes_.size() + kMostShared; }

    std::uint64_t loose_bytes() {
        std::sort(ranges_.begin(), ranges_.end(), [](ByteRange a, ByteRange b) { return a.begin < b.begin; });
        std::uint64_t loose = 0;
        std::size_t at = 0;
        for (const ByteRange& range : ranges_) {
            if (range.begin > at) loose += not_zero({at, range.begin});
            at = std::max(at, range.end);
        }
        return loose + not_zero({at, bytes_.size()});
    }

  private:
    std::uint64_t not_zero(ByteRange gap) const {
        if (gap.size() < kAlignment) return 0;
        const ByteView bytes = slice(bytes_, gap);
        const auto zeros = std::count(bytes.begin(), bytes.end(), std::uint8_t{0});
        return bytes.size() - static_cast<std::uint64_t>(zeros);
    }

    ByteView bytes_;
    std::vector<ByteRange> ranges_;
    std::uint64_t sum_ = 0;
};

class TiffReader {
  public:
    TiffReader(ByteView bytes, std::size_t most_pages)
        : bytes_(bytes), most_pages_(most_pages), coverage_(bytes) {}

    Result<TiffFile> read() {
        std::uint64_t at = 0;
        if (Status status = read_header(at); !status) return status.error();
        while (at != 0) {
            if (file_.pages.size() == most_pages_)
                return Error{ErrorCode::kLimit, "more pages than the budget allows"};
            Result<TiffDirectory> page = read_directory(at, 0, at);
            if (!page) return page.error();
            if (page->blocks.empty()) return malformed("page without samples");
            file_.pages.push_back(std::move(*page));
        }
        if (file_.pages.empty()) return malformed("no page");
        if (coverage_.much_shared())
            return Error{ErrorCode::kUnsupported, "values or strips share their bytes"};
        file_.loose_bytes = coverage_.loose_bytes();
        return std::move(file_);
    }

  private:
    const TiffForm& form() const { return file_.form; }
    std::uint64_t number(std::uint64_t at, std::size_t size) const {
        return form().read(bytes_.data() + at, size);
    }
    bool holds(std::uint64_t at, std::uint64_t size) const {
        return at <= bytes_.size() && size <= bytes_.size() - at;
    }

    Status read_header(std::uint64_t& first) {
        if (bytes_.size() < 8) return malformed("shorter than a header");
        file_.form.big_endian = bytes_[0] == 'M';
        if (bytes_[0] != bytes_[1] || (bytes_[0] != 'M' && bytes_[0] != 'I'))
            return malformed("no TIFF header");
        const std::uint64_t version = number(2, 2);
        file_.form.big_tiff = version == 43;
        if (version != 42 && version != 43) return malformed("unknown version of TIFF");
        if (!form().big_tiff) {
            first = number(4, 4);
            coverage_.add(0, 8);
            return Success{};
        }
        if (bytes_.size() < 16 || number(4, 2) != 8 || number(6, 2) != 0)
            return malformed("odd BigTIFF header");
        first = number(8, 8);
        coverage_.add(0, 16);
        return Success{};
    }

    // next: where the directory after this one is, 0 for none.
    Result<TiffDirectory> read_directory(std::uint64_t at, int depth, std::uint64_t& next) {
        const std::size_t count_bytes = form().big_tiff ? 8 : 2;
        const std::size_t field_bytes = form().big_tiff ? 20 : 12;
        if (!visited_.insert(at).second) return malformed("directories form a loop");
        if (at % 2 != 0 || !holds(at, count_bytes)) return malformed("directory outside of the file");
        const std::uint64_t count = number(at, count_bytes);
        if (count == 0 || count > kMostFields) return malformed("odd number of fields");
        const std::uint64_t size = count_bytes + count * field_bytes + form().offset_bytes();
        if (!holds(at, size)) return malformed("directory cut off");
        coverage_.add(at, size);
        TiffDirectory directory;
        directory.offset = at;
        for (std::uint64_t i = 0; i < count; ++i)
            if (Status status = read_field(directory, at + count_bytes + i * field_bytes); !status)
                return status.error();
        next = number(at + size - form().offset_bytes(), form().offset_bytes());
        if (Status status = read_blocks(directory); !status) return status.error();
        if (Status status = read_children(directory, depth); !status) return status.error();
        return directory;
    }

    Status read_field(TiffDirectory& directory, std::uint64_t at) {
        const std::size_t slot = form().offset_bytes();
        TiffField field;
        field.tag = static_cast<std::uint16_t>(number(at, 2));
        field.type = static_cast<std::uint16_t>(number(at + 2, 2));
        field.count = number(at + 4, slot);
        if (!directory.fields.empty() && field.tag <= directory.fields.back().tag)
            return odd_tag(field.tag, "out of order");
        const std::size_t value_bytes = tiff_type_bytes(field.type);
        if (value_bytes == 0) return odd_tag(field.tag, "unknown type");
        if (field.count > bytes_.size() / value_bytes) return odd_tag(field.tag, "count beyond the file");
        const std::uint64_t size = field.count * value_bytes;
        std::uint64_t value_at = at + 4 + slot;
        if (size > slot) {
            value_at = number(value_at, slot);
            if (!holds(value_at, size)) return odd_tag(field.tag, "value outside of the file");
            coverage_.add(value_at, size);
        }
        field.value = bytes_.subspan(value_at, size);
        directory.fields.push_back(field);
        return Success{};
    }

    Status read_blocks(TiffDirectory& directory) {
        using namespace tiff_tag;
        const TiffField* const strips = directory.find(kStripOffsets);
        const TiffField* const tiles = directory.find(kTileOffsets);
        if (strips != nullptr && tiles != nullptr) return malformed("both strips and tiles");
        const TiffField* const offsets = tiles != nullptr ? tiles : strips;
        if (offsets == nullptr) return Success{};
        const TiffField* const sizes = directory.find(tiles != nullptr ? kTileByteCounts : kStripByteCounts);
        if (sizes == nullptr || sizes->count != offsets->count || sizes->count == 0 ||
            !sizes->unsigned_type() || !offsets->unsigned_type())
            return malformed("sizes of strips or tiles are missing");
        for (std::size_t i = 0; i < offsets->count; ++i) {
            const std::uint64_t at = offsets->number(form(), i);
            const std::uint64_t size = sizes->number(form(), i);
            if (size == 0) return Error{ErrorCode::kUnsupported, "empty strip or tile"};
            if (at == 0 || !holds(at, size)) return malformed("strip or tile outside of the file");
            coverage_.add(at, size);
            directory.blocks.push_back(bytes_.subspan(at, size));
        }
        return Success{};
    }

    Status read_children(TiffDirectory& directory, int depth) {
        for (const TiffField& field : directory.fields) {
            if (!is_tiff_directory_pointer(field.tag)) continue;
            if (!may_point(field.type)) return odd_tag(field.tag, "type cannot point at a directory");
            const bool many = field.tag == tiff_tag::kSubIfds;
            if (field.count == 0 || field.count > (many ? kMostChildren : 1))
                return odd_tag(field.tag, "odd number of directories");
            if (depth == kDeepest) return Error{ErrorCode::kUnsupported, "directories nested too deep"};
            for (std::size_t i = 0; i < field.count; ++i) {
                std::uint64_t next = 0;
                Result<TiffDirectory> child = read_directory(field.number(form(), i), depth + 1, next);
                if (!child) return child.error();
                if (next != 0)
                    return Error{ErrorCode::kUnsupported,
                                 fmt::format("tag {}: a chain of directories", field.tag)};
                directory.children.push_back({field.tag, std::move(*child)});
            }
        }
        return Success{};
    }

    ByteView bytes_;
    std::size_t most_pages_;
    Coverage coverage_;
    std::set<std::uint64_t> visited_;
    TiffFile file_;
};

}  // namespace

std::uint64_t TiffForm::read(const std::uint8_t* p, std::size_t size_bytes) const {
    std::uint64_t result = 0;
    for (std::size_t i = 0; i < size_bytes; ++i)
        result = result << 8 | p[big_endian ? i : size_bytes - 1 - i];
    return result;
}

void TiffForm::write(std::uint8_t* p, std::size_t size_bytes, std::uint64_t number) const {
    for (std::size_t i = 0; i < size_bytes; ++i, number >>= 8)
        p[big_endian ? size_bytes - 1 - i : i] = static_cast<std::uint8_t>(number);
}

std::size_t tiff_type_bytes(std::uint16_t type) {
    //                                   BYTE ASCII SHORT LONG RATIONAL ... IFD (13), LONG8, SLONG8, IFD8 (18)
    constexpr std::uint8_t kBytes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};
    return type < std::size(kBytes) ? kBytes[type] : 0;
}

bool TiffField::unsigned_type() const {
    return type == 1 || type == tiff_type::kShort || may_point(type);
}

std::uint64_t TiffField::number(const TiffForm& form, std::size_t index) const {
    if (!unsigned_type() || index >= count) return 0;
    const std::size_t size = tiff_type_bytes(type);
    return form.read(value.data() + index * size, size);
}

const TiffField* TiffDirectory::find(std::uint16_t tag) const {
    const auto found =
        std::lower_bound(fields.begin(), fields.end(), tag,
                         [](const TiffField& field, std::uint16_t t) { return field.tag < t; });
    return found != fields.end() && found->tag == tag ? &*found : nullptr;
}

std::uint64_t TiffDirectory::number(const TiffForm& form, std::uint16_t tag, std::uint64_t otherwise) const {
    const TiffField* const field = find(tag);
    return field == nullptr ? otherwise : field->number(form);
}

bool is_tiff_directory_pointer(std::uint16_t tag) {
    return tag == tiff_tag::kSubIfds || tag == tiff_tag::kExifIfd || tag == tiff_tag::kGpsIfd ||
           tag == tiff_tag::kInteropIfd;
}

Result<TiffFile> read_tiff(ByteView bytes, std::size_t most_pages) {
    return TiffReader(bytes, most_pages).read();
}

}  // namespace optimilter
