// lib/smtp/reply_reader.h: replies out of a stream, within bounds.
// SPDX-License-Identifier: ISC
#include "lib/smtp/reply_reader.h"

#include "lib/base/limits.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::smtp;

using Found = ReplyReader::Found;

namespace {

// What one read of all of `text` finds; what it leaves must be `rest`.
Found read_of(ReplyReader& reader, const std::string& text, std::string_view rest = "") {
  std::string_view input = text;
  const Found found = reader.read(input);
  assert_text(std::string(input), std::string(rest));
  return found;
}

void one_reply_at_a_time(void**) {
  ReplyReader reader;
  assert_true(read_of(reader, "250-mx.test\r\n250-SIZE 1000\n250 DSN\r\n220 2.0.0 go\r\n", "220 2.0.0 go\r\n") ==
              Found::kReply);
  assert_int_equal(reader.reply().code, 250);
  assert_int_equal(reader.reply().lines.size(), 3);
  assert_text(reader.reply().lines[1], "SIZE 1000");
  assert_text(reader.reply().text, "mx.test SIZE 1000 DSN");
  assert_true(read_of(reader, "550-5.1.1 no\r\n550 5.1.1 such user\r\n") == Found::kReply);
  assert_text(reader.reply().enhanced, "5.1.1");
  assert_text(reader.reply().text, "no such user");
  assert_true(reader.reply().is_permanent() && !reader.reply().is_good() && !reader.reply().is_temporary());
  assert_true(read_of(reader, "354\r\n") == Found::kReply);
  assert_text(reader.reply().enhanced, "");  // nothing is left of the one before
  assert_int_equal(reader.reply().lines.size(), 1);
}

// The owner keeps what was not taken and puts behind it what comes.
void split_at_every_byte(void**) {
  const std::string text = "250-2.1.0 a\r\n250-b\r\n250 2.1.5 c\r\n";
  for (size_t cut = 0; cut < text.size(); cut++) {
    ReplyReader reader;
    std::string_view front = std::string_view(text).substr(0, cut);
    assert_true(reader.read(front) == Found::kNothing);
    assert_true(read_of(reader, std::string(front) + text.substr(cut)) == Found::kReply);
    assert_int_equal(reader.reply().lines.size(), 3);
    assert_text(reader.reply().enhanced, "2.1.5");
    assert_text(reader.reply().text, "a b c");
  }
}

void what_is_no_reply(void**) {
  for (const char* bad :
       {"\r\n", "hello\r\n", "25 x\r\n", "199 x\r\n", "600 x\r\n", "250x\r\n", "250-a\r\n251 b\r\n"}) {
    ReplyReader reader;
    std::string_view input = bad;
    if (reader.read(input) != Found::kGarbage) fail_msg("taken: %s", bad);
  }
}

void replies_are_bounded(void**) {
  ReplyReader reader;
  std::string many;
  for (int i = 0; i < 200; ++i) many += "250-x\r\n";
  std::string_view input = many;
  assert_true(reader.read(input) == Found::kGarbage);
  ReplyReader other;
  const std::string endless(5000, 'x');
  input = endless;
  assert_true(other.read(input) == Found::kGarbage);
  ReplyReader third;
  assert_true(read_of(third, "550-5.1.1 \x01\xff\r\n550 5.1.1 " + std::string(600, 'y') + "\r\n") == Found::kReply);
  assert_true(third.reply().text.size() <= kMaxReplyText);
  assert_true(third.reply().text.starts_with("\\x01\\xff y"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(one_reply_at_a_time), unit_test(split_at_every_byte),
                              unit_test(what_is_no_reply), unit_test(replies_are_bounded)};
  return run_unit_tests(tests);
}
