// SPDX-License-Identifier: Apache-2.0
#include "optimizers/seven_zip_reader.hpp"

#include <algorithm>
#include <optional>

#include "optimizers/deflate.hpp"
#include "optimizers/lzma_raw.hpp"
#include "optimizers/seven_zip_numbers.hpp"

namespace optimilter {

namespace {

using namespace seven_zip;

constexpr std::uint64_t kHeaderMax = 16u << 20;
constexpr std::uint64_t kFoldersMax = 10'000;

Error malformed(const char* text) {
    return {ErrorCode::kMalformed, text};
}
Error unsupported(const char* text) {
    return {ErrorCode::kUnsupported, text};
}

struct Folder {
    Bytes first_coder;  // identifier
    Bytes properties;   // of the first coder
    std::size_t coders = 0;
    std::size_t outputs = 0;
    std::optional<std::uint32_t> crc;
    bool encrypted = false;
    bool unusual = false;
    std::vector<std::uint64_t> sizes;  // of its outputs
    std::size_t main_output = 0;
};

struct Streams {
    std::uint64_t pack_at = 0;
    std::vector<std::uint64_t> packed;
    std::vector<Folder> folders;
    std::vector<std::uint64_t> members;  // sizes
};

class StreamsReader {
  public:
    StreamsReader(HeaderFeed& feed, std::uint64_t limit) : feed_(feed), limit_(limit) {}

    // Reads up to the end mark of the streams.
    Status run();
    Streams streams;

  private:
    Status pack_info();
    Status unpack_info();
    Status read_folder();
    Status read_coder(Folder& folder, std::size_t& inputs);
    Status sub_streams();
    std::vector<std::optional<std::uint32_t>> digests(std::size_t count);
    Status sub_sizes(const std::vector<std::uint64_t>& counts, bool told);

    HeaderFeed& feed_;
    std::uint64_t limit_;  // of counts
};

Status StreamsReader::pack_info() {
    streams.pack_at = feed_.number();
    const std::uint64_t count = feed_.number();
    if (count > limit_) return malformed("7z header is broken");
    for (std::uint8_t id = feed_.byte(); id != kEnd; id = feed_.byte()) {
        if (feed_.broken()) return malformed("7z header ends early");
        if (id == kCrc) {
            digests(static_cast<std::size_t>(count));
        } else if (id == kSize) {
            for (std::uint64_t i = 0; i < count; ++i) streams.packed.push_back(feed_.number());
        } else {
            return unsupported("7z header of an unknown kind");
        }
    }
    return streams.packed.size() == count ? Status(Success{}) : malformed("7z header is broken");
}

// Checksums of count things, where they are told.
std::vector<std::optional<std::uint32_t>> StreamsReader::digests(std::size_t count) {
    const bool all = feed_.byte() != 0;
    const std::vector<bool> defined = all ? std::vector<bool>(count, true) : feed_.bits(count);
    std::vector<std::optional<std::uint32_t>> crcs(count);
    for (std::size_t i = 0; i < count; ++i) {
        if (!defined[i]) continue;
        const ByteView bytes = feed_.take(4);
        if (bytes.size() == 4) crcs[i] = read_le32(bytes.data());
    }
    return crcs;
}

// Copy, Delta, LZMA2, LZMA, PPMd, Deflate, bzip2, BCJ and BCJ2; the filters of other processors and what
// forks of 7-Zip added are younger or rarer.
bool is_usual_method(ByteView id) {
    using namespace std::string_view_literals;
    constexpr std::string_view kUsual[] = {"\0"sv,      "\3"sv,     "\x21"sv,     "\3\1\1"sv,    "\3\4\1"sv,
                                           "\4\1\x8"sv, "\4\2\2"sv, "\3\3\1\3"sv, "\3\3\1\x1B"sv};
    return std::find(std::begin(kUsual), std::end(kUsual), as_text(id)) != std::end(kUsual);
}

Status StreamsReader::read_coder(Folder& folder, std::size_t& inputs) {
    const std::uint8_t flags = feed_.byte();
    const ByteView id = feed_.take(flags & 0x0Fu);
    if ((flags & 0xC0u) != 0) return unsupported("7z coder of an unknown kind");
    const bool is_complex = (flags & 0x10u) != 0;
    const std::uint64_t in = is_complex ? feed_.number() : 1;
    const std::uint64_t out = is_complex ? feed_.number() : 1;
    if (in > 32 || out > 32) return malformed("7z coder is broken");
    const ByteView properties = (flags & 0x20u) != 0 ? feed_.take(feed_.number()) : ByteView();
    if (folder.coders == 0) {
        folder.first_coder.assign(id.begin(), id.end());
        folder.properties.assign(properties.begin(), properties.end());
    }
    if (!is_usual_method(id)) folder.unusual = true;
    // 06 F1 07 01 is AES; all of 06 F1 encrypt.
    if (id.size() >= 2 && id[0] == 0x06 && id[1] == 0xF1) folder.encrypted = true;
    ++folder.coders;
    inputs += static_cast<std::size_t>(in);
    folder.outputs += static_cast<std::size_t>(out);
    return Success{};
}

Status StreamsReader::read_folder() {
    Folder folder;
    const std::uint64_t coders = feed_.number();
    std::size_t inputs = 0;
    if (coders == 0 || coders > 32) return malformed("7z folder is broken");
    for (std::uint64_t i = 0; i < coders; ++i) {
        if (const Status read = read_coder(folder, inputs); !read) return read;
    }
    if (folder.outputs == 0 || inputs + 1 < folder.outputs) return malformed("7z folder is broken");
    // The output that no pair takes is the folder's content.
    std::vector<bool> bound(folder.outputs, false);
    for (std::size_t i = 0; i + 1 < folder.outputs; ++i) {
        feed_.number();
        const std::uint64_t output = feed_.number();
        if (output >= folder.outputs) return malformed("7z folder is broken");
        bound[static_cast<std::size_t>(output)] = true;
    }
    folder.main_output =
        static_cast<std::size_t>(std::find(bound.begin(), bound.end(), false) - bound.begin());
    const std::size_t packed = inputs - (folder.outputs - 1);
    for (std::size_t i = 0; packed > 1 && i < packed; ++i) feed_.number();
    streams.folders.push_back(std::move(folder));
    return Success{};
}

Status StreamsReader::unpack_info() {
    if (feed_.byte() != kFolder) return malformed("7z header is broken");
    const std::uint64_t count = feed_.number();
    if (count > std::min(limit_, kFoldersMax) || feed_.byte() != 0)
        return unsupported("7z folders elsewhere or too many");
    for (std::uint64_t i = 0; i < count; ++i) {
        if (const Status read = read_folder(); !read) return read;
    }
    if (feed_.byte() != kCodersUnpackSize) return malformed("7z header is broken");
    for (Folder& folder : streams.folders) {
        for (std::size_t i = 0; i < folder.outputs; ++i) folder.sizes.push_back(feed_.number());
        if (folder.main_output >= folder.outputs) return malformed("7z folder is broken");
    }
    if (feed_.peek() == kCrc) {
        feed_.byte();
        const auto crcs = digests(streams.folders.size());
        for (std::size_t i = 0; i < streams.folders.size(); ++i) streams.folders[i].crc = crcs[i];
    }
    return feed_.byte() == kEnd ? Status(Success{}) : malformed("7z header is broken");
}

// All members of a folder but the last have their size told.
Status StreamsReader::sub_sizes(const std::vector<std::uint64_t>& counts, bool told) {
    for (std::size_t i = 0; i < streams.folders.size(); ++i) {
        std::uint64_t left = streams.folders[i].sizes[streams.folders[i].main_output];
        for (std::uint64_t n = 0; n + 1 < counts[i]; ++n) {
            const std::uint64_t size = told ? feed_.number() : 0;
            if (!told || size > left || feed_.broken())
                return malformed("sizes of 7z members are impossible");
            streams.members.push_back(size);
            left -= size;
        }
        if (counts[i] > 0) streams.members.push_back(left);
    }
    return Success{};
}

Status StreamsReader::sub_streams() {
    std::vector<std::uint64_t> counts(streams.folders.size(), 1);
    std::uint8_t id = feed_.peek() == kEnd && feed_.broken() ? kEnd : feed_.byte();
    if (id == kUnpackStreams) {
        for (std::uint64_t& count : counts) count = feed_.number();
        id = feed_.byte();
    }
    std::uint64_t total = 0;
    for (const std::uint64_t count : counts) {
        if (count > limit_ || (total += count) > limit_) return Error{ErrorCode::kLimit, "too many entries"};
    }
    const bool told = id == kSize;
    if (const Status sizes = sub_sizes(counts, told); !sizes) return sizes;
    if (told) id = feed_.byte();
    std::size_t unknown = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        if (counts[i] != 1 || !streams.folders[i].crc) unknown += static_cast<std::size_t>(counts[i]);
    }
    if (id == kCrc) {
        digests(unknown);
        id = feed_.byte();
    }
    return id == kEnd ? Status(Success{}) : unsupported("7z header of an unknown kind");
}

Status StreamsReader::run() {
    bool members = false;
    for (std::uint8_t id = feed_.byte(); id != kEnd; id = feed_.byte()) {
        const Status read = id == kPackInfo     ? pack_info()
                            : id == kUnpackInfo ? unpack_info()
                            : id == kSubStreams ? sub_streams()
                                                : Status(malformed("7z header is broken"));
        if (!read) return read;
        if (feed_.broken()) return malformed("7z header ends early");
        members = members || id == kSubStreams;
    }
    if (!members) return sub_sizes(std::vector<std::uint64_t>(streams.folders.size(), 1), false);
    return Success{};
}

bool any_encrypted(const Streams& streams) {
    return std::any_of(streams.folders.begin(), streams.folders.end(),
                       [](const Folder& f) { return f.encrypted; });
}

// The real header, out of a stream packed by LZMA alone; where it is packed goes to packed_at.
Result<Bytes> decode_header(ByteView file, ByteView header, std::size_t& packed_at) {
    HeaderFeed feed(header.subspan(1));
    StreamsReader reader(feed, 4);
    if (const Status read = reader.run(); !read) return read.error();
    const Streams& streams = reader.streams;
    if (any_encrypted(streams)) return unsupported("encrypted 7z header");
    const bool plain =
        streams.folders.size() == 1 && streams.folders[0].coders == 1 && streams.packed.size() == 1;
    constexpr std::uint8_t kLzma[] = {0x03, 0x01, 0x01};
    if (!plain || !std::equal(streams.folders[0].first_coder.begin(), streams.folders[0].first_coder.end(),
                              std::begin(kLzma), std::end(kLzma))) {
        return unsupported("7z header packed in an unusual way");
    }
    const std::uint64_t size = streams.folders[0].sizes[0];
    const std::size_t room = file.size() - kSignatureHeader - header.size();
    if (streams.pack_at > room || streams.packed[0] > room - streams.pack_at || size > kHeaderMax) {
        return malformed("7z header is broken");
    }
    packed_at = kSignatureHeader + static_cast<std::size_t>(streams.pack_at);
    const ByteView packed = file.subspan(packed_at, static_cast<std::size_t>(streams.packed[0]));
    if (packed_at + packed.size() + header.size() != file.size())
        return unsupported("7z archive with bytes besides");
    auto decoded = decode_lzma(packed, streams.folders[0].properties, static_cast<std::size_t>(size));
    const auto& crc = streams.folders[0].crc;
    if (decoded && crc && *crc != crc32(*decoded)) return malformed("checksum of a 7z header does not match");
    return decoded;
}

// Which files have content; the properties are told apart, not understood.
Status read_files(ByteView bytes, std::uint32_t max_entries, SevenZipArchive& archive) {
    HeaderFeed feed(bytes.subspan(1));
    const std::uint64_t count = feed.number();
    if (count > max_entries) return Error{ErrorCode::kLimit, "too many entries"};
    archive.has_content.assign(static_cast<std::size_t>(count), true);
    for (std::uint8_t id = feed.byte(); id != kEnd; id = feed.byte()) {
        const ByteView property = feed.take(feed.number());
        if (feed.broken()) return malformed("7z file properties end early");
        if (id != kEmptyStream) continue;
        HeaderFeed bits(property);
        const std::vector<bool> empty = bits.bits(static_cast<std::size_t>(count));
        if (bits.broken()) return malformed("7z file properties are broken");
        for (std::size_t i = 0; i < empty.size(); ++i) archive.has_content[i] = !empty[i];
    }
    if (feed.broken() || feed.byte() != kEnd || !feed.at_end()) return malformed("7z header is broken");
    archive.files.assign(bytes.begin(), bytes.end() - 1);
    return Success{};
}

Result<SevenZipArchive> read_header(ByteView header, std::size_t packed_end, std::uint32_t max_entries) {
    HeaderFeed feed(header);
    if (feed.byte() != kHeader || feed.byte() != kMainStreams)
        return unsupported("7z archive without contents");
    StreamsReader reader(feed, max_entries);
    if (const Status read = reader.run(); !read) return read.error();
    const Streams& streams = reader.streams;
    if (any_encrypted(streams)) return unsupported("encrypted 7z archive");
    std::uint64_t packed = streams.pack_at;
    for (const std::uint64_t size : streams.packed) {
        if (size > packed_end) return malformed("7z streams are impossible");
        packed += size;
    }
    if (streams.pack_at != 0 || packed != packed_end) return unsupported("7z archive with bytes besides");
    if (feed.peek() != kFiles) return unsupported("7z archive without files");
    SevenZipArchive archive;
    archive.sizes = streams.members;
    archive.unusual_method = std::any_of(streams.folders.begin(), streams.folders.end(),
                                         [](const Folder& folder) { return folder.unusual; });
    if (const Status read = read_files(header.subspan(feed.at()), max_entries, archive); !read)
        return read.error();
    const auto with_content = std::count(archive.has_content.begin(), archive.has_content.end(), true);
    if (static_cast<std::size_t>(with_content) != archive.sizes.size())
        return malformed("7z members and files disagree");
    for (const std::uint64_t size : archive.sizes) {
        archive.content_size += size;
        if (size > (1ull << 40)) return malformed("sizes of 7z members are impossible");
    }
    return archive;
}

}  // namespace

Result<SevenZipArchive> read_seven_zip(ByteView file, std::uint32_t max_entries) {
    if (file.size() < kSignatureHeader || !starts_with(file, "7z\xBC\xAF\x27\x1C"))
        return malformed("7z signature is broken");
    if (crc32(file.subspan(12, 20)) != read_le32(&file[8]))
        return malformed("checksum of a 7z header does not match");
    const std::uint64_t at = read_le32(&file[12]) | (std::uint64_t{read_le32(&file[16])} << 32);
    const std::uint64_t size = read_le32(&file[20]) | (std::uint64_t{read_le32(&file[24])} << 32);
    const std::size_t room = file.size() - kSignatureHeader;
    if (at > room || size > room - at || size == 0) return malformed("7z header is not inside");
    if (at + size != room) return unsupported("7z archive with bytes after its end");
    const ByteView header = file.subspan(kSignatureHeader + static_cast<std::size_t>(at));
    if (crc32(header) != read_le32(&file[28])) return malformed("checksum of a 7z header does not match");
    if (header[0] != kEncodedHeader) return read_header(header, static_cast<std::size_t>(at), max_entries);
    std::size_t packed_at = 0;
    const auto decoded = decode_header(file, header, packed_at);
    if (!decoded) return decoded.error();
    if (decoded->empty()) return malformed("7z header is empty");
    return read_header(*decoded, packed_at - kSignatureHeader, max_entries);
}

}  // namespace optimilter
