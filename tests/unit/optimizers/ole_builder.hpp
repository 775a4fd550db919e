// SPDX-License-Identifier: Apache-2.0
//
// Compound files for tests ([MS-CFB]), built unlike optimizers/ole_writer builds them: FAT first, streams
// apart from each other with free sectors between, directory last. And the records of documents to put into
// them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace optimilter::ole_builder {

constexpr std::uint32_t kNone = 0xFFFFFFFF;
constexpr std::uint32_t kEnd = 0xFFFFFFFE;

struct Node {
    std::string name;  // Latin-1
    std::string content;
    std::vector<Node> children;  // a storage when storage is set
    bool storage = false;
    std::uint8_t clsid = 0;  // repeated 16 times
    std::uint32_t state = 0;
    std::uint8_t color = 1;
};

class Builder {
  public:
    explicit Builder(std::size_t sector_size = 512) : size_(sector_size) {}

    Bytes build(const std::vector<Node>& nodes) {
        add({"Root Entry", "", {}, true, 0x42, 7, 1}, 5);
        set_child(0, nodes);
        place_streams();
        place_directory();
        return file();
    }

  private:
    std::size_t add(const Node& node, std::uint8_t type) {
        Bytes raw(128);
        for (std::size_t i = 0; i < node.name.size(); ++i)
            raw[2 * i] = static_cast<std::uint8_t>(node.name[i]);
        write_le16(&raw[64], static_cast<std::uint16_t>(2 * node.name.size() + 2));
        raw[66] = type;
        raw[67] = node.color;
        for (const std::size_t at : {68, 72, 76}) write_le32(&raw[at], kNone);
        for (std::size_t i = 80; i < 96; ++i) raw[i] = node.clsid;
        write_le32(&raw[96], node.state);
        for (std::size_t i = 100; i < 116; ++i) raw[i] = static_cast<std::uint8_t>(type == 1 ? i : 0);
        entries_.push_back(raw);
        contents_.push_back(node.content);
        return entries_.size() - 1;
    }
    // Siblings hang to the right of each other.
    void set_child(std::size_t parent, const std::vector<Node>& nodes) {
        std::size_t last = parent;
        for (const Node& node : nodes) {
            const std::size_t id = add(node, node.storage ? 1 : 2);
            write_le32(&entries_[last][last == parent ? 76 : 72], static_cast<std::uint32_t>(id));
            if (node.storage) set_child(id, node.children);
            last = id;
        }
    }
    std::uint32_t chain(const std::string& bytes) {
        const std::size_t count = (bytes.size() + size_ - 1) / size_;
        const auto first = static_cast<std::uint32_t>(fat_.size());
        for (std::size_t i = 0; i < count; ++i) {
            const bool last = i + 1 == count;
            fat_.push_back(last ? kEnd : static_cast<std::uint32_t>(fat_.size() + 1));
        }
        const std::size_t begin = sectors_.size();
        sectors_.resize(begin + count * size_, 0xEE);
        for (std::size_t i = 0; i < bytes.size(); ++i)
            sectors_[begin + i] = static_cast<std::uint8_t>(bytes[i]);
        // A free sector with something left in it.
        sectors_.resize(sectors_.size() + size_, 0xDD);
        fat_.push_back(kNone);
        return first;
    }
    void place_streams() {
        fat_.assign(kFatSectors, 0xFFFFFFFD);
        sectors_.resize(kFatSectors * size_);
        std::string mini;
        for (std::size_t id = 1; id < entries_.size(); ++id) {
            const std::string& bytes = contents_[id];
            if (entries_[id][66] != 2) continue;
            std::uint32_t start = kEnd;
            if (bytes.size() >= 4096) start = chain(bytes);
            if (!bytes.empty() && bytes.size() < 4096) {
                start = static_cast<std::uint32_t>(mini.size() / 64);
                mini += bytes;
                mini.resize((mini.size() + 63) / 64 * 64, '\x11');
                while (mini_fat_.size() + 1 < mini.size() / 64) {
                    mini_fat_.push_back(static_cast<std::uint32_t>(mini_fat_.size() + 1));
                }
                mini_fat_.push_back(kEnd);
            }
            write_le32(&entries_[id][116], start);
            write_le32(&entries_[id][120], static_cast<std::uint32_t>(bytes.size()));
        }
        write_le32(&entries_[0][116], mini.empty() ? kEnd : chain(mini));
        write_le32(&entries_[0][120], static_cast<std::uint32_t>(mini.size()));
    }
    void place_directory() {
        std::string bytes;
        for (const Bytes& raw : entries_) bytes += as_text(raw);
        while (bytes.size() % size_ != 0) {
            Bytes unused(128);
            for (const std::size_t at : {68, 72, 76}) write_le32(&unused[at], kNone);
            bytes += as_text(unused);
        }
        directory_ = chain(bytes);
        std::string mini_fat;
        for (const std::uint32_t next : mini_fat_) {
            for (unsigned shift = 0; shift < 32; shift += 8) mini_fat += static_cast<char>(next >> shift);
        }
        mini_fat.resize((mini_fat.size() + size_ - 1) / size_ * size_, '\xFF');
        mini_fat_sectors_ = mini_fat.size() / size_;
        mini_fat_start_ = mini_fat.empty() ? kEnd : chain(mini_fat);
    }
    Bytes file() {
        Bytes header(size_);
        const std::uint8_t magic[] = {0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1};
        std::copy(std::begin(magic), std::end(magic), header.begin());
        write_le16(&header[24], 0x3E);
        write_le16(&header[26], size_ == 512 ? 3 : 4);
        write_le16(&header[28], 0xFFFE);
        write_le16(&header[30], size_ == 512 ? 9 : 12);
        write_le16(&header[32], 6);
        write_le32(&header[40], size_ == 512 ? 0 : 1);
        write_le32(&header[44], kFatSectors);
        write_le32(&header[48], directory_);
        write_le32(&header[56], 4096);
        write_le32(&header[60], mini_fat_start_);
        write_le32(&header[64], static_cast<std::uint32_t>(mini_fat_sectors_));
        write_le32(&header[68], kEnd);
        for (std::size_t i = 0; i < 109; ++i) {
            write_le32(&header[76 + 4 * i], i < kFatSectors ? static_cast<std::uint32_t>(i) : kNone);
        }
        fat_.resize(kFatSectors * size_ / 4, kNone);
        for (std::size_t i = 0; i < fat_.size(); ++i) write_le32(&sectors_[4 * i], fat_[i]);
        append(header, sectors_);
        return header;
    }

    static constexpr std::uint32_t kFatSectors = 4;
    std::size_t size_;
    std::vector<Bytes> entries_;
    std::vector<std::string> contents_;
    std::vector<std::uint32_t> fat_;
    Bytes sectors_;
    std::vector<std::uint32_t> mini_fat_;
    std::size_t mini_fat_sectors_ = 0;
    std::uint32_t mini_fat_start_ = kEnd;
    std::uint32_t directory_ = 0;
};

inline std::string le(std::uint64_t value, unsigned bytes) {
    std::string text;
    for (unsigned i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
    return text;
}

// An Office Art or PowerPoint record.
inline std::string record(unsigned type, const std::string& body, unsigned version = 0,
                          unsigned instance = 0) {
    return le(version | (instance << 4), 2) + le(type, 2) + le(body.size(), 4) + body;
}

// Blip records: one or two digests, a tag, the picture.
inline std::string png_blip(const std::string& picture, bool two_digests = false) {
    const std::string digests(two_digests ? 32 : 16, '\x5A');
    return record(0xF01E, digests + '\xFF' + picture, 0, two_digests ? 0x6E1 : 0x6E0);
}
inline std::string jpeg_blip(const std::string& picture) {
    return record(0xF01D, std::string(16, '\x5B') + '\xFF' + picture, 0, 0x46A);
}
inline std::string wmf_blip(const std::string& bytes) {
    return record(0xF01B, std::string(16, '\x5C') + std::string(34, '\1') + bytes, 0, 0x216);
}

// An entry of the blip store.
inline std::string entry(std::size_t offset, std::size_t size, const std::string& more = "") {
    std::string body =
        "\6\6" + std::string(16, '\x5A') + le(0xFF, 2) + le(size, 4) + le(1, 4) + le(offset, 4);
    body += std::string(4, '\0');
    return record(0xF007, body + more, 2, 6);
}
inline std::string store(const std::vector<std::string>& entries) {
    std::string all;
    for (const std::string& each : entries) all += each;
    return record(0xF000,
                  record(0xF001, all, 15, static_cast<unsigned>(entries.size())) +
                      record(0xF00B, std::string(6, '\2'), 3, 1),
                  15);
}

inline Node stream(const std::string& name, const std::string& content) {
    Node node;
    node.name = name;
    node.content = content;
    return node;
}
inline Node storage(const std::string& name, std::vector<Node> children) {
    Node node;
    node.name = name;
    node.children = std::move(children);
    node.storage = true;
    node.clsid = 0x21;
    return node;
}

inline std::string current_user(std::uint32_t token = 0xE391C05F) {
    return record(0x0FF6, le(0x14, 4) + le(token, 4) + le(0, 4) + le(0, 8));
}

// A presentation of these Blip records; the second of two stores holds the same entries, as after a fast
// save.
inline std::vector<Node> presentation(const std::vector<std::string>& blips) {
    std::string pictures;
    std::vector<std::string> entries;
    for (const std::string& blip : blips) {
        entries.push_back(entry(pictures.size(), blip.size()));
        pictures += blip;
    }
    entries.push_back(entry(kNone, 0));
    const std::string group = record(0x040B, store(entries), 15);
    const std::string document = record(0x03E8, group + record(0x03F2, "text", 0), 15) +
                                 record(0x03E8, group, 15) + record(0x0FF5, std::string(28, '\3'));
    return {stream("Current User", current_user()), stream("Pictures", pictures),
            stream("PowerPoint Document", document + record(0x0FA0, std::string(5000, 't'))),
            stream("\5SummaryInformation", std::string(300, 's')),
            storage("_VBA_PROJECT_CUR", {stream("dir", std::string(700, 'm'))})};
}

// A Word document with text and one page of each kind of formatting runs, and these Blip records behind.
inline std::vector<Node> document(const std::vector<std::string>& blips, std::uint16_t flags = 0x0200) {
    std::string main(0x382 + 600, 't');
    main.resize(4 * 512, 'f');
    std::vector<std::string> entries;
    for (const std::string& blip : blips) {
        entries.push_back(entry(main.size(), blip.size()));
        main += blip;
    }
    std::string table = le(0, 4) + le(600, 4) + le(2, 4) + le(0, 4) + le(600, 4) + le(3, 4);
    const std::size_t drawings = table.size();
    table += store(entries) + '\0' + record(0xF002, std::string(8, '\4'), 15 & 0);
    const auto put = [&main](std::size_t at, std::uint64_t value, unsigned bytes) {
        main.replace(at, bytes, le(value, bytes));
    };
    put(0, 0xA5EC, 2);
    put(2, 0xC1, 2);
    put(0x0A, flags, 2);
    put(0x1C, 0x382 + 600, 4);
    put(0x20, 14, 2);
    put(0x3E, 22, 2);
    put(0x40, main.size(), 4);
    put(0xFA, 0 | (std::uint64_t{12} << 32), 8);
    put(0x102, 12 | (std::uint64_t{12} << 32), 8);
    put(0x22A, drawings | (static_cast<std::uint64_t>(table.size() - drawings) << 32), 8);
    return {stream("1Table", table), stream("Data", std::string(5000, 'd')), stream("WordDocument", main)};
}

inline std::string property(std::uint32_t tag, std::uint64_t value) {
    return le(tag, 4) + le(6, 4) + le(value, 8);
}
inline std::string wide(const std::string& text) {
    std::string units;
    for (const char c : text) units += std::string{c, '\0'};
    return units;
}

// An attachment by value.
inline Node attachment(unsigned number, const std::string& name, const std::string& content,
                       unsigned method = 1) {
    const std::string properties = std::string(8, '\0') + property(0x0E200003, content.size() + 500) +
                                   property(0x37050003, method) + property(0x37010102, content.size());
    return storage("__attach_version1.0_#0000000" + std::to_string(number),
                   {stream("__properties_version1.0", properties), stream("__substg1.0_37010102", content),
                    stream("__substg1.0_3707001F", wide(name))});
}
inline std::vector<Node> message(std::vector<Node> attachments, const std::string& kind = "IPM.Note") {
    std::vector<Node> nodes{stream("__properties_version1.0", std::string(64, '\7')),
                            stream("__substg1.0_001A001F", wide(kind)),
                            stream("__substg1.0_1000001F", wide(std::string(3000, 'b')))};
    for (Node& each : attachments) nodes.push_back(std::move(each));
    return nodes;
}

}  // namespace optimilter::ole_builder
