// lib/receive/chunk_reader: text in counted chunks, the same however it is cut.
// SPDX-License-Identifier: ISC
#include "lib/receive/chunk_reader.h"

#include <algorithm>

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

// The header is lines as elsewhere; what follows is whatever it says.
static void binary(void**) {
  const std::string_view head = "A: b\r\nContent-Type: x/y\r\nContent-Transfer-Encoding: binary\r\n\r\n";
  const std::string made = "A: b\r\nContent-Type: x/y\r\nContent-Transfer-Encoding: base64\r\n\r\n";
  const struct {
    std::string in;
    std::string content;
    Fault fault;
  } table[] = {
      {std::string(head) + std::string("\0\r\n\n", 4), made + "AA0KCg==\r\n", Fault::kNone},
      {std::string(head) + "\r", made + "DQ==\r\n", Fault::kNone},
      {std::string(head), made, Fault::kNone},
      {"A: b\r\n\r\ntext", "A: b\r\n\r\ntext\r\n", Fault::kNone},
      {"A: b", "A: b\r\n", Fault::kNone},
      {"A: b\n" + std::string(head), "", Fault::kBareLf},
      {"A: b\rc\r\n" + std::string(head), "", Fault::kBareCr},
      {"A: b\r\n\r", "", Fault::kBareCr},
      {std::string("A: \0\r\n\r\n", 9), "", Fault::kNul},
      {"A: b\r\n\r\na\nb\r\n", "", Fault::kUnencodable},
      {std::string(head) + std::string(1001 - head.size(), '\xff'), "", Fault::kTooLarge},  // as it comes
      {std::string(head) + std::string(780, '\xff'), "", Fault::kTooLarge},                 // and as it is kept
  };
  for (const auto& c : table) {
    for (const size_t step : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, SIZE_MAX}) {
      ChunkReader r(1000, true);
      std::string out;
      for (size_t at = 0; at < c.in.size(); at += std::min(step, c.in.size()))
        r.feed(std::string_view(c.in).substr(at, step), out);
      r.finish(out);
      if (r.fault() != c.fault) fail_msg("%s: fault %d", c.in.c_str(), static_cast<int>(r.fault()));
      if (c.fault == Fault::kNone) assert_text(out, c.content);
      assert_int_equal(r.problem().empty(), c.fault != Fault::kUnencodable);
      assert_int_equal(r.size(), c.in.size());
    }
  }
}

int main() {
  const CMUnitTest tests[] = {unit_test(table_and_splits), unit_test(long_lines), unit_test(binary)};
  return run_unit_tests(tests);
}
