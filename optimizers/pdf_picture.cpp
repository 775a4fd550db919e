// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_picture.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/text.hpp"

namespace optimilter {

namespace {

constexpr std::int64_t kLongestSide = 65'535;

struct Colors {
    unsigned components = 0;
    bool seen_as_it_is = false;
};

std::vector<std::string> filters_of(QPDFObjectHandle stream) {
    std::vector<std::string> names;
    QPDFObjectHandle filter = stream.getDict().getKey("/Filter");
    if (filter.isName()) return {filter.getName()};
    if (!filter.isArray()) return names;
    for (QPDFObjectHandle item : filter.getArrayAsVector())
        names.push_back(item.isName() ? item.getName() : "?");
    return names;
}

bool is_plain_filter(const std::string& name) {
    constexpr std::string_view kPlain[] = {
        "/FlateDecode", "/Fl",  "/LZWDecode",      "/LZW", "/ASCII85Decode",
        "/A85",         "/AHx", "/ASCIIHexDecode", "/RL",  "/RunLengthDecode"};
    return std::find(std::begin(kPlain), std::end(kPlain), name) != std::end(kPlain);
}

bool is_dct_filter(const std::string& name) {
    return name == "/DCTDecode" || name == "/DCT";
}

// The profile must be of the colours its N promises: a Lab profile has three components too.
Colors icc_colors(const PdfDocument& document, QPDFObjectHandle profile) {
    constexpr std::size_t kColorSpaceAt = 16;
    constexpr std::uint64_t kProfileLimit = 8u << 20;
    if (!profile.isStream()) return {};
    QPDFObjectHandle n = profile.getDict().getKey("/N");
    if (!n.isInteger()) return {};
    const long long count = n.getIntValue();
    if (count != 1 && count != 3 && count != 4) return {};
    Colors colors{static_cast<unsigned>(count), false};
    if (profile.getDict().hasKey("/Range")) return colors;
    const Result<Bytes> bytes = document.decoded(profile, kProfileLimit);
    if (!bytes || bytes->size() < kColorSpaceAt + 4) return colors;
    const std::string_view space = as_text(*bytes).substr(kColorSpaceAt, 4);
    colors.seen_as_it_is = (count == 1 && space == "GRAY") || (count == 3 && space == "RGB ");
    return colors;
}

Colors array_colors(const PdfDocument& document, QPDFObjectHandle space) {
    if (space.getArrayNItems() == 0 || !space.getArrayItem(0).isName()) return {};
    const std::string family = space.getArrayItem(0).getName();
    if (family == "/DeviceGray" || family == "/CalGray") return {1, true};
    if (family == "/DeviceRGB" || family == "/CalRGB") return {3, true};
    if (family == "/DeviceCMYK") return {4, false};
    if (family == "/Lab") return {3, false};
    if (family == "/Indexed" || family == "/I" || family == "/Separation") return {1, false};
    if (space.getArrayNItems() < 2) return {};
    QPDFObjectHandle second = space.getArrayItem(1);
    if (family == "/ICCBased") return icc_colors(document, second);
    if (family == "/DeviceN" && second.isArray())
        return {static_cast<unsigned>(second.getArrayNItems()), false};
    return {};
}

Colors colors_of(const PdfDocument& document, QPDFObjectHandle space) {
    if (space.isArray()) return array_colors(document, space);
    if (!space.isName()) return {};
    const std::string name = space.getName();
    if (name == "/DeviceGray" || name == "/G") return {1, true};
    if (name == "/DeviceRGB" || name == "/RGB") return {3, true};
    if (name == "/DeviceCMYK" || name == "/CMYK") return {4, false};
    return {};
}

bool has_default_decode(QPDFObjectHandle dictionary) {
    QPDFObjectHandle decode = dictionary.getKey("/Decode");
    if (decode.isNull()) return true;
    if (!decode.isArray()) return false;
    const std::vector<QPDFObjectHandle> items = decode.getArrayAsVector();
    for (std::size_t i = 0; i < items.size(); ++i) {
        QPDFObjectHandle item = items[i];
        const double want = i % 2 == 0 ? 0.0 : 1.0;
        if (!item.isNumber() || item.getNumericValue() < want || item.getNumericValue() > want) return false;
    }
    return true;
}

// Colour keys need exact samples; a matte colour ties the samples to the mask's; alternates and OPI stand for
// other pictures.
bool has_ties(QPDFObjectHandle dictionary) {
    if (!has_default_decode(dictionary)) return true;
    if (!dictionary.getKey("/Mask").isNull() && !dictionary.getKey("/Mask").isStream()) return true;
    QPDFObjectHandle soft_mask = dictionary.getKey("/SMask");
    if (soft_mask.isStream() && soft_mask.getDict().hasKey("/Matte")) return true;
    for (const char* key : {"/SMaskInData", "/Alternates", "/OPI", "/Matte", "/Measure", "/PtData"})
        if (dictionary.hasKey(key)) return true;
    return false;
}

std::uint32_t side_of(QPDFObjectHandle value) {
    if (!value.isInteger()) return 0;
    const long long side = value.getIntValue();
    return side < 1 || side > kLongestSide ? 0 : static_cast<std::uint32_t>(side);
}

bool has_no_parms(QPDFObjectHandle parms) {
    if (!parms.isArray()) return parms.isNull();
    const std::vector<QPDFObjectHandle> items = parms.getArrayAsVector();
    return std::all_of(items.begin(), items.end(), [](QPDFObjectHandle item) { return item.isNull(); });
}

}  // namespace

std::uint64_t PdfPicture::sample_bytes() const {
    return (std::uint64_t{width} * bits * components + 7) / 8 * height;
}

bool is_pdf_picture(QPDFObjectHandle stream) {
    if (!stream.isStream()) return false;
    QPDFObjectHandle subtype = stream.getDict().getKey("/Subtype");
    return subtype.isName() && subtype.getName() == "/Image";
}

PdfCoding pdf_coding(QPDFObjectHandle stream) {
    if (stream.getDict().hasKey("/F")) return PdfCoding::kOther;  // the bytes lie in another file
    const std::vector<std::string> filters = filters_of(stream);
    if (filters.empty())
        return stream.getDict().getKey("/Filter").isNull() ? PdfCoding::kPlain : PdfCoding::kOther;
    const bool dct = is_dct_filter(filters.back());
    const auto end = dct ? filters.end() - 1 : filters.end();
    if (!std::all_of(filters.begin(), end, is_plain_filter)) return PdfCoding::kOther;
    return dct ? PdfCoding::kDct : PdfCoding::kPlain;
}

PdfPicture describe_pdf_picture(const PdfDocument& document, QPDFObjectHandle stream) {
    QPDFObjectHandle dictionary = stream.getDict();
    PdfPicture picture;
    picture.width = side_of(dictionary.getKey("/Width"));
    picture.height = side_of(dictionary.getKey("/Height"));
    picture.coding = pdf_coding(stream);
    QPDFObjectHandle mask = dictionary.getKey("/ImageMask");
    if (mask.isBool() && mask.getBoolValue()) {
        picture.bits = picture.components = 1;
        return picture;
    }
    QPDFObjectHandle bits = dictionary.getKey("/BitsPerComponent");
    if (bits.isInteger() && bits.getIntValue() > 0 && bits.getIntValue() <= 16)
        picture.bits = static_cast<unsigned>(bits.getIntValue());
    const Colors colors = colors_of(document, dictionary.getKey("/ColorSpace"));
    picture.components = colors.components;
    const bool sized = picture.width != 0 && picture.height != 0 && picture.bits == 8;
    picture.seen_as_it_is = colors.seen_as_it_is && sized && !has_ties(dictionary);
    return picture;
}

Result<Bytes> pdf_jpeg_file(const PdfDocument& document, QPDFObjectHandle stream, std::uint64_t limit_bytes) {
    const std::size_t filters = filters_of(stream).size();
    if (!has_no_parms(stream.getDict().getKey("/DecodeParms")))
        return Error{ErrorCode::kUnsupported, "parameters of a JPEG stream"};
    if (filters == 1) return document.raw(stream);
    return document.decoded_before_last(stream, limit_bytes);
}

}  // namespace optimilter
