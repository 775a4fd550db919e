// SPDX-License-Identifier: Apache-2.0
//
// The checks of our CMocka tests. CMocka leaves a failed assertion by longjmp, which skips C++ destructors;
// these throw instead, unwind, and fail the CMocka test outside of any C++ frame that owns something. Every
// failure names file, line and the row of the case table. Include this instead of <cmocka.h>.
#pragma once

// cmocka.h needs the four headers before it.
// clang-format off
extern "C" {
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
}
// clang-format on
// CMocka's short macros collide with ordinary C++ (stream.fail()).
#undef fail
#undef skip
#undef mock

#include <cstdlib>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace check {

struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <typename T>
std::string shown(const T& value) {
    if constexpr (requires(std::ostringstream & out) { out << value; }) {
        std::ostringstream out;
        out << value;
        return out.str();
    } else if constexpr (std::is_enum_v<T>) {
        return std::to_string(static_cast<long long>(value));
    } else {
        return "(not printable)";
    }
}

[[noreturn]] inline void failed(const char* file, int line, std::string_view row, const std::string& what) {
    std::ostringstream out;
    out << file << ":" << line << ": ";
    if (!row.empty()) out << "[" << row << "] ";
    out << what;
    throw Failure(out.str());
}

template <typename A, typename B>
void equal(const A& got, const B& want, const char* text, const char* file, int line, std::string_view row) {
    if (got == want) return;
    failed(file, line, row, std::string(text) + ": got <" + shown(got) + ">, want <" + shown(want) + ">");
}

// Runs one test function and turns any exception into a failed CMocka test.
template <void (*Test)()>
void run(void**) {
    std::string what;
    try {
        Test();
        return;
    } catch (const std::exception& error) {
        what = error.what();
    } catch (...) {
        what = "unknown exception";
    }
    print_error("%s\n", what.c_str());
    what = std::string();
    _fail(__FILE__, __LINE__);
}

}  // namespace check

// CHECK(condition [, row name]) and CHECK_EQ(got, want [, row name]).
#define CHECK(condition, ...)                                                                             \
    do {                                                                                                  \
        if (!(condition)) ::check::failed(__FILE__, __LINE__, std::string_view{__VA_ARGS__}, #condition); \
    } while (false)
#define CHECK_EQ(got, want, ...) \
    ::check::equal((got), (want), #got " == " #want, __FILE__, __LINE__, std::string_view{__VA_ARGS__})

// One row of the list of tests: TEST(function).
#define TEST(function) cmocka_unit_test_prestate_setup_teardown_named(#function, function)
#define cmocka_unit_test_prestate_setup_teardown_named(name, function) \
    { name, ::check::run<function>, nullptr, nullptr, nullptr }
