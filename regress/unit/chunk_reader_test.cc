// lib/receive/chunk_reader: text in counted chunks, the same however it is cut.
// SPDX-License-Identifier: ISC
#include "lib/receive/chunk_reader.h"

#include "regress/unit/unit.h"

using namespace mailkeep::receive;
using Fault = DataReader::Fault;

struct Case {
  std::string_view in;
  std::string_view content;
  Fault fault;
};

static const Case kCases[] = {
    {"", "", Fault::kNone},
    {"a\r\n.\r\n..b\r\n", "a\r\n.\r\n..b\r\n", Fault::kNone},  // a dot is a dot
    {"a\r\nb", "a\r\nb\r\n", Fault::kNone},
    {"\r\n", "\r\n", Fault::kNone},
    {"a\nb\r\n", "", Fault::kBareLf},
    {"\na", "", Fault::kBareLf},
    {"a\rb\r\n", "", Fault::kBareCr},
    {"a\r\r\n", "", Fault::kBareCr},
    {"a\r", "", Fault::kBareCr},
    {std::string_view("a\0b\r\n", 5), "", Fault::kNul},
    {"0123456789012345678901234567890123456789", "", Fault::kTooLarge},
};

static void table_and_splits(void**) {
  for (const Case& c : kCases) {
    for (size_t step = 1; step <= c.in.size() + 1; step++) {
      ChunkReader r(30);
      std::string out;
      for (size_t at = 0; at < c.in.size(); at += step) r.feed(c.in.substr(at, step), out);
      r.finish(out);
      assert_int_equal(static_cast<int>(r.fault()), static_cast<int>(c.fault));
      if (c.fault == Fault::kNone) assert_text(out, c.content);
      assert_int_equal(r.size(), c.in.size());
    }
  }
}

static void long_lines(void**) {
  ChunkReader good(1000000);
  std::string out;
  good.feed(std::string(kMaxTextLine, 'a') + "\r\nb\r\n", out);
  assert_int_equal(static_cast<int>(good.fault()), static_cast<int>(Fault::kNone));
  ChunkReader bad(1000000);
  bad.feed(std::string(kMaxTextLine, 'a'), out);
  bad.feed("a", out);
  assert_int_equal(static_cast<int>(bad.fault()), static_cast<int>(Fault::kLongLine));
}

int main() {
  const CMUnitTest tests[] = {unit_test(table_and_splits), unit_test(long_lines)};
  return run_unit_tests(tests);
}
