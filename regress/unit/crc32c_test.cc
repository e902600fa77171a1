// lib/base/crc32c.h against RFC 3720 B.4 and against itself in pieces.
// SPDX-License-Identifier: ISC
#include "lib/base/crc32c.h"

#include "regress/unit/unit.h"

using namespace mailkeep;

static void known_values(void**) {
  assert_int_equal(crc32c("123456789"), 0xe3069283);
  assert_int_equal(crc32c(std::string(32, '\0')), 0x8a9136aa);
  assert_int_equal(crc32c(std::string(32, '\xff')), 0x62a8ab43);
  assert_int_equal(crc32c(""), 0);
}

static void pieces_and_table(void**) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 7);
  for (size_t cut = 0; cut < 40; ++cut) {
    assert_int_equal(crc32c(text.substr(cut), crc32c(text.substr(0, cut))), crc32c(text));
    assert_int_equal(crc32c_by_table(text.substr(cut)), crc32c(text.substr(cut)));
  }
}

int main() {
  const CMUnitTest tests[] = {unit_test(known_values), unit_test(pieces_and_table)};
  return run_unit_tests(tests);
}
