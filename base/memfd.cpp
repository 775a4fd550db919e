// SPDX-License-Identifier: Apache-2.0
#include "base/memfd.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace optimilter {

namespace {

Error io_error(const char* operation) {
    return Error{ErrorCode::kIo, fmt::format("{}: {}", operation, std::strerror(errno))};
}

}  // namespace

Result<Memfd> Memfd::create(const char* name) {
    Memfd file;
    file.fd_.reset(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file.fd_) return io_error("memfd_create");
    return file;
}

Status Memfd::append(ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return io_error("write to memory file");
        size_ += static_cast<std::size_t>(written);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return Success{};
}

Status Memfd::resize(std::size_t size_bytes) {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size_bytes)) != 0) return io_error("resize memory file");
    size_ = size_bytes;
    return Success{};
}

Status Memfd::seal_shape() {
    if (::fcntl(fd_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0)
        return io_error("seal memory file");
    return Success{};
}

Status Memfd::seal_writes() {
    if (::fcntl(fd_.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0) return Success{};
    if (errno == EBUSY) return Error{ErrorCode::kRefused, "memory file is still mapped writable"};
    return io_error("seal memory file");
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

Mapping::~Mapping() {
    if (size_ > 0) ::munmap(const_cast<std::uint8_t*>(data_), size_);
}

Result<Mapping> Mapping::of(int fd, std::size_t size_bytes) {
    Mapping mapping;
    if (size_bytes == 0) return mapping;
    // Private although read-only: before 6.7, Linux counts a shared mapping as one that may become writable,
    // and refuses it together with F_SEAL_WRITE.
    void* data = ::mmap(nullptr, size_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) return io_error("map memory file");
    mapping.data_ = static_cast<const std::uint8_t*>(data);
    mapping.size_ = size_bytes;
    return mapping;
}

Result<Bytes> read_file(const char* path, std::size_t limit_bytes) {
    // O_NONBLOCK: opening a FIFO must not hang; it is refused below like everything that is no regular file.
    UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return io_error("open");
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return io_error("stat");
    if (!S_ISREG(status.st_mode)) return Error{ErrorCode::kUnsupported, "not a regular file"};
    if (static_cast<std::uintmax_t>(status.st_size) > limit_bytes) {
        return Error{ErrorCode::kLimit, fmt::format("larger than {} bytes", limit_bytes)};
    }
    Bytes bytes(static_cast<std::size_t>(status.st_size));
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t got = ::read(fd.get(), bytes.data() + done, bytes.size() - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return io_error("read");
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
}

}  // namespace optimilter
