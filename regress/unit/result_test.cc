// lib/base/result.h: a Result holds a value or an Error, and says which.
// SPDX-License-Identifier: ISC
#include "lib/base/result.h"

#include <memory>

#include "regress/unit/unit.h"

using namespace mailkeep;

static Result<int> half(int n) {
  if (n % 2 != 0) return Error("odd", EINVAL);
  return n / 2;
}

static void value_and_error(void**) {
  auto good = half(4);
  assert_true(good.has_value());
  assert_int_equal(*good, 2);
  auto bad = half(3);
  assert_false(bad.has_value());
  assert_string_equal(bad.error().text.c_str(), "odd");
  assert_int_equal(bad.error().code, EINVAL);
  assert_int_equal(half(3).value_or(7), 7);
}

static void moves_its_value(void**) {
  Result<std::unique_ptr<int>> r = std::make_unique<int>(5);
  std::unique_ptr<int> p = std::move(r).value();
  assert_int_equal(*p, 5);
}

static void status(void**) {
  Status ok;
  assert_true(ok.has_value());
  Status bad = errno_error("open /x", ENOENT);
  assert_false(bad.has_value());
  assert_string_equal(bad.error().text.c_str(), "open /x: No such file or directory");
}

int main() {
  const CMUnitTest tests[] = {unit_test(value_and_error), unit_test(moves_its_value), unit_test(status)};
  return run_unit_tests(tests);
}
