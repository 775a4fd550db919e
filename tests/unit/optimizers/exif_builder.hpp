// SPDX-License-Identifier: Apache-2.0
//
// An Exif structure like a camera's, for tests: IFD0, Exif with maker note, GPS, IFD1 with a thumbnail.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "check.hpp"

namespace optimilter::exif_builder {

struct Field {
    std::uint16_t tag;
    std::uint16_t type;
    std::uint32_t count;
    std::uint32_t value;    // or offset, when text is empty
    std::string text = {};  // placed out of line
};

struct Sample {
    bool big_endian = false;
    bool thumbnail = true;
    bool maker_note = true;
    bool gps = true;
    std::uint16_t orientation = 6;
    std::vector<Field> extra = {};  // into IFD0, as they are

    Bytes build() const {
        Bytes out;
        put(out, big_endian ? 0x4D4D : 0x4949, 2);
        put(out, 42, 2);
        put(out, 8, 4);
        std::vector<Field> main = {ascii(0x0110, "Camera Model X"), number(0x0112, 3, orientation),
                                   ascii(0x013B, "Some Artist"), ascii(0x8298, "All rights kept"),
                                   number(0x8769, 4, 0)};
        if (gps) main.push_back(number(0x8825, 4, 0));
        main.insert(main.end(), extra.begin(), extra.end());
        const std::size_t at = directory(out, main);
        patch(out, at, 4, directory(out, exif_fields()));
        if (gps) patch(out, at, 5, directory(out, {ascii(0x001D, "GPSLAT 47.11 N")}));
        if (thumbnail) {
            const std::size_t second = directory(out, {ascii(0x0103, "THUMBNAIL"), number(0x0202, 4, 9)});
            set(out, at + 2 + 12 * main.size(), static_cast<std::uint32_t>(second));
        }
        return out;
    }

  private:
    static Field ascii(std::uint16_t tag, std::string text) {
        return {tag, 2, static_cast<std::uint32_t>(text.size() + 1), 0, text + '\0'};
    }
    static Field number(std::uint16_t tag, std::uint16_t type, std::uint32_t value) {
        return {tag, type, 1, value};
    }

    std::vector<Field> exif_fields() const {
        std::vector<Field> fields = {ascii(0x9003, "2024:05:06 07:08:09")};
        if (maker_note) fields.push_back(ascii(0x927C, "MAKERNOTE of some vendor, with offsets of its own"));
        fields.push_back(number(0xA002, 4, 4000));
        fields.push_back(number(0xA003, 3, 3000));
        return fields;
    }

    void put(Bytes& out, std::uint32_t v, unsigned size) const {
        for (unsigned i = 0; i < size; ++i)
            out.push_back(static_cast<std::uint8_t>(v >> (8 * (big_endian ? size - 1 - i : i))));
    }
    void set(Bytes& out, std::size_t at, std::uint32_t v) const {
        Bytes number;
        put(number, v, 4);
        std::copy(number.begin(), number.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
    }
    void patch(Bytes& out, std::size_t directory, std::size_t index, std::size_t offset) const {
        set(out, directory + 2 + 12 * index + 8, static_cast<std::uint32_t>(offset));
    }
    std::size_t directory(Bytes& out, const std::vector<Field>& fields) const {
        const std::size_t start = out.size();
        put(out, static_cast<std::uint32_t>(fields.size()), 2);
        for (const Field& field : fields) {
            put(out, field.tag, 2);
            put(out, field.type, 2);
            put(out, field.count, 4);
            if (field.type == 3 && field.count == 1) {
                put(out, field.value, 2);
                put(out, 0, 2);
            } else {
                put(out, field.value, 4);
            }
        }
        put(out, 0, 4);
        for (std::size_t i = 0; i < fields.size(); ++i) {
            if (fields[i].text.empty()) continue;
            patch(out, start, i, out.size());
            append(out, as_bytes(fields[i].text));
        }
        return start;
    }
};

}  // namespace optimilter::exif_builder
