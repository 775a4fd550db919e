// SPDX-License-Identifier: Apache-2.0
//
// A tar archive through our walker and writer. Promises: records lie one after the other and inside; nothing
// replaced is the same archive; a member replaced by less is read again, with every other byte as it was.
#include <algorithm>

#include "fuzz/fuzz_target.hpp"
#include "optimizers/tar_reader.hpp"
#include "optimizers/tar_writer.hpp"

namespace optimilter::fuzz {

namespace {

constexpr std::uint32_t kEntries = 200;

// Without right checksums no change of a header would get past the first look.
void mend_checksums(Bytes& file) {
    for (std::size_t at = 0; at + kTarBlock <= file.size(); at += kTarBlock) {
        const std::span<std::uint8_t> block = std::span<std::uint8_t>(file).subspan(at, kTarBlock);
        if (as_text(block.subspan(257, 5)) != "ustar") continue;
        write_tar_octal(block.subspan(kTarChecksumField.begin, kTarChecksumField.size()),
                        tar_checksum(block));
    }
}

void check_places(const TarArchive& archive, std::size_t size) {
    std::size_t at = 0;
    for (const TarEntry& entry : archive.entries) {
        promise(entry.record_begin == at, "records follow each other");
        promise(entry.header >= at && entry.data.begin == entry.header + kTarBlock,
                "data follow their header");
        promise(entry.data.end <= entry.record_end && entry.record_end % kTarBlock == 0,
                "records are whole blocks");
        at = entry.record_end;
    }
    promise(archive.trailer.begin == at && archive.trailer.end == size, "the trailer ends the file");
}

void check_replacing(ByteView file, const TarArchive& archive) {
    const auto plain = std::find_if(archive.entries.begin(), archive.entries.end(),
                                    [](const TarEntry& e) { return e.plain_file && !e.data.empty(); });
    if (plain == archive.entries.end()) return;
    const auto index = static_cast<std::size_t>(plain - archive.entries.begin());
    const Bytes content = bytes_of(file.subspan(plain->data.begin, plain->data.size() / 2));
    const auto written = write_tar(file, archive, {{index, content}});
    if (!written) return;
    const auto again = read_tar(*written, kEntries);
    promise(again.has_value(), "what was written can be read");
    promise(again->entries.size() == archive.entries.size(), "as many members as before");
    for (std::size_t i = 0; i < archive.entries.size(); ++i) {
        const TarEntry& a = archive.entries[i];
        const TarEntry& b = again->entries[i];
        promise(a.name == b.name, "names stay");
        const ByteView want = i == index ? ByteView(content) : slice(file, a.data);
        promise(as_text(slice(*written, b.data)) == as_text(want), "contents are those that were given");
    }
}

void run(ByteView input) {
    Bytes file = bytes_of(input);
    if (hash_of(input) % 4 != 0) mend_checksums(file);
    const auto archive = read_tar(file, kEntries);
    if (!archive) {
        promise(!archive.error().text.empty(), "a refusal has a reason");
        return;
    }
    check_places(*archive, file.size());
    const auto same = write_tar(file, *archive, {});
    promise(same.has_value(), "nothing replaced can be written");
    const std::size_t shared = std::min(same->size(), archive->trailer.begin);
    promise(shared == archive->trailer.begin &&
                std::equal(same->begin(), same->begin() + static_cast<std::ptrdiff_t>(shared), file.begin()),
            "nothing replaced is the same archive");
    check_replacing(file, *archive);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
