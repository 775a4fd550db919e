// SPDX-License-Identifier: Apache-2.0
#include "mail/transfer_coding.hpp"

#include <algorithm>
#include <random>
#include <string>

#include "base/text.hpp"
#include "check.hpp"

namespace optimilter {
namespace {

using std::string_view_literals::operator""sv;

void test_inspect_refuses() {
    struct Case {
        std::string_view name, body, want;
    };
    constexpr Case kCases[] = {
        {"empty", "", "empty"},
        {"only line ends", "\r\n\r\n", "empty"},
        {"a blank", "QUJD QUJD", "not base64"},
        {"a blank before a line end", "QUJD \nQUJD\n", "not base64"},
        {"a tab", "\tQUJD", "not base64"},
        {"url alphabet", "QUJ-", "not base64"},
        {"8bit", "QUJ\xC1", "not base64"},
        {"NUL", "QUJ\0"sv, "not base64"},
        {"bare CR", "QUJD\rQUJD\r\n", "not base64"},
        {"CR CR LF", "QUJD\r\r\nQUJD\r\n", "not base64"},
        {"a comment line", "QUJD\n-- \nfooter\n", "not base64"},
        {"one character", "Q", "within a quad"},
        {"no padding", "QUI", "within a quad"},
        {"half a padding", "QQ=", "within its padding"},
        {"only padding", "====", "starts with padding"},
        {"padding after one character", "Q===", "wrong place"},
        {"padding after a quad", "QUJD=", "wrong place"},
        {"too much padding", "QUI==", "too much"},
        {"too much padding of two", "QQ===", "too much"},
        {"padding on its own line", "QQ\n==\n", "starts with padding"},
        {"data after padding", "QUI=QUJD", "goes on after"},
        {"data line after padding", "QUI=\nQUJD\n", "goes on after"},
        {"two padded quads", "QQ==QQ==", "goes on after"},
        {"data within padding", "QQ=Q", "goes on after"},
        {"spare bits, one byte", "QR==", "spare bits"},
        {"spare bits, two bytes", "QUJ=", "spare bits"},
        {"blank line within", "QUJD\n\nQUJD\n", "blank line within"},
        {"blank line before padding's end", "QUJD\r\n\r\nQQ==", "blank line within"},
        {"mixed line ends", "QUJD\r\nQUJD\nQUJD\r\n", "mixed line ends"},
        {"mixed at the start", "\nQUJD\r\n", "mixed line ends"},
        {"mixed at the end", "QUJD\r\n\n", "mixed line ends"},
    };
    for (const Case& c : kCases) {
        const auto layout = inspect_base64(as_bytes(c.body));
        CHECK(!layout.has_value(), c.name);
        CHECK(layout.error().code == ErrorCode::kMalformed, c.name);
        CHECK(icontains(layout.error().text, c.want), c.name);
    }
    CHECK(inspect_base64(as_bytes(std::string(996, 'A') + "\n" + std::string(996, 'A'))).has_value());
    CHECK(!inspect_base64(as_bytes(std::string(1000, 'A'))).has_value());
    CHECK(!inspect_base64(as_bytes(std::string(25 << 20, 'A'))).has_value());
}

void test_inspect_layout() {
    struct Case {
        std::string_view name, body;
        std::size_t decoded_size, line_length;
        bool crlf;
        std::size_t leading, trailing;
        std::string_view want_raw;
    };
    constexpr Case kCases[] = {
        {"one byte", "QQ==", 1, 4, true, 0, 0, "A"},
        {"two bytes", "QUI=", 2, 4, true, 0, 0, "AB"},
        {"three bytes", "QUJD", 3, 4, true, 0, 0, "ABC"},
        {"LF", "QUJD\nQUI=\n", 5, 4, false, 0, 1, "ABCAB"},
        {"CRLF", "QUJD\r\nQUI=\r\n", 5, 4, true, 0, 2, "ABCAB"},
        {"blank lines around", "\r\n\r\nQUJD\r\n\r\n", 3, 4, true, 4, 4, "ABC"},
        {"quads across lines", "QUJDQ\nUJDQU\nJD\n", 9, 4, false, 0, 1, "ABCABCABC"},
        {"lines of odd lengths", "QUJDQUJD\nQUJDQUJDQUJD\nQQ==\n", 16, 12, false, 0, 1, "ABCABCABCABCABCA"},
        {"very short lines", "Q\nU\nJ\nD\n", 3, 4, false, 0, 1, "ABC"},
        {"longest not a multiple of four", "QUJDQUJDQU\nJDQUJD\n", 12, 8, false, 0, 1, "ABCABCABCABC"},
    };
    for (const Case& c : kCases) {
        const auto layout = inspect_base64(as_bytes(c.body));
        CHECK(layout.has_value(), c.name);
        CHECK_EQ(layout->decoded_size, c.decoded_size, c.name);
        CHECK_EQ(layout->line_length, c.line_length, c.name);
        CHECK_EQ(layout->crlf, c.crlf, c.name);
        CHECK_EQ(layout->leading, c.leading, c.name);
        CHECK_EQ(layout->trailing, c.trailing, c.name);
        CHECK_EQ(as_text(decode_base64(as_bytes(c.body), *layout)), c.want_raw, c.name);
    }
    CHECK(!inspect_base64(as_bytes("QUJD"), false)->crlf);
    CHECK_EQ(inspect_base64(as_bytes(std::string(800, 'A')))->line_length, 76u);
}

Bytes random_bytes(std::size_t size, unsigned seed) {
    std::mt19937 random(seed);
    Bytes bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    return bytes;
}

void test_round_trip() {
    for (const std::size_t line_length : {4u, 60u, 64u, 72u, 76u}) {
        for (const bool crlf : {true, false}) {
            for (const std::size_t size : {1u, 2u, 3u, 44u, 45u, 57u, 58u, 1000u, 70'001u}) {
                const Bytes raw = random_bytes(size, static_cast<unsigned>(size));
                Base64Layout layout;
                layout.line_length = line_length;
                layout.crlf = crlf;
                layout.leading = layout.trailing = crlf ? 2 : 1;
                const std::string blank = crlf ? "\r\n" : "\n";
                const std::string body = encode_base64(raw, layout, as_bytes(blank));
                const auto found = inspect_base64(as_bytes(body), crlf);
                CHECK(found.has_value());
                CHECK_EQ(found->decoded_size, size);
                CHECK_EQ(found->crlf, crlf);
                CHECK(decode_base64(as_bytes(body), *found) == raw);
                CHECK_EQ(encode_base64(raw, *found, as_bytes(body)), body);
            }
        }
    }
}

void test_encode_layout() {
    Base64Layout layout;
    layout.line_length = 8;
    CHECK_EQ(encode_base64(as_bytes("ABCABCABCA"), layout, {}), "QUJDQUJD\r\nQUJDQQ==");
    CHECK_EQ(encode_base64(as_bytes("ABCABC"), layout, {}), "QUJDQUJD");
    CHECK_EQ(encode_base64({}, layout, {}), "");
    layout.line_length = 0;  // never given by inspect_base64(); must not hang
    CHECK_EQ(encode_base64(as_bytes("ABCABC"), layout, {}), "QUJD\r\nQUJD");
    // A long line of the source is written in lines of 76.
    const std::string source(800, 'A');
    const auto long_line = inspect_base64(as_bytes(source));
    const std::string again =
        encode_base64(decode_base64(as_bytes(source), *long_line), *long_line, as_bytes(source));
    CHECK_EQ(again.find("\r\n"), 76u);
    CHECK_EQ(std::count(again.begin(), again.end(), 'A'), 800);
}

void test_sink() {
    Base64Layout layout;
    const Bytes raw = random_bytes(200'000, 7);
    const std::string body = encode_base64(raw, layout, {});
    layout = *inspect_base64(as_bytes(body));
    std::size_t calls = 0, largest = 0;
    Bytes got;
    const auto take = [&](ByteView piece) -> Status {
        ++calls;
        largest = std::max(largest, piece.size());
        append(got, piece);
        return Success{};
    };
    CHECK(decode_base64(as_bytes(body), layout, take).has_value());
    CHECK(got == raw);
    CHECK(calls >= 4 && largest <= 64 * 1024);

    calls = 0;
    const Status stopped = decode_base64(as_bytes(body), layout, [&](ByteView) -> Status {
        ++calls;
        return Error{ErrorCode::kDeadline, "enough"};
    });
    CHECK(!stopped.has_value() && stopped.error().code == ErrorCode::kDeadline);
    CHECK_EQ(calls, 1u);
}

// The promise is to be called with a clean body; a caller's mistake must still not read or write astray.
void test_decode_survives_unclean() {
    Base64Layout layout;
    for (const std::string& body :
         {std::string("QU!D"), std::string(5000, 'A'), std::string("\n\n"), std::string()})
        CHECK(decode_base64(as_bytes(body), layout).size() <= body.size());
    layout.leading = layout.trailing = 100;
    CHECK(decode_base64(as_bytes("QUJD"), layout).empty());
    CHECK_EQ(encode_base64(as_bytes("ABC"), layout, as_bytes("x")).substr(0, 1), "x");
}

void test_glimpse() {
    struct Case {
        std::string_view name, body;
        TransferEncoding encoding;
        std::size_t want_size;
        std::string_view want_head;
    };
    using E = TransferEncoding;
    constexpr Case kCases[] = {
        {"broken base64", "QU!JD\n*QU", E::kBase64, 4, "ABCA"},
        {"base64 of odd lines", "QUJDQ\nUJDQU\nJDQUJDQQ", E::kBase64, 13, "ABCABCABCABCA"},
        {"base64 that ends early", "Q", E::kBase64, 0, ""},
        {"base64 stops at padding", "QQ==QUJD", E::kBase64, 1, "A"},
        {"no base64 at all", "*** ***", E::kBase64, 0, ""},
        {"empty", "", E::kQuotedPrintable, 0, ""},
        {"qp", "a=3Db=\nc", E::kQuotedPrintable, 4, "a=bc"},
        {"qp CRLF", "a=\r\nb", E::kQuotedPrintable, 2, "ab"},
        {"7bit", "a=3D", E::kSevenBit, 4, "a=3D"},
        {"unknown", "QUJD", E::kUnknown, 4, "QUJD"},
        {"base64", "QUJD\r\nQUI=\r\n", E::kBase64, 5, "ABCAB"},
    };
    for (const Case& c : kCases) {
        const Glimpse seen = glimpse(as_bytes(c.body), c.encoding);
        CHECK_EQ(seen.decoded_size, c.want_size, c.name);
        CHECK_EQ(as_text(seen.head), c.want_head, c.name);
    }
    for (const std::string_view odd : {"=", "==", "==\r\n", "=\r", "=4", "=\n=", "=====\n=\r\n="})
        CHECK(glimpse(as_bytes(odd), E::kQuotedPrintable).decoded_size <= odd.size(), odd);
    for (const E encoding : {E::kBase64, E::kQuotedPrintable, E::kBinary}) {
        const std::string big(1 << 20, 'A');
        const Glimpse seen = glimpse(as_bytes(big), encoding);
        CHECK_EQ(seen.head.size(), 64u * 1024);
        CHECK_EQ(seen.decoded_size, encoding == E::kBase64 ? big.size() / 4 * 3 : big.size());
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_inspect_refuses), TEST(test_inspect_layout), TEST(test_round_trip),
        TEST(test_encode_layout),   TEST(test_sink),           TEST(test_decode_survives_unclean),
        TEST(test_glimpse)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
