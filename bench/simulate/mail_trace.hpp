// SPDX-License-Identifier: Apache-2.0
//
// The mail that the model is fed with: messages as sizes and kinds of attachments, from an INDEX.tsv of
// make_mail.py, from a log of optimilter or of Postfix, or made up as a business mix. When they arrive is for
// others to say (bench/simulate/arrivals.hpp).
//
// Security: files are read line by line, lines over 64 KiB and files over 1 GiB are refused; numbers are
// parsed with bounds. Nothing in them is more than a number or a word of ours.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "bench/simulate/random.hpp"
#include "optimizers/format.hpp"

namespace optimilter::sim {

struct Attachment {
    Format format = Format::kUnknown;
    std::uint64_t size = 0;    // bytes, decoded
    double known_cpu_ms = -1;  // as a log tells; -1: the model of costs says
    double known_saved = 0;    // bytes
};

struct Mail {
    std::uint64_t size = 0;  // bytes, as sent
    std::vector<Attachment> attachments;
};

// Errors: kIo (cannot be read), kMalformed (holds no message). The kind of file is seen by its content.
Result<std::vector<Mail>> read_trace(const std::string& path);

// 70 % text, 10 % a logo, 20 % with attachments of the usual kinds and sizes.
std::vector<Mail> business_mix(std::size_t count, Random& random);

}  // namespace optimilter::sim
