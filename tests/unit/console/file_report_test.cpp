// SPDX-License-Identifier: Apache-2.0
#include "console/file_report.hpp"

#include <nlohmann/json.hpp>

#include "check.hpp"

namespace optimilter {
namespace {

FileReport report_of_one_part() {
    FileReport report;
    report.file = "a.eml";
    report.is_message = true;
    report.bytes_in = 2000;
    report.bytes_out = 1500;
    report.cpu_ms = 12.345;
    report.wall_ms = 20;
    PartReport part;
    part.index = 3;
    part.type = "image/png";
    part.file_name = "x.png";
    part.format = Format::kPng;
    part.bytes_in = 900;
    part.bytes_out = 500;
    part.outcome = Outcome::kOptimized;
    part.optimizer = "png";
    part.rule = "pictures";
    part.score = 0.98765432;
    part.cpu_ms = 0.3;
    report.parts.push_back(part);
    return report;
}

void test_json_has_exactly_the_documented_fields() {
    CHECK_EQ(json_line(report_of_one_part()),
             "{\"file\":\"a.eml\",\"kind\":\"message\",\"bytes_in\":2000,\"bytes_out\":1500,\"cpu_ms\":12.35,"
             "\"wall_ms\":20.0,"
             "\"parts\":[{\"index\":3,\"type\":\"image/"
             "png\",\"filename\":\"x.png\",\"format\":\"png\",\"bytes_in\":900,"
             "\"bytes_out\":500,\"outcome\":\"optimized\",\"reason\":\"\",\"optimizer\":\"png\",\"rule\":"
             "\"pictures\",\"quality\":"
             "0.9877,"
             "\"cpu_ms\":0.3}]}");
}

void test_lossless_has_no_quality() {
    FileReport report = report_of_one_part();
    report.parts[0].score.reset();
    CHECK(json_line(report).find("\"quality\":null") != std::string::npos);
}

void test_json_is_valid_for_any_bytes() {
    FileReport report = report_of_one_part();
    report.parts[0].file_name = "Gr\xFC\x01\"\\\n\xC3";
    report.file = "\xFF\xFE";
    const std::string line = json_line(report);
    CHECK(line.find('\n') == std::string::npos);
    CHECK(nlohmann::json::accept(line));
}

void test_text_is_clean() {
    FileReport report = report_of_one_part();
    report.parts[0].file_name = "\x1b[2J.png";
    const std::string text = text_lines(report);
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find("-25.0 %") != std::string::npos);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_json_has_exactly_the_documented_fields),
                                TEST(test_lossless_has_no_quality), TEST(test_json_is_valid_for_any_bytes),
                                TEST(test_text_is_clean)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
