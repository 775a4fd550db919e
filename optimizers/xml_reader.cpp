// SPDX-License-Identifier: Apache-2.0
#include "optimizers/xml_reader.hpp"

#include <expat.h>

#include <algorithm>
#include <exception>
#include <memory>

namespace optimilter {

namespace {

// Between namespace and local name in what expat calls an expanded name; no namespace can hold it.
constexpr char kSeparator = '\n';

struct FreeParser {
    void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
};
using Parser = std::unique_ptr<XML_ParserStruct, FreeParser>;

// What goes on during one reading; expat's callbacks are C frames, so a throw waits here until they are left.
class Reading {
  public:
    Reading(XML_Parser parser, XmlVisitor& visitor) : parser_(parser), visitor_(visitor) {
        XML_SetUserData(parser, this);
        XML_SetElementHandler(parser, on_start, on_end);
        XML_SetCharacterDataHandler(parser, on_text);
        XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    }

    // false: the reading is over, for good or bad.
    bool feed(ByteView piece, bool last) {
        const XML_Status status = XML_Parse(parser_, reinterpret_cast<const char*>(piece.data()),
                                            static_cast<int>(piece.size()), last ? XML_TRUE : XML_FALSE);
        if (thrown_) std::rethrow_exception(thrown_);
        if (status == XML_STATUS_OK) return true;
        if (!stopped_) result_ = Error{ErrorCode::kMalformed, "broken XML"};
        return false;
    }
    Status result() const { return result_; }

  private:
    static Reading& of(void* self) { return *static_cast<Reading*>(self); }

    void stop(Status result) {
        result_ = std::move(result);
        stopped_ = true;
        XML_StopParser(parser_, XML_FALSE);
    }

    // After a stop expat may still call for what it has read already.
    template <typename Step>
    void guarded(Step step) {
        if (stopped_) return;
        try {
            step();
        } catch (...) {
            thrown_ = std::current_exception();
            stop(Success{});
        }
    }

    static void on_start(void* self, const XML_Char* name, const XML_Char** attributes) {
        Reading& reading = of(self);
        reading.guarded([&] {
            if (++reading.depth_ > kXmlDepthMax)
                return reading.stop(Error{ErrorCode::kLimit, "XML nested too deep"});
            if (!reading.visitor_.start(XmlAttributes::name_of(name), XmlAttributes(attributes)))
                reading.stop(Success{});
        });
    }
    static void on_end(void* self, const XML_Char*) {
        Reading& reading = of(self);
        reading.guarded([&] {
            --reading.depth_;
            reading.visitor_.end();
        });
    }
    static void on_text(void* self, const XML_Char* text, int size) {
        Reading& reading = of(self);
        reading.guarded([&] { reading.visitor_.text({text, static_cast<std::size_t>(size)}); });
    }
    static void on_doctype(void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
        of(self).stop(Error{ErrorCode::kUnsupported, "XML with a document type"});
    }

    XML_Parser parser_;
    XmlVisitor& visitor_;
    unsigned depth_ = 0;
    bool stopped_ = false;
    std::exception_ptr thrown_;
    Status result_ = Success{};
};

}  // namespace

XmlName XmlAttributes::name_of(std::string_view expanded) {
    const std::size_t at = expanded.rfind(kSeparator);
    if (at == std::string_view::npos) return {{}, expanded};
    return {expanded.substr(0, at), expanded.substr(at + 1)};
}

std::string_view XmlAttributes::find(std::string_view local) const {
    std::string_view found;
    bool any = false;
    visit([&](const XmlName& name, std::string_view value) {
        if (any || name.local != local) return;
        found = value;
        any = true;
    });
    return found;
}

Status read_xml(ByteView document, XmlVisitor& visitor, Deadline deadline) {
    const Parser parser(XML_ParserCreateNS(nullptr, kSeparator));
    if (!parser) return Error{ErrorCode::kLimit, "no memory for an XML parser"};
    Reading reading(parser.get(), visitor);
    for (std::size_t at = 0;;) {
        if (deadline.expired()) return Error{ErrorCode::kDeadline, "deadline"};
        const std::size_t size = std::min(kXmlPiece, document.size() - at);
        const bool last = at + size == document.size();
        if (!reading.feed(document.subspan(at, size), last) || last) return reading.result();
        at += size;
    }
}

}  // namespace optimilter
