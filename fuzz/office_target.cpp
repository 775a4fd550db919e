// SPDX-License-Identifier: Apache-2.0
//
// A part of a document through each of the readers that look for the uses of pictures: DrawingML and VML,
// ODF, relationships, lengths. Promises: a use is wholly told or not at all and of a sane size; the same part
// gives the same uses; a picture that one more place shows in a way that is not understood keeps its size.
#include <algorithm>

#include "fuzz/fuzz_target.hpp"
#include "optimizers/office_lengths.hpp"
#include "optimizers/office_readers.hpp"

namespace optimilter::fuzz {

namespace {

constexpr std::uint32_t kPpi = 220;
constexpr std::size_t kEntries = 3;

// An archive of three empty entries; only their names count.
Bytes three_parts() {
    Bytes file;
    Bytes directory;
    for (const std::string_view name : {"word/document.xml", "word/media/image1.png", "Pictures/1.png"}) {
        const auto at = static_cast<std::uint32_t>(file.size());
        Bytes central(kZipCentralSize);
        append(file, as_bytes(kZipLocalSignature));
        file.resize(at + kZipLocalSize);
        write_le16(&file[at + 26], static_cast<std::uint16_t>(name.size()));
        append(file, as_bytes(name));
        std::copy(kZipCentralSignature.begin(), kZipCentralSignature.end(), central.begin());
        write_le16(&central[28], static_cast<std::uint16_t>(name.size()));
        write_le32(&central[42], at);
        append(directory, central);
        append(directory, as_bytes(name));
    }
    const auto directory_at = static_cast<std::uint32_t>(file.size());
    append(file, directory);
    const std::size_t end = file.size();
    file.resize(end + kZipEndSize);
    std::copy(kZipEndSignature.begin(), kZipEndSignature.end(), &file[end]);
    write_le16(&file[end + 8], kEntries);
    write_le16(&file[end + 10], kEntries);
    write_le32(&file[end + 12], static_cast<std::uint32_t>(directory.size()));
    write_le32(&file[end + 16], directory_at);
    return file;
}

const PartNames& names() {
    static const Bytes file = three_parts();
    static const auto archive = read_zip(file, kEntries);
    promise(archive.has_value(), "the archive of the names can be read");
    static const PartNames made(file, *archive);
    return made;
}

struct Told {
    PictureUse use[kEntries];
    bool exact[kEntries];
    friend bool operator==(const Told&, const Told&) = default;
};

template <typename Read>
Told told_by(Read read) {
    PictureUses uses(kEntries);
    if (!read(uses)) uses.distrust();
    Told told{};
    for (std::size_t i = 0; i < kEntries; ++i) {
        const PictureUse use = told.use[i] = uses.at(i, kPpi);
        told.exact[i] = uses.must_be_exact(i);
        promise((use.width_px == 0) == (use.height_px == 0), "a use has both sides or none");
        promise(use.width_px <= 1'000'000 && use.height_px <= 1'000'000, "a use is of a sane size");
        uses.add_not_understood(i);
        promise(uses.at(i, kPpi) == PictureUse{}, "what is not understood keeps its size");
    }
    return told;
}

template <typename Read>
void check(Read read) {
    promise(told_by(read) == told_by(read), "the same part tells the same uses");
}

void run(ByteView part) {
    const Relations relations{{"rId1", 1}, {"rId2", 2}};
    check(
        [&](PictureUses& uses) { return read_drawing_uses(part, relations, uses, Deadline()).has_value(); });
    check([&](PictureUses& uses) {
        return read_frame_uses(part, "content.xml", names(), uses, Deadline()).has_value();
    });
    PictureRelations found;
    if (read_picture_relations(part, "word/document.xml", names(), found, Deadline())) {
        for (const auto& [id, picture] : found.images)
            promise(picture < kEntries, "a relation is to an entry");
        for (const std::size_t other : found.others) promise(other < kEntries, "a relation is to an entry");
    }
    const std::string_view text = as_text(part).substr(0, 256);
    const std::string name = part_name("word/", text);
    promise(("/" + name + "/").find("/../") == std::string::npos, "a name leads nowhere but down");
    promise(!parse_emu(text) || *parse_emu(text) > 0, "a length is positive");
    const std::string_view width = style_property(text, "width");
    promise(width.empty() || text.find(width) != std::string_view::npos,
            "a property is a piece of its style");
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
