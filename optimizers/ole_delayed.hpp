// SPDX-License-Identifier: Apache-2.0
//
// Pictures that lie back to back at the end of one stream while a blip store elsewhere names each by offset
// and size ([MS-ODRAW] 2.2.32, the "delay stream"): the stream "Pictures" of PowerPoint, the tail of
// "WordDocument" of Word. A smaller picture moves all behind it, so both fields of the entries are patched.
// One job, one object; not thread safe.
//
// Security: reads outside bytes, bounded by the streams; nesting of records is bounded.
#pragma once

#include <string>
#include <vector>

#include "optimizers/ole_work.hpp"

namespace optimilter {

class DelayedPictures {
  public:
    // store: the stream with the entries, between the offsets of records; pictures: the stream they name.
    DelayedPictures(OleWork& work, std::uint32_t store, ByteRange records, std::uint32_t pictures)
        : work_(work), store_id_(store), records_(records), pictures_id_(pictures) {}

    // true when the records fill their range, with no containers that do not fit theirs.
    bool find_entries();
    // A record of this type was met.
    bool met(std::uint16_t type) const;
    // Least offset of an entry's picture from which on whole pictures fill the stream; its end when none is.
    std::size_t first_of_tail() const;
    // Pictures from this offset on; false when they do not fill the stream, or an entry does not name a whole
    // one of them.
    bool find_pictures(std::size_t begin);
    // Shrinks what can be shrunk and notes the new streams, which the caller may patch further. true when
    // something became smaller.
    bool shrink();

  private:
    struct Picture {
        ByteRange old_place;
        Bytes record;  // only when it became smaller
        std::size_t new_begin = 0;
        bool named = false;

        std::size_t new_size() const { return record.empty() ? old_place.size() : record.size(); }
    };
    struct Entry {
        std::size_t at;  // of the FBSE in the store
        std::uint32_t offset;
        std::uint32_t size;
    };

    const Bytes& store() const { return work_.file.entries[store_id_].content; }
    const Bytes& stream() const { return work_.file.entries[pictures_id_].content; }
    bool walk(std::size_t begin, std::size_t end, int depth);
    void note_entry(std::size_t at);
    bool tile(std::size_t begin, std::vector<Picture>* found) const;
    Picture* picture_at(std::size_t offset);
    void replace_streams();

    OleWork& work_;
    std::uint32_t store_id_;
    ByteRange records_;
    std::uint32_t pictures_id_;
    std::vector<std::uint16_t> types_;  // met, each once
    std::vector<Entry> entries_;
    std::vector<Picture> pictures_;  // by offset
};

}  // namespace optimilter
