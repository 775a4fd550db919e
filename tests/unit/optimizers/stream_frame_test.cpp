// SPDX-License-Identifier: Apache-2.0
//
// read_stream_frame() and what it refuses: files that are not exactly one stream.
#include "check.hpp"
#include "stream_builder.hpp"

using namespace optimilter;
using namespace optimilter::stream_builder;

namespace {

constexpr Format kFormats[] = {Format::kGzip, Format::kBzip2, Format::kXz, Format::kZstd};

Bytes joined(const Bytes& a, const Bytes& b) {
    Bytes all = a;
    append(all, b);
    return all;
}

void one_stream_is_read() {
    const std::string content = prose(5000);
    for (const Format format : kFormats) {
        const std::string name(format_name(format));
        const Bytes file = stream(format, content);
        const auto frame = read_stream_frame(file, format);
        CHECK(frame.has_value(), name);
        CHECK_EQ(frame->format, format, name);
        if (format != Format::kBzip2) CHECK_EQ(frame->content_size.value_or(0), content.size(), name);
        CHECK_EQ(frame->data.begin, frame->header.end, name);
    }
}

void several_or_cut_streams_are_refused() {
    for (const Format format : kFormats) {
        const std::string name(format_name(format));
        const Bytes file = stream(format, prose(3000));
        // gzip's members and bytes besides show only when the data is inflated.
        if (format != Format::kGzip) {
            CHECK(!read_stream_frame(joined(file, file), format), name + " twice");
        }
        if (format == Format::kXz || format == Format::kZstd) {
            CHECK(!read_stream_frame(joined(file, Bytes(4)), format), name + " with bytes after");
            CHECK(!read_stream_frame(ByteView(file).first(file.size() - 1), format), name + " cut");
        }
        for (std::size_t size = 0; size < 12; ++size) {
            CHECK(!read_stream_frame(ByteView(file).first(size), format) || format == Format::kBzip2,
                  name + " cut at " + std::to_string(size));
        }
        CHECK(!read_stream_frame(file, Format::kTar), name);
    }
}

void every_flipped_byte_is_bounded() {
    for (const Format format : kFormats) {
        const Bytes file = stream(format, prose(300));
        for (std::size_t i = 0; i < file.size(); ++i) {
            for (const int bit : {0x01, 0x10, 0x80, 0xFF}) {
                Bytes bent = file;
                bent[i] = static_cast<std::uint8_t>(bent[i] ^ bit);
                const auto frame = read_stream_frame(bent, format);
                CHECK(!frame || frame->data.end <= bent.size());
            }
        }
    }
}

struct GzipRow {
    const char* name;
    std::string header;
    bool read;
    const char* inside;
};

void gzip_headers() {
    const std::string all =
        std::string("\x1F\x8B\x08\x1C\1\2\3\4\x02\x0B\x05\0extra", 17) + std::string("a.tar\0note\0", 11);
    std::string with_crc = all;
    with_crc[3] |= 2;
    const std::uint32_t crc = crc32(as_bytes(with_crc));
    const std::string right = with_crc + static_cast<char>(crc & 0xFF) + static_cast<char>((crc >> 8) & 0xFF);
    const GzipRow rows[] = {
        {"plain", std::string("\x1F\x8B\x08\0\0\0\0\0\0\xFF", 10), true, ""},
        {"name", std::string("\x1F\x8B\x08\x08\0\0\0\0\0\3a.txt\0", 16), true, "a.txt"},
        {"all fields", all, true, "a.tar"},
        {"header checksum", right, true, "a.tar"},
        {"wrong header checksum", with_crc + "xx", false, ""},
        {"reserved flag", std::string("\x1F\x8B\x08\x20\0\0\0\0\0\3", 10), false, ""},
        {"other method", std::string("\x1F\x8B\x07\0\0\0\0\0\0\3", 10), false, ""},
        {"extra field beyond the end", std::string("\x1F\x8B\x08\x04\0\0\0\0\0\3\xFF\xFF", 12), false, ""},
    };
    for (const GzipRow& row : rows) {
        const Bytes file = gzip(prose(200), row.header);
        const auto frame = read_stream_frame(file, Format::kGzip);
        CHECK_EQ(frame.has_value(), row.read, row.name);
        if (!frame) continue;
        CHECK_EQ(frame->header.end, row.header.size(), row.name);
        CHECK_EQ(name_inside(file, *frame), std::string_view(row.inside), row.name);
    }
    const std::string endless = std::string("\x1F\x8B\x08\x08\0\0\0\0\0\3", 10) + std::string(40, 'n');
    CHECK(!read_stream_frame(as_bytes(endless), Format::kGzip));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {TEST(one_stream_is_read), TEST(several_or_cut_streams_are_refused),
                                TEST(every_flipped_byte_is_bounded), TEST(gzip_headers)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
