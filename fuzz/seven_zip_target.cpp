// SPDX-License-Identifier: Apache-2.0
//
// The header of a 7z archive: two bytes tell how many packed bytes stand before it, the rest is the header,
// with checksums as they must be. Promises: what is read fits together; what is written around it is read
// again with the same files.
#include <algorithm>

#include "fuzz/fuzz_target.hpp"
#include "optimizers/deflate.hpp"
#include "optimizers/seven_zip_reader.hpp"
#include "optimizers/seven_zip_writer.hpp"

namespace optimilter::fuzz {

namespace {

constexpr std::uint32_t kEntries = 300;

Bytes wrapped(std::size_t packed, ByteView header) {
    Bytes file(32 + packed);
    const ByteView magic = as_bytes(std::string_view("7z\xBC\xAF\x27\x1C\0\4", 8));
    std::copy(magic.begin(), magic.end(), file.begin());
    write_le32(&file[12], static_cast<std::uint32_t>(packed));
    write_le32(&file[20], static_cast<std::uint32_t>(header.size()));
    write_le32(&file[28], crc32(header));
    write_le32(&file[8], crc32(ByteView(file).subspan(12, 20)));
    append(file, header);
    return file;
}

void check_writing(const SevenZipArchive& archive) {
    Options options;
    const Budget budget(Deadline::in_ms(600'000), options);
    const Bytes content(archive.sizes.size() + 1, 'c');
    std::vector<ByteView> contents;
    for (std::size_t i = 0; i < archive.sizes.size(); ++i)
        contents.push_back(ByteView(content).subspan(i, 1));
    if (contents.empty()) return;
    const auto written = write_seven_zip(archive, contents, 0, 1u << 20, budget);
    promise(written.has_value(), "small contents can be written");
    const auto again = read_seven_zip(*written, kEntries);
    promise(again.has_value(), "what was written can be read");
    promise(again->files == archive.files && again->has_content == archive.has_content, "files stay");
    promise(again->content_size == contents.size(), "contents have their sizes");
}

void run(ByteView input) {
    Feed feed(input);
    const auto packed = static_cast<std::size_t>(feed.number(2));
    const auto archive = read_seven_zip(wrapped(packed, feed.rest()), kEntries);
    if (!archive) {
        promise(!archive.error().text.empty(), "a refusal has a reason");
        return;
    }
    const auto with_content = std::count(archive->has_content.begin(), archive->has_content.end(), true);
    promise(static_cast<std::size_t>(with_content) == archive->sizes.size(),
            "members and files fit together");
    promise(archive->has_content.size() <= kEntries, "files stay within the limit");
    if (archive->content_size > 0) check_writing(*archive);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
