// lib/receive/data_reader: only CRLF.CRLF ends data, dots are unstuffed, faults are seen; the same split at every byte.
// SPDX-License-Identifier: ISC
#include "lib/receive/data_reader.h"

#include "regress/unit/unit.h"

using namespace mailkeep::receive;
using Fault = DataReader::Fault;

struct Case {
  std::string_view in;
  std::string_view content;  // when there is no fault
  std::string_view rest;     // behind the end of data; "" and !done when it does not end
  bool done;
  Fault fault;
};

static const Case kCases[] = {
    {".\r\n", "", "", true, Fault::kNone},
    {"a\r\n.\r\nQUIT\r\n", "a\r\n", "QUIT\r\n", true, Fault::kNone},
    {"..\r\n.\r\n", ".\r\n", "", true, Fault::kNone},
    {"...a\r\n.b\r\n.\r\n", "..a\r\nb\r\n", "", true, Fault::kNone},
    {"a.\r\n.\r\n", "a.\r\n", "", true, Fault::kNone},
    {"\r\n\r\n.\r\n", "\r\n\r\n", "", true, Fault::kNone},
    {"a\r\n.", "a\r\n", "", false, Fault::kNone},
    // smuggling: none of these ends the data
    {"a\n.\nMAIL\r\n.\r\nX", "", "X", true, Fault::kBareLf},
    {"a\n.\r\nMAIL\r\n.\r\nX", "", "X", true, Fault::kBareLf},
    {"a\r\n.\nMAIL\r\n.\r\nX", "", "X", true, Fault::kBareLf},
    {"a\r.\r\nMAIL\r\n.\r\nX", "", "X", true, Fault::kBareCr},
    {"a\r\n.\rMAIL\r\n.\r\nX", "", "X", true, Fault::kBareCr},
    {"a\r\r\n.\r\nX", "", "X", true, Fault::kBareCr},
    {"a\r\n\r.\r\r\n.\r\nX", "", "X", true, Fault::kBareCr},
    {"\n.\r\n.\r\nX", "", "X", true, Fault::kBareLf},
    {std::string_view("a\0b\r\n.\r\n", 8), "", "", true, Fault::kNul},
};

static void table_and_splits(void**) {
  for (const Case& c : kCases) {
    for (size_t cut = 0; cut <= c.in.size(); cut++) {
      DataReader r(1000);
      std::string out;
      size_t took = r.feed(c.in.substr(0, cut), out);
      if (took == cut) took += r.feed(c.in.substr(cut), out);
      assert_int_equal(r.done(), c.done);
      assert_int_equal(static_cast<int>(r.fault()), static_cast<int>(c.fault));
      if (c.fault == Fault::kNone) assert_text(out, c.content);
      if (c.done) assert_text(c.in.substr(took), c.rest);
    }
    DataReader one(1000);
    std::string out;
    size_t took = 0;
    for (char b : c.in) {
      if (one.done()) break;
      took += one.feed(std::string_view(&b, 1), out);
    }
    assert_int_equal(one.done(), c.done);
    if (c.done) assert_text(c.in.substr(took), c.rest);
  }
}

static void sizes(void**) {
  DataReader r(10);
  std::string out;
  const std::string in = "12345678\r\n.\r\n";
  r.feed(in, out);
  assert_int_equal(r.size(), 10);
  assert_true(r.fault() == Fault::kNone);
  DataReader small(9);
  small.feed(in, out);
  assert_true(small.done() && small.fault() == Fault::kTooLarge);
  DataReader longer(1 << 20);
  longer.feed(std::string(kMaxTextLine + 1, 'x') + "\r\n.\r\n", out);
  assert_true(longer.done() && longer.fault() == Fault::kLongLine);
}

int main() {
  const CMUnitTest tests[] = {unit_test(table_and_splits), unit_test(sizes)};
  return run_unit_tests(tests);
}
