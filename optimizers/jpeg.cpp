// SPDX-License-Identifier: Apache-2.0
#include "optimizers/formats.hpp"

namespace optimilter {

Attempt optimize_jpeg(ByteView, Context&) {
    return leave_alone(Outcome::kNotApplicable, "no optimizer for this format");
}

std::string verify_jpeg(ByteView, const Attempt&, Context&) {
    return "not verified";
}

}  // namespace optimilter
