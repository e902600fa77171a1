// lib/imap/reader.h: whole commands from bytes in any pieces; limits; APPEND.
// SPDX-License-Identifier: ISC
#include "lib/imap/reader.h"

#include "regress/unit/unit.h"

using mailkeep::imap::CommandReader;
using Event = CommandReader::Event;

// What the reader says of `input` when it comes in pieces of `piece` bytes. A waiting client sends on at once.
static std::string told(std::string_view input, size_t piece, CommandReader::Limits limits = {}, bool refuse = false) {
  CommandReader reader(limits);
  std::string out, data;
  while (!input.empty()) {
    std::string_view part = input.substr(0, piece);
    input.remove_prefix(part.size());
    for (Event event = reader.next(part); event != Event::kNone; event = reader.next(part)) {
      switch (event) {
        case Event::kGoAhead: out += "go;"; break;
        case Event::kCommand: out += "[" + std::string(reader.command()) + "];"; break;
        case Event::kAppend:
          out += "append(" + std::string(reader.command()) + ");";
          if (refuse)
            reader.refuse();
          else if (reader.accept())
            out += "go;";
          break;
        case Event::kData: data += reader.data(); break;
        case Event::kAppendEnd:
          out += "message(" + data + ");";
          data.clear();
          break;
        case Event::kLine: out += "line(" + std::string(reader.command()) + ");"; break;
        case Event::kRefused: out += "refused(" + reader.refusal() + ");"; break;
        case Event::kNone: break;
      }
      if (event == Event::kCommand && reader.command().find("IDLE") != std::string_view::npos) reader.expect_line();
    }
    assert_int_equal(part.size(), 0);
  }
  return out;
}

// The same for all sizes of pieces.
static void expect(std::string_view input, std::string_view expected, CommandReader::Limits limits = {},
                   bool refuse = false) {
  for (size_t piece = 1; piece <= input.size(); ++piece) assert_text(told(input, piece, limits, refuse), expected);
}

static void commands(void**) {
  expect("a NOOP\r\nb NOOP\r\n", "[a NOOP\r\n];[b NOOP\r\n];");
  expect("a LOGIN {3}\r\njoe {2}\r\npw\r\n", "go;go;[a LOGIN {3}\r\njoe {2}\r\npw\r\n];");
  expect("a LOGIN {3+}\r\njoe {0+}\r\n\r\nb NOOP\r\n", "[a LOGIN {3+}\r\njoe {0+}\r\n\r\n];[b NOOP\r\n];");
  expect("a X {4+}\r\n\r\n\r\n\r\nb NOOP\r\n", "[a X {4+}\r\n\r\n\r\n\r\n];[b NOOP\r\n];");
  expect("a IDLE\r\nDONE\r\nb NOOP\r\n", "[a IDLE\r\n];line(DONE);[b NOOP\r\n];");
  expect("a IDLE\r\nDONE\nb NOOP\r\n", "[a IDLE\r\n];line(DONE);[b NOOP\r\n];");
  expect("a NOOP\nb NOOP\r\n", "refused(a BAD Lines end with CRLF\r\n);[b NOOP\r\n];");
  expect("\r\na NOOP\r\n", "[\r\n];[a NOOP\r\n];");
}

static void messages(void**) {
  expect("a APPEND x {3}\r\nm\r\n\r\nb NOOP\r\n", "append(a APPEND x {3}\r\n);go;message(m\r\n);[b NOOP\r\n];");
  expect("a APPEND {1+}\r\nx (\\Seen) {3+}\r\nabc\r\nb NOOP\r\n",
         "append(a APPEND {1+}\r\nx (\\Seen) {3+}\r\n);message(abc);[b NOOP\r\n];");
  expect("a APPEND x {0+}\r\n\r\n", "append(a APPEND x {0+}\r\n);message();");
  expect("a APPEND x {3+}\r\nabc {2+}\r\nno\r\nb NOOP\r\n",
         "append(a APPEND x {3+}\r\n);refused(a BAD APPEND takes one message\r\n);[b NOOP\r\n];");
  expect("a APPEND x {3+}\r\nabcd\r\nb NOOP\r\n",
         "append(a APPEND x {3+}\r\n);refused(a BAD APPEND takes one message\r\n);[b NOOP\r\n];");
  // The caller refuses: a client that waits sends its next command, one that does not is passed over.
  expect("a APPEND x {3}\r\nb NOOP\r\n", "append(a APPEND x {3}\r\n);[b NOOP\r\n];", {}, true);
  expect("a APPEND x {3+}\r\nabc\r\nb NOOP\r\n", "append(a APPEND x {3+}\r\n);[b NOOP\r\n];", {}, true);
}

static void limits(void**) {
  const CommandReader::Limits small{20, 10, 40};
  expect("a 34567890123456789\r\nb NOOP\r\n", "[a 34567890123456789\r\n];[b NOOP\r\n];", small);
  expect("a 345678901234567890\r\nb NOOP\r\n", "[a 345678901234567890\r\n];[b NOOP\r\n];", small);
  expect("a 3456789012345678901\r\nb NOOP\r\n", "refused(a BAD [TOOBIG] Command line too long\r\n);[b NOOP\r\n];",
         small);
  expect("a 34567890123456789012345 {3+}\r\nxyz\r\nb NOOP\r\n",
         "refused(a BAD [TOOBIG] Command line too long\r\n);[b NOOP\r\n];", small);
  expect("a X {11}\r\nb NOOP\r\n", "refused(a NO [TOOBIG] Literal too large\r\n);[b NOOP\r\n];", small);
  expect("a X {11+}\r\n12345\r\n8901\r\nb NOOP\r\n", "refused(a NO [TOOBIG] Literal too large\r\n);[b NOOP\r\n];",
         small);
  expect("a X {10+}\r\n1234567890 {10+}\r\n1234567890 {10+}\r\n1234567890\r\nb NOOP\r\n",
         "refused(a NO [TOOBIG] Literal too large\r\n);[b NOOP\r\n];", small);
  // Memory stays small while a line is passed over.
  CommandReader reader;
  const std::string block(1 << 20, 'x');
  std::string_view input = block;
  assert_true(reader.next(input) == Event::kRefused);
  for (int i = 0; i < 8; ++i) {
    assert_true(reader.next(input) == Event::kNone);
    assert_true(reader.command().size() < 100);
    input = block;
  }
  std::string_view end = "\r\na NOOP\r\n";
  assert_true(reader.next(end) == Event::kCommand);
  assert_text(reader.command(), "a NOOP\r\n");
}

int main() {
  const CMUnitTest tests[] = {unit_test(commands), unit_test(messages), unit_test(limits)};
  return run_unit_tests(tests);
}
