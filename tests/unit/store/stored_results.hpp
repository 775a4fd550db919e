// SPDX-License-Identifier: Apache-2.0
//
// Keys and results for the tests of store/, and a folder of their own.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "store/stored_result.hpp"

namespace optimilter {

inline Digest key_of(std::uint32_t number) {
    Digest key{};
    for (std::size_t i = 0; i < 4; ++i) key[i] = static_cast<std::uint8_t>(number >> (8 * i));
    return key;
}

inline StoredResult optimized(std::size_t size, std::uint8_t fill = 'x') {
    StoredResult result;
    result.outcome = Outcome::kOptimized;
    result.format = Format::kBmp;
    result.output_format = Format::kPng;
    result.score = 0.987;
    result.optimizer = "bmp";
    result.output = SharedBytes(Bytes(size, fill));
    return result;
}

inline StoredResult not_smaller() {
    StoredResult result;
    result.outcome = Outcome::kNotSmaller;
    result.format = Format::kJpeg;
    result.optimizer = "jpeg";
    result.reason = "not smaller";
    return result;
}

inline bool same(const StoredResult& a, const StoredResult& b) {
    return encode_stored_result(a) == encode_stored_result(b);
}

class TestFolder {
  public:
    TestFolder() {
        char name[] = "/tmp/optimilter-store.XXXXXX";
        path_ = ::mkdtemp(name) == nullptr ? "" : name;
    }
    ~TestFolder() { std::filesystem::remove_all(path_); }
    TestFolder(const TestFolder&) = delete;
    TestFolder& operator=(const TestFolder&) = delete;
    std::string file(const char* name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

}  // namespace optimilter
