// SPDX-License-Identifier: Apache-2.0
//
// XML (1.0 with namespaces) read as a stream of starts, ends and texts, over expat. It keeps nothing but the
// place, and refuses what documents of offices never have: document types, entities of their own, elements
// nested deeper than kXmlDepthMax. Not thread safe as an object; no state between calls.
//
// Security: reads outside bytes. No document type is accepted, so there is nothing to expand or to load from
// elsewhere; the deadline is asked after every kXmlPiece bytes.
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

namespace optimilter {

constexpr std::size_t kXmlPiece = 64 * 1024;
constexpr unsigned kXmlDepthMax = 256;

// A name without its prefix, and the namespace that the prefix stands for (empty: none).
struct XmlName {
    std::string_view space;
    std::string_view local;
};

// The attributes of one element; valid during the call that hands it out.
class XmlAttributes {
  public:
    // pairs: name and value one after the other, ended by a null pointer, as expat gives them.
    explicit XmlAttributes(const char* const* pairs) : pairs_(pairs) {}

    // Calls each(XmlName, value).
    template <typename Each>
    void visit(Each each) const {
        for (const char* const* pair = pairs_; *pair != nullptr; pair += 2) each(name_of(pair[0]), pair[1]);
    }
    // The value of the first attribute of that local name, whatever its namespace; empty when there is none.
    std::string_view find(std::string_view local) const;

    static XmlName name_of(std::string_view expanded);

  private:
    const char* const* pairs_;
};

// Who reads. Functions may throw: the throw ends the reading and leaves read_xml().
class XmlVisitor {
  public:
    virtual ~XmlVisitor() = default;
    // false: enough was read.
    virtual bool start(const XmlName& name, const XmlAttributes& attributes) = 0;
    virtual void end() = 0;
    // A piece of the text between two tags; one text may come in several.
    virtual void text(std::string_view) {}
};

// kMalformed: no well-formed XML; kUnsupported: a document type; kLimit: nested too deep; kDeadline. Success
// also when the visitor had enough.
Status read_xml(ByteView document, XmlVisitor& visitor, Deadline deadline);

}  // namespace optimilter
