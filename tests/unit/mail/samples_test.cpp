// SPDX-License-Identifier: Apache-2.0
//
// The whole judgement over each sample mail by name: why it is left alone, or which parts may be rewritten.
#include <filesystem>
#include <string>

#include "base/memfd.hpp"
#include "base/text.hpp"
#include "check.hpp"
#include "mail/message_text.hpp"
#include "mail/transfer_coding.hpp"
#include "mail/untouchable.hpp"

namespace optimilter {
namespace {

constexpr char kFolder[] = OPTIMILTER_TEST_SOURCE_DIR "/tests/unit/mail/samples/";

// "why" for a mail that is left alone, else "name,name" of the parts that may be rewritten.
std::string judged(ByteView bytes, bool null_sender) {
    const auto mail = split_message(bytes);
    if (!mail) return mail.error().text;
    if (const auto why = untouchable_headers(mail->fields, null_sender, {}); !why.empty())
        return std::string(why);
    const ByteView body = slice(bytes, mail->body);
    const auto index = index_message(mail->fields, body);
    if (!index) return index.error().text;
    if (const auto why = untouchable_message(*index, body); !why.empty()) return std::string(why);
    std::string names;
    for (const Part& part : index->parts)
        if (untouchable_part(*index, part).empty() && inspect_base64(slice(body, part.body), part.crlf))
            names += (names.empty() ? "" : ",") + part.file_name;
    return names;
}

struct Case {
    std::string_view file, want;
};
constexpr Case kCases[] = {
    {"appledouble.eml", ""},
    {"bounce.eml", "a report"},
    {"dkim.eml", "signed (DKIM)"},
    {"no_mime.eml", "no MIME"},
    {"pgp_encrypted.eml", "encrypted (multipart/encrypted)"},
    {"pgp_inline.eml", "inline PGP"},
    {"smime_opaque.eml", "signed or encrypted (S/MIME)"},
    {"smime_signed.eml", "signed (multipart/signed)"},
    {"unclosed.eml", "a missing final boundary"},
    {"forwarded.eml", "h.png"},
    {"mixed_crlf.eml", "a.png"},
    {"mixed_lf.eml", "a.png"},
    {"related.eml", "logo.png"},
    {"rfc2231_names.eml",
     "Gr\xC3\xBC\xC3\x9F"
     "e aus K\xC3\xB6ln.png,Gr\xC3\xBC\xC3\x9F"
     "e zwei.gif"},
    {"single_base64.eml", "e.png"},
};

void test_every_sample() {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(kFolder))
        if (entry.path().extension() == ".eml") ++files;
    CHECK_EQ(files, std::size(kCases));
    for (const Case& c : kCases) {
        const auto bytes = read_file((kFolder + std::string(c.file)).c_str(), 1 << 20);
        CHECK(bytes.has_value(), c.file);
        CHECK_EQ(judged(*bytes, false), c.want, c.file);
    }
    const auto bounce = read_file((kFolder + std::string("bounce.eml")).c_str(), 1 << 20);
    CHECK_EQ(judged(*bounce, true), "a bounce");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_every_sample)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
