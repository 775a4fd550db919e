// SPDX-License-Identifier: Apache-2.0
#include "console/file_report.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace optimilter {

namespace {

using Json = nlohmann::ordered_json;

double rounded(double value, double per_unit) {
    return std::round(value * per_unit) / per_unit;
}

// Foreign bytes that are no UTF-8 become U+FFFD when the line is written: JSON knows nothing else.
Json part_json(const PartReport& part) {
    Json json;
    json["index"] = part.index;
    json["type"] = part.type;
    json["filename"] = part.file_name;
    json["format"] = format_name(part.format);
    json["bytes_in"] = part.bytes_in;
    json["bytes_out"] = part.bytes_out;
    json["outcome"] = outcome_name(part.outcome);
    json["reason"] = part.reason;
    json["optimizer"] = part.optimizer;
    json["rule"] = part.rule;
    json["quality"] = part.score ? Json(rounded(*part.score, 10000)) : Json(nullptr);
    json["cpu_ms"] = rounded(part.cpu_ms, 100);
    return json;
}

std::string saved_text(std::size_t in, std::size_t out) {
    if (in == 0 || out >= in) return "unchanged";
    return fmt::format("-{:.1f} %", 100.0 * static_cast<double>(in - out) / static_cast<double>(in));
}

}  // namespace

std::string json_line(const FileReport& report) {
    Json json;
    json["file"] = report.file;
    json["kind"] = report.is_message ? "message" : "file";
    json["bytes_in"] = report.bytes_in;
    json["bytes_out"] = report.bytes_out;
    json["cpu_ms"] = rounded(report.cpu_ms, 100);
    json["wall_ms"] = rounded(report.wall_ms, 100);
    json["parts"] = Json::array();
    for (const PartReport& part : report.parts) json["parts"].push_back(part_json(part));
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_lines(const FileReport& report) {
    std::string text = fmt::format("{}: {} -> {} bytes ({})", printable(report.file, 400), report.bytes_in,
                                   report.bytes_out, saved_text(report.bytes_in, report.bytes_out));
    if (!report.reason.empty()) text += fmt::format(", {}", printable(report.reason));
    text += '\n';
    for (const PartReport& part : report.parts) {
        text += fmt::format("  {:>3} {:<12} {:>10} -> {:>10}  {}", part.index, format_name(part.format),
                            part.bytes_in, part.bytes_out, outcome_name(part.outcome));
        if (!part.reason.empty()) text += fmt::format(" ({})", printable(part.reason));
        if (!part.rule.empty()) text += fmt::format(" rule {}", part.rule);
        if (part.score) text += fmt::format(" score {:.4f}", *part.score);
        if (!part.file_name.empty()) text += fmt::format("  {}", printable(part.file_name, 80));
        text += '\n';
    }
    return text;
}

}  // namespace optimilter
