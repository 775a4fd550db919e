// SPDX-License-Identifier: Apache-2.0
#include "store/stored_result.hpp"

#include <bit>
#include <string_view>

namespace optimilter {

namespace {

// outcome, format, output format, score present: a byte each; score; length of optimizer, reason and output:
// 8 bytes each, little-endian; then these three.
constexpr std::size_t kHeadBytes = 4 + 8 + 3 * 8;

void put_u64(Bytes& to, std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) to.push_back(static_cast<std::uint8_t>(value >> shift));
}

std::uint64_t read_u64(const std::uint8_t* p) {
    return read_le32(p) | std::uint64_t{read_le32(p + 4)} << 32;
}

Error malformed(std::string_view what) {
    return {ErrorCode::kMalformed, "stored result: " + std::string(what)};
}

}  // namespace

Bytes encode_stored_result(const StoredResult& result) {
    Bytes bytes;
    bytes.reserve(kHeadBytes + result.size());
    for (const auto byte :
         {static_cast<std::uint8_t>(result.outcome), static_cast<std::uint8_t>(result.format),
          static_cast<std::uint8_t>(result.output_format),
          static_cast<std::uint8_t>(result.score.has_value())})
        bytes.push_back(byte);
    put_u64(bytes, std::bit_cast<std::uint64_t>(result.score.value_or(0.0)));
    put_u64(bytes, result.optimizer.size());
    put_u64(bytes, result.reason.size());
    put_u64(bytes, result.output.bytes().size());
    append(bytes, as_bytes(result.optimizer));
    append(bytes, as_bytes(result.reason));
    append(bytes, result.output.bytes());
    return bytes;
}

Result<StoredResult> parse_stored_result(ByteView bytes) {
    if (bytes.size() < kHeadBytes) return malformed("too short");
    if (bytes[0] >= kOutcomeCount) return malformed("outcome");
    for (const std::size_t at : {1, 2})
        if (bytes[at] >= static_cast<std::uint8_t>(Format::kCount_)) return malformed("format");
    if (bytes[3] > 1) return malformed("flag");
    StoredResult result;
    result.outcome = static_cast<Outcome>(bytes[0]);
    result.format = static_cast<Format>(bytes[1]);
    result.output_format = static_cast<Format>(bytes[2]);
    if (bytes[3] == 1) result.score = std::bit_cast<double>(read_u64(&bytes[4]));
    std::uint64_t lengths[3];
    std::uint64_t left = bytes.size() - kHeadBytes;
    for (std::size_t i = 0; i < 3; ++i) {
        lengths[i] = read_u64(&bytes[12 + 8 * i]);
        if (lengths[i] > left) return malformed("length");
        left -= lengths[i];
    }
    if (left != 0) return malformed("length");
    if ((lengths[2] != 0) != (result.outcome == Outcome::kOptimized)) return malformed("output");
    ByteView rest = bytes.subspan(kHeadBytes);
    result.optimizer = as_text(rest.first(lengths[0]));
    rest = rest.subspan(lengths[0]);
    result.reason = as_text(rest.first(lengths[1]));
    rest = rest.subspan(lengths[1]);
    if (!rest.empty()) result.output = SharedBytes(Bytes(rest.begin(), rest.end()));
    return result;
}

}  // namespace optimilter
