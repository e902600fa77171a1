// cmocka for C++: its headers in the order they need, and two names without old-style casts.
// SPDX-License-Identifier: ISC
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
extern "C" {
#include <cmocka.h>
}
#pragma GCC diagnostic pop
// cmocka's macros cast in the old style wherever they are used, so tests allow it.
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wuseless-cast"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wconversion"

#include <string>
#include <string_view>

#undef unit_test
#define unit_test(function) cmocka_unit_test(function)
#define run_unit_tests(tests) cmocka_run_group_tests(tests, nullptr, nullptr)

// Both texts equal, else both are printed.
#define assert_text(actual, expected) assert_string_equal(std::string(actual).c_str(), std::string(expected).c_str())

// A Result is true in a test as it is in an `if`.
#undef assert_true
#undef assert_false
#define assert_true(c) _assert_true(static_cast<bool>(c) ? 1 : 0, #c, __FILE__, __LINE__)
#define assert_false(c) _assert_true(static_cast<bool>(c) ? 0 : 1, "!(" #c ")", __FILE__, __LINE__)
