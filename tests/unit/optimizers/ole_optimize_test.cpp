// SPDX-License-Identifier: Apache-2.0
//
// optimize_ole() and verify_ole(): what becomes smaller, what is left alone, and wrong results that must not
// pass. Pictures here only look like pictures: a driver of our own "optimises" them by dropping what they
// have behind a mark, so that every byte of the result is known.
#include <functional>

#include "check.hpp"
#include "ole_builder.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/ole_reader.hpp"
#include "optimizers/ole_writer.hpp"

using namespace optimilter;
using namespace optimilter::ole_builder;

namespace {

constexpr char kMark = '|';

std::string png(char filler, std::size_t keep, std::size_t drop) {
    return std::string("\x89PNG\r\n\x1A\n\0\0\0\0IDAT", 16) + std::string(keep, filler) +
           (drop == 0 ? "" : kMark + std::string(drop, 'x'));
}
std::string jpeg(char filler, std::size_t keep, std::size_t drop) {
    return "\xFF\xD8\xFF" + std::string(keep, filler) + (drop == 0 ? "" : kMark + std::string(drop, 'x'));
}

OptimizeResult drop_behind_mark(ByteView member, const TypeHint& hint, const PictureUse&) {
    OptimizeResult result;
    result.format = sniff(member, hint);
    const std::size_t mark = as_text(member).find(kMark);
    if (mark == std::string_view::npos) {
        result.outcome = Outcome::kNotSmaller;
        return result;
    }
    result.outcome = Outcome::kOptimized;
    result.output_format = result.format;
    result.output.assign(member.begin(), member.begin() + static_cast<std::ptrdiff_t>(mark));
    return result;
}

struct Run {
    Options options;
    Budget budget{Deadline::in_ms(60'000), options};
    Context context{options, budget, 0, drop_behind_mark, {}};

    Attempt attempt(const Bytes& file) { return optimize_ole(file, context); }
    OptimizeResult result(const Bytes& file) {
        return run_optimizer(*find_optimizer(Format::kOle), file, context);
    }
};

Bytes built(const std::vector<Node>& nodes) {
    return Builder().build(nodes);
}
std::vector<std::string> three_blips() {
    return {png_blip(png('a', 900, 3000)), wmf_blip("metafile"), jpeg_blip(jpeg('b', 500, 2000)),
            png_blip(png('c', 300, 0), true)};
}
std::string stream_of(ByteView file, std::string_view name) {
    const auto read = read_ole(file, 1000);
    CHECK(read.has_value(), read ? "" : read.error().text);
    const Bytes* const content = read->root_stream(name);
    CHECK(content != nullptr, name);
    return std::string(as_text(*content));
}

std::vector<std::string> small_blips() {
    return {png_blip(png('a', 900, 0)), wmf_blip("metafile"), jpeg_blip(jpeg('b', 500, 0)),
            png_blip(png('c', 300, 0), true)};
}

void check_becomes(const std::vector<Node>& before, const std::vector<Node>& after) {
    const OptimizeResult result = Run().result(built(before));
    CHECK_EQ(outcome_name(result.outcome), "optimized", result.reason);
    for (const Node& node : after) {
        if (!node.storage) CHECK(stream_of(result.output, node.name) == node.content, node.name);
    }
    // A second pass finds nothing.
    CHECK_EQ(outcome_name(Run().result(result.output).outcome), "not_smaller");
}

void pictures_become_smaller() {
    check_becomes(presentation(three_blips()), presentation(small_blips()));
    check_becomes(document(three_blips()), document(small_blips()));
}

void attachments_become_smaller() {
    const auto inside = message({attachment(0, "inner.png", png('i', 100, 5000))});
    const auto make = [&](std::size_t drop) {
        const auto nested = message({attachment(0, "inner.png", png('i', 100, drop))});
        return message({attachment(0, "a.png", png('a', 5000, drop)), attachment(1, "b.txt", "text"),
                        storage("__attach_version1.0_#00000002", {storage("__substg1.0_3701000D", nested)})});
    };
    const OptimizeResult result = Run().result(built(make(5000)));
    CHECK_EQ(outcome_name(result.outcome), "optimized", result.reason);
    const auto got = read_ole(result.output, 1000);
    const auto want = read_ole(built(make(0)), 1000);
    CHECK_EQ(got->entries.size(), want->entries.size());
    for (std::size_t i = 0; i < got->entries.size(); ++i) {
        CHECK(got->entries[i].content == want->entries[i].content, got->entries[i].name);
    }
    CHECK_EQ(outcome_name(Run().result(result.output).outcome), "not_smaller");
}

struct LeftAlone {
    const char* name;
    std::vector<Node> nodes;
    const char* outcome;
    const char* reason;
};

std::vector<Node> with(std::vector<Node> nodes, const Node& more) {
    nodes.push_back(more);
    return nodes;
}
std::vector<Node> without(std::vector<Node> nodes, std::string_view name) {
    std::erase_if(nodes, [&](const Node& node) { return node.name == name; });
    return nodes;
}
std::vector<Node> edited(std::vector<Node> nodes, std::string_view name,
                         const std::function<void(std::string&)>& edit) {
    for (Node& node : nodes) {
        if (node.name == name) edit(node.content);
    }
    return nodes;
}

// PowerPoint 2007 and later mark table styles, a ZIP package, as a container.
void table_styles_are_no_records() {
    const std::string package = "PK\3\4\x14" + std::string(1990, 'z');
    const auto styled = [&](const std::vector<std::string>& blips) {
        return edited(presentation(blips), "PowerPoint Document",
                      [&](std::string& text) { text += record(0x03E8, record(0x0428, package, 15), 15); });
    };
    check_becomes(styled(three_blips()), styled(small_blips()));
}

// A stream of less than 4096 bytes is filled up with zeros, which need not make whole records; a fast save
// goes on behind.
void zeros_between_saves_are_no_records() {
    for (const bool saved_again : {false, true}) {
        const auto padded = [&](const std::vector<std::string>& blips) {
            return edited(presentation(blips), "PowerPoint Document", [&](std::string& text) {
                text.resize(text.size() - record(0x0FA0, std::string(5000, 't')).size());
                if ((4096 - text.size()) % 8 == 0) text += record(0x0FA0, "t");
                text.resize(4096, '\0');
                if (saved_again) text += record(0x03E8, record(0x03F2, "text"), 15);
            });
        };
        check_becomes(padded(three_blips()), padded(small_blips()));
    }
}

void left_alone() {
    const auto ppt = presentation(three_blips());
    const auto doc = document(three_blips());
    const auto msg = message({attachment(0, "a.png", png('a', 100, 5000))});
    const auto put = [](std::size_t at, std::uint32_t value) {
        return [=](std::string& text) { text.replace(at, 4, le(value, 4)); };
    };
    const std::string crypt = record(0x2F14, "", 15);
    const LeftAlone rows[] = {
        {"unknown kind",
         {stream("VisioDocument", "x")},
         "not_applicable",
         "no kind of OLE file whose pictures are known"},
        {"workbook", {stream("Workbook", "x")}, "not_applicable", nullptr},
        {"two documents", with(ppt, stream("WordDocument", "x")), "not_applicable",
         "two documents in one container"},
        {"dual storage", with(ppt, storage("PP97_DUALSTORAGE", {})), "not_applicable", nullptr},
        {"encrypted package",
         {stream("EncryptedPackage", "x"), stream("EncryptionInfo", "x")},
         "untouchable",
         "encrypted document"},
        {"rights", with(doc, stream("\11DRMContent", "x")), "untouchable", "rights-managed document"},
        {"data spaces", with(doc, storage("\6DataSpaces", {})), "untouchable", nullptr},
        {"signed", with(ppt, storage("_xmlsignatures", {})), "untouchable", "signed document"},
        {"signed inside", with(ppt, storage("x", {storage("_signatures", {})})), "untouchable",
         "signed document"},
        {"encrypted summary", with(ppt, stream("EncryptedSummary", "x")), "untouchable", nullptr},
        {"encrypted ppt", edited(ppt, "Current User", put(12, 0xF3D1C4DF)), "untouchable",
         "encrypted presentation"},
        {"crypt session", edited(ppt, "PowerPoint Document", [&](std::string& t) { t += crypt; }),
         "untouchable", "encrypted presentation"},
        {"before 97",
         with(edited(ppt, "Current User", put(12, 0)), stream("PersistentStorage Directory", "x")),
         "not_applicable", "presentation before PowerPoint 97"},
        {"no user", without(ppt, "Current User"), "malformed", nullptr},
        {"no pictures", without(ppt, "Pictures"), "not_smaller", nullptr},
        {"records cut", edited(ppt, "PowerPoint Document", [](std::string& t) { t.resize(t.size() - 1); }),
         "malformed", nullptr},
        {"letters behind records", edited(ppt, "PowerPoint Document", [](std::string& t) { t += "tail"; }),
         "malformed", nullptr},
        {"pictures cut", edited(ppt, "Pictures", [](std::string& t) { t.resize(t.size() - 1); }),
         "not_applicable", nullptr},
        {"bytes behind pictures", edited(ppt, "Pictures", [](std::string& t) { t += "1234567"; }),
         "not_applicable", nullptr},
        {"entry between pictures",
         edited(ppt, "Pictures", [](std::string& t) { t.insert(0, wmf_blip("zz")); }), "not_applicable",
         nullptr},
        {"encrypted doc", document(three_blips(), 0x0300), "untouchable", "encrypted document"},
        {"obfuscated doc", document(three_blips(), 0x8200), "untouchable", "encrypted document"},
        {"other table", document(three_blips(), 0), "malformed", nullptr},
        {"old doc",
         edited(doc, "WordDocument",
                [](std::string& t) {
                    t[2] = 101;
                    t[3] = 0;
                }),
         "not_applicable", nullptr},
        {"short doc", edited(doc, "WordDocument", [](std::string& t) { t.resize(100); }), "not_applicable",
         nullptr},
        {"doc text behind", edited(doc, "WordDocument", put(0x1C, 3000)), "not_applicable",
         "pictures between text and formatting"},
        {"doc size", edited(doc, "WordDocument", put(0x40, 5)), "not_applicable", nullptr},
        {"doc drawings", edited(doc, "WordDocument", put(0x22A, 0xFFFFFF)), "malformed", nullptr},
        {"doc bytes behind", edited(doc, "WordDocument", [](std::string& t) { t += "0123456789"; }),
         "not_smaller", nullptr},
        {"doc page behind", edited(doc, "1Table", put(20, 9)), "not_applicable", nullptr},
        {"smime", message({attachment(0, "a.png", png('a', 9, 5000))}, "IPM.Note.SMIME.MultipartSigned"),
         "untouchable", "signed or encrypted message"},
        {"p7m", message({attachment(0, "smime.p7m", png('a', 9, 5000))}), "untouchable", nullptr},
        {"pgp", message({attachment(0, "a.png", png('a', 9, 500)), attachment(1, "signature.asc", "x")}),
         "untouchable", nullptr},
        {"rights message", message({attachment(0, "message.rpmsg", "x")}), "untouchable", nullptr},
        {"inner smime", with(msg, storage("__substg1.0_3701000D", message({}, "IPM.Note.SMIME"))),
         "untouchable", nullptr},
        {"not by value", message({attachment(0, "a.png", png('a', 9, 5000), 6)}), "not_smaller", nullptr},
    };
    for (const LeftAlone& row : rows) {
        const OptimizeResult result = Run().result(built(row.nodes));
        CHECK_EQ(outcome_name(result.outcome), row.outcome, row.name);
        CHECK(!result.reason.empty() && result.output.empty(), row.name);
        if (row.reason != nullptr) CHECK_EQ(result.reason, row.reason, row.name);
    }
}

void keeps_to_the_budget() {
    const Bytes file = built(presentation(three_blips()));
    Options options;
    options.max_entries = 3;
    Budget few(Deadline::in_ms(60'000), options);
    Context context{options, few, 0, drop_behind_mark, {}};
    CHECK_EQ(outcome_name(optimize_ole(file, context).outcome), "over_budget");
    options = {};
    options.max_expanded_bytes = 100;
    Budget bytes(Deadline::in_ms(60'000), options);
    Context small{options, bytes, 0, drop_behind_mark, {}};
    CHECK_EQ(outcome_name(optimize_ole(file, small).outcome), "over_budget");
    options = {};
    Budget late(Deadline::in_ms(0), options);
    Context hurried{options, late, 0, drop_behind_mark, {}};
    CHECK_EQ(outcome_name(optimize_ole(file, hurried).outcome), "over_budget");
}

// A result that is wrong in one way.
struct Wrong {
    const char* name;
    std::function<void(OleFile& file, Attempt& attempt)> change;
    const char* want;  // part of the reason
};

Bytes& content(OleFile& file, std::string_view name) {
    return file.entries[file.find(0, name).value()].content;
}

void check_caught(const std::vector<Node>& nodes, const std::vector<Wrong>& rows) {
    const Bytes file = built(nodes);
    Run run;
    const Attempt right = run.attempt(file);
    CHECK_EQ(outcome_name(right.outcome), "optimized", right.reason);
    CHECK_EQ(verify_ole(file, right, run.context), "");
    for (const Wrong& row : rows) {
        Attempt attempt = right;
        auto changed = read_ole(right.output, 1000);
        row.change(*changed, attempt);
        if (attempt.output == right.output) attempt.output = write_ole(*changed, {});
        const std::string why = verify_ole(file, attempt, run.context);
        CHECK(why.find(row.want) != std::string::npos && !why.empty(), std::string(row.name) + ": " + why);
    }
}

const std::vector<Wrong> kWrongContainers = {
    {"cut", [](OleFile&, Attempt& a) { a.output.resize(a.output.size() - 700); }, "result: "},
    {"byte after", [](OleFile&, Attempt& a) { a.output.resize(a.output.size() + 512 * 200); }, "result: "},
    {"header", [](OleFile& f, Attempt&) { f.header[8] = 1; }, "header differs"},
    {"root class", [](OleFile& f, Attempt&) { f.entries[0].raw[85] ^= 1; }, "directory entry differs"},
    {"state bits", [](OleFile& f, Attempt&) { f.entries[0].raw[96] ^= 1; }, "directory entry differs"},
    {"time", [](OleFile& f, Attempt&) { f.entries[1].raw[110] ^= 1; }, "directory entry differs"},
    {"colour", [](OleFile& f, Attempt&) { f.entries[1].raw[67] ^= 1; }, "directory entry differs"},
    {"renamed", [](OleFile& f, Attempt&) { f.entries[1].raw[0] = 'Q'; }, "directory entry differs"},
    {"stream is folder", [](OleFile& f, Attempt&) { f.entries[1].raw[66] = 1; }, ""},
    {"digest",
     [](OleFile&, Attempt& a) {
         a.changes[0].content[0] ^= 1;
         a.output.push_back(0);
         a.output.pop_back();
     },
     "content is not what was verified"},
    {"index", [](OleFile&, Attempt& a) { a.changes[0].index += 77; }, "change"},
    {"change lost", [](OleFile&, Attempt& a) { a.changes.pop_back(); }, "without a change"},
    {"change invented",
     [](OleFile&, Attempt& a) {
         a.changes.push_back({999, {}});
     },
     "a change is claimed"},
};

void wrong_presentations_are_caught() {
    const auto nodes = presentation(three_blips());
    check_caught(nodes, kWrongContainers);
    const auto document = [](OleFile& f) -> Bytes& { return content(f, "PowerPoint Document"); };
    const auto find_entry = [=](OleFile& f, int number) {
        std::size_t at = 0;
        for (std::size_t i = 0; i + 4 < document(f).size(); ++i) {
            if (read_le16(&document(f)[i]) == 0xF007 && number-- == 0) at = i - 2;
        }
        return at;
    };
    check_caught(
        nodes,
        {
            {"other stream", [](OleFile& f, Attempt&) { content(f, "\5SummaryInformation")[7] ^= 1; },
             "stream differs"},
            {"macro",
             [](OleFile& f, Attempt&) {
                 f.entries[f.find(f.find(0, "_VBA_PROJECT_CUR").value(), "dir").value()].content[9] ^= 1;
             },
             "stream differs"},
            {"stream cut", [](OleFile& f, Attempt&) { content(f, "\5SummaryInformation").pop_back(); },
             "stream differs"},
            {"text", [=](OleFile& f, Attempt&) { document(f).back() ^= 1; },
             "stream of the picture store differs"},
            {"document cut", [=](OleFile& f, Attempt&) { document(f).pop_back(); }, "differs in size"},
            {"offset", [=](OleFile& f, Attempt&) { document(f)[find_entry(f, 2) + 36] ^= 1; },
             "leads astray"},
            {"size", [=](OleFile& f, Attempt&) { document(f)[find_entry(f, 0) + 28] ^= 1; }, "leads astray"},
            {"old store unpatched",
             [=](OleFile& f, Attempt&) { write_le32(&document(f)[find_entry(f, 7) + 36], 999); },
             "leads astray"},
            {"references", [=](OleFile& f, Attempt&) { document(f)[find_entry(f, 1) + 32] ^= 1; },
             "store differs"},
            {"digest of entry", [=](OleFile& f, Attempt&) { document(f)[find_entry(f, 1) + 12] ^= 1; },
             "store differs"},
            {"picture byte", [](OleFile& f, Attempt&) { content(f, "Pictures")[60] ^= 1; },
             "not what was verified"},
            {"untouched picture", [](OleFile& f, Attempt&) { content(f, "Pictures").back() ^= 1; },
             "without a change"},
            {"tag", [](OleFile& f, Attempt&) { content(f, "Pictures")[24] ^= 1; }, "picture record differs"},
            {"type", [](OleFile& f, Attempt&) { content(f, "Pictures")[2] ^= 1; }, "picture record differs"},
            {"picture lost",
             [](OleFile& f, Attempt&) {
                 content(f, "Pictures").resize(content(f, "Pictures").size() - (8 + 33 + 316));
             },
             "do not fill"},
            {"picture more",
             [](OleFile& f, Attempt&) { append(content(f, "Pictures"), as_bytes(wmf_blip("more"))); },
             "bytes at its end"},
        });
}

void wrong_documents_are_caught() {
    const auto nodes = document(three_blips());
    check_caught(nodes, kWrongContainers);
    check_caught(
        nodes,
        {
            {"text", [](OleFile& f, Attempt&) { content(f, "WordDocument")[0x400] ^= 1; },
             "before its pictures"},
            {"size", [](OleFile& f, Attempt&) { content(f, "WordDocument")[0x40] ^= 1; }, "document's size"},
            {"table", [](OleFile& f, Attempt&) { content(f, "1Table").back() ^= 1; },
             "picture store differs"},
            {"data", [](OleFile& f, Attempt&) { content(f, "Data")[3] ^= 1; }, "stream differs"},
            {"picture", [](OleFile& f, Attempt&) { content(f, "WordDocument")[2048 + 70] ^= 1; },
             "not what was verified"},
        });
}

void wrong_messages_are_caught() {
    const auto nodes =
        message({attachment(0, "a.png", png('a', 5000, 5000)), attachment(1, "b.png", png('b', 300, 900))});
    check_caught(nodes, kWrongContainers);
    const auto inside = [](OleFile& f, std::string_view folder, std::string_view name) -> Bytes& {
        return f.entries[f.find(f.find(0, folder).value(), name).value()].content;
    };
    constexpr std::string_view kFirst = "__attach_version1.0_#00000000";
    constexpr std::string_view kSecond = "__attach_version1.0_#00000001";
    constexpr std::string_view kContent = "__substg1.0_37010102";
    constexpr std::string_view kProperties = "__properties_version1.0";
    check_caught(
        nodes, {
                   {"content", [=](OleFile& f, Attempt&) { inside(f, kFirst, kContent)[50] ^= 1; },
                    "not what was verified"},
                   {"swapped",
                    [=](OleFile& f, Attempt&) {
                        std::swap(inside(f, kFirst, kContent), inside(f, kSecond, kContent));
                    },
                    "not what was verified"},
                   {"size", [=](OleFile& f, Attempt&) { inside(f, kFirst, kProperties)[16] ^= 1; },
                    "properties of an attachment"},
                   {"length", [=](OleFile& f, Attempt&) { inside(f, kSecond, kProperties)[8 + 32 + 8] ^= 1; },
                    "properties of an attachment"},
                   {"flags", [=](OleFile& f, Attempt&) { inside(f, kSecond, kProperties)[8 + 4] ^= 1; },
                    "properties of an attachment"},
                   {"name", [=](OleFile& f, Attempt&) { inside(f, kFirst, "__substg1.0_3707001F")[0] ^= 1; },
                    "no attachment"},
                   {"body", [](OleFile& f, Attempt&) { content(f, "__substg1.0_1000001F")[0] ^= 1; },
                    "no attachment"},
                   {"message properties", [=](OleFile& f, Attempt&) { content(f, kProperties)[0] ^= 1; },
                    "stream differs"},
               });
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {TEST(pictures_become_smaller),
                                TEST(attachments_become_smaller),
                                TEST(table_styles_are_no_records),
                                TEST(zeros_between_saves_are_no_records),
                                TEST(left_alone),
                                TEST(keeps_to_the_budget),
                                TEST(wrong_presentations_are_caught),
                                TEST(wrong_documents_are_caught),
                                TEST(wrong_messages_are_caught)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
