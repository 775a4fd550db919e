// SPDX-License-Identifier: Apache-2.0
//
// Writes mails with halved parts for compare_readers.py. Usage: fuzz_halve_mails FILE...: for each mail that
// a splice changed, one line "SIZE FILE" on the standard output and SIZE bytes after it.
#include "base/memfd.hpp"
#include "fuzz/fuzz_target.hpp"
#include "fuzz/halved_mail.hpp"

namespace optimilter::fuzz {

namespace {

constexpr std::size_t kLargestMail = 16u << 20;

void halve(const char* file) {
    const auto text = read_file(file, kLargestMail);
    if (!text) return;
    const auto mail = halve_mail(*text, [](const Part&) { return true; });
    if (!mail || !mail->spliced) return;
    const std::string after = string_of(ByteView(*text).first(mail->before.body.begin)) + *mail->spliced;
    std::printf("%zu %s\n", after.size(), file);
    std::fwrite(after.data(), 1, after.size(), stdout);
}

}  // namespace

}  // namespace optimilter::fuzz

int main(int count, char** files) {
    for (int i = 1; i < count; ++i) optimilter::fuzz::halve(files[i]);
    return 0;
}
