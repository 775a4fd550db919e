// SPDX-License-Identifier: Apache-2.0
//
// The content of one archive member: inflated, its size and CRC-32 checked. Thread safe: pure functions.
//
// Security: reads outside bytes; allocates what the entry declares, so the caller spends that first.
#pragma once

#include "base/result.hpp"
#include "optimizers/budget.hpp"
#include "optimizers/zip_reader.hpp"

namespace optimilter {

// true for the two methods we read and write: stored and deflated. Others are copied as they are.
inline bool is_readable(const ZipEntry& entry) {
    return entry.method == kZipStored || entry.method == kZipDeflated;
}

// true when the entry declares more than a document honestly deflates to: over 200 times its size and over
// 8 MB. deflate itself ends at 1032.
bool looks_like_bomb(const ZipEntry& entry);

// A member's bytes: a view into the archive when stored, its own memory when deflated.
class MemberContent {
  public:
    // kMalformed: broken stream, or another size or CRC-32 than declared; kUnsupported: another method.
    static Result<MemberContent> of(ByteView file, const ZipEntry& entry);

    ByteView bytes() const { return inflated_.empty() ? stored_ : ByteView(inflated_); }

  private:
    Bytes inflated_;
    ByteView stored_;
};

}  // namespace optimilter
