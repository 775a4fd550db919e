// SPDX-License-Identifier: Apache-2.0
#include "workers/loaded_files.hpp"

#include <link.h>
#include <sys/stat.h>

#include <string>

#include "base/bytes.hpp"
#include "base/digest.hpp"
#include "base/version.hpp"

namespace optimilter {

namespace {

void add_file(std::string& text, const char* path) {
    struct stat file {};
    text += path;
    if (::stat(path, &file) == 0) {
        for (const auto number :
             {static_cast<std::uint64_t>(file.st_size), static_cast<std::uint64_t>(file.st_ino),
              static_cast<std::uint64_t>(file.st_mtim.tv_sec),
              static_cast<std::uint64_t>(file.st_mtim.tv_nsec)})
            text += ' ' + std::to_string(number);
    }
    text += '\n';
}

int add_object(dl_phdr_info* object, std::size_t, void* text) {
    // The program itself has no name there, nor has what the kernel maps.
    const bool named = object->dlpi_name != nullptr && object->dlpi_name[0] == '/';
    if (named) add_file(*static_cast<std::string*>(text), object->dlpi_name);
    return 0;
}

}  // namespace

std::uint32_t loaded_files_fingerprint() {
    std::string text = std::string(kVersion) + '\n';
    add_file(text, "/proc/self/exe");
    ::dl_iterate_phdr(add_object, &text);
    const Digest digest = sha256(as_bytes(text));
    const std::uint32_t fingerprint = read_le32(digest.data());
    return fingerprint == 0 ? 1 : fingerprint;
}

}  // namespace optimilter
