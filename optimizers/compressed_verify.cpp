// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "optimizers/formats.hpp"
#include "optimizers/stream_codec.hpp"

namespace optimilter {

namespace {

bool equal(ByteView a, ByteView b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// All that a reader can see of a frame besides its content.
std::string compare_frames(ByteView input, const StreamFrame& before, ByteView output,
                           const StreamFrame& after) {
    if (before.format == Format::kGzip && !equal(slice(input, before.header), slice(output, after.header))) {
        return "gzip header differs";
    }
    if (before.check != after.check) return "kind of the integrity check differs";
    if (before.content_size.has_value() != after.content_size.has_value())
        return "content size is not told alike";
    return {};
}

std::string compare_contents(ByteView before, ByteView after, const Attempt& attempt, const TypeHint& hint) {
    if (attempt.changes.empty()) return equal(before, after) ? "" : "content differs";
    if (attempt.changes.size() != 1 || attempt.changes[0].index != 0) return "more members than one";
    if (sha256(after) != attempt.changes[0].content) return "content is not what was verified";
    return sniff(after, hint) == sniff(before, hint) ? "" : "format of the content changed";
}

}  // namespace

// libarchive reads both files: gzip's through zlib, which wrote nothing here.
std::string verify_compressed(ByteView input, const Attempt& attempt, Context& context) {
    const Format format = sniff(input);
    if (sniff(attempt.output) != format) return "format changed";
    const auto before = read_stream_frame(input, format);
    if (!before) return before.error().text;
    const auto after = read_stream_frame(attempt.output, format);
    if (!after) return fmt::format("result: {}", after.error().text);
    std::string why = compare_frames(input, *before, attempt.output, *after);
    if (!why.empty()) return why;
    const std::uint64_t limit = context.options.max_expanded_bytes;
    const auto want = expand_independently(input, format, limit, context.budget);
    if (!want) return want.error().text;
    const auto got = expand_independently(attempt.output, format, want->size(), context.budget);
    if (!got) return fmt::format("result: {}", got.error().text);
    return compare_contents(*want, *got, attempt, {{}, name_inside(input, *before)});
}

}  // namespace optimilter
