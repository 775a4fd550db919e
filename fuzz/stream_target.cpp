// SPDX-License-Identifier: Apache-2.0
//
// A gzip, bzip2, xz or zstd file. Promises: the frame lies inside; what expands is within the budget, is what
// libarchive reads on its own, and compresses to a file of the same frame and content.
#include "fuzz/fuzz_target.hpp"
#include "optimizers/stream_codec.hpp"

namespace optimilter::fuzz {

namespace {

constexpr std::uint64_t kLargest = 1u << 20;

void check_content(ByteView file, const StreamFrame& frame) {
    Options options;
    options.max_expanded_bytes = kLargest;
    Budget budget(Deadline::in_ms(600'000), options);
    const auto content = expand_stream(file, frame, budget);
    if (!content) return;
    promise(content->size() <= kLargest, "contents stay within the budget");
    const auto seen = expand_independently(file, frame.format, kLargest, budget);
    // libarchive takes an empty stream for no archive, and checks no more than it reads.
    promise(!seen || *seen == *content, "libarchive reads the same content");
    if (content->size() > 64 * 1024) return;
    const std::size_t room = file.size() + content->size() + 4096;
    const auto again = compress_stream(*content, file, frame, 0, room, budget);
    if (!again) return;
    const auto frame_again = read_stream_frame(*again, frame.format);
    promise(frame_again.has_value() || content->empty(), "what was written can be read");
    if (!frame_again) return;
    promise(frame_again->check == frame.check, "the kind of check stays");
    promise(frame_again->content_size.has_value() == frame.content_size.has_value(),
            "the size is told alike");
    const auto content_again = expand_independently(*again, frame.format, kLargest, budget);
    promise(content->empty() || (content_again && *content_again == *content), "the content stays");
}

void run(ByteView input) {
    // A file of its exact size in memory, so that a read past its end is seen.
    const Bytes file = bytes_of(input);
    for (const Format format : {Format::kGzip, Format::kBzip2, Format::kXz, Format::kZstd}) {
        const auto frame = read_stream_frame(file, format);
        if (!frame) {
            promise(!frame.error().text.empty(), "a refusal has a reason");
            continue;
        }
        promise(frame->header.end <= frame->data.begin && frame->data.end <= file.size(),
                "a frame lies inside");
        (void)name_inside(file, *frame);
        if (sniff(file) == format) check_content(file, *frame);
    }
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
