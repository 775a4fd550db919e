// SPDX-License-Identifier: Apache-2.0
#include "milter/message_log.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/text.hpp"

namespace optimilter {

namespace {

std::string_view id_or_none(std::string_view queue_id) {
    return queue_id.empty() ? "NOQUEUE" : queue_id;
}

int saved_percent(std::size_t in, std::size_t out) {
    return in == 0 || out >= in ? 0 : static_cast<int>((in - out) * 100 / in);
}

// A value that strangers chose, quoted and cleaned; a quote inside would end it early.
std::string quoted(std::string_view text) {
    std::string clean = printable(text, 100);
    for (char& c : clean) {
        if (c == '"' || c == '\\') c = '?';
    }
    return '"' + clean + '"';
}

// Text parts and the like, which nobody expects to shrink, would only fill the log.
bool worth_a_line(const PartReport& part) {
    return part.outcome == Outcome::kOptimized || part.format != Format::kUnknown || !part.file_name.empty();
}

std::string status_of(const PartReport& part) {
    if (part.outcome == Outcome::kOptimized) {
        return fmt::format("optimized (saved {}%)", saved_percent(part.bytes_in, part.bytes_out));
    }
    return fmt::format("{} ({})", outcome_name(part.outcome), printable(part.reason, 150));
}

}  // namespace

std::string part_line(std::string_view queue_id, const PartReport& part) {
    std::string line =
        fmt::format("{}: part={} type={} name={} format={} in={} out={} ms={:.0f} cpu={:.0f}",
                    printable(id_or_none(queue_id), 60), part.index,
                    part.type.empty() ? "-" : printable(part.type, 80), quoted(part.file_name),
                    format_name(part.format), part.bytes_in, part.bytes_out, part.wall_ms, part.cpu_ms);
    if (!part.optimizer.empty()) line += fmt::format(" opt={}", printable(part.optimizer, 20));
    if (!part.cache.empty()) line += fmt::format(" cache={}", part.cache);
    if (part.output_format != Format::kUnknown && part.output_format != part.format)
        line += fmt::format(" became={}", format_name(part.output_format));
    if (part.score) line += fmt::format(" score={:.4f}", *part.score);
    if (!part.rule.empty()) line += fmt::format(" rule={}", part.rule);
    return line + " status=" + status_of(part);
}

std::string message_line(const MessageFacts& facts, const TripResult& result) {
    std::size_t optimized = 0;
    for (const PartReport& part : result.parts) optimized += part.outcome == Outcome::kOptimized;
    std::string line = fmt::format(
        "{}: parts={} in={} out={} delays={:.2f}/{:.2f}/{:.2f}/{:.2f} direction={} level={}",
        printable(id_or_none(facts.queue_id), 60), result.parts.size(), facts.bytes_in, result.bytes_out,
        facts.receive_ms / 1000, (result.index_ms + result.decode_ms) / 1000, result.work_ms / 1000,
        (result.splice_ms + facts.reply_ms) / 1000, direction_name(facts.direction), facts.load_level);
    if (!result.rule.empty()) line += fmt::format(" rule={}", result.rule);
    if (result.new_body) {
        return line + fmt::format(" status=replaced ({} optimized, {} kept)", optimized,
                                  result.parts.size() - optimized);
    }
    return line + fmt::format(" status=passed ({})", printable(result.reason, 150));
}

void log_message(const MessageFacts& facts, const TripResult& result) {
    for (const PartReport& part : result.parts) {
        if (worth_a_line(part)) log_info("{}", part_line(facts.queue_id, part));
    }
    log_info("{}", message_line(facts, result));
}

}  // namespace optimilter
