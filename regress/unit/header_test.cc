// lib/rfc5322: header fields, message ids, base subjects, folding.
// SPDX-License-Identifier: ISC
#include "lib/rfc5322/header.h"

#include "lib/rfc5322/header_writer.h"
#include "lib/rfc5322/msgid.h"
#include "lib/rfc5322/subject.h"
#include "regress/unit/unit.h"

using namespace mailkeep::rfc5322;

static void fields(void**) {
  const std::string_view text =
      "From: a@b\r\nSubject : hello\r\n  world\r\n\tagain\r\nX-Empty:\r\nno field\r\n: none\r\nsubject: "
      "second\r\n\r\nbody: no\r\n";
  const Header header = parse_header(text);
  assert_int_equal(header.fields.size(), 6);
  assert_true(header.has_end);
  assert_false(header.is_truncated);
  assert_text(text.substr(header.size), "body: no\r\n");
  assert_text(header.text("SUBJECT"), "hello  world\tagain");
  assert_text(header.find("subject")->value, " hello\r\n  world\r\n\tagain");
  assert_int_equal(header.find_all("subject").size(), 2);
  assert_text(header.fields[3].name, "");
  assert_text(header.fields[4].name, "");
  assert_true(header.find("body") == nullptr);
  assert_text(unfold(" a\rb\r\n c\nd\r"), "a b cd");
  assert_text(one_spaced(" a \t b\r\n\t c"), "a b c");
}

// LF alone gives the same fields; so does every cut of the text up to there, and raw pieces always add up.
static void damaged_and_cut(void**) {
  const Header header = parse_header("A: 1\n B\nC: 2\n\nbody");
  assert_int_equal(header.fields.size(), 2);
  assert_text(header.text("a"), "1 B");
  assert_int_equal(header.size, 14);
  const std::string text = "A: 1\r\n b\r\nC: 2\r\n\r\n";
  for (size_t n = 0; n <= text.size(); ++n) {
    const std::string_view cut = std::string_view(text).substr(0, n);
    const Header part = parse_header(cut);
    std::string raw;
    for (const Field& field : part.fields) raw += field.raw;
    if (n < text.size()) {
      assert_true(raw == cut || raw == cut.substr(0, raw.size()));
      assert_false(part.has_end);
    }
  }
  assert_int_equal(parse_header("").fields.size(), 0);
  assert_int_equal(parse_header(" leading\r\nA: b\r\n\r\n").fields.size(), 2);
  assert_text(parse_header(" leading\r\nA: b\r\n\r\n").text("a"), "b");
}

static void limits(void**) {
  HeaderLimits few;
  few.fields = 2;
  const Header header = parse_header("A: 1\r\nB: 2\r\nC: 3\r\n\r\nx", few);
  assert_int_equal(header.fields.size(), 2);
  assert_true(header.is_truncated);
  assert_int_equal(header.size, 20);
  HeaderLimits small;
  small.field = 4;
  assert_text(parse_header("A: 123456789\r\n\r\n", small).fields[0].value, " 123");
  small.header = 5;
  assert_int_equal(parse_header("A: 1\r\nB: 2\r\n\r\n", small).fields.size(), 1);
}

static void message_ids(void**) {
  const auto ids = parse_message_ids(" <a@b>\r\n\t(comment <x@y>) <c@d><\"e f\"@g> junk <noat> <h@[1.2.3.4]> <open@x");
  assert_int_equal(ids.size(), 4);
  assert_text(ids[0], "a@b");
  assert_text(ids[1], "c@d");
  assert_text(ids[2], "e f@g");
  assert_text(ids[3], "h@[1.2.3.4]");
  assert_int_equal(parse_message_ids("").size(), 0);
  const auto last = parse_message_ids("<1@x> <2@x> <3@x>", 2);
  assert_int_equal(last.size(), 2);
  assert_text(last[0], "2@x");
}

static void base_subjects(void**) {
  const char* table[][2] = {
      {"hello", "hello"},
      {"Re: hello", "hello"},
      {"re: FWD: Fw : hello", "hello"},
      {"Re[2]: hello", "hello"},
      {"[list] Re: [list] hello", "hello"},
      {"hello (fwd) (FWD)", "hello"},
      {"[fwd: Re: hello]", "hello"},
      {"[only]", "[only]"},
      {"[a] [b] c", "c"},
      {"  a \t b ", "a b"},
      {"Reply", "Reply"},
      {"", ""},
      {"Re:", ""},
      {"[a][b]", "[b]"},
      {"RE [x]: y", "y"},
      {"[unclosed Re: x", "[unclosed Re: x"},
  };
  for (const auto& row : table) assert_text(base_subject(row[0]).text, row[1]);
  assert_true(base_subject("Re: x").is_reply_or_forward);
  assert_true(base_subject("x (fwd)").is_reply_or_forward);
  assert_false(base_subject("[list] x").is_reply_or_forward);
}

static void writing(void**) {
  assert_text(format_field("A", "b"), "A: b\r\n");
  assert_text(format_field("A", ""), "A:\r\n");
  assert_text(format_field("A", "b\r\nBcc: c"), "A: b  Bcc: c\r\n");
  std::string value;
  for (int i = 0; i < 50; ++i) value += "word" + std::to_string(i) + " ";
  const std::string field = format_field("Subject", value);
  size_t start = 0;
  for (size_t end = field.find("\r\n"); end != std::string::npos; start = end + 2, end = field.find("\r\n", start)) {
    assert_true(end - start <= 78);
  }
  assert_int_equal(start, field.size());
  assert_int_equal(parse_header(field).fields.size(), 1);
  assert_text(parse_header(field).text("subject"), value.substr(0, value.size() - 1));
}

int main() {
  const CMUnitTest tests[] = {unit_test(fields),      unit_test(damaged_and_cut), unit_test(limits),
                              unit_test(message_ids), unit_test(base_subjects),   unit_test(writing)};
  return run_unit_tests(tests);
}
