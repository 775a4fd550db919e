// SPDX-License-Identifier: Apache-2.0
//
// A second opinion on what an archive holds: libarchive's ZIP reader, which shares no code with ours. Used to
// verify what we wrote, never to write. Not thread safe; one owner.
//
// Security: reads bytes made from outside bytes; never yields more of a member than the caller asked for.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

struct archive;

namespace optimilter {

// Makes libarchive load what it loads on first use (character set tables), before the sandbox closes.
void warm_up_second_reader();

class SecondReader {
  public:
    struct Member {
        // As libarchive understood it; empty when it could not.
        std::string name;
        // Bytes; missing when it does not know before reading.
        std::optional<std::uint64_t> size;
    };

    // file must outlive the reader. kMalformed when it does not open.
    static Result<SecondReader> open(ByteView file);

    // The next member in file order, or nothing at the end. Warnings (names it cannot convert) are no
    // failure.
    Result<std::optional<Member>> next();

    // For the member that next() gave, once: whether its content is exactly want; all of it, when that is no
    // more than limit_bytes.
    Status expect_content(ByteView want);
    Result<Bytes> content(std::size_t limit_bytes);

  private:
    struct Free {
        void operator()(archive* a) const;
    };
    explicit SecondReader(archive* opened) : archive_(opened) {}

    // The next piece, valid until the next call; empty at the end. at: where it must stand in the member.
    Result<ByteView> next_piece(std::size_t at);
    Error failure() const;

    std::unique_ptr<archive, Free> archive_;
};

}  // namespace optimilter
