// SPDX-License-Identifier: Apache-2.0
//
// libjpeg's errors, warnings and progress turned into our Error: any error, the first warning, and a passed
// deadline leave libjpeg by longjmp to the setjmp of the one function that called it. That function holds
// nothing but trivially destructible locals. One object a codec object; not thread safe.
//
// Security: a warning means that libjpeg guessed; we do not pass guesses on, so a warning ends the work.
#pragma once

#include <csetjmp>
#include <cstdio>

// jpeglib.h needs <cstdio> before it.
#include <jpeglib.h>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace optimilter {

struct JpegErrors {
    jpeg_error_mgr manager{};  // first: libjpeg only knows this part
    jpeg_progress_mgr progress{};
    std::jmp_buf escape{};
    Deadline deadline;
    unsigned polls = 0;
    ErrorCode code = ErrorCode::kInternal;
    char text[JMSG_LENGTH_MAX] = {};

    // Connects object (a jpeg_compress_struct or jpeg_decompress_struct, before jpeg_create_*) with this.
    template <typename Object>
    void watch(Object& object, Deadline until) {
        deadline = until;
        object.err = prepare();
    }
    // After jpeg_create_*, which clears the field.
    template <typename Object>
    void watch_progress(Object& object) {
        object.progress = &progress;
    }

    Error error() const { return {code, text}; }

    // Leaves libjpeg with this error. For the functions libjpeg calls back.
    [[noreturn]] static void leave(j_common_ptr object, ErrorCode why, const char* words);

  private:
    jpeg_error_mgr* prepare();
};

}  // namespace optimilter
