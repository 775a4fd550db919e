// SPDX-License-Identifier: Apache-2.0
//
// Result<T> is a value or an Error. It keeps the names of std::expected, which g++ 12 lacks under C++20.
// Errors are for what could not be done; an optimizer that leaves a file alone has an outcome, no error.
// No thread rule: plain values.
#pragma once

#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

namespace optimilter {

enum class ErrorCode {
    kMalformed,    // the bytes break the rules of their format
    kUnsupported,  // well-formed, but nothing we handle
    kLimit,        // a bound on size, count or depth was reached
    kDeadline,     // the time was up
    kIo,           // the operating system refused
    kWorkerDied,   // the worker crashed or was killed
    kRefused,      // a peer or a setting said no
    kInternal,     // a bug of ours
};

const char* error_code_name(ErrorCode code);

// What could not be done: a code to decide by, a text for people (operation and datum, no function names).
struct Error {
    ErrorCode code = ErrorCode::kInternal;
    std::string text;
};

template <typename T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }

    // Asking for the side that is not there is a broken invariant: it aborts.
    T& value() & { return *require<0>(); }
    const T& value() const& { return *require<0>(); }
    T&& value() && { return std::move(*require<0>()); }
    T* operator->() { return require<0>(); }
    const T* operator->() const { return require<0>(); }
    T& operator*() & { return *require<0>(); }
    const T& operator*() const& { return *require<0>(); }
    T&& operator*() && { return std::move(*require<0>()); }
    const Error& error() const { return *require<1>(); }

  private:
    template <std::size_t I>
    auto* require() {
        auto* side = std::get_if<I>(&state_);
        if (side == nullptr) std::abort();
        return side;
    }
    template <std::size_t I>
    const auto* require() const {
        const auto* side = std::get_if<I>(&state_);
        if (side == nullptr) std::abort();
        return side;
    }

    std::variant<T, Error> state_;
};

// The result of an operation that yields nothing but success.
struct Success {};
using Status = Result<Success>;

}  // namespace optimilter
