// SPDX-License-Identifier: Apache-2.0
#include "optimizers/format.hpp"

namespace optimilter {

Format sniff(ByteView input, const TypeHint&) {
    if (starts_with(input, "\xFF\xD8\xFF")) return Format::kJpeg;
    if (starts_with(input, "\x89PNG\r\n\x1A\n")) return Format::kPng;
    if (starts_with(input, "PK\x03\x04")) return Format::kZip;
    return Format::kUnknown;
}

}  // namespace optimilter
