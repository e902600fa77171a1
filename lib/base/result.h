// The three outcomes of a call: a value, an Error in a Result, or fatal().
//
// Result<T> carries what input, a peer, the disk or the network can cause, in the spelling of
// std::expected (which g++ 11 lacks). fatal() is for a broken invariant of our own: it logs and ends
// the process. Nothing here throws; a Result that is read on the wrong side is a broken invariant.
//
// SPDX-License-Identifier: ISC
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace mailkeep {

// Ends the process: writes `what` to the log's last-resort sink (standard error) and aborts.
[[noreturn]] void fatal(std::string_view what);

// What went wrong, for a person, and errno where a system call said so (else 0).
struct Error {
  std::string text;
  int code = 0;

  explicit Error(std::string what, int error_number = 0) : text(std::move(what)), code(error_number) {}
};

// An Error of the call `what` that has just failed with errno: "open /x: No such file or directory".
Error errno_error(std::string_view what, int error_number = errno);

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit as in std::expected
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return *get(); }
  const T& value() const& { return *get(); }
  T&& value() && { return std::move(*get()); }
  T& operator*() & { return *get(); }
  const T& operator*() const& { return *get(); }
  T&& operator*() && { return std::move(*get()); }
  T* operator->() { return get(); }
  const T* operator->() const { return get(); }

  const Error& error() const {
    const Error* e = std::get_if<1>(&state_);
    if (e == nullptr) fatal("Result: error() of a value");
    return *e;
  }
  T value_or(T other) && { return has_value() ? std::move(*get()) : std::move(other); }

 private:
  T* get() {
    T* v = std::get_if<0>(&state_);
    if (v == nullptr) fatal("Result: value of an error: " + error().text);
    return v;
  }
  const T* get() const { return const_cast<Result*>(this)->get(); }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}  // NOLINT: implicit as in std::expected

  bool has_value() const { return !failed_; }
  explicit operator bool() const { return !failed_; }
  const Error& error() const {
    if (!failed_) fatal("Result: error() of a value");
    return error_;
  }

 private:
  Error error_{std::string()};
  bool failed_ = false;
};

using Status = Result<void>;

}  // namespace mailkeep
