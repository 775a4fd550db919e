// SPDX-License-Identifier: Apache-2.0
#include "workers/job_record.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/record_fields.hpp"
#include "base/text.hpp"

namespace optimilter {

namespace {

constexpr std::string_view kRequestMagic = "OMJQ";
constexpr std::string_view kReplyMagic = "OMJR";
constexpr std::uint32_t kMaxDeadlineMs = 24 * 3600 * 1000;

Error wrong(std::string_view field) {
    return Error{ErrorCode::kMalformed, "job record: " + std::string(field)};
}

// The binding names every field of Options: adding one there breaks the build here until the record has it.
void put_options(FieldWriter& out, const Options& options) {
    const auto& [lossy, enabled_formats, jpeg_progressive, jpeg_quality_max, jpeg_quality_min, score_min,
                 score_min_text, max_side_px, document_ppi, png_quantize, png_quality_min, keep_gps,
                 convert_formats, effort, max_pixels, max_expanded_bytes, max_entries, max_depth] = options;
    out.flag(lossy);
    out.flag(jpeg_progressive);
    out.u8(jpeg_quality_max);
    out.u8(jpeg_quality_min);
    out.u16(score_min);
    out.flag(png_quantize);
    out.u8(png_quality_min);
    out.flag(keep_gps);
    out.u8(max_depth);
    out.u16(score_min_text);
    out.u32(enabled_formats);
    out.u32(max_side_px);
    out.u32(max_entries);
    out.u64(max_pixels);
    out.u64(max_expanded_bytes);
    out.u8(effort);
    out.zeros(1);
    out.u16(document_ppi);
    out.u32(convert_formats);
}

Options take_options(FieldReader& in) {
    Options options;
    options.lossy = in.flag();
    options.jpeg_progressive = in.flag();
    options.jpeg_quality_max = in.u8();
    options.jpeg_quality_min = in.u8();
    options.score_min = in.u16();
    options.png_quantize = in.flag();
    options.png_quality_min = in.u8();
    options.keep_gps = in.flag();
    options.max_depth = in.u8();
    options.score_min_text = in.u16();
    options.enabled_formats = in.u32();
    options.max_side_px = in.u32();
    options.max_entries = in.u32();
    options.max_pixels = in.u64();
    options.max_expanded_bytes = in.u64();
    options.effort = in.u8();
    in.zeros(1);
    options.document_ppi = in.u16();
    options.convert_formats = in.u32();
    return options;
}

std::string_view wrong_option(const Options& options) {
    const auto percent = [](std::uint8_t value) { return value <= 100; };
    if (!percent(options.jpeg_quality_max) || !percent(options.jpeg_quality_min)) return "jpeg quality";
    if (!percent(options.png_quality_min)) return "png quality";
    if (options.score_min > 10'000 || options.score_min_text > 10'000) return "lowest score";
    if (options.effort > kEffortMax) return "effort";
    return {};
}

bool is_name(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

// The same format as before, or what the options ask for.
bool output_format_allowed(const JobReply& reply, const JobRequest& request) {
    if (reply.output_format == reply.format) return reply.format != Format::kUnknown;
    return reply.output_format == Format::kPng && request.options.converts(reply.format);
}

// A comparison has a score and no output.
std::string_view wrong_comparison(const JobReply& reply) {
    if (reply.output_size != 0 || reply.output_format != Format::kUnknown) return "output of a comparison";
    if (reply.score.has_value() != (reply.outcome == Outcome::kOptimized)) return "score of a comparison";
    return {};
}

// The rules that tie the fields of a reply to each other and to the request.
std::string_view wrong_reply(const JobReply& reply, const JobRequest& request) {
    if (reply.digest != request.digest) return "digest of another job";
    if (reply.score && !(*reply.score >= 0.0 && *reply.score <= 1.0)) return "score";  // NaN fails too
    if (!is_name(reply.optimizer)) return "optimizer";
    if (printable(reply.reason, kJobTextBytes) != reply.reason) return "reason";
    if (request.kind == static_cast<std::uint8_t>(JobKind::kCompare)) return wrong_comparison(reply);
    if (reply.outcome != Outcome::kOptimized) {
        if (reply.output_size != 0) return "output size without output";
        if (reply.output_format != Format::kUnknown) return "format of output without output";
        return reply.score ? "score without output" : "";
    }
    if (reply.output_size == 0) return "optimized to nothing";
    if (reply.output_size > request.output_limit) return "output size above the limit";
    if (!output_format_allowed(reply, request)) return "format of output";
    return reply.optimizer.empty() ? "optimized by nobody" : "";
}

}  // namespace

Bytes encode_request(const JobRequest& request) {
    const std::string_view type = request.mime_type;
    const std::string_view name = request.file_name;
    FieldWriter out(kJobRequestBytes);
    out.text(kRequestMagic);
    out.u16(kJobProtocolVersion);
    out.u8(request.kind);
    out.zeros(1);
    out.u32(std::min(request.deadline_ms_left, kMaxDeadlineMs));
    out.zeros(4);
    out.u64(request.input_size);
    out.u64(request.output_limit);
    out.bytes(request.digest);
    put_options(out, request.options);
    out.slot(type.substr(0, kJobTextBytes), kJobTextBytes);
    out.slot(name.substr(name.size() - std::min(name.size(), kJobTextBytes)), kJobTextBytes);
    return out.finish();
}

Result<JobRequest> parse_request(ByteView record) {
    if (record.size() != kJobRequestBytes) return wrong("size of request");
    FieldReader in(record);
    if (in.text(kRequestMagic.size()) != kRequestMagic) return wrong("magic of request");
    if (in.u16() != kJobProtocolVersion) return wrong("version of request");
    JobRequest request;
    request.kind = in.u8();
    in.zeros(1);
    request.deadline_ms_left = in.u32();
    in.zeros(4);
    request.input_size = in.u64();
    request.output_limit = in.u64();
    in.bytes(request.digest);
    request.options = take_options(in);
    request.mime_type = in.slot(kJobTextBytes);
    request.file_name = in.slot(kJobTextBytes);
    if (!in.clean()) return wrong("flag or unused bytes of request");
    if (request.deadline_ms_left > kMaxDeadlineMs) return wrong("deadline");
    if (request.output_limit >= request.input_size) return wrong("output limit");
    if (const std::string_view field = wrong_option(request.options); !field.empty()) return wrong(field);
    return request;
}

Bytes encode_reply(const JobReply& reply) {
    FieldWriter out(kJobReplyBytes);
    out.text(kReplyMagic);
    out.u16(kJobProtocolVersion);
    out.u8(static_cast<std::uint8_t>(reply.outcome));
    out.u8(static_cast<std::uint8_t>(reply.format));
    out.u64(reply.output_size);
    out.u64(reply.cpu_us);
    out.flag(reply.score.has_value());
    out.u8(static_cast<std::uint8_t>(reply.output_format));
    out.flag(reply.cut_short);
    out.zeros(5);
    out.u64(std::bit_cast<std::uint64_t>(reply.score.value_or(0.0)));
    out.bytes(reply.digest);
    out.slot(reply.optimizer, kOptimizerNameBytes);
    out.slot(reply.reason, kJobTextBytes);
    return out.finish();
}

Result<JobReply> parse_reply(ByteView record, const JobRequest& request) {
    if (record.size() != kJobReplyBytes) return wrong("size of reply");
    FieldReader in(record);
    if (in.text(kReplyMagic.size()) != kReplyMagic) return wrong("magic of reply");
    if (in.u16() != kJobProtocolVersion) return wrong("version of reply");
    const std::uint8_t outcome = in.u8();
    const std::uint8_t format = in.u8();
    if (outcome >= kOutcomeCount) return wrong("outcome");
    if (format >= static_cast<std::uint8_t>(Format::kCount_)) return wrong("format");
    JobReply reply;
    reply.outcome = static_cast<Outcome>(outcome);
    reply.format = static_cast<Format>(format);
    reply.output_size = in.u64();
    reply.cpu_us = in.u64();
    const bool has_score = in.flag();
    const std::uint8_t output_format = in.u8();
    if (output_format >= static_cast<std::uint8_t>(Format::kCount_)) return wrong("format of output");
    reply.output_format = static_cast<Format>(output_format);
    reply.cut_short = in.flag();
    in.zeros(5);
    const std::uint64_t score_bits = in.u64();
    if (has_score) reply.score = std::bit_cast<double>(score_bits);
    if (!has_score && score_bits != 0) return wrong("score");
    in.bytes(reply.digest);
    reply.optimizer = in.slot(kOptimizerNameBytes);
    reply.reason = in.slot(kJobTextBytes);
    if (!in.clean()) return wrong("flag or unused bytes of reply");
    if (const std::string_view field = wrong_reply(reply, request); !field.empty()) return wrong(field);
    return reply;
}

void tidy_reply(JobReply& reply) {
    // What printable() cuts ends in three bytes more.
    reply.reason = printable(reply.reason, kJobTextBytes - 3);
    if (!is_name(reply.optimizer)) reply.optimizer.clear();
    reply.optimizer.resize(std::min(reply.optimizer.size(), kOptimizerNameBytes));
}

}  // namespace optimilter
