// SPDX-License-Identifier: Apache-2.0
#include "optimizers/lzma_raw.hpp"

#include <lzma.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>

namespace optimilter {

namespace {

struct LzmaEnd {
    void operator()(lzma_stream* stream) const { lzma_end(stream); }
};
struct FreeOptions {
    void operator()(void* options) const { std::free(options); }
};

Error no_memory() {
    return {ErrorCode::kLimit, "no memory for LZMA"};
}

// No larger than the content: a reader allocates what is declared.
std::uint32_t dictionary_for(std::uint64_t content_size) {
    constexpr std::uint32_t kLeast = 64u << 10;
    constexpr std::uint32_t kLargest = 32u << 20;
    std::uint32_t size = kLeast;
    while (size < kLargest && size < content_size) size *= 2;
    return size;
}

Result<Bytes> properties_of(const lzma_filter& filter) {
    std::uint32_t size = 0;
    if (lzma_properties_size(&size, &filter) != LZMA_OK) return no_memory();
    Bytes properties(size);
    if (lzma_properties_encode(&filter, properties.data()) != LZMA_OK) return no_memory();
    return properties;
}

// Feeds one content, in pieces.
Status feed(lzma_stream& stream, ByteView content, const Budget& budget) {
    constexpr std::size_t kPiece = 256 * 1024;
    for (std::size_t at = 0; at < content.size(); at += kPiece) {
        if (budget.expired()) return Error{ErrorCode::kDeadline, "no time to compress"};
        stream.next_in = content.data() + at;
        stream.avail_in = std::min(kPiece, content.size() - at);
        if (lzma_code(&stream, LZMA_RUN) != LZMA_OK || stream.avail_in != 0) {
            return Error{ErrorCode::kLimit, "not smaller"};
        }
    }
    return Success{};
}

}  // namespace

Result<Bytes> decode_lzma(ByteView packed, ByteView properties, std::size_t exact_size) {
    lzma_filter filters[] = {{LZMA_FILTER_LZMA1, nullptr}, {LZMA_VLI_UNKNOWN, nullptr}};
    if (lzma_properties_decode(&filters[0], nullptr, properties.data(), properties.size()) != LZMA_OK) {
        return Error{ErrorCode::kMalformed, "LZMA properties are broken"};
    }
    const std::unique_ptr<void, FreeOptions> options(filters[0].options);
    // More than the content can use is only memory.
    auto& lzma = *static_cast<lzma_options_lzma*>(filters[0].options);
    lzma.dict_size = std::min(lzma.dict_size, dictionary_for(exact_size));
    lzma_stream stream = LZMA_STREAM_INIT;
    const std::unique_ptr<lzma_stream, LzmaEnd> owner(&stream);
    if (lzma_raw_decoder(&stream, filters) != LZMA_OK) return no_memory();
    Bytes content(exact_size);
    stream.next_in = packed.data();
    stream.avail_in = packed.size();
    stream.next_out = content.data();
    stream.avail_out = content.size();
    const lzma_ret status = lzma_code(&stream, LZMA_RUN);
    if ((status != LZMA_OK && status != LZMA_STREAM_END) || stream.avail_out != 0) {
        return Error{ErrorCode::kMalformed, "broken LZMA data"};
    }
    return content;
}

Result<RawLzma> encode_lzma2(const std::vector<ByteView>& contents, int preset, std::size_t limit_bytes,
                             const Budget& budget) {
    lzma_options_lzma options;
    if (lzma_lzma_preset(&options, static_cast<std::uint32_t>(preset))) return no_memory();
    options.dict_size = dictionary_for(
        std::accumulate(contents.begin(), contents.end(), std::uint64_t{0},
                        [](std::uint64_t sum, ByteView content) { return sum + content.size(); }));
    const lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
    lzma_stream stream = LZMA_STREAM_INIT;
    const std::unique_ptr<lzma_stream, LzmaEnd> owner(&stream);
    if (lzma_raw_encoder(&stream, filters) != LZMA_OK) return no_memory();
    RawLzma raw{Bytes(limit_bytes), {}};
    stream.next_out = raw.packed.data();
    stream.avail_out = raw.packed.size();
    for (const ByteView content : contents) {
        if (const Status fed = feed(stream, content, budget); !fed) return fed.error();
    }
    if (lzma_code(&stream, LZMA_FINISH) != LZMA_STREAM_END) return Error{ErrorCode::kLimit, "not smaller"};
    raw.packed.resize(raw.packed.size() - stream.avail_out);
    auto properties = properties_of(filters[0]);
    if (!properties) return properties.error();
    raw.properties = std::move(properties).value();
    return raw;
}

Result<RawLzma> encode_lzma1(ByteView content) {
    constexpr std::uint32_t kPreset = 6;
    lzma_options_lzma options;
    if (lzma_lzma_preset(&options, kPreset)) return no_memory();
    options.dict_size = dictionary_for(content.size());
    const lzma_filter filters[] = {{LZMA_FILTER_LZMA1, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
    RawLzma raw{Bytes(content.size() + content.size() / 2 + 1024), {}};
    std::size_t written = 0;
    if (lzma_raw_buffer_encode(filters, nullptr, content.data(), content.size(), raw.packed.data(), &written,
                               raw.packed.size()) != LZMA_OK) {
        return no_memory();
    }
    raw.packed.resize(written);
    auto properties = properties_of(filters[0]);
    if (!properties) return properties.error();
    raw.properties = std::move(properties).value();
    return raw;
}

}  // namespace optimilter
