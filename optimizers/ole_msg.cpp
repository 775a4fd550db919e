// SPDX-License-Identifier: Apache-2.0
//
// Outlook messages ([MS-OXMSG]): every attachment is a storage with a property stream and one stream a
// property; the file is the property 3701 (PidTagAttachDataBinary). Attachments by value go through the
// driver as files of their own, those of messages inside the message too. Its size stands twice in the
// property stream (the length of 3701 and PidTagAttachSize) and is patched there.
#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "optimizers/ole_work.hpp"
#include "optimizers/zip_untouchable.hpp"

namespace optimilter {

namespace {

constexpr std::string_view kAttachment = "__attach_version1.0_#";
constexpr std::string_view kProperties = "__properties_version1.0";
constexpr std::string_view kContent = "__substg1.0_37010102";
constexpr std::size_t kPropertiesAt = 8;  // in the stream of an attachment (2.4.2.2)
constexpr std::size_t kPropertySize = 16;
constexpr std::uint32_t kContentTag = 0x37010102;
constexpr std::uint32_t kAttachSizeTag = 0x0E200003;
constexpr std::uint32_t kAttachMethodTag = 0x37050003;
constexpr std::uint32_t kByValue = 1;  // [MS-OXCMSG] 2.2.2.9

// The string property of a storage, in UTF-8; only its ASCII is sure, which is what hints and seals go by.
std::string text_property(const OleFile& file, std::uint32_t storage, std::string_view tag) {
    std::string name = "__substg1.0_";
    name += tag;
    if (const auto id = file.find(storage, name + "001E")) {
        return std::string(as_text(file.entries[*id].content));
    }
    std::string text;
    const auto id = file.find(storage, name + "001F");
    if (!id) return text;
    const Bytes& utf16 = file.entries[*id].content;
    for (std::size_t at = 0; at + 2 <= utf16.size(); at += 2) {
        const std::uint16_t unit = read_le16(&utf16[at]);
        text += unit < 0x80 ? static_cast<char>(unit) : '_';
    }
    return text;
}

// Where the value of a property stands in the property stream; nothing when it is there not once.
std::optional<std::size_t> value_of(ByteView properties, std::uint32_t tag) {
    std::optional<std::size_t> found;
    for (std::size_t at = kPropertiesAt; at + kPropertySize <= properties.size(); at += kPropertySize) {
        if (read_le32(&properties[at]) != tag) continue;
        if (found) return std::nullopt;
        found = at + 8;
    }
    return found;
}

// [MS-OXOSMIME], [MS-OXORMMS], and the protection agents' classes.
bool is_sealed_class(std::string_view message_class) {
    return icontains(message_class, ".SMIME") || icontains(message_class, ".Secure") ||
           icontains(message_class, "rpmsg");
}

bool is_sealing_attachment(std::string_view name, std::string_view type) {
    constexpr std::string_view kEndings[] = {".p7m", ".p7c", ".rpmsg", ".asc", ".pgp", ".gpg"};
    const std::string lower = to_lower(name);
    const bool by_name = std::any_of(std::begin(kEndings), std::end(kEndings), [&](std::string_view ending) {
        return lower.size() >= ending.size() &&
               lower.compare(lower.size() - ending.size(), ending.size(), ending) == 0;
    });
    return by_name || is_sealing_name(name) || icontains(type, "pkcs7") || icontains(type, "pgp-") ||
           icontains(type, "multipart/signed") || icontains(type, "rpmsg");
}

class Message {
  public:
    explicit Message(OleWork& work) : work_(work), entries_(work.file.entries) {}

    std::optional<Attempt> run();

  private:
    struct Attached {
        std::uint32_t storage;
        std::uint32_t content;
        std::uint32_t properties;
        std::string name;
        std::string type;
    };
    std::optional<Attempt> sealed() const;
    void collect();
    void shrink(const Attached& attached);
    bool is_attachment(const OleEntry& entry) const {
        return entry.type == OleType::kStorage && istarts_with(entry.name, kAttachment);
    }
    std::string name_of(std::uint32_t storage) const;

    OleWork& work_;
    const std::vector<OleEntry>& entries_;
    std::vector<Attached> attached_;
};

std::string Message::name_of(std::uint32_t storage) const {
    for (const std::string_view tag : {"3707", "3704", "3001"}) {
        std::string name = text_property(work_.file, storage, tag);
        if (!name.empty()) return name;
    }
    return {};
}

// One seal anywhere, in a message inside the message too, keeps all of it.
std::optional<Attempt> Message::sealed() const {
    for (std::uint32_t id = 0; id < entries_.size(); ++id) {
        const OleEntry& entry = entries_[id];
        if (entry.type != OleType::kStream && entry.type != OleType::kUnused &&
            is_sealed_class(text_property(work_.file, id, "001A"))) {
            return leave_alone(Outcome::kUntouchable, "signed or encrypted message");
        }
        if (is_attachment(entry) &&
            is_sealing_attachment(name_of(id), text_property(work_.file, id, "370E"))) {
            return leave_alone(Outcome::kUntouchable, "message with a signature or an encrypted part");
        }
    }
    return std::nullopt;
}

void Message::collect() {
    for (std::uint32_t id = 0; id < entries_.size(); ++id) {
        if (!is_attachment(entries_[id])) continue;
        const auto content = work_.file.find(id, kContent);
        const auto properties = work_.file.find(id, kProperties);
        if (!content || !properties) continue;
        const Bytes& bytes = entries_[*properties].content;
        const auto method = value_of(bytes, kAttachMethodTag);
        const auto length = value_of(bytes, kContentTag);
        if (!method || read_le32(&bytes[*method]) != kByValue) continue;
        if (!length || read_le32(&bytes[*length]) != entries_[*content].content.size()) continue;
        attached_.push_back({id, *content, *properties, name_of(id), text_property(work_.file, id, "370E")});
    }
    std::stable_sort(attached_.begin(), attached_.end(), [this](const Attached& a, const Attached& b) {
        return entries_[a.content].content.size() > entries_[b.content].content.size();
    });
}

void Message::shrink(const Attached& attached) {
    const Bytes& before = entries_[attached.content].content;
    auto smaller = work_.shrink(before, {to_lower(attached.type), attached.name}, attached.content);
    if (!smaller) return;
    Bytes properties = entries_[attached.properties].content;
    write_le32(&properties[*value_of(properties, kContentTag)], static_cast<std::uint32_t>(smaller->size()));
    const auto saved = static_cast<std::uint32_t>(before.size() - smaller->size());
    if (const auto size = value_of(properties, kAttachSizeTag)) {
        const std::uint32_t was = read_le32(&properties[*size]);
        // Some writers put 0; others know better what it was.
        if (was >= before.size()) write_le32(&properties[*size], was - saved);
    }
    work_.replacements[attached.properties] = std::move(properties);
    work_.replacements[attached.content] = std::move(*smaller);
}

std::optional<Attempt> Message::run() {
    if (auto refused = sealed()) return refused;
    collect();
    for (const Attached& attached : attached_) shrink(attached);
    std::sort(work_.changes.begin(), work_.changes.end(),
              [](const MemberChange& a, const MemberChange& b) { return a.index < b.index; });
    return std::nullopt;
}

}  // namespace

std::optional<Attempt> work_on_msg(OleWork& work) {
    return Message(work).run();
}

}  // namespace optimilter
