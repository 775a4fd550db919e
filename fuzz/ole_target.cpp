// SPDX-License-Identifier: Apache-2.0
//
// A file of any bytes as a compound file. Promises: whatever the strict reader takes and the writer writes
// anew, both readers read again with the same tree and contents; a file through the driver keeps the driver's
// promises and a second pass changes nothing.
#include "fuzz/optimized.hpp"
#include "optimizers/ole_second_reader.hpp"
#include "optimizers/ole_writer.hpp"

namespace optimilter::fuzz {

namespace {

void check_rewriting(ByteView file, std::uint32_t max_entries) {
    const auto read = read_ole(file, max_entries);
    const auto before = see_ole(file);
    if (!read || !before) return;
    const Bytes written = write_ole(*read, {});
    const auto again = read_ole(written, max_entries);
    promise(again.has_value(), "the strict reader reads what was written", again ? "" : again.error().text);
    const auto after = see_ole(written);
    promise(after.has_value(), "the second reader reads what was written");
    promise(before->size() == after->size(), "as many entries as before");
    for (std::size_t i = 0; i < before->size(); ++i) {
        const OleSeen& a = (*before)[i];
        const OleSeen& b = (*after)[i];
        promise(a.name == b.name && a.kept == b.kept && a.content == b.content, "every entry as before");
    }
    promise(write_ole(*again, {}) == written, "writing twice is writing once");
}

void run(ByteView file) {
    const Options options = small_options(hash_of(file) & 1);
    check_rewriting(file, options.max_entries);
    if (!starts_with(file, "\xD0\xCF\x11\xE0")) return;
    const OptimizeResult result = optimize_file(file, options);
    if (result.outcome == Outcome::kOptimized) check_second_pass(result, options);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
