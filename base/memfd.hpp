// SPDX-License-Identifier: Apache-2.0
//
// Anonymous files in memory (memfd_create(2)), how message bodies and jobs travel between our processes, and
// read-only mappings of them. Not thread safe; one owner.
//
// Security: a mapping of a file that a hostile process can shrink raises SIGBUS. Map what comes from a worker
// only after seal_shape() and seal_writes() both succeeded.
#pragma once

#include <cstddef>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace optimilter {

class Memfd {
  public:
    // name: shown in /proc only. The file is empty, close-on-exec, sealable.
    static Result<Memfd> create(const char* name);

    // Appends all of bytes with write(2), which is cheaper than filling fresh mapped pages. kIo when memory
    // is out.
    Status append(ByteView bytes);

    // Sets the size, in bytes; new bytes are zero.
    Status resize(std::size_t size_bytes);

    // Forbids any change of the size from now on (F_SEAL_SHRINK | F_SEAL_GROW).
    Status seal_shape();
    // Forbids any change of the content from now on (F_SEAL_WRITE). kRefused while somebody has it mapped
    // writable.
    Status seal_writes();

    std::size_t size() const { return size_; }
    int fd() const { return fd_.get(); }

  private:
    UniqueFd fd_;
    std::size_t size_ = 0;
};

// A read-only, private-to-us mapping of a whole file. Its bytes live as long as the mapping.
class Mapping {
  public:
    Mapping() = default;
    Mapping(Mapping&& other) noexcept;
    Mapping& operator=(Mapping&& other) noexcept;
    ~Mapping();

    // size_bytes: how much to map; 0 gives an empty mapping. The descriptor may be closed afterwards.
    static Result<Mapping> of(int fd, std::size_t size_bytes);

    ByteView bytes() const { return {data_, size_}; }

  private:
    const std::uint8_t* data_ = nullptr;
    std::size_t size_ = 0;
};

// Reads a whole regular file. kLimit when it is larger than limit_bytes, kIo when it cannot be read.
Result<Bytes> read_file(const char* path, std::size_t limit_bytes);

}  // namespace optimilter
