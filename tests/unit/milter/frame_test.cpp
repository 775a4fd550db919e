// SPDX-License-Identifier: Apache-2.0
#include "milter/frame.hpp"

#include <string>

#include "check.hpp"

namespace optimilter {
namespace {

constexpr std::size_t kLimit = 100;

Bytes framed(char command, std::string_view payload) {
    Bytes bytes;
    append_frame(bytes, command, as_bytes(payload));
    return bytes;
}

void test_one_byte_at_a_time() {
    FrameReader reader(kLimit);
    const Bytes bytes = framed('M', std::string("<a@b>\0", 6));
    Frame frame;
    for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
        reader.append(ByteView(bytes).subspan(i, 1));
        CHECK(reader.next(frame) == FrameReader::Next::kNone);
    }
    reader.append(ByteView(bytes).last(1));
    CHECK(reader.next(frame) == FrameReader::Next::kFrame);
    CHECK_EQ(frame.command, 'M');
    CHECK_EQ(as_text(frame.payload), std::string_view("<a@b>\0", 6));
    CHECK_EQ(reader.held(), 0u);
}

void test_many_in_one_piece() {
    FrameReader reader(kLimit);
    Bytes bytes;
    for (const char command : {'C', 'H', 'M', 'R'}) append(bytes, framed(command, "x"));
    append(bytes, ByteView(framed('T', "")).first(3));
    reader.append(bytes);
    std::string seen;
    Frame frame;
    while (reader.next(frame) == FrameReader::Next::kFrame) seen += frame.command;
    CHECK_EQ(seen, "CHMR");
    CHECK_EQ(reader.held(), 3u);
    CHECK(!reader.has_frame());
}

// A frame of exactly the limit passes; one more byte and it is skipped, and what follows is found again,
// however the bytes come.
void test_limit() {
    for (const std::size_t piece : {1u, 7u, 4096u}) {
        FrameReader reader(kLimit);
        Bytes bytes = framed('B', std::string(kLimit - 1, 'a'));
        append(bytes, framed('B', std::string(kLimit, 'b')));
        append(bytes, framed('E', ""));
        std::string seen;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            reader.append(ByteView(bytes).subspan(at, std::min(piece, bytes.size() - at)));
            Frame frame;
            for (auto next = reader.next(frame); next != FrameReader::Next::kNone; next = reader.next(frame))
                seen += next == FrameReader::Next::kTooLong ? '!' : frame.command;
            CHECK(reader.held() <= kLimit + kFrameLengthBytes + piece);
        }
        CHECK_EQ(seen, "B!E");
    }
}

void test_length_of_zero() {
    FrameReader reader(kLimit);
    const Bytes bytes(4, 0);
    reader.append(bytes);
    Frame frame;
    CHECK(reader.next(frame) == FrameReader::Next::kMalformed);
}

void test_longest_length() {
    FrameReader reader(kLimit);
    const Bytes bytes = {0xFF, 0xFF, 0xFF, 0xFF, 'L', 1, 2, 3};
    reader.append(bytes);
    Frame frame;
    CHECK(reader.next(frame) == FrameReader::Next::kTooLong);
    CHECK_EQ(frame.command, 'L');
    CHECK_EQ(reader.held(), 0u);
    reader.append(Bytes(100000, 'x'));
    CHECK_EQ(reader.held(), 0u);
}

void test_no_reply_flags() {
    struct Case {
        char command;
        std::uint32_t want;
    };
    // mfdef.h: SMFIP_NR_HDR 0x80, NR_CONN 0x1000 .. NR_BODY 0x80000.
    constexpr Case kCases[] = {{'C', 0x1000},  {'H', 0x2000}, {'M', 0x4000},  {'R', 0x8000},  {'T', 0x10000},
                               {'U', 0x20000}, {'L', 0x80},   {'N', 0x40000}, {'B', 0x80000}, {'E', 0},
                               {'O', 0},       {'A', 0},      {'D', 0},       {'Q', 0},       {'\xff', 0}};
    for (const Case& c : kCases) CHECK_EQ(no_reply_flag(c.command), c.want, std::string(1, c.command));
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_one_byte_at_a_time), TEST(test_many_in_one_piece), TEST(test_limit),
        TEST(test_length_of_zero),     TEST(test_longest_length),    TEST(test_no_reply_flags)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
