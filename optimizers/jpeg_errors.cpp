// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_errors.hpp"

#include <cstring>

// clang-format off
#include <jerror.h>
// clang-format on

namespace optimilter {

namespace {

JpegErrors& errors_of(j_common_ptr object) {
    return *reinterpret_cast<JpegErrors*>(object->err);
}

ErrorCode code_of(int message) {
    switch (message) {
        case JERR_OUT_OF_MEMORY:
        case JERR_WIDTH_OVERFLOW:
        case JERR_IMAGE_TOO_BIG:
            return ErrorCode::kLimit;
        case JERR_ARITH_NOTIMPL:
        case JERR_BAD_PRECISION:
        case JERR_SOF_UNSUPPORTED:
        case JERR_CONVERSION_NOTIMPL:
        case JERR_MISMATCHED_QUANT_TABLE:
        case JERR_BAD_MCU_SIZE:
        case JERR_FRACT_SAMPLE_NOTIMPL:
        case JERR_CCIR601_NOTIMPL:
            return ErrorCode::kUnsupported;
        default:
            return ErrorCode::kMalformed;
    }
}

[[noreturn]] void leave_with_message(j_common_ptr object) {
    char words[JMSG_LENGTH_MAX];
    object->err->format_message(object, words);
    JpegErrors::leave(object, code_of(object->err->msg_code), words);
}

void on_message(j_common_ptr object, int level) {
    if (level < 0) leave_with_message(object);
}

void on_output(j_common_ptr) {}

// Called about once a row of MCUs; reading the clock costs some 30 ns.
void on_progress(j_common_ptr object) {
    JpegErrors& errors = errors_of(object);
    if (++errors.polls % 4 == 0 && errors.deadline.expired()) {
        JpegErrors::leave(object, ErrorCode::kDeadline, "deadline");
    }
}

}  // namespace

void JpegErrors::leave(j_common_ptr object, ErrorCode why, const char* words) {
    JpegErrors& errors = errors_of(object);
    errors.code = why;
    std::strncpy(errors.text, words, sizeof errors.text - 1);
    std::longjmp(errors.escape, 1);
}

jpeg_error_mgr* JpegErrors::prepare() {
    jpeg_std_error(&manager);
    manager.error_exit = leave_with_message;
    manager.emit_message = on_message;
    manager.output_message = on_output;
    progress.progress_monitor = on_progress;
    return &manager;
}

}  // namespace optimilter
