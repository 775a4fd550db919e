// SPDX-License-Identifier: Apache-2.0
//
// PNG files of png_builder.hpp through the driver.
#pragma once

#include "optimizers/formats.hpp"
#include "png_builder.hpp"

namespace optimilter::png_builder {

// Through the driver, as a worker runs it.
inline OptimizeResult run(ByteView input, const Options& options = {}, Deadline deadline = Deadline()) {
    Budget budget(deadline, options);
    return optimize(input, {}, options, budget);
}

inline Options lossy_options() {
    Options options;
    options.lossy = true;
    return options;
}

// Tens of thousands of colours, none of them sharp.
inline Spec colourful(PngColor color = PngColor::kRgb) {
    return {color,
            8,
            false,
            240,
            200,
            [](unsigned x, unsigned y, unsigned c) -> unsigned {
                if (c == 3) return y < 20 ? 0 : 255;
                return (c == 0 ? x : c == 1 ? y : (x + y) / 2) + noise(x, y, c) % 5;
            },
            9};
}

}  // namespace optimilter::png_builder
