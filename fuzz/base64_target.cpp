// SPDX-License-Identifier: Apache-2.0
//
// A body in a transfer encoding. Promises for clean base64: decoded_size is right, mimetic decodes the same,
// what is encoded again is clean, of the same layout and decodes to the same, equal lines come back byte for
// byte, less content is less text. For all bodies: a glimpse holds no more than it counts, quoted-printable
// counts what decodes.
#include <mimetic/mimetic.h>

#include <algorithm>

#include "fuzz/fuzz_target.hpp"
#include "mail/quoted_printable.hpp"
#include "mail/transfer_coding.hpp"

namespace optimilter::fuzz {

namespace {

constexpr std::size_t kHead = 64 * 1024;

void check_glimpses(ByteView body) {
    for (const auto encoding :
         {TransferEncoding::kSevenBit, TransferEncoding::kBinary, TransferEncoding::kUnknown,
          TransferEncoding::kQuotedPrintable, TransferEncoding::kBase64}) {
        const Glimpse seen = glimpse(body, encoding);
        promise(seen.decoded_size <= body.size(), "decoding makes nothing longer");
        promise(seen.head.size() <= kHead, "a glimpse is short");
        // mimetic turns some broken escapes into other numbers of bytes than we count.
        promise(encoding == TransferEncoding::kQuotedPrintable ||
                    seen.head.size() == std::min(seen.decoded_size, kHead),
                "a glimpse holds what it counts");
    }
}

Bytes decoded_by_mimetic(ByteView body) {
    Bytes decoded;
    mimetic::Base64::Decoder decoder;
    const char* const begin = as_text(body).data();
    mimetic::decode(begin, begin + body.size(), decoder, std::back_inserter(decoded));
    return decoded;
}

// true when every line but the last has the length that the layout writes, so that it must come back as it
// was.
bool has_equal_lines(ByteView body, const Base64Layout& layout) {
    std::string_view rest = as_text(body);
    rest.remove_prefix(layout.leading);
    rest.remove_suffix(layout.trailing);
    for (std::size_t end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
        if (end - (layout.crlf ? 1 : 0) != layout.line_length) return false;
        rest.remove_prefix(end + 1);
    }
    return rest.size() <= layout.line_length;
}

void check_same_layout(const Base64Layout& a, const Base64Layout& b) {
    promise(a.crlf == b.crlf && a.leading == b.leading && a.trailing == b.trailing, "the layout is kept");
    promise(b.line_length <= 76 && b.line_length % 4 == 0, "lines are of mail's length");
}

void check_clean(ByteView body, const Base64Layout& layout) {
    const Bytes raw = decode_base64(body, layout);
    promise(raw.size() == layout.decoded_size, "decoded_size is what decodes");
    promise(raw == decoded_by_mimetic(body), "mimetic decodes the same");
    promise(glimpse(body, TransferEncoding::kBase64).decoded_size == raw.size(), "a glimpse counts the same");
    const std::string again = encode_base64(raw, layout, body);
    const auto layout_again = inspect_base64(as_bytes(again), layout.crlf);
    promise(layout_again.has_value(), "what we encode is clean");
    check_same_layout(layout, *layout_again);
    promise(decode_base64(as_bytes(again), *layout_again) == raw, "what we encode decodes to the same");
    if (has_equal_lines(body, layout)) promise(again == as_text(body), "equal lines come back as they were");
    const std::string less = encode_base64(ByteView(raw).first(raw.size() / 2), layout, body);
    promise(raw.size() < 8 || less.size() < again.size(), "less content is less text");
}

void check_layout_of_stranger(ByteView body, std::uint64_t hash) {
    Base64Layout layout;
    layout.leading = hash % 5;
    layout.trailing = (hash >> 8) % 5;
    layout.line_length = (hash >> 16) % 100;
    decode_base64(body, layout);
}

void run(ByteView body) {
    check_glimpses(body);
    promise(quoted_printable_size(body) <= body.size(), "quoted-printable makes nothing longer");
    const std::uint64_t hash = hash_of(body);
    check_layout_of_stranger(body, hash);
    const auto layout = inspect_base64(body, hash & 1);
    if (layout) check_clean(body, *layout);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
