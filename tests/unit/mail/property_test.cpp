// SPDX-License-Identifier: Apache-2.0
//
// What must hold for any mail: a splice changes no byte outside the bodies it replaces, and nobody who reads
// the mail sees other parts than before. Over generated mail, damaged mail, our samples, and every mail of
// the folder OPTIMILTER_CORPUS.
#include <mimetic/mimetic.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>

#include "base/memfd.hpp"
#include "base/text.hpp"
#include "check.hpp"
#include "generated_mail.hpp"
#include "mail/message_text.hpp"
#include "mail/mime_index.hpp"
#include "mail/mime_splice.hpp"
#include "mail/transfer_coding.hpp"
#include "mail/untouchable.hpp"

namespace optimilter {
namespace {

// A part's body with the first half of what it decodes to; nothing where that may not be rewritten.
std::optional<PartReplacement> halved(ByteView body, const Part& part) {
    if (part.multipart || part.encoding != TransferEncoding::kBase64) return std::nullopt;
    const ByteView old_body = slice(body, part.body);
    const auto layout = inspect_base64(old_body, part.crlf);
    if (!layout || layout->decoded_size < 2) return std::nullopt;
    const Bytes raw = decode_base64(old_body, *layout);
    CHECK_EQ(raw.size(), layout->decoded_size);
    const std::size_t half = raw.size() / 2;
    return PartReplacement{part.index, encode_base64(ByteView(raw).first(half), *layout, old_body), half};
}

std::string body_of(const Memfd& file) {
    const auto mapping = Mapping::of(file.fd(), file.size());
    CHECK(mapping.has_value());
    return std::string(as_text(mapping->bytes()));
}

// Cuts the bodies and sizes of the replaced parts out: what is left must be the same before and after.
std::string stripped(std::string body, const MimeIndex& index, const std::vector<PartReplacement>& replaced) {
    for (auto it = index.parts.rbegin(); it != index.parts.rend(); ++it) {
        const bool is_replaced = std::any_of(replaced.begin(), replaced.end(),
                                             [&](const PartReplacement& r) { return r.part == it->index; });
        if (!is_replaced) continue;
        body.erase(it->body.begin, it->body.size());
        if (it->size_value) body.erase(it->size_value->begin, it->size_value->size());
    }
    return body;
}

struct Outcome {
    bool split = false, indexed = false;
    std::size_t parts = 0, replaced = 0;
    std::string why;
};

// Halves every part of a mail that can be, and checks what must hold.
Outcome halve_all(const std::string& text, const std::string& name) {
    Outcome outcome;
    const auto mail = split_message(as_bytes(text));
    outcome.split = mail.has_value();
    if (!mail) return outcome.why = mail.error().text, outcome;
    untouchable_headers(mail->fields, false, {});
    const ByteView body = slice(as_bytes(text), mail->body);
    const auto index = index_message(mail->fields, body);
    outcome.indexed = index.has_value();
    if (!index) return outcome.why = index.error().text, outcome;
    outcome.parts = index->parts.size();
    std::vector<PartReplacement> replacements;
    for (const Part& part : index->parts) {
        untouchable_part(*index, part);
        if (auto replacement = halved(body, part)) replacements.push_back(std::move(*replacement));
    }
    untouchable_message(*index, body);
    const auto spliced = splice(mail->fields, body, *index, replacements);
    if (!spliced) {
        CHECK(spliced.error().code == ErrorCode::kLimit, name);
        return outcome;
    }
    const std::string after = body_of(*spliced);
    const auto again = index_message(mail->fields, as_bytes(after));
    CHECK(again.has_value(), name);
    CHECK_EQ(stripped(after, *again, replacements),
             stripped(std::string(as_text(body)), *index, replacements), name);
    for (const PartReplacement& r : replacements)
        CHECK_EQ(as_text(slice(as_bytes(after), again->parts.at(r.part).body)), r.body, name);
    outcome.replaced = replacements.size();
    return outcome;
}

// mimetic's view: the decoded bodies of all leaves, in order. It writes line ends its own way, so other
// encodings are compared without CR.
void collect_leaves(mimetic::MimeEntity& entity, std::vector<std::string>& leaves) {
    if (!entity.body().parts().empty()) {
        for (mimetic::MimeEntity* part : entity.body().parts()) collect_leaves(*part, leaves);
        return;
    }
    std::string text = entity.body();
    if (iequals(entity.header().contentTransferEncoding().mechanism(), "base64")) {
        std::string decoded;
        mimetic::Base64::Decoder decoder;
        mimetic::decode(text.begin(), text.end(), decoder, std::back_inserter(decoded));
        leaves.push_back(decoded);
        return;
    }
    std::erase(text, '\r');
    leaves.push_back(text);
}

std::vector<std::string> leaves_by_mimetic(const std::string& text) {
    mimetic::MimeEntity entity;
    entity.load(text.begin(), text.end());
    std::vector<std::string> leaves;
    collect_leaves(entity, leaves);
    return leaves;
}

void check_leaves(const std::vector<std::string>& got, const std::vector<std::string>& want,
                  const std::string& name) {
    CHECK_EQ(got.size(), want.size(), name);
    for (std::size_t i = 0; i < got.size(); ++i)
        CHECK_EQ(got[i], want[i], name + ", leaf " + std::to_string(i));
}

void check_index_of_generated(const generated::Mail& mail, const MimeIndex& index, ByteView body,
                              const std::string& name) {
    std::size_t leaf = 0;
    for (const Part& part : index.parts) {
        if (part.multipart) continue;
        const generated::Leaf& want = mail.leaves.at(leaf++);
        CHECK_EQ(as_text(slice(body, part.body)), want.body, name);
        CHECK_EQ(part.encoding == TransferEncoding::kBase64, want.base64, name);
        if (!want.base64) continue;
        const auto layout = inspect_base64(slice(body, part.body));
        CHECK(layout.has_value(), name);
        CHECK_EQ(as_text(decode_base64(slice(body, part.body), *layout)), want.content, name);
    }
    CHECK_EQ(leaf, mail.leaves.size(), name);
}

// Some parts of a generated mail get half their content. Returns the mail after it, which must be what the
// generator itself makes of it.
std::string splice_generated(const generated::Mail& mail, const std::string& text, std::mt19937& random,
                             std::vector<std::string>& contents, const std::string& name) {
    const auto split = split_message(as_bytes(text));
    CHECK(split.has_value(), name);
    const ByteView body = slice(as_bytes(text), split->body);
    const auto index = index_message(split->fields, body);
    CHECK(index.has_value(), name + (index ? "" : ": " + index.error().text));
    check_index_of_generated(mail, *index, body, name);
    std::map<std::size_t, generated::NewBody> replaced;
    std::vector<PartReplacement> replacements;
    std::size_t leaf = 0;
    for (const Part& part : index->parts) {
        if (part.multipart) continue;
        const std::size_t at = leaf++;
        auto replacement = random() % 2 == 0 ? halved(body, part) : std::nullopt;
        if (!replacement) continue;
        contents[at].resize(replacement->decoded_size);
        replaced[at] = {replacement->body, replacement->decoded_size};
        replacements.push_back(std::move(*replacement));
    }
    std::shuffle(replacements.begin(), replacements.end(), random);
    if (mail.text(replaced).size() >= text.size()) return text;
    const auto spliced = splice(split->fields, body, *index, replacements);
    CHECK(spliced.has_value(), name + (spliced ? "" : ": " + spliced.error().text));
    std::string after = text.substr(0, split->body.begin) + body_of(*spliced);
    CHECK(after == mail.text(replaced), name);
    return after;
}

void test_generated_mail() {
    std::size_t changed = 0;
    for (unsigned seed = 1; seed <= 600; ++seed) {
        const std::string name = "seed " + std::to_string(seed);
        std::mt19937 random(seed);
        // mimetic takes blanks after a boundary for a line of the part.
        const bool padded = seed % 3 == 0;
        const generated::Mail mail = generated::Generator(seed, padded).make();
        const std::string text = mail.text();
        std::vector<std::string> contents;
        for (const generated::Leaf& leaf : mail.leaves) {
            contents.push_back(leaf.base64 ? leaf.content : leaf.body);
            if (!leaf.base64) std::erase(contents.back(), '\r');
        }
        if (!padded) check_leaves(leaves_by_mimetic(text), contents, name + " before");
        const std::string after = splice_generated(mail, text, random, contents, name);
        if (!padded) check_leaves(leaves_by_mimetic(after), contents, name + " after");
        if (after != text) ++changed;
    }
    CHECK(changed > 300);
}

// Damage at random: nothing may crash, and whatever is still accepted must keep its bytes.
void test_damaged_mail() {
    constexpr std::string_view kBits[] = {"--",      "\n",
                                          "\r",      "\r\n",
                                          "\n\n",    "=",
                                          "\"",      ";",
                                          "b100000", "\n--b100000--\n",
                                          "(",       "Content-Type: multipart/mixed",
                                          " ",       ":"};
    std::size_t refused = 0, accepted = 0;
    for (unsigned seed = 1; seed <= 1500; ++seed) {
        std::mt19937 random(seed);
        std::string text = generated::Generator(seed % 100 + 1).make().text();
        for (std::size_t i = random() % 4; i < 4; ++i) {
            const std::size_t at = random() % text.size();
            const std::string_view bit = kBits[random() % std::size(kBits)];
            text.replace(at, random() % 3, bit);
        }
        const Outcome outcome = halve_all(text, "seed " + std::to_string(seed));
        ++(outcome.indexed ? accepted : refused);
    }
    CHECK(refused > 100 && accepted > 100);
}

// Every way to cut a mail short: refused, or read without harm.
void test_truncated_mail() {
    const std::string text = generated::Generator(3).make().text();
    for (std::size_t size = 0; size < text.size(); size += 1 + size / 40)
        halve_all(text.substr(0, size), "cut at " + std::to_string(size));
}

struct Totals {
    std::size_t read = 0, split = 0, indexed = 0, replaced = 0;
};

bool is_mail_file(const std::filesystem::path& path) {
    const std::string extension = path.extension().string();
    return extension == ".eml" || extension == ".msg" || extension == ".txt" || extension == ".dat";
}

Totals halve_folder(const std::filesystem::path& folder) {
    Totals totals;
    const bool verbose = std::getenv("OPTIMILTER_CORPUS_VERBOSE") != nullptr;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file() || !is_mail_file(entry.path())) continue;
        const auto bytes = read_file(entry.path().c_str(), 64 << 20);
        CHECK(bytes.has_value(), entry.path().string());
        const Outcome outcome = halve_all(std::string(as_text(*bytes)), entry.path().string());
        ++totals.read;
        totals.split += outcome.split;
        totals.indexed += outcome.indexed;
        totals.replaced += outcome.replaced;
        if (verbose)
            print_message("%s: %s parts=%zu replaced=%zu %s\n", entry.path().filename().c_str(),
                          outcome.indexed ? "indexed" : "refused", outcome.parts, outcome.replaced,
                          outcome.why.c_str());
    }
    print_message("%s: %zu mails read, %zu split, %zu indexed, %zu parts replaced\n", folder.c_str(),
                  totals.read, totals.split, totals.indexed, totals.replaced);
    return totals;
}

void test_samples() {
    const Totals totals = halve_folder(OPTIMILTER_TEST_SOURCE_DIR "/tests/unit/mail/samples");
    CHECK(totals.read >= 10);
    CHECK_EQ(totals.split, totals.read);
    CHECK(totals.replaced >= 6);
}

void test_corpus() {
    const char* named = std::getenv("OPTIMILTER_CORPUS");
    const std::filesystem::path folder =
        named != nullptr ? named : OPTIMILTER_TEST_SOURCE_DIR "/../shared/corpus";
    if (named == nullptr && !std::filesystem::is_directory(folder)) {
        print_message("no corpus here: 0 mails read\n");
        return;
    }
    CHECK(halve_folder(folder).read > 0);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_generated_mail), TEST(test_damaged_mail), TEST(test_truncated_mail),
                                TEST(test_samples), TEST(test_corpus)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
