// SPDX-License-Identifier: Apache-2.0
//
// Builds small ZIP archives for tests, odd and broken ones too. Every field that a test wants wrong can be
// set apart in both headers. Deflates with the project's wrapper.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "optimizers/deflate.hpp"

namespace optimilter::zip_builder {

enum class Descriptor { kNone, kSigned, kPlain };

struct Item {
    std::string name{};
    std::string content{};
    std::uint16_t method = 8;
    int level = 1;  // poor, so that there is something to gain
    std::uint16_t flags = 0;
    Descriptor descriptor = Descriptor::kNone;
    std::string local_extra{};
    std::string central_extra{};
    std::string comment{};
    std::uint32_t external_attributes = 0;
    std::uint8_t host = 3;
    std::string before{};                     // bytes between this record and the one before
    std::optional<std::string> raw{};         // data as it stands in the archive
    std::optional<std::string> local_name{};  // when the headers shall differ
    std::optional<std::uint16_t> local_flags{};
    std::optional<std::uint16_t> local_method{};
    std::optional<std::uint32_t> crc{};   // in both headers
    std::optional<std::uint32_t> size{};  // in both headers
    std::optional<std::uint32_t> local_size{};
    std::optional<std::uint32_t> offset{};  // in the central directory
    std::uint16_t disk = 0;
    std::uint16_t version = 20;  // needed to extract
    std::uint16_t local_version = 20;
};

inline void put16(std::string& to, std::size_t v) {
    to += static_cast<char>(v & 0xFF);
    to += static_cast<char>((v >> 8) & 0xFF);
}
inline void put32(std::string& to, std::size_t v) {
    put16(to, v & 0xFFFF);
    put16(to, (v >> 16) & 0xFFFF);
}

inline std::string packed(const Item& item) {
    if (item.raw) return *item.raw;
    if (item.method != 8) return item.content;
    const auto deflated = deflate_raw(as_bytes(item.content), item.level);
    return std::string(as_text(*deflated));
}

struct Archive {
    std::vector<Item> items{};
    std::vector<std::size_t> listed{};  // places in items as the directory lists them; empty: in their order
    std::string comment{};
    std::string prefix{};  // before the first record; offsets count it in when shift is set
    bool shift = false;
    std::string before_end{};  // between central directory and end record
    std::string after{};       // after the archive comment
    std::optional<std::uint16_t> count{};
    std::uint16_t disk = 0;
};

namespace detail {

struct Numbers {
    std::uint32_t crc, compressed, size, offset;
};

inline std::string local_record(const Item& item, const std::string& data, const Numbers& n) {
    const bool streamed = item.descriptor != Descriptor::kNone;
    const auto flags = static_cast<std::uint16_t>(item.flags | (streamed ? 8 : 0));
    const std::string& name = item.local_name ? *item.local_name : item.name;
    std::string record("PK\3\4", 4);
    put16(record, item.local_version);
    put16(record, item.local_flags.value_or(flags));
    put16(record, item.local_method.value_or(item.method));
    put32(record, 0x5A21B6C7);  // some time and date
    put32(record, streamed ? 0 : n.crc);
    put32(record, streamed ? 0 : n.compressed);
    put32(record, streamed ? 0 : item.local_size.value_or(n.size));
    put16(record, name.size());
    put16(record, item.local_extra.size());
    record += name + item.local_extra + data;
    if (item.descriptor == Descriptor::kSigned) record += std::string("PK\7\10", 4);
    if (streamed) {
        put32(record, n.crc);
        put32(record, n.compressed);
        put32(record, n.size);
    }
    return record;
}

inline std::string central_record(const Item& item, const Numbers& n) {
    const bool streamed = item.descriptor != Descriptor::kNone;
    std::string record("PK\1\2", 4);
    record += static_cast<char>(30);
    record += static_cast<char>(item.host);
    put16(record, item.version);
    put16(record, item.flags | (streamed ? 8u : 0u));
    put16(record, item.method);
    put32(record, 0x5A21B6C7);
    put32(record, n.crc);
    put32(record, n.compressed);
    put32(record, n.size);
    put16(record, item.name.size());
    put16(record, item.central_extra.size());
    put16(record, item.comment.size());
    put16(record, item.disk);
    put16(record, 1);  // internal attributes: text
    put32(record, item.external_attributes);
    put32(record, item.offset.value_or(n.offset));
    record += item.name + item.central_extra + item.comment;
    return record;
}

}  // namespace detail

inline Bytes build(const Archive& archive) {
    std::string file = archive.prefix;
    const std::size_t base = archive.shift ? 0 : archive.prefix.size();
    std::vector<std::string> records;
    for (const Item& item : archive.items) {
        file += item.before;
        const std::string data = packed(item);
        const detail::Numbers n{item.crc.value_or(crc32(as_bytes(item.content))),
                                static_cast<std::uint32_t>(data.size()),
                                item.size.value_or(static_cast<std::uint32_t>(item.content.size())),
                                static_cast<std::uint32_t>(file.size() - base)};
        file += detail::local_record(item, data, n);
        records.push_back(detail::central_record(item, n));
    }
    std::string directory;
    for (std::size_t i = 0; i < records.size(); ++i)
        directory += records[archive.listed.empty() ? i : archive.listed[i]];
    const std::size_t directory_at = file.size() - base;
    file += directory + archive.before_end;
    file += std::string("PK\5\6", 4);
    put16(file, archive.disk);
    put16(file, archive.disk);
    put16(file, archive.count.value_or(static_cast<std::uint16_t>(archive.items.size())));
    put16(file, archive.count.value_or(static_cast<std::uint16_t>(archive.items.size())));
    put32(file, directory.size());
    put32(file, directory_at);
    put16(file, archive.comment.size());
    file += archive.comment + archive.after;
    const ByteView bytes = as_bytes(file);
    return Bytes(bytes.begin(), bytes.end());
}

inline Bytes build(std::vector<Item> items) {
    Archive archive;
    archive.items = std::move(items);
    return build(archive);
}

// An extra field: id, size, content.
inline std::string extra(std::uint16_t id, std::string_view content) {
    std::string field;
    put16(field, id);
    put16(field, content.size());
    field += content;
    return field;
}

// Text that deflates well, and better at high levels; the same for the same seed.
inline std::string prose(std::size_t size, std::uint32_t seed = 1) {
    static constexpr std::string_view kWords[] = {"mail ",    "archive ", "<row r=\"1\">", "smaller ",
                                                  "</row>\n", "bytes ",   "never ",        "0.25 "};
    std::string text;
    while (text.size() < size) {
        seed = seed * 1664525u + 1013904223u;
        text += kWords[(seed >> 24) % 8];
    }
    text.resize(size);
    return text;
}

// Bytes that do not deflate at all.
inline std::string noise(std::size_t size, std::uint32_t seed = 1) {
    std::string bytes;
    while (bytes.size() < size) {
        seed = seed * 1664525u + 1013904223u;
        bytes += static_cast<char>(seed >> 24);
    }
    return bytes;
}

}  // namespace optimilter::zip_builder
