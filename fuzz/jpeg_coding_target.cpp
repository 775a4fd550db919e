// SPDX-License-Identifier: Apache-2.0
//
// Coefficients drawn from the input through our JPEG entropy coder. Promise: libjpeg decodes exactly them
// again, from every kind of file we write, or the coder refuses them as out of range.
//
// Input: width, height, sampling, kind of file, then runs: how many coefficients to pass over, a value.
#include "fuzz/fuzz_target.hpp"
#include "unit/optimizers/coefficient_picture.hpp"

namespace optimilter::fuzz {

namespace {

using coefficient_picture::Factors;
using coefficient_picture::Owned;

std::vector<Factors> sampling_of(std::uint8_t choice) {
    std::vector<Factors> factors;
    for (unsigned c = 0; c <= choice % 4u; ++c) {
        const unsigned shape = choice >> (2 + 2 * (c % 3)) & 3u;
        factors.push_back(
            {static_cast<std::uint8_t>(1 + shape % 2), static_cast<std::uint8_t>(1 + shape / 2)});
    }
    return factors;
}

// Two bytes of value now and then, else a small one: both large and ordinary pictures are found.
int value_of(Feed& feed) {
    const std::uint8_t first = feed.byte();
    if (first >= 250) return static_cast<std::int16_t>(feed.number(2));
    return static_cast<std::int8_t>(first) / 4;
}

void fill(Owned& owned, Feed& feed) {
    for (std::vector<std::int16_t>& plane : owned.samples) {
        std::size_t at = 0;
        while (!feed.empty()) {
            const std::uint8_t skip = feed.byte();
            // The upper numbers leap over many blocks.
            at += skip < 240 ? skip % 80u : std::size_t{64} << (skip - 240);
            if (at >= plane.size()) break;
            plane[at++] = static_cast<std::int16_t>(value_of(feed));
        }
    }
}

Result<Bytes> coded(const JpegCoefficients& picture, std::uint8_t kind) {
    constexpr std::size_t kLimit = 64u << 20;
    if (kind % 5 < 3)
        return code_jpeg_progressive(picture, {}, static_cast<JpegScanSearch>(kind % 5), kLimit, Deadline());
    return code_jpeg_sequential(picture, {}, kind % 5 == 3 ? JpegTables::kStandard : JpegTables::kBest,
                                kLimit, Deadline());
}

void run(ByteView input) {
    Feed feed(input);
    const auto width = static_cast<std::uint32_t>(1 + feed.number(2) % 1200);
    const auto height = static_cast<std::uint32_t>(1 + feed.number(2) % 1200);
    Owned owned(width, height, sampling_of(feed.byte()));
    const std::uint8_t kind = feed.byte();
    fill(owned, feed);
    const Result<Bytes> file = coded(owned.picture, kind);
    if (!file) {
        promise(file.error().code == ErrorCode::kMalformed, "only values out of range are refused");
        return;
    }
    const std::string why = coefficient_picture::difference(owned.picture, *file);
    promise(why.empty(), "libjpeg reads what was written", why);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
