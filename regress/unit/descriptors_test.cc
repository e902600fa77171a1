// lib/os/descriptors: the last descriptors are not for connections.
// SPDX-License-Identifier: ISC
#include <fcntl.h>
#include <sys/resource.h>

#include <cerrno>
#include <vector>

#include "lib/base/fd.h"
#include "lib/os/descriptors.h"
#include "regress/unit/unit.h"

using namespace mailkeep;

static void set_limit(rlim_t n) {
  struct rlimit limit {};
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = n;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void spare_follows_the_limit(void**) {
  set_limit(64);
  assert_int_equal(os::descriptor_limit(), 64);
  assert_int_equal(os::spare_descriptors(), 16);
  set_limit(1000);
  assert_int_equal(os::spare_descriptors(), os::kSpareDescriptors);
}

static void accepting_stops_before_the_last(void**) {
  set_limit(64);
  std::vector<Fd> open;
  while (os::may_accept(0)) {
    open.emplace_back(::dup(0));
    assert_true(open.back());
    assert_true(open.size() < 64);
  }
  assert_int_equal(errno, EMFILE);
  assert_int_equal(open.back().get(), 64 - 16 - 1);
  // Others can still be opened, and what they take does not count as room for connections.
  std::vector<Fd> others;
  for (int i = 0; i < 16; i++) assert_true(others.emplace_back(::dup(0)));
  assert_false(os::may_accept(0));
  open.erase(open.begin());
  assert_true(os::may_accept(0));
  open.emplace_back(::dup(0));
  assert_false(os::may_accept(0));
}

int main() {
  const CMUnitTest tests[] = {unit_test(spare_follows_the_limit), unit_test(accepting_stops_before_the_last)};
  return run_unit_tests(tests);
}
