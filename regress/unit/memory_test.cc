// lib/os/memory: code and constants are let go of, what was written stays, and all of it works on.
// SPDX-License-Identifier: ISC
#include "lib/os/memory.h"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <regex>
#include <string>

#include "regress/unit/unit.h"

using namespace mailkeep;

namespace {

int written = 1;
std::string (*volatile pointer)(int) = std::to_string;  // a relocation

// KiB resident of what is mapped from files and not writable.
size_t resident_code() {
  std::ifstream maps("/proc/self/smaps");
  size_t total = 0;
  bool counts = false;
  for (std::string line; std::getline(maps, line);) {
    char permissions[8] = "", path[200] = "";
    size_t kib = 0;
    if (std::sscanf(line.c_str(), "%*x-%*x %7s %*s %*s %*s %199s", permissions, path) >= 1 &&
        std::strlen(permissions) == 4) {
      counts = path[0] == '/' && std::strchr(permissions, 'x') != nullptr;
    } else if (counts && std::sscanf(line.c_str(), "Rss: %zu kB", &kib) == 1) {
      total += kib;
    }
  }
  return total;
}

void lets_go_and_works_on(void**) {
  const std::regex used("(a|b)+c");  // much code
  assert_true(std::regex_match("ababc", used));
  const size_t before = resident_code();
  std::string kept(1 << 20, 'k');
  written = 7;
  assert_true(os::release_start_up_memory() > before * 1024 / 2);
  const size_t after = resident_code();
  if (after > before * 3 / 4) fail_msg("%zu KiB before, %zu after", before, after);
  assert_int_equal(written, 7);
  assert_true(kept == std::string(1 << 20, 'k'));
  assert_string_equal(pointer(42).c_str(), "42");
  assert_true(std::regex_match("ababc", used));
  assert_true(os::release_start_up_memory() > 0);  // as often as one likes
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(lets_go_and_works_on)};
  return run_unit_tests(tests);
}
