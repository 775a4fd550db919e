// SPDX-License-Identifier: Apache-2.0
//
// A file of the ZIP family through the driver. Promises: libarchive, once by the central directory and once
// as a stream, finds the same names before and after, and the same contents where nothing inside may change;
// our strict reader takes the result; a second pass changes nothing.
#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <optional>
#include <vector>

#include "fuzz/optimized.hpp"
#include "optimizers/zip_reader.hpp"

namespace optimilter::fuzz {

namespace {

constexpr std::size_t kLargestMember = 4u << 20;

struct Seen {
    std::string name;
    Bytes content;
};

struct Free {
    void operator()(archive* a) const { archive_read_free(a); }
};

std::optional<Bytes> content_of(archive* a) {
    Bytes content;
    std::uint8_t piece[8192];
    for (;;) {
        const la_ssize_t size = archive_read_data(a, piece, sizeof(piece));
        if (size < 0) return std::nullopt;
        if (size == 0 || content.size() > kLargestMember) return content;
        append(content, ByteView(piece).first(static_cast<std::size_t>(size)));
    }
}

// Nothing when libarchive gives up somewhere.
std::optional<std::vector<Seen>> seen_by_libarchive(ByteView file, int (*support)(archive*)) {
    const std::unique_ptr<archive, Free> a(archive_read_new());
    support(a.get());
    if (archive_read_open_memory(a.get(), file.data(), file.size()) != ARCHIVE_OK) return std::nullopt;
    std::vector<Seen> members;
    archive_entry* entry = nullptr;
    for (;;) {
        const int status = archive_read_next_header(a.get(), &entry);
        if (status == ARCHIVE_EOF) return members;
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return std::nullopt;
        const char* const name = archive_entry_pathname(entry);
        auto content = content_of(a.get());
        if (!content) return std::nullopt;
        members.push_back({name != nullptr ? name : "", std::move(*content)});
    }
}

void check_members(ByteView before, ByteView after, int (*support)(archive*), bool contents) {
    const auto a = seen_by_libarchive(before, support);
    if (!a) return;
    const auto b = seen_by_libarchive(after, support);
    promise(b.has_value(), "libarchive reads on where it read before");
    promise(a->size() == b->size(), "libarchive sees as many members as before");
    for (std::size_t i = 0; i < a->size(); ++i) {
        promise((*a)[i].name == (*b)[i].name, "libarchive sees the same names");
        promise(!contents || (*a)[i].content == (*b)[i].content, "libarchive sees the same contents");
    }
}

// Pictures and archives inside stay as they are: every content is the same.
Options frozen_contents(Options options) {
    options.enabled_formats = 0;
    for (const Format format : {Format::kZip, Format::kOoxml, Format::kOdf, Format::kEpub})
        options.enabled_formats |= 1u << static_cast<unsigned>(format);
    options.max_depth = 1;
    return options;
}

void run(ByteView file) {
    const std::uint64_t hash = hash_of(file);
    const bool contents = hash & 2;
    Options options = small_options(hash & 1);
    if (contents) options = frozen_contents(options);
    if (!starts_with(file, "PK")) return;
    const OptimizeResult result = optimize_file(file, options);
    if (result.outcome != Outcome::kOptimized) return;
    promise(read_zip(result.output, options.max_entries).has_value(), "the result can be read strictly");
    check_members(file, result.output, archive_read_support_format_zip_seekable, contents);
    check_members(file, result.output, archive_read_support_format_zip_streamable, contents);
    check_second_pass(result, options);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
