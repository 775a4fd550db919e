// SPDX-License-Identifier: Apache-2.0
//
// What came of one leaf part (or of a bare file), for log and JSON. Plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "optimizers/format.hpp"
#include "optimizers/outcome.hpp"

namespace optimilter {

struct PartReport {
    std::uint32_t index = 0;
    std::string type;
    std::string file_name;  // foreign text
    Format format = Format::kUnknown;
    Format output_format = Format::kUnknown;  // when optimised; another one than format when converted
    std::size_t bytes_in = 0;                 // decoded size
    std::size_t bytes_out = 0;                // decoded size of what leaves; bytes_in unless optimised
    Outcome outcome = Outcome::kNotApplicable;
    std::string reason;
    std::string optimizer;
    std::optional<double> score;
    bool left_for_load = false;  // kept only because the machine is busy
    // "hit": the result was remembered; "joined": another message had the same file under way; empty: a
    // worker was asked, or none was needed. Static text.
    std::string_view cache;
    std::string rule;   // that decided on it; empty: none (policy/message_policy.hpp)
    double cpu_ms = 0;  // worker CPU for this part
    double wall_ms = 0;
};

}  // namespace optimilter
