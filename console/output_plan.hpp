// SPDX-License-Identifier: Apache-2.0
//
// Where `optimilterctl optimize --output` writes, decided and checked for every file before any work starts:
// no two results in one place, no input overwritten (hard links count), no symbolic link followed.
// Single-threaded.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace optimilter {

// One target a input, in the same order; empty output: no targets, nothing is written.
struct OutputPlan {
    std::vector<std::string> targets;
};

// output: a file for one input, else an existing directory (one input may name a directory too). kRefused
// with the reason.
Result<OutputPlan> plan_output(const std::string& output, const std::vector<std::string>& inputs);

// Writes a whole file beside its target and renames it there, so that no reader sees half of it. kIo with the
// reason.
Status write_output(const std::string& target, ByteView bytes);

}  // namespace optimilter
