// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/digest.hpp"
#include "optimizers/deflate.hpp"
#include "optimizers/pdf_graph.hpp"
#include "optimizers/pdf_text.hpp"

namespace optimilter {

namespace {

// Readers take numbers up to this (ISO 32000-1, annex C).
constexpr int kHighestNumber = 8'388'607;
// Larger object streams deflate better, but readers inflate one to get at any of its objects.
constexpr std::size_t kObjectsAStream = 200;
constexpr std::size_t kIdBytes = 16;

// A row of the cross-reference table, ISO 32000-1, table 18.
struct XrefRow {
    std::uint8_t type = 0;
    std::uint32_t place = 0;   // offset, or number of the object stream
    std::uint32_t within = 0;  // generation, or index in the object stream
};

// "1.4" as 14, so that versions compare.
int version_number(const std::string& version) {
    const std::size_t dot = version.find('.');
    if (dot == std::string::npos) return 0;
    return std::atoi(version.substr(0, dot).c_str()) * 10 + std::atoi(version.substr(dot + 1).c_str());
}

void append_big_endian(Bytes& to, std::uint32_t value, unsigned width) {
    for (unsigned i = width; i-- > 0;) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

unsigned width_of(std::uint32_t value) {
    unsigned width = 1;
    while (width < 4 && (value >> (8 * width)) != 0) ++width;
    return width;
}

class Writing {
  public:
    Writing(const PdfDocument& document, const PdfReplacements& replacements, int level, Deadline deadline)
        : document_(document), replacements_(replacements), level_(level), deadline_(deadline) {}

    Status run();
    Bytes taken() { return std::move(output_); }

  private:
    Status collect();
    Status write_object(QPDFObjectHandle object);
    Status write_stream(QPDFObjectHandle stream);
    Status write_object_streams();
    Status write_object_stream(const QPDFObjectHandle* objects, std::size_t count);
    Status write_xref();
    std::string stream_dictionary(QPDFObjectHandle stream, std::size_t length) const;
    std::string trailer_entries() const;
    std::string id_text(QPDFObjectHandle id) const;
    Bytes xref_rows(unsigned place_width, unsigned within_width) const;
    std::string xref_index() const;

    void put(std::string_view text) { append(output_, as_bytes(text)); }
    void put_stream(const std::string& dictionary, ByteView bytes) {
        put(dictionary);
        put("stream\n");
        append(output_, bytes);
        put("\nendstream\nendobj\n");
    }
    void begin_object(QPDFObjGen number) {
        const auto at = static_cast<std::uint32_t>(output_.size());
        rows_[number.getObj()] = {1, at, static_cast<std::uint32_t>(number.getGen())};
        put(fmt::format("{} {} obj\n", number.getObj(), number.getGen()));
    }

    const PdfDocument& document_;
    const PdfReplacements& replacements_;
    int level_;
    Deadline deadline_;
    Bytes output_;
    std::vector<QPDFObjectHandle> objects_;
    std::vector<QPDFObjectHandle> compressed_;  // those that go into object streams
    std::map<int, XrefRow> rows_;
    int next_number_ = 1;
};

// All numbers in use, those of references to nothing too: they must stay references to nothing.
Status Writing::collect() {
    int highest = 0;
    PdfVisit visit;
    visit.reference = [&](const PdfPlace&, const std::string&, QPDFObjectHandle to) {
        highest = std::max(highest, to.getObjGen().getObj());
    };
    visit.replaced = [&](QPDFObjGen stream) { return replacements_.count(stream) != 0; };
    auto objects = walk_pdf(document_, visit, deadline_);
    if (!objects) return objects.error();
    objects_ = std::move(*objects);
    const std::size_t more = objects_.size() / kObjectsAStream + 2;
    if (highest > kHighestNumber - static_cast<int>(more))
        return Error{ErrorCode::kUnsupported, "object numbers beyond what readers take"};
    next_number_ = highest + 1;
    return Success{};
}

std::string Writing::stream_dictionary(QPDFObjectHandle stream, std::size_t length) const {
    const auto found = replacements_.find(stream.getObjGen());
    const PdfReplacement* const change = found == replacements_.end() ? nullptr : &found->second;
    std::string text = "<<";
    for (const auto& [key, value] : stream.getDict().getDictAsMap()) {
        const bool framed = change != nullptr && is_pdf_stream_frame(key);
        const bool resized =
            change != nullptr && change->width_px != 0 && (key == "/Width" || key == "/Height");
        if (key == "/Length" || framed || resized) continue;
        text += pdf_name_text(key);
        append_pdf_text(text, value);
    }
    if (change != nullptr) {
        text += "/Filter" + change->filter;
        if (!change->parms.empty()) text += "/DecodeParms" + change->parms;
        if (change->width_px != 0)
            text += fmt::format("/Width {}/Height {}", change->width_px, change->height_px);
    }
    return text + fmt::format("/Length {}>>", length);
}

Status Writing::write_stream(QPDFObjectHandle stream) {
    begin_object(stream.getObjGen());
    const auto found = replacements_.find(stream.getObjGen());
    if (found != replacements_.end()) {
        const Bytes& bytes = found->second.bytes;
        put_stream(stream_dictionary(stream, bytes.size()), bytes);
        return Success{};
    }
    const Result<Bytes> raw = document_.raw(stream);
    if (!raw) return raw.error();
    put_stream(stream_dictionary(stream, raw->size()), *raw);
    return Success{};
}

// Objects of a later generation cannot stand in object streams.
Status Writing::write_object(QPDFObjectHandle object) {
    if (object.isStream()) return write_stream(object);
    if (object.getGeneration() == 0) {
        compressed_.push_back(object);
        return Success{};
    }
    begin_object(object.getObjGen());
    std::string text;
    append_pdf_text(text, object, true);
    put(text + "\nendobj\n");
    return Success{};
}

Status Writing::write_object_stream(const QPDFObjectHandle* objects, std::size_t count) {
    const QPDFObjGen number(next_number_++, 0);
    std::string index;
    std::string body;
    for (std::size_t i = 0; i < count; ++i) {
        const int object = objects[i].getObjectID();
        rows_[object] = {2, static_cast<std::uint32_t>(number.getObj()), static_cast<std::uint32_t>(i)};
        index += fmt::format("{} {} ", object, body.size());
        std::string text;
        append_pdf_text(text, objects[i], true);
        body += text + "\n";
    }
    const std::size_t first = index.size();
    const Result<Bytes> deflated = deflate_zlib(as_bytes(index + body), level_);
    if (!deflated) return deflated.error();
    begin_object(number);
    put_stream(fmt::format("<</Type/ObjStm/N {}/First {}/Filter/FlateDecode/Length {}>>", count, first,
                           deflated->size()),
               *deflated);
    return Success{};
}

Status Writing::write_object_streams() {
    for (std::size_t at = 0; at < compressed_.size(); at += kObjectsAStream) {
        if (deadline_.expired()) return Error{ErrorCode::kDeadline, "deadline"};
        const std::size_t count = std::min(kObjectsAStream, compressed_.size() - at);
        if (Status status = write_object_stream(&compressed_[at], count); !status) return status;
    }
    return Success{};
}

// The first half names the document for good; the second tells this state of it from others, and is made of
// the content alone.
std::string Writing::id_text(QPDFObjectHandle id) const {
    std::string text;
    const bool usual = id.isArray() && id.getArrayNItems() == 2 && id.getArrayItem(0).isString() &&
                       id.getArrayItem(1).isString();
    if (!usual) {
        append_pdf_text(text, id);
        return text;
    }
    const Digest digest = sha256(output_);
    text = "[";
    append_pdf_text(text, id.getArrayItem(0), true);
    append_pdf_text(text,
                    QPDFObjectHandle::newString(std::string(as_text(ByteView(digest).first(kIdBytes)))));
    return text + "]";
}

std::string Writing::trailer_entries() const {
    std::string text;
    for (const auto& [key, value] : document_.trailer().getDictAsMap()) {
        if (is_pdf_trailer_frame(key)) continue;
        text += pdf_name_text(key);
        if (key == "/ID") {
            text += id_text(value);
        } else {
            append_pdf_text(text, value);
        }
    }
    return text;
}

// Rows with the filter "Up", as everybody writes them: neighbours differ in few bytes.
Bytes Writing::xref_rows(unsigned place_width, unsigned within_width) const {
    Bytes rows;
    Bytes above(1 + place_width + within_width, 0);
    for (const auto& [number, row] : rows_) {
        Bytes bytes{row.type};
        append_big_endian(bytes, row.place, place_width);
        append_big_endian(bytes, row.within, within_width);
        rows.push_back(2);
        for (std::size_t i = 0; i < bytes.size(); ++i)
            rows.push_back(static_cast<std::uint8_t>(bytes[i] - above[i]));
        above = std::move(bytes);
    }
    return rows;
}

// Runs of numbers: first and count.
std::string Writing::xref_index() const {
    std::string text;
    for (auto row = rows_.begin(); row != rows_.end();) {
        const int first = row->first;
        int next = first;
        while (row != rows_.end() && row->first == next) {
            ++row;
            ++next;
        }
        if (!text.empty()) text += ' ';
        text += fmt::format("{} {}", first, next - first);
    }
    return text;
}

Status Writing::write_xref() {
    const QPDFObjGen number(next_number_++, 0);
    const std::size_t at = output_.size();
    rows_[0] = {0, 0, 0};
    rows_[number.getObj()] = {1, static_cast<std::uint32_t>(at), 0};
    std::uint32_t widest_place = 0;
    std::uint32_t widest_within = 0;
    for (const auto& [object, row] : rows_) {
        widest_place = std::max(widest_place, row.place);
        widest_within = std::max(widest_within, row.within);
    }
    const unsigned place = width_of(widest_place);
    const unsigned within = width_of(widest_within);
    const Result<Bytes> rows = deflate_zlib(xref_rows(place, within), kDeflateSmallest);
    if (!rows) return rows.error();
    const std::string dictionary = fmt::format(
        "<</Type/XRef/Size {}/W[1 {} {}]/Index[{}]{}/Filter/FlateDecode/DecodeParms<</Predictor "
        "12/Columns {}>>/Length {}>>",
        next_number_, place, within, xref_index(), trailer_entries(), 1 + place + within, rows->size());
    put(fmt::format("{} 0 obj\n", number.getObj()));
    put_stream(dictionary, *rows);
    put(fmt::format("startxref\n{}\n%%EOF\n", at));
    return Success{};
}

Status Writing::run() {
    constexpr int kObjectStreamsSince = 15;
    const std::string version = document_.version();
    put(fmt::format("%PDF-{}\n%\xBF\xF7\xA2\xFE\n",
                    version_number(version) < kObjectStreamsSince ? "1.5" : version));
    if (Status status = collect(); !status) return status;
    for (const QPDFObjectHandle& object : objects_) {
        if (deadline_.expired()) return Error{ErrorCode::kDeadline, "deadline"};
        if (Status status = write_object(object); !status) return status;
    }
    if (Status status = write_object_streams(); !status) return status;
    return write_xref();
}

}  // namespace

Result<Bytes> write_pdf(const PdfDocument& document, const PdfReplacements& replacements, int level,
                        Deadline deadline) {
    Writing writing(document, replacements, level, deadline);
    const Status written = guarded_by_deadline(deadline, [&] { return writing.run(); });
    if (!written) return written.error();
    return writing.taken();
}

}  // namespace optimilter
