// SPDX-License-Identifier: Apache-2.0
//
// Builds small tar archives for tests, odd and broken ones too, and members that optimizers make smaller.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "zip_builder.hpp"

namespace optimilter::tar_builder {

struct Member {
    std::string name{};
    std::string content{};
    char type = '0';
    std::string mode = "0000644";
    std::string mtime = "14000000000";
    std::string user = "anna";
    std::string link{};
    std::string size{};  // the field's text when it shall differ
    std::string magic{"ustar\00000", 8};
    char padding = '\0';  // behind the content
    int checksum_off = 0;
};

inline void put(std::string& block, std::size_t at, const std::string& text) {
    block.replace(at, text.size(), text);
}

inline std::string header(const Member& member) {
    std::string block(512, '\0');
    char size[13];
    std::snprintf(size, sizeof size, "%011zo", member.content.size());
    put(block, 0, member.name);
    put(block, 100, member.mode);
    put(block, 108, "0001750");
    put(block, 116, "0000144");
    put(block, 124, member.size.empty() ? std::string(size) : member.size);
    put(block, 136, member.mtime);
    block[156] = member.type;
    put(block, 157, member.link);
    put(block, 257, member.magic);
    put(block, 265, member.user);
    put(block, 297, "users");
    put(block, 148, "        ");
    unsigned sum = 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    char checksum[8];
    std::snprintf(checksum, sizeof checksum, "%06o",
                  (sum + static_cast<unsigned>(member.checksum_off)) & 0777777u);
    put(block, 148, std::string(checksum, 7) + " ");
    return block;
}

inline std::string record(const Member& member) {
    std::string text = header(member) + member.content;
    text.append((512 - member.content.size() % 512) % 512, member.padding);
    return text;
}

// The trailer is filled up to whole blocks of 10240 bytes.
inline std::string tar_text(const std::vector<Member>& members, std::size_t unit = 10240) {
    std::string text;
    for (const Member& member : members) text += record(member);
    text.append(1024, '\0');
    text.append((unit - text.size() % unit) % unit, '\0');
    return text;
}

inline Bytes bytes_of(const std::string& text) {
    const ByteView view = as_bytes(text);
    return Bytes(view.begin(), view.end());
}

inline Bytes tar(const std::vector<Member>& members, std::size_t unit = 10240) {
    return bytes_of(tar_text(members, unit));
}

inline std::string pax_record(const std::string& key, const std::string& value) {
    const std::string rest = " " + key + "=" + value + "\n";
    std::size_t size = rest.size() + 1;
    while (std::to_string(size).size() + rest.size() != size) ++size;
    return std::to_string(size) + rest;
}

// A ZIP file of text that level 1 deflated.
inline std::string poor_zip(std::size_t size = 20'000, std::uint32_t seed = 1) {
    const Bytes file = zip_builder::build({{.name = "a.txt", .content = zip_builder::prose(size, seed)}});
    return std::string(as_text(file));
}

}  // namespace optimilter::tar_builder
