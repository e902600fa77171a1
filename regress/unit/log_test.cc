// lib/log: levels, escaping, the tap.
// SPDX-License-Identifier: ISC
#include "lib/log/log.h"

#include <vector>

#include "regress/unit/unit.h"

using namespace mailkeep;

static void lines_are_escaped(void**) {
  std::vector<std::string> lines;
  log::open("smtpd", log::Level::kInfo, true);
  log::set_tap([&](std::string_view line) { lines.emplace_back(line); });
  log::info("rcpt").kv("to", "a b\r\nevent=forged").kv("code", 250).kv("q", "say \"x\"").kv("empty", "");
  log::debug("quiet").kv("k", 1);
  log::warn("odd");
  log::set_tap({});
  assert_int_equal(lines.size(), 2);
  assert_text(lines[0],
              "process=smtpd event=rcpt to=\"a b\\x0d\\x0aevent=forged\" code=250 q=\"say \\\"x\\\"\" empty=\"\"");
  assert_text(lines[1], "process=smtpd event=odd level=warn");
  log::flush();
}

int main() {
  const CMUnitTest tests[] = {unit_test(lines_are_escaped)};
  return run_unit_tests(tests);
}
