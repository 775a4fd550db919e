// SPDX-License-Identifier: Apache-2.0
//
// PDF files made on the spot, with a classic cross-reference table and everything a test may want to change
// in reach: objects by number, the trailer, the version. Deterministic.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "jpeg_pictures.hpp"
#include "optimizers/deflate.hpp"

namespace optimilter::pdf_builder {

inline std::string text_of(ByteView bytes) {
    return std::string(as_text(bytes));
}

inline std::string zlib(std::string_view bytes, int level = 1) {
    return text_of(pictures::must(deflate_zlib(as_bytes(bytes), level)));
}

struct Object {
    std::string text;  // of a stream: its dictionary without << and >>
    std::optional<std::string> stream;
};

struct Pdf {
    std::string version = "1.4";
    std::map<int, Object> objects;
    std::string trailer = "/Root 1 0 R/ID[(permanent)(changing)]";
    std::string after;  // bytes after the end

    Pdf& put(int number, std::string text) {
        objects[number] = {std::move(text), std::nullopt};
        return *this;
    }
    Pdf& put_stream(int number, std::string dictionary, std::string bytes) {
        objects[number] = {std::move(dictionary), std::move(bytes)};
        return *this;
    }

    std::string build() const {
        std::string file = "%PDF-" + version + "\n%\xE2\xE3\xCF\xD3\n";
        std::map<int, std::size_t> places;
        for (const auto& [number, object] : objects) {
            places[number] = file.size();
            file += fmt::format("{} 0 obj\n", number);
            if (object.stream) {
                file += fmt::format("<<{}/Length {}>>\nstream\n{}\nendstream", object.text,
                                    object.stream->size(), *object.stream);
            } else {
                file += object.text;
            }
            file += "\nendobj\n";
        }
        const std::size_t table = file.size();
        const int size = objects.rbegin()->first + 1;
        file += fmt::format("xref\n0 {}\n0000000000 65535 f \n", size);
        for (int number = 1; number < size; ++number) {
            const auto place = places.find(number);
            file += place == places.end() ? "0000000000 00000 f \n"
                                          : fmt::format("{:010} 00000 n \n", place->second);
        }
        file += fmt::format("trailer\n<<{}/Size {}>>\nstartxref\n{}\n%%EOF\n", trailer, size, table);
        return file + after;
    }
};

inline std::string prose(std::size_t size) {
    std::string text;
    for (unsigned i = 0; text.size() < size; ++i)
        text += fmt::format("BT /F1 {} Tf {} {} Td (line {} of a text) Tj ET\n", 8 + i % 5, i * 7 % 400,
                            i * 13 % 700, i);
    text.resize(size);
    return text + "\n";
}

// A picture's dictionary, without filter.
inline std::string picture_dictionary(std::uint32_t width, std::uint32_t height, std::string_view space,
                                      std::string_view more = "", int bits = 8) {
    return fmt::format("/Type/XObject/Subtype/Image/Width {}/Height {}/BitsPerComponent {}/ColorSpace {}{}",
                       width, height, bits, space, more);
}

// Soft shapes in RGB or gray, little noise: a photo in the eyes of the score.
inline Bytes photo(std::uint32_t width, std::uint32_t height, std::uint32_t channels, int noise = 2) {
    Bytes samples(std::size_t{width} * height * channels);
    pictures::Random random(7);
    for (std::uint32_t y = 0; y < height; ++y) {
        for (std::uint32_t x = 0; x < width; ++x) {
            for (std::uint32_t c = 0; c < channels; ++c) {
                const double wave = 60 * std::sin(x * 0.03 + c) + 50 * std::cos(y * 0.021 + x * 0.01);
                const int value = 128 + static_cast<int>(wave) + random.within(-noise, noise);
                samples[(std::size_t{y} * width + x) * channels + c] =
                    static_cast<std::uint8_t>(value < 0     ? 0
                                              : value > 255 ? 255
                                                            : value);
            }
        }
    }
    return samples;
}

// Gray: dark strokes of two samples in rows, with a margin; a scan of text in the eyes of the score.
inline Bytes strokes(std::uint32_t width, std::uint32_t height) {
    Bytes samples(std::size_t{width} * height, std::uint8_t{245});
    for (std::uint32_t y = height / 8; y < height * 7 / 8; ++y) {
        for (std::uint32_t x = width / 8; x < width * 7 / 8; ++x) {
            const bool in_a_word = y % 36 < 20 && x % 96 < 80;
            const bool upright = x % 13 < 2 || (x + y / 3) % 29 < 2;
            if (in_a_word && (upright || y % 36 == (x / 13) % 5 * 4))
                samples[std::size_t{y} * width + x] = 20;
        }
    }
    return samples;
}

// A profile as far as we look at it.
inline std::string icc_profile(std::string_view space, char mark = 'a') {
    std::string profile(600, mark);
    profile.replace(16, 4, space);
    return profile;
}

// A document with a bit of everything, two pages, loosely compressed.
inline Pdf document() {
    Pdf pdf;
    pdf.put(
        1,
        "<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(a.txt)12 0 R]>>>>/AcroForm<</Fields[15 0 "
        "R]>>/Metadata 16 0 R/Lang(en)>>");
    pdf.put(2, "<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2/MediaBox[0 0 595 842]>>");
    pdf.put(3, "<</Type/Page/Parent 2 0 R/Contents 5 0 R/Resources 6 0 R/Annots[14 0 R 15 0 R]>>");
    pdf.put(4, "<</Type/Page/Parent 2 0 R/Contents[17 0 R 18 0 R]/Resources 6 0 R>>");
    pdf.put_stream(5, "", "q 72 0 0 48 100 100 cm /Im1 Do Q\n" + prose(3000));
    pdf.put(6, "<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>/XObject<</Im1 7 0 R>>>>");
    pdf.put_stream(7, picture_dictionary(96, 64, "[/ICCBased 9 0 R]", "/SMask 8 0 R/Filter/FlateDecode"),
                   zlib(as_text(photo(96, 64, 3))));
    pdf.put_stream(8, picture_dictionary(96, 64, "/DeviceGray", "/Filter/FlateDecode"),
                   zlib(as_text(photo(96, 64, 1, 0))));
    pdf.put_stream(9, "/N 3/Filter/FlateDecode", zlib(icc_profile("RGB ")));
    pdf.put(12, "<</Type/Filespec/F(a.txt)/EF<</F 13 0 R>>>>");
    pdf.put_stream(13, "/Type/EmbeddedFile", std::string(500, 'a'));
    pdf.put(14, "<</Type/Annot/Subtype/Text/Rect[10 10 20 20]/Contents(a note)>>");
    pdf.put(15, "<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(value)/Rect[10 30 200 50]/P 3 0 R>>");
    pdf.put_stream(16, "/Type/Metadata/Subtype/XML", "<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>");
    pdf.put_stream(17, "/Filter/FlateDecode", zlib(prose(4000)));
    pdf.put_stream(18, "", "q 36 0 0 24 10 10 cm /Im1 Do Q\n");
    return pdf;
}

// One page that shows one picture with a side of so many points.
inline Pdf picture_page(const std::string& dictionary, const std::string& bytes, int points = 600) {
    Pdf pdf;
    pdf.put(1, "<</Type/Catalog/Pages 2 0 R>>");
    pdf.put(2, "<</Type/Pages/Kids[3 0 R]/Count 1>>");
    pdf.put(
        3,
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 600]/Contents 4 0 R/Resources<</XObject<</P 5 0 R>>>>>>");
    pdf.put_stream(4, "", fmt::format("q {} 0 0 {} 0 0 cm /P Do Q", points, points));
    pdf.put_stream(5, dictionary, bytes);
    return pdf;
}

}  // namespace optimilter::pdf_builder
