// SPDX-License-Identifier: Apache-2.0
//
// Changes archives member by member and builds them anew, with checksums, sizes and offsets that fit, or with
// one that does not.
#include <string>
#include <vector>

#include "fuzz/mutation.hpp"
#include "optimizers/zip_member.hpp"
#include "optimizers/zip_reader.hpp"
#include "unit/optimizers/zip_builder.hpp"

namespace optimilter::fuzz {

namespace {

using zip_builder::Archive;
using zip_builder::Descriptor;
using zip_builder::Item;

constexpr std::string_view kNames[] = {"mimetype",
                                       "[Content_Types].xml",
                                       "word/document.xml",
                                       "word/media/image1.png",
                                       "content.xml",
                                       "META-INF/manifest.xml",
                                       "META-INF/documentsignatures.xml",
                                       "META-INF/container.xml",
                                       "_xmlsignatures/sig1.xml",
                                       "a/",
                                       "a.zip",
                                       "\xC3\xBC.txt",
                                       "../a"};

// The members as the builder wants them; what cannot be inflated stays as raw data.
Item item_of(ByteView file, const ZipEntry& entry) {
    Item item;
    item.name = std::string(zip_name(file, entry));
    item.method = entry.method;
    item.flags = static_cast<std::uint16_t>(entry.flags & ~kZipHasDescriptor);
    item.descriptor = entry.flags & kZipHasDescriptor ? Descriptor::kSigned : Descriptor::kNone;
    const auto content = is_readable(entry) && entry.size < (1u << 20) ? MemberContent::of(file, entry)
                                                                       : Result<MemberContent>(Error{});
    if (content) {
        item.content = string_of(content->bytes());
    } else {
        item.raw = string_of(slice(file, entry.data));
        item.crc = entry.crc;
        item.size = entry.size;
    }
    return item;
}

std::vector<Item> items_of(ByteView file) {
    std::vector<Item> items;
    const auto archive = read_zip(file, 500);
    if (!archive) return {{.name = "a", .content = zip_builder::prose(2000)}};
    for (const ZipEntry& entry : archive->entries) items.push_back(item_of(file, entry));
    return items;
}

std::string changed_text(const std::string& text) {
    return string_of(mutated(as_bytes(text)));
}

void change_item(Item& item, Chance& chance) {
    switch (chance.below(14)) {
        case 0:
            item.name = kNames[chance.below(std::size(kNames))];
            return;
        case 1:
            item.name = changed_text(item.name);
            return;
        case 2:
            item.method = item.method == kZipStored ? kZipDeflated : kZipStored;
            return;
        case 3:
            item.method = static_cast<std::uint16_t>(chance.below(100));
            return;
        case 4:
            item.level = static_cast<int>(chance.below(13));
            return;
        case 5:
            item.flags = static_cast<std::uint16_t>(item.flags ^ (1u << chance.below(16)));
            return;
        case 6:
            item.descriptor = static_cast<Descriptor>(chance.below(3));
            return;
        case 7:
            item.local_extra = zip_builder::extra(0x5455, changed_text("abcd"));
            return;
        case 8:
            item.central_extra = changed_text(item.central_extra);
            return;
        case 9:
            item.comment = changed_text(item.comment);
            return;
        case 10:
            item.external_attributes = chance.next();
            return;
        case 11:
            item.raw = changed_text(zip_builder::packed(item));
            return;
        case 12:
            item.local_flags = static_cast<std::uint16_t>(chance.below(16));
            return;
        default:
            item.content = changed_text(item.content);
            return;
    }
}

void change_list(std::vector<Item>& items, Chance& chance) {
    const std::size_t place = chance.below(items.size());
    switch (chance.below(4)) {
        case 0:
            items.push_back(items[place]);
            return;
        case 1:
            items.erase(items.begin() + static_cast<std::ptrdiff_t>(place));
            return;
        case 2:
            std::swap(items[place], items[chance.below(items.size())]);
            return;
        default:
            items.push_back({.name = std::string(kNames[chance.below(std::size(kNames))]),
                             .content = zip_builder::prose(chance.below(3000), chance.next())});
    }
}

Bytes change(ByteView file, Chance& chance) {
    Archive archive;
    archive.items = items_of(file);
    if (archive.items.empty() || chance.one_in(5))
        change_list(archive.items.empty() ? (archive.items = {{.name = "a"}}) : archive.items, chance);
    else
        change_item(archive.items[chance.below(archive.items.size())], chance);
    if (chance.one_in(20)) archive.comment = changed_text("comment");
    if (chance.one_in(40)) archive.prefix = changed_text("MZ");
    if (chance.one_in(40)) archive.after = changed_text("x");
    return zip_builder::build(archive);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* bytes, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    return optimilter::fuzz::mutate_by(bytes, size, max_size, seed, optimilter::fuzz::change);
}
