// SPDX-License-Identifier: Apache-2.0
#include "optimizers/tiff_writer.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace optimilter {

namespace {

using namespace tiff_tag;

// A field of the directory being written.
struct WrittenField {
    std::uint16_t tag = 0;
    std::uint16_t type = 0;
    std::uint64_t count = 0;
    Bytes value;
    std::size_t value_at = 0;  // in the output, once written

    void set(const TiffForm& form, std::size_t index, std::uint64_t number) {
        const std::size_t size = tiff_type_bytes(type);
        form.write(value.data() + index * size, size, number);
    }
};

class TiffWriter {
  public:
    TiffWriter(const TiffFile& file, const TiffRecodings& recodings)
        : form_(file.form), file_(file), recodings_(recodings) {}

    Bytes write() {
        std::size_t link_at = write_header();
        for (const TiffDirectory& page : file_.pages) {
            align();
            form_.write(&out_[link_at], form_.offset_bytes(), out_.size());
            link_at = write_directory(page);
        }
        return std::move(out_);
    }

  private:
    void align() {
        const std::size_t unit = form_.big_tiff ? 8 : 2;
        while (out_.size() % unit != 0) out_.push_back(0);
    }

    // Where the offset of the first directory belongs.
    std::size_t write_header() {
        out_.assign(form_.big_tiff ? 16 : 8, 0);
        out_[0] = out_[1] = form_.big_endian ? 'M' : 'I';
        form_.write(&out_[2], 2, form_.big_tiff ? 43 : 42);
        if (form_.big_tiff) form_.write(&out_[4], 2, 8);
        return form_.big_tiff ? 8 : 4;
    }

    const TiffRecoding* recoding_of(const TiffDirectory& directory) const {
        const auto found = recodings_.find(&directory);
        return found == recodings_.end() ? nullptr : &found->second;
    }

    WrittenField numbers(std::uint16_t tag, std::uint16_t type, std::size_t count) const {
        return {tag, type, count, Bytes(count * tiff_type_bytes(type)), 0};
    }
    WrittenField one_number(std::uint16_t tag, std::uint16_t type, std::uint64_t number) const {
        WrittenField field = numbers(tag, type, 1);
        field.set(form_, 0, number);
        return field;
    }
    std::uint16_t offset_type() const { return form_.big_tiff ? tiff_type::kLong8 : tiff_type::kLong; }

    static bool is_offsets(std::uint16_t tag) { return tag == kStripOffsets || tag == kTileOffsets; }

    // The fields of the source, without those that a recoding sets.
    std::vector<WrittenField> copied_fields(const TiffDirectory& directory, bool recoded) const {
        std::vector<WrittenField> fields;
        for (const TiffField& field : directory.fields) {
            if (is_offsets(field.tag)) {
                if (!recoded) fields.push_back(numbers(field.tag, offset_type(), directory.blocks.size()));
            } else if (!recoded || !is_tiff_storage_tag(field.tag)) {
                fields.push_back(
                    {field.tag, field.type, field.count, Bytes(field.value.begin(), field.value.end()), 0});
            }
        }
        return fields;
    }

    void add_recoding(std::vector<WrittenField>& fields, const TiffRecoding& recoding) const {
        const bool tiles = recoding.rows_per_strip == 0;
        WrittenField sizes =
            numbers(tiles ? kTileByteCounts : kStripByteCounts, offset_type(), recoding.blocks.size());
        for (std::size_t i = 0; i < recoding.blocks.size(); ++i)
            sizes.set(form_, i, recoding.blocks[i].size());
        fields.push_back(std::move(sizes));
        fields.push_back(
            numbers(tiles ? kTileOffsets : kStripOffsets, offset_type(), recoding.blocks.size()));
        fields.push_back(one_number(kCompression, tiff_type::kShort, recoding.compression));
        if (recoding.predictor != 1)
            fields.push_back(one_number(kPredictor, tiff_type::kShort, recoding.predictor));
        if (!tiles) fields.push_back(one_number(kRowsPerStrip, tiff_type::kLong, recoding.rows_per_strip));
    }

    // Returns where the offset of the next directory belongs.
    std::size_t write_directory(const TiffDirectory& directory) {
        const TiffRecoding* const recoding = recoding_of(directory);
        std::vector<WrittenField> fields = copied_fields(directory, recoding != nullptr);
        if (recoding != nullptr) add_recoding(fields, *recoding);
        std::sort(fields.begin(), fields.end(),
                  [](const WrittenField& a, const WrittenField& b) { return a.tag < b.tag; });
        const std::size_t link_at = write_fields(fields);
        write_children(directory, fields);
        write_blocks(directory, recoding, fields);
        return link_at;
    }

    std::size_t write_fields(std::vector<WrittenField>& fields) {
        const std::size_t count_bytes = form_.big_tiff ? 8 : 2;
        const std::size_t slot = form_.offset_bytes();
        std::size_t at = out_.size();
        out_.resize(at + count_bytes + fields.size() * (4 + 2 * slot) + slot);
        form_.write(&out_[at], count_bytes, fields.size());
        at += count_bytes;
        for (WrittenField& field : fields) {
            form_.write(&out_[at], 2, field.tag);
            form_.write(&out_[at + 2], 2, field.type);
            form_.write(&out_[at + 4], slot, field.count);
            field.value_at = at + 4 + slot;
            if (field.value.size() > slot) {
                align();
                form_.write(&out_[field.value_at], slot, out_.size());
                field.value_at = out_.size();
                out_.resize(out_.size() + field.value.size());
            }
            patch(field);
            at += 4 + 2 * slot;
        }
        return at;
    }

    void patch(const WrittenField& field) {
        std::copy(field.value.begin(), field.value.end(),
                  out_.begin() + static_cast<std::ptrdiff_t>(field.value_at));
    }

    void write_children(const TiffDirectory& directory, std::vector<WrittenField>& fields) {
        auto child = directory.children.begin();
        for (WrittenField& field : fields) {
            if (!is_tiff_directory_pointer(field.tag)) continue;
            for (std::size_t i = 0; i < field.count; ++i, ++child) {
                align();
                field.set(form_, i, out_.size());
                write_directory(child->directory);
            }
            patch(field);
        }
    }

    void write_blocks(const TiffDirectory& directory, const TiffRecoding* recoding,
                      std::vector<WrittenField>& fields) {
        const auto offsets = std::find_if(fields.begin(), fields.end(),
                                          [](const WrittenField& field) { return is_offsets(field.tag); });
        if (offsets == fields.end()) return;
        for (std::size_t i = 0; i < offsets->count; ++i) {
            align();
            offsets->set(form_, i, out_.size());
            append(out_, recoding != nullptr ? ByteView(recoding->blocks[i]) : directory.blocks[i]);
        }
        patch(*offsets);
    }

    TiffForm form_;
    const TiffFile& file_;
    const TiffRecodings& recodings_;
    Bytes out_;
};

}  // namespace

std::size_t TiffRecoding::size_bytes() const {
    std::size_t size = 0;
    for (const Bytes& block : blocks) size += block.size();
    return size;
}

bool is_tiff_storage_tag(std::uint16_t tag) {
    constexpr std::uint16_t kTags[] = {kCompression,     kStripOffsets, kRowsPerStrip,
                                       kStripByteCounts, kT4Options,    kT6Options,
                                       kPredictor,       kTileOffsets,  kTileByteCounts};
    return std::find(std::begin(kTags), std::end(kTags), tag) != std::end(kTags);
}

Bytes write_tiff(const TiffFile& file, const TiffRecodings& recodings) {
    return TiffWriter(file, recodings).write();
}

}  // namespace optimilter
