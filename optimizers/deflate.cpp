// SPDX-License-Identifier: Apache-2.0
#include "optimizers/deflate.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <iterator>
#include <memory>

namespace optimilter {

namespace {

struct FreeCompressor {
    void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
};
struct FreeDecompressor {
    void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
};
using Compressor = std::unique_ptr<libdeflate_compressor, FreeCompressor>;
using Decompressor = std::unique_ptr<libdeflate_decompressor, FreeDecompressor>;

using CompressFunction = std::size_t (*)(libdeflate_compressor*, const void*, std::size_t, void*,
                                         std::size_t);
using DecompressFunction = libdeflate_result (*)(libdeflate_decompressor*, const void*, std::size_t, void*,
                                                 std::size_t, std::size_t*, std::size_t*);

Result<Bytes> compress(CompressFunction function, ByteView input, int level, std::size_t limit_bytes) {
    Compressor compressor(
        libdeflate_alloc_compressor(std::clamp(level, 0, static_cast<int>(kDeflateSmallest))));
    if (!compressor) return Error{ErrorCode::kLimit, "no memory for a deflate compressor"};
    Bytes output(std::min(limit_bytes, deflate_bound(input.size())));
    const std::size_t size =
        function(compressor.get(), input.data(), input.size(), output.data(), output.size());
    if (size == 0) return Error{ErrorCode::kLimit, "not smaller"};
    output.resize(size);
    return output;
}

Result<Bytes> decompress(DecompressFunction function, ByteView compressed, std::size_t exact_size) {
    Decompressor decompressor(libdeflate_alloc_decompressor());
    if (!decompressor) return Error{ErrorCode::kLimit, "no memory for a deflate decompressor"};
    // libdeflate wants an address even for nothing to write.
    Bytes output(std::max<std::size_t>(exact_size, 1));
    std::size_t read = 0;
    std::size_t written = 0;
    const libdeflate_result result = function(decompressor.get(), compressed.data(), compressed.size(),
                                              output.data(), exact_size, &read, &written);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE)
        return Error{ErrorCode::kMalformed, "deflated data inflates to more than was declared"};
    if (result != LIBDEFLATE_SUCCESS) return Error{ErrorCode::kMalformed, "broken deflated data"};
    if (written != exact_size)
        return Error{ErrorCode::kMalformed, "deflated data inflates to less than was declared"};
    if (read != compressed.size()) return Error{ErrorCode::kMalformed, "bytes after the deflated data"};
    output.resize(exact_size);
    return output;
}

}  // namespace

Result<Bytes> deflate_raw(ByteView input, int level) {
    return deflate_raw_within(input, level, deflate_bound(input.size()));
}

Result<Bytes> deflate_zlib(ByteView input, int level) {
    return deflate_zlib_within(input, level, deflate_bound(input.size()));
}

Result<Bytes> deflate_raw_within(ByteView input, int level, std::size_t limit_bytes) {
    return compress(libdeflate_deflate_compress, input, level, limit_bytes);
}

Result<Bytes> deflate_zlib_within(ByteView input, int level, std::size_t limit_bytes) {
    return compress(libdeflate_zlib_compress, input, level, limit_bytes);
}

Result<Bytes> inflate_raw(ByteView compressed, std::size_t exact_size) {
    return decompress(libdeflate_deflate_decompress_ex, compressed, exact_size);
}

Result<Bytes> inflate_zlib(ByteView compressed, std::size_t exact_size) {
    return decompress(libdeflate_zlib_decompress_ex, compressed, exact_size);
}

std::size_t deflate_bound(std::size_t input_size) {
    // Without a compressor libdeflate answers for all levels. The zlib bound holds for raw streams too.
    return libdeflate_zlib_compress_bound(nullptr, input_size);
}

std::int64_t deflate_cost_ms(std::size_t input_size, int level) {
    // Kilobytes a millisecond, half of what was measured on filtered scanlines of screenshots.
    constexpr std::size_t kSpeed[] = {400, 60, 50, 45, 40, 35, 30, 22, 14, 9, 4, 2, 1};
    const std::size_t speed = kSpeed[std::clamp(level, 0, static_cast<int>(kDeflateSmallest))];
    return static_cast<std::int64_t>(input_size / (speed * 1024)) + 1;
}

std::uint32_t crc32(ByteView bytes, std::uint32_t seed) {
    // libdeflate takes a null pointer as the wish for the initial value.
    return bytes.empty() ? seed : libdeflate_crc32(seed, bytes.data(), bytes.size());
}

}  // namespace optimilter
