// SPDX-License-Identifier: Apache-2.0
//
// The job protocol's two records, engine to worker and back, as fixed little-endian bytes: no pointers, no
// descriptors, no paths, so that the same record travels on a socket pair and, later, over TCP. The byte
// layout is in doc/job-protocol.md. Knows nothing of sockets and processes. Thread safe: pure functions.
//
// Security: parse_reply() reads bytes of a worker that may be hostile. It accepts exactly one size and checks
// every field; nothing in the record is ever used as an offset or a length without that check.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/digest.hpp"
#include "base/result.hpp"
#include "optimizers/format.hpp"
#include "optimizers/options.hpp"
#include "optimizers/outcome.hpp"

namespace optimilter {

constexpr std::uint16_t kJobProtocolVersion = 2;
constexpr std::size_t kJobRequestBytes = 624;
constexpr std::size_t kJobReplyBytes = 360;
// Longest MIME type, file name and reason in a record, and longest name of an optimizer; in bytes.
constexpr std::size_t kJobTextBytes = 255;
constexpr std::size_t kOptimizerNameBytes = 31;

enum class JobKind : std::uint8_t {
    kOptimize = 1,
    kCompare = 2,  // the input is two pictures: size of the first (8 bytes), the first, the second
};

struct JobRequest {
    std::uint8_t kind = static_cast<std::uint8_t>(JobKind::kOptimize);
    std::uint32_t deadline_ms_left = 0;
    std::uint64_t input_size = 0;    // bytes
    std::uint64_t output_limit = 0;  // bytes; below input_size
    Digest digest{};                 // of the input
    Options options;
    std::string mime_type;  // hints: foreign text, they break ties only
    std::string file_name;
};

struct JobReply {
    Outcome outcome = Outcome::kNotApplicable;
    Format format = Format::kUnknown;
    Format output_format = Format::kUnknown;  // of the output; another one than format when converted
    std::uint64_t output_size = 0;            // bytes; 0 unless optimised
    std::uint64_t cpu_us = 0;                 // user + system, as the worker says
    std::optional<double> score;              // 0.0 .. 1.0
    bool cut_short = false;                   // more time could have given another result
    Digest digest{};                          // the request's, so that a stale reply is told from a due one
    std::string optimizer;                    // [a-z0-9_]*
    std::string reason;                       // printable UTF-8
};

// Too long a MIME type is cut at its end, too long a file name at its start: the extension tells the type.
Bytes encode_request(const JobRequest& request);
// kMalformed with the field's name. An unknown kind passes here: the worker answers it with a refusal.
Result<JobRequest> parse_request(ByteView record);

// Texts must fit and be clean: tidy_reply() makes them so.
Bytes encode_reply(const JobReply& reply);
// kMalformed with the field's name when the record breaks any rule or does not answer request.
Result<JobReply> parse_reply(ByteView record, const JobRequest& request);

// Cuts and cleans the texts of a reply so that parse_reply() takes them.
void tidy_reply(JobReply& reply);

}  // namespace optimilter
