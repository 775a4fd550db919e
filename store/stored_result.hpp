// SPDX-License-Identifier: Apache-2.0
//
// What is remembered of one job: its verified result, or that there is none. Knows no worker and no mail.
// Plain value; the output is shared and never changes.
//
// Security: parse_stored_result() reads a file's bytes; every length is checked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.hpp"
#include "base/memfd.hpp"
#include "base/result.hpp"
#include "optimizers/format.hpp"
#include "optimizers/outcome.hpp"

namespace optimilter {

// Bytes and whatever holds them, in memory of ours or mapped from a worker's sealed file.
class SharedBytes {
  public:
    SharedBytes() = default;
    explicit SharedBytes(Mapping mapping) {
        auto owner = std::make_shared<const Mapping>(std::move(mapping));
        bytes_ = owner->bytes();
        owner_ = std::move(owner);
    }
    explicit SharedBytes(Bytes bytes) {
        auto owner = std::make_shared<const Bytes>(std::move(bytes));
        bytes_ = *owner;
        owner_ = std::move(owner);
    }

    ByteView bytes() const { return bytes_; }

  private:
    std::shared_ptr<const void> owner_;
    ByteView bytes_;
};

struct StoredResult {
    Outcome outcome = Outcome::kNotApplicable;
    Format format = Format::kUnknown;
    Format output_format = Format::kUnknown;
    std::optional<double> score;
    std::string optimizer;
    std::string reason;
    SharedBytes output;  // empty unless optimised

    // Memory it takes, in bytes, with key, list and table.
    std::size_t size() const { return 400 + reason.size() + optimizer.size() + output.bytes().size(); }
};

// As bytes of a file that the same build reads again.
Bytes encode_stored_result(const StoredResult& result);
// kMalformed when the bytes are not what encode_stored_result() makes.
Result<StoredResult> parse_stored_result(ByteView bytes);

}  // namespace optimilter
