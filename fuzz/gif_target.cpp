// SPDX-License-Identifier: Apache-2.0
//
// A GIF file through the driver, which has libnsgif compare the frames. Promises besides: what our reader
// takes it writes so that it reads the same; a result keeps frames, delays, disposal and extensions; a second
// pass changes nothing.
#include "fuzz/optimized.hpp"
#include "optimizers/gif_blocks.hpp"

namespace optimilter::fuzz {

namespace {

void check_kept(const GifFile& before, const GifFile& after) {
    promise(before.frames.size() == after.frames.size(), "frames stay");
    promise(before.blocks.size() == after.blocks.size(), "extensions stay");
    for (std::size_t i = 0; i < before.blocks.size(); ++i)
        promise(as_text(before.blocks[i].bytes) == as_text(after.blocks[i].bytes),
                "an extension stays as it is");
    for (std::size_t i = 0; i < before.frames.size(); ++i) {
        const auto& a = before.frames[i].control;
        const auto& b = after.frames[i].control;
        promise(a.has_value() == b.has_value(), "a control stays");
        promise(!a || (a->delay_cs == b->delay_cs && a->disposal == b->disposal), "delay and disposal stay");
    }
}

void run(ByteView file) {
    if (!starts_with(file, "GIF8")) return;
    Options options = small_options(hash_of(file) & 1);
    options.effort = static_cast<std::uint8_t>((hash_of(file) >> 1) % (kEffortMax + 1u));
    const OptimizeResult result = optimize_file(file, options);
    if (result.outcome != Outcome::kOptimized) {
        promise(result.outcome != Outcome::kTooDifferent, "what we write passes verification", result.reason);
        return;
    }
    check_kept(*read_gif(file), *read_gif(result.output));
    check_second_pass(result, options);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
