// smtpd/relay: a message's content on its way out: dots, slices, chunks, 7 bits, fields before it.
// SPDX-License-Identifier: ISC
#include "regress/unit/relay_play.h"

namespace {

// To a host that takes 7 bits, and what asked for SMTPUTF8 without a need of it.
void in_seven_bits(void**) {
  Play p;
  hello(p, "250-m\r\n250-PIPELINING\r\n250 SIZE 1000\r\n");
  Transfer t = transfer_to({"b@x.test"},
                           "Content-Transfer-Encoding: 8bit\r\n\r\n.gr\xc3\xbc\xc3\x9f"
                           "e\r\n");
  t.options.smtputf8 = true;
  p.begin(t);
  assert_text(p.heard(), "MAIL FROM:<a@mk.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n");
  p.say("250 ok\r\n250 ok\r\n354 go\r\n");
  assert_text(p.content(), "Content-Transfer-Encoding: quoted-printable\r\n\r\n..gr=C3=BC=C3=9Fe\r\n.\r\n");
  assert_true(p.say("250 ok\r\n") == Step::kDone);
  const Transfer plain = transfer_to({"b@x.test"});  // the next one is as it is
  p.begin(plain);
  assert_text(p.heard(), "MAIL FROM:<a@mk.test> SIZE=27\r\nRCPT TO:<b@x.test>\r\nDATA\r\n");
}

// RFC 3030: one chunk, without dots, once somebody has been accepted.
void as_a_chunk(void**) {
  const std::string offers = "250-m\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n";
  for (const bool cut : {false, true}) {
    Play p;
    p.cut = cut;
    hello(p, offers);
    const Transfer t = transfer_to({"b@x.test", "c@x.test"});
    p.begin(t);
    assert_text(p.heard(), "MAIL FROM:<a@mk.test>\r\nRCPT TO:<b@x.test>\r\nRCPT TO:<c@x.test>\r\n");
    assert_true(p.say("250 ok\r\n250 ok\r\n") == Step::kWait);
    assert_text(p.heard(), "");
    assert_true(p.say("550 5.1.1 no\r\n") == Step::kWait);
    assert_text(p.content(), "BDAT 27 LAST\r\n" + kMail);
    assert_true(p.say("250 2.0.0 kept\r\n") == Step::kDone);
    assert_true(p.result(0).outcome == Outcome::kDelivered && p.result(1).outcome == Outcome::kPermanent);
    assert_true(p.d.is_reusable());
    // Nobody accepted: nothing is sent, and the transaction that is left open is taken back.
    const Transfer nobody = transfer_to({"b@x.test"});
    p.begin(nobody);
    p.heard();
    assert_true(p.say("250 ok\r\n450 4.2.0 later\r\n") == Step::kDone);
    assert_text(p.heard(), "");
    // The line end that lacks is counted, and an empty message is one.
    for (const std::string& text : {std::string("a: b\r\n\r\nx"), std::string()}) {
      const Transfer last = transfer_to({"b@x.test"}, text);
      p.begin(last);
      assert_text(p.heard(),
                  std::string(text.empty() ? "" : "RSET\r\n") + "MAIL FROM:<a@mk.test>\r\nRCPT TO:<b@x.test>\r\n");
      assert_true(p.say((text.empty() ? "" : "250 ok\r\n") + std::string("250 ok\r\n250 ok\r\n")) == Step::kWait);
      assert_text(p.content(), text.empty() ? "BDAT 0 LAST\r\n" : "BDAT 11 LAST\r\n" + text + "\r\n");
      assert_true(p.say("250 ok\r\n") == Step::kDone);
    }
  }
  // What must be converted goes by DATA: nobody knows its size before.
  Play q;
  hello(q, "250-m\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
  const Transfer t = transfer_to({"b@x.test"}, "Content-Transfer-Encoding: 8bit\r\n\r\n\xc3\xbc\r\n");
  q.begin(t);
  assert_text(q.heard(), "MAIL FROM:<a@mk.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n");
}

void fields_of_who_forwarded_it(void**) {
  Play p;
  hello(p, "250-m\r\n250-SIZE 1000\r\n250 PIPELINING\r\n");
  Transfer t = transfer_to({"b@x.test"});
  t.delivered_to = {"one@mk.test", "b\xc3\xbc@mk.test", "two@mk.test", "x\r\nEvil: y"};
  p.begin(t);
  const std::string head = "Delivered-To: two@mk.test\r\nDelivered-To: one@mk.test\r\n";
  assert_true(
      p.heard().starts_with("MAIL FROM:<a@mk.test> SIZE=" + std::to_string(kMail.size() + head.size()) + "\r\n"));
  p.say("250 ok\r\n250 ok\r\n354 go\r\n");
  assert_text(p.content(), head + kStuffed);
}

// Dots at the seams of slices, whatever lies there.
void content_in_slices(void**) {
  const auto expected = [](std::string text) {
    std::string out = text[0] == '.' ? "." : "";
    for (size_t i = 0; i < text.size(); ++i) {
      out += text[i];
      if (text[i] == '\n' && i + 1 < text.size() && text[i + 1] == '.') out += '.';
    }
    return out + (text.ends_with("\n") ? ".\r\n" : "\r\n.\r\n");
  };
  for (const size_t shift : {size_t{0}, size_t{1}, size_t{2}, size_t{3}, size_t{4}}) {
    std::string text(kSlice - 4 + shift, 'a');
    text += "\r\n.\r\n..\r\n";
    text += std::string(kSlice, 'b') + "\r\n.";
    const Fd fd = file_of(text);
    Content content(fd.get(), text.size());
    std::string out;
    while (!content.is_over()) assert_true(content.append_to(out));
    assert_true(out == expected(text));
  }
  const Fd fd = file_of(".x");
  Content content(fd.get(), 100);
  std::string out;
  assert_true(content.append_to(out));
  assert_false(content.append_to(out));  // shorter than it was said to be
}

void survey_across_slices(void**) {
  const auto look = [](const std::string& text) { return *survey(file_of(text).get(), text.size()); };
  std::string text(kSlice - 1, 'a');
  assert_false(look(text + "\r\n").bad_lines);
  assert_true(look(text + "\rx").bad_lines);
  assert_true(look(text + "x\n").bad_lines);
  assert_true(look(text + "\r").bad_lines);
  assert_false(look(text + "a").eight_bit);
  assert_true(look(text + "a\x80").eight_bit);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(in_seven_bits), unit_test(as_a_chunk), unit_test(fields_of_who_forwarded_it),
                              unit_test(content_in_slices), unit_test(survey_across_slices)};
  return run_unit_tests(tests);
}
