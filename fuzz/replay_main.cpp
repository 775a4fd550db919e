// SPDX-License-Identifier: Apache-2.0
//
// Runs one target over files, without libFuzzer: for g++, for the other sanitizers and for debuggers.
// Usage: fuzz_TARGET FILE_OR_FOLDER...; the name of the file under test is the last line before a crash.
#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/memfd.hpp"
#include "fuzz/fuzz_target.hpp"

namespace {

namespace fs = std::filesystem;
constexpr std::size_t kLargestInput = 16u << 20;

std::vector<fs::path> files_below(const fs::path& path) {
    if (!fs::is_directory(path)) return {path};
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(path))
        if (entry.is_regular_file()) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

bool replay(const fs::path& file) {
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);
    const auto bytes = optimilter::read_file(file.c_str(), kLargestInput);
    if (bytes)
        LLVMFuzzerTestOneInput(bytes->data(), bytes->size());
    else
        std::fprintf(stderr, "%s: %s\n", file.c_str(), bytes.error().text.c_str());
    return bytes.has_value();
}

}  // namespace

int main(int count, char** arguments) {
    std::size_t inputs = 0, unreadable = 0;
    for (int i = 1; i < count; ++i) {
        for (const fs::path& file : files_below(arguments[i])) {
            ++inputs;
            if (!replay(file)) ++unreadable;
        }
    }
    std::printf("%zu inputs, %zu unreadable\n", inputs, unreadable);
    // Nothing to replay is a mistake in the call.
    return inputs == 0 || unreadable != 0 ? 1 : 0;
}
