// SPDX-License-Identifier: Apache-2.0
#include "mail/mime_index.hpp"

#include <string>

#include "base/text.hpp"
#include "check.hpp"
#include "mail/message_text.hpp"

namespace optimilter {
namespace {

using std::string_view_literals::operator""sv;

Result<MimeIndex> index_text(std::string_view text, const MimeLimits& limits = {}) {
    const auto split = split_message(as_bytes(text));
    if (!split) return split.error();
    return index_message(split->fields, slice(as_bytes(text), split->body), limits);
}

// "type[body]" of every leaf and "type(" ")" around children is more than a test needs: "depth type[body];".
std::string shown(std::string_view text) {
    const auto index = index_text(text);
    if (!index) return std::string(error_code_name(index.error().code)) + ": " + index.error().text;
    const auto split = split_message(as_bytes(text));
    std::string out;
    for (const Part& part : index->parts) {
        out += std::to_string(part.depth) + " " + part.type;
        const ByteRange at = {split->body.begin + part.body.begin, split->body.begin + part.body.end};
        if (!part.multipart) out += "[" + std::string(text.substr(at.begin, at.size())) + "]";
        out += ";";
    }
    return out;
}

std::string in_crlf(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '\n' ? std::string("\r\n") : std::string(1, c);
    return out;
}

constexpr std::string_view kHead = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n";

std::string code_of(std::string_view text) {
    const auto index = index_text(text);
    return index ? "ok" : error_code_name(index.error().code);
}

struct Refused {
    std::string_view name, rest, want_text;  // rest: after kHead
};

void check_refused(const Refused& c) {
    const std::string text = std::string(kHead) + std::string(c.rest);
    for (const std::string& one : {text, in_crlf(text)}) {
        const auto index = index_text(one);
        CHECK(!index.has_value(), c.name);
        CHECK(index.error().code == ErrorCode::kMalformed, c.name);
        CHECK(icontains(index.error().text, c.want_text), c.name);
    }
}

void test_refuses_structure() {
    constexpr Refused kCases[] = {
        {"empty body", "", "missing final boundary"},
        {"no boundary", "text\n", "missing final boundary"},
        {"no final boundary", "--b\n\nx\n", "missing final boundary"},
        {"final boundary in the wrong case", "--b\n\nx\n--B--\n", "missing final boundary"},
        {"ends within a header", "--b\nContent-Type: text/plain\n", "missing final boundary"},
        {"ends after a delimiter", "--b\n", "missing final boundary"},
        {"no parts", "--b--\n", "without parts"},
        {"no parts, with a preamble", "hello\n--b--\n", "without parts"},
        {"boundary after the closing one", "--b\n\nx\n--b--\n--b\n\ny\n--b--\n", "after its closing"},
        {"second closing boundary", "--b\n\nx\n--b--\n--b--\n", "after its closing"},
        {"text after a boundary", "--b\n\nx\n--b y\n\n--b--\n", "text after a boundary"},
        {"boundary that goes on", "--b\n\nx\n--bb\n--b--\n", "text after a boundary"},
        {"boundary in the epilogue that goes on", "--b\n\nx\n--b--\n--bb\n", "text after a boundary"},
        {"text after a closing boundary", "--b\n\nx\n--b-- y\n", "text after a boundary"},
        {"boundary right after a boundary", "--b\n--b\n\nx\n--b--\n", "runs into a boundary"},
        {"header without blank line", "--b\nContent-Type: text/plain\n--b--\n", "runs into a boundary"},
        {"header line that is no field", "--b\nhello\n\nx\n--b--\n", "no field"},
        {"blank before the colon", "--b\nContent-Type : text/plain\n\nx\n--b--\n", "no field"},
        {"continuation first", "--b\n Content-Type: text/plain\n\nx\n--b--\n", "continuation"},
        {"header line of blanks", "--b\nA: b\n \nC: d\n\nx\n--b--\n", "blanks alone"},
        {"bare CR in a header", "--b\nA: b\rC: d\n\nx\n--b--\n", "bare CR"},
        {"boundary after a bare CR", "--b\n\nx\r--b--\ny\n--b--\n", "after a bare CR"},
        {"NUL in the body", "--b\n\nx\0\n--b--\n"sv, "NUL in the body"},
        {"NUL in a part's header", "--b\nA: \0\n\nx\n--b--\n"sv, "NUL in the body"},
        {"NUL in the epilogue", "--b\n\nx\n--b--\n\0"sv, "NUL in the body"},
    };
    for (const Refused& c : kCases) check_refused(c);
}

void test_refuses_nesting() {
    constexpr Refused kCases[] = {
        {"inner boundary equal", "--b\nContent-Type: multipart/mixed; boundary=b\n\n--b--\n", "prefix"},
        {"inner boundary longer", "--b\nContent-Type: multipart/mixed; boundary=bc\n\n--bc--\n--b--\n",
         "prefix"},
        {"inner not closed, outer goes on",
         "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--b\n\ny\n--b--\n", "of an inner part"},
        {"inner not closed, outer closes",
         "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--b--\n", "of an inner part"},
        {"inner without parts", "--b\nContent-Type: multipart/mixed; boundary=c\n\ntext\n--b--\n",
         "of an inner part"},
        {"inner closed without parts", "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c--\n--b--\n",
         "without parts"},
        {"inner closed, outer not", "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c--\n",
         "missing final boundary"},
        {"inner boundary in its epilogue",
         "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c--\n--c\n\n--b--\n",
         "after its closing"},
        {"outer boundary in an inner header",
         "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\nA: b\n--b--\n", "runs into a boundary"},
        {"embedded message with the same boundary",
         "--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n"
         "--b--\n",
         "after its closing"},
    };
    for (const Refused& c : kCases) check_refused(c);
}

void test_refuses_part_fields() {
    constexpr std::string_view kFields[][3] = {
        {"two types", "Content-Type: text/plain\nContent-Type: text/html", "twice"},
        {"two types, other case", "Content-Type: text/plain\ncontent-TYPE: text/plain", "twice"},
        {"two encodings", "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: 7bit", "twice"},
        {"two dispositions", "Content-Disposition: inline\nContent-Disposition: inline", "twice"},
        {"two versions", "MIME-Version: 1.0\nMIME-Version: 1.0", "twice"},
        {"two names", "Content-Type: image/png; name=a; name=b", "name stands twice"},
        {"two extended names", "Content-Type: image/png; name*=a; NAME*=b", "name stands twice"},
        {"two sections", "Content-Type: image/png; name*0=a; name*0=b", "name stands twice"},
        {"two file names", "Content-Disposition: x; filename=a; FileName=b", "filename stands twice"},
        {"two sizes", "Content-Disposition: x; size=1; size=2", "size stands twice"},
        {"two boundaries", "Content-Type: multipart/mixed; boundary=x; boundary=y", "boundary stands twice"},
        {"type without subtype", "Content-Type: image", "cannot be read"},
        {"empty type", "Content-Type:", "cannot be read"},
        {"type with an odd character", "Content-Type: image/p[ng", "cannot be read"},
        {"text after the type", "Content-Type: image/png name=a", "cannot be read"},
        {"two types in one", "Content-Type: text/plain, multipart/mixed; boundary=x", "cannot be read"},
        {"quote does not end", "Content-Type: image/png; name=\"a", "does not end"},
        {"comment does not end", "Content-Type: image/png (a", "does not end"},
        {"file name does not end", "Content-Disposition: x; filename=\"a", "does not end"},
        {"encoding does not end", "Content-Transfer-Encoding: base64 (", "does not end"},
        {"multipart without boundary", "Content-Type: multipart/mixed", "without a boundary"},
        {"empty boundary", "Content-Type: multipart/mixed; boundary=\"\"", "empty boundary"},
        {"8bit boundary", "Content-Type: multipart/mixed; boundary=\"\xFC\"", "not allowed"},
        {"encoded word", "Content-Type: multipart/mixed; boundary=\"=?utf-8?q?x?=\"", "encoded word"},
        {"extended boundary", "Content-Type: multipart/mixed; boundary*=utf-8''x", "RFC 2231"},
        {"continued boundary", "Content-Type: multipart/mixed; boundary*0=x", "RFC 2231"},
        {"both boundaries", "Content-Type: multipart/mixed; boundary=x; boundary*=''x", "RFC 2231"},
        {"escaped boundary", "Content-Type: multipart/mixed; boundary=\"x\\y\"", "escapes"},
        {"folded boundary", "Content-Type: multipart/mixed; boundary=\"x\n y\"", "escapes"},
        {"stray text after a boundary", "Content-Type: multipart/mixed; boundary=x y", "differently"},
        {"comment with a boundary", "Content-Type: multipart/mixed (; boundary=y); boundary=x",
         "differently"},
        {"parameter without value", "Content-Type: multipart/mixed; boundary", "differently"},
        {"base64 multipart", "Content-Transfer-Encoding: base64\nContent-Type: multipart/mixed; boundary=x",
         "encoded multipart"},
        {"odd encoding of a multipart",
         "Content-Transfer-Encoding: x-y\nContent-Type: multipart/mixed; boundary=x", "encoded multipart"},
        {"base64 message", "Content-Transfer-Encoding: base64\nContent-Type: message/rfc822",
         "encoded message"},
        {"qp message", "Content-Transfer-Encoding: quoted-printable\nContent-Type: message/rfc822",
         "encoded message"},
    };
    for (const auto& row : kFields) {
        const std::string rest = "--b\n" + std::string(row[1]) + "\n\nx\n--b--\n";
        check_refused({row[0], rest, row[2]});
    }
    check_refused({"a field above 8 KiB",
                   "--b\nContent-Type: image/png; name=" + std::string(8192, 'x') + "\n\nx\n--b--\n",
                   "8 KiB"});
    check_refused({"71 character boundary",
                   "--b\nContent-Type: multipart/mixed; boundary=" + std::string(71, 'x') + "\n\nx\n--b--\n",
                   "longer than 70"});
}

void test_refuses_message_fields() {
    struct Case {
        std::string_view name, text, want;
    };
    constexpr Case kCases[] = {
        {"no MIME-Version", "Content-Type: image/png\n\nx", "unsupported"},
        {"another version", "MIME-Version: 2.0\n\nx", "unsupported"},
        {"empty version", "MIME-Version:\n\nx", "unsupported"},
        {"version with stray text", "MIME-Version: 1.0 2.0\n\nx", "unsupported"},
        {"version with a broken comment", "MIME-Version: 1.0 (x\n\nx", "malformed"},
        {"two versions", "MIME-Version: 1.0\nMIME-Version: 1.0\n\nx", "malformed"},
        {"two types", "MIME-Version: 1.0\nContent-Type: text/plain\nContent-Type: text/plain\n\nx",
         "malformed"},
        {"base64 multipart",
         "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n"
         "--b\n\nx\n--b--\n",
         "malformed"},
        {"NUL in a single part", "MIME-Version: 1.0\n\nx\0"sv, "malformed"},
        {"version with a comment", "MIME-Version: (a) 1.0 (Mac OS X)\n\nx", "ok"},
        {"folded version", "Mime-Version:\n 1.0\n\nx", "ok"},
        {"nothing but a version", "MIME-Version: 1.0\n", "ok"},
    };
    for (const Case& c : kCases) CHECK_EQ(code_of(c.text), c.want, c.name);
}

void test_reads_structure() {
    struct Case {
        std::string_view name, rest, want;
    };
    constexpr Case kCases[] = {
        {"one part", "--b\n\nx\n--b--\n", "0 multipart/mixed;1 text/plain[x];"},
        {"no final line end", "--b\n\nx\n--b--", "0 multipart/mixed;1 text/plain[x];"},
        {"preamble and epilogue", "pre\n--\n\n--b\n\nx\n--b--\nepi\n-- \n",
         "0 multipart/mixed;1 text/plain[x];"},
        {"transport padding", "--b \t\n\nx\n--b-- \n", "0 multipart/mixed;1 text/plain[x];"},
        {"empty part", "--b\n\n--b--\n", "0 multipart/mixed;1 text/plain[];"},
        {"part of one blank line", "--b\n\n\n--b--\n", "0 multipart/mixed;1 text/plain[];"},
        {"body ends in blank lines", "--b\n\nx\n\n\n--b--\n", "0 multipart/mixed;1 text/plain[x\n\n];"},
        {"dashes in text", "--b\n\n--x\n-b\n ---b\n--b--\n",
         "0 multipart/mixed;1 text/plain[--x\n-b\n ---b];"},
        {"nested with a sibling",
         "--b\nContent-Type: multipart/related; "
         "boundary=\"c\"\n\npre\n--c\n\nx\n--c--\nepi\n--b\n\ny\n--b--\n",
         "0 multipart/mixed;1 multipart/related;2 text/plain[x];1 text/plain[y];"},
        {"siblings share a boundary",
         "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c--\n--b\n"
         "Content-Type: multipart/mixed; boundary=c\n\n--c\n\ny\n--c--\n--b--\n",
         "0 multipart/mixed;1 multipart/mixed;2 text/plain[x];1 multipart/mixed;2 text/plain[y];"},
        {"digest", "--b\nContent-Type: multipart/digest; boundary=c\n\n--c\n\nA: b\n\n--c--\n--b--\n",
         "0 multipart/mixed;1 multipart/digest;2 message/rfc822[A: b\n];"},
        {"embedded message is a leaf",
         "--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=c\n\n--c\n--b--\n",
         "0 multipart/mixed;1 message/rfc822[Content-Type: multipart/mixed; boundary=c\n\n--c];"},
        {"encoded message/global",
         "--b\nContent-Type: message/global\nContent-Transfer-Encoding: base64\n\nx\n--b--\n",
         "0 multipart/mixed;1 message/global[x];"},
    };
    for (const Case& c : kCases) {
        const std::string text = std::string(kHead) + std::string(c.rest);
        CHECK_EQ(shown(text), c.want, c.name);
        CHECK_EQ(shown(in_crlf(text)), in_crlf(c.want), c.name);
    }
    CHECK_EQ(shown("MIME-Version: 1.0\n\nhi\n"), "0 text/plain[hi\n];");
    CHECK_EQ(shown("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=----=_Part/1:2?3\n\n"
                   "------=_Part/1:2?3\n\nx\r\n------=_Part/1:2?3--\n"),
             "0 multipart/mixed;1 text/plain[x];");
}

void test_fills_part() {
    const std::string text = std::string(kHead) +
                             "--b\nX-Odd: 1\nContent-Type: Image/JPEG; name=\"old.jpg\"\n"
                             "Content-Transfer-Encoding: BASE64\n"
                             "Content-Disposition: attachment;\n size=\"123\"; filename*=utf-8''n%65w.jpg\n\n"
                             "AAAA\n--b--\n";
    const auto split = split_message(as_bytes(text));
    const ByteView body = slice(as_bytes(text), split->body);
    const auto index = index_message(split->fields, body);
    const Part& part = index->parts.at(1);
    CHECK_EQ(part.index, 1u);
    CHECK_EQ(part.parent, 0u);
    CHECK_EQ(part.fields.size(), 4u);
    CHECK_EQ(part.type, "image/jpeg");
    CHECK(part.encoding == TransferEncoding::kBase64);
    CHECK_EQ(part.file_name, "new.jpg");
    CHECK_EQ(as_text(slice(body, *part.size_value)), "123");
    CHECK_EQ(as_text(slice(body, part.body)), "AAAA");
    CHECK(as_text(slice(body, part.header)).starts_with("X-Odd"));
    CHECK(as_text(slice(body, part.header)).ends_with("w.jpg\n"));
    CHECK(!part.crlf);
    CHECK(index->parts[0].multipart && index->parts[0].header.empty());
}

void test_encodings_and_sizes() {
    struct Case {
        std::string_view name, fields;
        TransferEncoding want_encoding;
        std::string_view want_size;  // empty: none
    };
    using E = TransferEncoding;
    constexpr Case kCases[] = {
        {"unknown encoding", "Content-Transfer-Encoding: x-uuencode", E::kUnknown, ""},
        {"encoding with a semicolon", "Content-Transfer-Encoding: base64; x=y", E::kUnknown, ""},
        {"encoding with a comment", "Content-Transfer-Encoding: base64 (a comment)", E::kUnknown, ""},
        {"encoding before a comment", "Content-Transfer-Encoding: (a) base64", E::kUnknown, ""},
        {"encoding in capitals", "Content-Transfer-Encoding:  BASE64 ", E::kBase64, ""},
        {"encoding with stray text", "Content-Transfer-Encoding: base64 7bit", E::kUnknown, ""},
        {"empty encoding", "Content-Transfer-Encoding:", E::kUnknown, ""},
        {"no encoding", "A: b", E::kSevenBit, ""},
        {"8bit", "Content-Transfer-Encoding: 8Bit", E::kEightBit, ""},
        {"binary", "Content-Transfer-Encoding: binary", E::kBinary, ""},
        {"qp", "Content-Transfer-Encoding: Quoted-Printable", E::kQuotedPrintable, ""},
        {"size that is no number", "Content-Disposition: x; size=12k", E::kSevenBit, ""},
        {"negative size", "Content-Disposition: x; size=-1", E::kSevenBit, ""},
        {"huge size", "Content-Disposition: x; size=1234567890123456789", E::kSevenBit, ""},
        {"escaped size", "Content-Disposition: x; size=\"1\\2\"", E::kSevenBit, ""},
        {"extended size", "Content-Disposition: x; size*=''12", E::kSevenBit, ""},
        {"size in the type is another thing", "Content-Type: image/png; size=12", E::kSevenBit, ""},
        {"size", "Content-Disposition: x; size=12", E::kSevenBit, "12"},
    };
    for (const Case& c : kCases) {
        const std::string text = std::string(kHead) + "--b\n" + std::string(c.fields) + "\n\nx\n--b--\n";
        const auto index = index_text(text);
        CHECK(index.has_value(), c.name);
        const Part& part = index->parts.at(1);
        CHECK(part.encoding == c.want_encoding, c.name);
        CHECK_EQ(part.size_value.has_value(), !c.want_size.empty(), c.name);
        if (part.size_value)
            CHECK_EQ(text.substr(kHead.size() + part.size_value->begin, part.size_value->size()), c.want_size,
                     c.name);
    }
    CHECK_EQ(transfer_encoding_name(E::kUnknown), "unknown");
    CHECK_EQ(transfer_encoding_name(E::kBase64), "base64");
}

std::string nested(std::size_t depth) {
    const auto boundary = [](std::size_t i) { return "x" + std::to_string(1'000'000 + i); };
    std::string text = "MIME-Version: 1.0\n";
    for (std::size_t i = 0; i < depth; ++i)
        text += "Content-Type: multipart/mixed; boundary=" + boundary(i) + "\n\n--" + boundary(i) + "\n";
    text += "\nleaf";
    for (std::size_t i = depth; i-- > 0;) text += "\n--" + boundary(i) + "--\n";
    return text;
}

void test_limits() {
    CHECK_EQ(code_of(nested(20)), "ok");
    CHECK_EQ(code_of(nested(21)), "limit");
    CHECK_EQ(code_of(nested(100'000)), "limit");
    MimeLimits deep;
    deep.max_depth = 5000;
    deep.max_parts = 6000;
    CHECK(index_text(nested(5000), deep).has_value());

    std::string many(kHead);
    for (int i = 0; i < 1999; ++i) many += "--b\n\nx\n";
    CHECK_EQ(code_of(many + "--b--\n"), "ok");
    CHECK_EQ(code_of(many + "--b\n\nx\n--b--\n"), "limit");

    std::string headers(kHead);
    for (int i = 0; i < 20; ++i) headers += "--b\nA: " + std::string(100'000, 'x') + "\n\nx\n";
    CHECK_EQ(code_of(headers + "--b--\n"), "limit");
    const std::string big = "MIME-Version: 1.0\nA: " + std::string(1 << 20, 'x');
    CHECK(index_message({{"MIME-Version", " 1.0"}, {"A", big}}, {}).error().code == ErrorCode::kLimit);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_refuses_structure),   TEST(test_refuses_nesting),
                                TEST(test_refuses_part_fields), TEST(test_refuses_message_fields),
                                TEST(test_reads_structure),     TEST(test_fills_part),
                                TEST(test_encodings_and_sizes), TEST(test_limits)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
