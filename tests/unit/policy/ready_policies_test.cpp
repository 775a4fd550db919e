// SPDX-License-Identifier: Apache-2.0
//
// The ready policies of contrib/policies, as their files stand: what they promise, on facts that come close.
#include <filesystem>

#include "check.hpp"
#include "policy/message_policy.hpp"

namespace optimilter {
namespace {

constexpr std::string_view kFolder = OPTIMILTER_TEST_SOURCE_DIR "/contrib/policies";

std::shared_ptr<const RuleSet> policy(std::string_view name) {
    // Lossy settings below, so that a policy that promises lossless has something to prevent.
    Settings settings;
    settings.profile = ProfileName::kCompact;
    const std::string folder = std::string(OPTIMILTER_TEST_BINARY_DIR) + "/ready-policy-" + std::string(name);
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    std::filesystem::copy_file(std::string(kFolder) + "/" + std::string(name),
                               folder + "/" + std::string(name));
    LoadedRules loaded = load_rules(folder, std::make_shared<const Settings>(settings));
    CHECK(loaded.ok(), loaded.ok() ? "" : loaded.problems[0].text);
    CHECK(loaded.rules->warnings.empty(), name);
    return loaded.rules;
}

struct Mail {
    Direction direction = Direction::kInbound;
    std::string_view sender = "<anna@sender.example>";
    std::vector<std::string_view> recipients = {"<ben@receiver.example>"};
    std::vector<HeaderText> header = {};
};

struct Case {
    const char* name;
    std::string_view file;
    Mail mail;
    PartFacts part;
    std::string_view want_alone;  // of the message, or of the part
    std::string_view want_rule;
    std::string_view want_setting;  // "profile" and its value, or another, as printed
};

constexpr PartFacts kPhoto{"image/jpeg", "IMG_1.JPG", Format::kJpeg, 2'000'000, 3'000'000};
constexpr PartFacts kIcon{"image/jpeg", "icon.jpg", Format::kJpeg, 20'000, 3'000'000};
constexpr PartFacts kReport{"application/msword", "report.docx", Format::kOoxml, 900'000, 3'000'000};

const Case kCases[] = {
    {"journal copy",
     "10-journaled-archive.toml",
     {.recipients = {"<journal@x.example>"}},
     kPhoto,
     "copy for the archive",
     "journal-copies",
     ""},
    {"archive among others",
     "10-journaled-archive.toml",
     {.recipients = {"<ben@receiver.example>", "<archive@y.example>"}},
     kPhoto,
     "copy for the archive",
     "journal-copies",
     ""},
    {"journal report",
     "10-journaled-archive.toml",
     {.header = {{"x-ms-journal-report", ""}}},
     kPhoto,
     "journal report",
     "journal-reports",
     ""},
    {"from the archive",
     "10-journaled-archive.toml",
     {.sender = "<archive@x.example>"},
     kPhoto,
     "from the archive",
     "restored-from-archive",
     ""},
    {"all else as the settings say", "10-journaled-archive.toml", {}, kPhoto, "", "", "compact"},
    {"evidence",
     "20-isp.toml",
     {.recipients = {"<abuse@isp.example>"}},
     kPhoto,
     "may be evidence",
     "evidence",
     ""},
    {"mailing list",
     "20-isp.toml",
     {.header = {{"List-Id", " <x.example>"}}},
     kPhoto,
     "mailing list",
     "mailing-lists",
     ""},
    {"customers send",
     "20-isp.toml",
     {.direction = Direction::kOutbound},
     kPhoto,
     "",
     "customers-out",
     "lossless"},
    {"customers receive", "20-isp.toml", {}, kPhoto, "", "customers-in", "lossless"},
    {"print material",
     "20-photo-heavy-office.toml",
     {.direction = Direction::kOutbound},
     {"image/tiff", "Plan.TIF", Format::kTiff, 900'000, 3'000'000},
     "print material",
     "print-material",
     ""},
    {"camera picture",
     "20-photo-heavy-office.toml",
     {.direction = Direction::kOutbound},
     kPhoto,
     "",
     "camera-pictures",
     "compact"},
    {"small picture: as the settings say",
     "20-photo-heavy-office.toml",
     {.direction = Direction::kOutbound},
     kIcon,
     "",
     "",
     "compact"},
    {"report",
     "20-photo-heavy-office.toml",
     {.direction = Direction::kOutbound},
     kReport,
     "",
     "reports",
     "balanced"},
    {"from outside", "20-photo-heavy-office.toml", {}, kPhoto, "", "from-outside", "lossless"},
    {"lossless out",
     "90-lossless-only.toml",
     {.direction = Direction::kOutbound},
     kPhoto,
     "",
     "lossless-only",
     "lossless"},
    {"lossless in", "90-lossless-only.toml", {}, kReport, "", "lossless-only", "lossless"},
};

void test_what_they_decide() {
    for (const Case& c : kCases) {
        MessagePolicy message(policy(c.file), {c.mail.direction, "", c.mail.sender, "192.0.2.1", ""});
        for (const std::string_view recipient : c.mail.recipients) message.add_recipient(recipient);
        message.set_header(c.mail.header, std::chrono::sys_seconds{});
        const PartPolicy part = message.for_part(c.part);
        const std::string_view alone = part.leave_alone;
        CHECK_EQ(alone, c.want_alone, c.name);
        // What asks nothing about parts decides before the body is read.
        const bool early = c.want_rule != "print-material";
        CHECK_EQ(message.leave_alone(), early ? c.want_alone : "", c.name);
        if (!message.leave_alone().empty()) continue;
        CHECK_EQ(part.rule, c.want_rule, c.name);
        if (!c.want_setting.empty()) CHECK_EQ(profile_name(part.settings->profile), c.want_setting, c.name);
        if (c.want_setting == "lossless")
            CHECK(!part.options->lossy && part.options->convert_formats == 0, c.name);
    }
}

void test_every_file_is_tested() {
    for (const auto& file : std::filesystem::directory_iterator(kFolder)) {
        const std::string name = file.path().filename();
        CHECK(
            std::any_of(std::begin(kCases), std::end(kCases), [&](const Case& c) { return c.file == name; }),
            name);
    }
}

void test_all_of_them_together() {
    const LoadedRules loaded = load_rules(std::string(kFolder), std::make_shared<const Settings>());
    CHECK(loaded.ok(), loaded.ok() ? "" : loaded.problems[0].text);
    CHECK_EQ(loaded.rules->files.size(), 4u);
    CHECK_EQ(loaded.rules->rules.front().name, "journal-copies");
    // The ISP's last rule leaves nothing for those behind it, which is told.
    CHECK(!loaded.rules->warnings.empty());
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_what_they_decide), TEST(test_every_file_is_tested),
                                TEST(test_all_of_them_together)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
