// SPDX-License-Identifier: Apache-2.0
//
// A PDF file through the driver. So that byte changes reach what lies behind libqpdf's strict reading, input
// without "startxref" is the body of a file only: places, lengths of streams, table and trailer are made for
// it here. Promises: those of the driver, which compares object by object; a second pass changes nothing.
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>

#include "fuzz/optimized.hpp"

namespace optimilter::fuzz {

namespace {

constexpr std::string_view kObject = " 0 obj\n";

// The number before an "obj" at this place, or -1.
int number_before(std::string_view body, std::size_t at) {
    std::size_t begin = at;
    while (begin > 0 && at - begin < 4 && std::isdigit(static_cast<unsigned char>(body[begin - 1]))) --begin;
    if (begin == at || (begin > 0 && body[begin - 1] != '\n')) return -1;
    return std::atoi(std::string(body.substr(begin, at - begin)).c_str());
}

// "stream" gets its Length in front, as the bytes to "endstream" tell.
std::string with_lengths(std::string_view body) {
    constexpr std::string_view kBegin = ">>stream\n";
    constexpr std::string_view kEnd = "\nendstream";
    std::string text;
    std::size_t done = 0;
    for (;;) {
        const std::size_t begin = body.find(kBegin, done);
        const std::size_t end =
            begin == std::string_view::npos ? begin : body.find(kEnd, begin + kBegin.size() - 1);
        if (end == std::string_view::npos) break;
        const std::size_t length = end - std::min(end, begin + kBegin.size());
        text += body.substr(done, begin - done);
        text += fmt::format("/Length {}", length);
        text += body.substr(begin, end + kEnd.size() - begin);
        done = end + kEnd.size();
    }
    return text + std::string(body.substr(done));
}

std::string whole_file(std::string_view body) {
    std::string file = "%PDF-1.4\n" + with_lengths(body) + "\n";
    std::string rows;
    constexpr int kNumbers = 64;
    std::size_t places[kNumbers] = {};
    for (std::size_t at = file.find(kObject); at != std::string::npos; at = file.find(kObject, at + 1)) {
        const int number = number_before(file, at);
        if (number > 0 && number < kNumbers) places[number] = file.rfind('\n', at) + 1;
    }
    for (int number = 1; number < kNumbers; ++number)
        rows += fmt::format("{:010} {:05} {} \n", places[number], 0, places[number] != 0 ? 'n' : 'f');
    const std::size_t table = file.size();
    return file +
           fmt::format(
               "xref\n0 {}\n0000000000 65535 f \n{}trailer\n<</Root 1 0 R/Size {}>>\nstartxref\n{}\n%%EOF\n",
               kNumbers, rows, kNumbers, table);
}

Options wider(Options options) {
    options.max_pixels *= 8;
    options.max_expanded_bytes *= 8;
    options.max_entries *= 8;
    return options;
}

void run(ByteView input) {
    const std::string_view text = as_text(input);
    const bool is_whole = text.find("startxref") != std::string_view::npos;
    const std::string file = is_whole ? std::string(text) : whole_file(text);
    if (!starts_with(as_bytes(file), "%PDF-")) return;
    const std::uint64_t hash = hash_of(input);
    Options options = small_options(hash & 1);
    options.document_ppi = hash & 2 ? 72 : 0;
    const OptimizeResult result = optimize_file(as_bytes(file), options);
    if (result.outcome != Outcome::kOptimized) return;
    promise(starts_with(result.output, "%PDF-"), "the result begins like a PDF file");
    // What the bounds cut short the first time may fit the second time, when pictures are smaller.
    if (optimize_file(as_bytes(file), wider(options)).output == result.output)
        check_second_pass(result, options);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
