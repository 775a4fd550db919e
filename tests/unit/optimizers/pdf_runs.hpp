// SPDX-License-Identifier: Apache-2.0
//
// PDF files of pdf_builder.hpp through the driver.
#pragma once

#include <string_view>

#include "optimizers/formats.hpp"
#include "pdf_builder.hpp"

namespace optimilter::pdf_builder {

// Through the driver, as a worker runs it.
inline OptimizeResult run(ByteView input, const Options& options = {}, Deadline deadline = Deadline()) {
    Budget budget(deadline, options);
    return optimize(input, {}, options, budget);
}

inline OptimizeResult run(const Pdf& pdf, const Options& options = {}) {
    return run(as_bytes(pdf.build()), options);
}

inline Options balanced() {
    Options options;
    options.lossy = true;
    options.score_min = 8000;
    options.score_min_text = 8000;
    options.document_ppi = 72;
    return options;
}

inline bool holds(const OptimizeResult& result, std::string_view words) {
    return as_text(result.output).find(words) != std::string_view::npos;
}

}  // namespace optimilter::pdf_builder
