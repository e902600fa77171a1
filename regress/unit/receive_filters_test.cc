// lib/receive: the filters that lookup asks in each phase of a session.
// SPDX-License-Identifier: ISC
#include "regress/unit/receive_fixture.h"

using conf::Phase;

namespace {

struct Filtering : House {
  explicit Filtering(std::vector<Phase> in, smtpd::Protocol speaks = smtpd::Protocol::kSmtp) : House(speaks) {
    for (const Phase p : in) phases |= static_cast<uint16_t>(1U << static_cast<unsigned>(p));
    assert_text(configure(), "");
  }
  lookup::CheckPhase asked_in(Phase phase) {
    turns();
    const auto q = get<mailkeep::lookup::CheckPhase>(lookup.get());
    assert_int_equal(q.phase, static_cast<uint16_t>(phase));
    assert_int_equal(q.listener, 1);
    return q;
  }
  void say_of(const mailkeep::lookup::CheckPhase& q, mailkeep::lookup::Filtered f = {}) {
    mailkeep::lookup::PhaseVerdict v;
    v.session = q.session;
    v.query = q.query;
    v.filtered = std::move(f);
    put(lookup.get(), v);
    turns();
  }
  static mailkeep::lookup::Filtered junk() {
    mailkeep::lookup::Filtered f;
    f.name = "f";
    f.is_junk = true;
    return f;
  }
  static mailkeep::lookup::Filtered no(uint16_t code, bool ends = false) {
    mailkeep::lookup::Filtered f;
    f.name = "f";
    f.code = code;
    f.enhanced = code >= 500 ? "5.7.1" : "4.7.1";
    f.text = "filtered";
    f.disconnects = ends;
    return f;
  }
};

}  // namespace

static void before_the_greeting(void**) {
  Filtering h({Phase::connect});
  Client c = h.dial();
  h.expect_silence(c);
  const auto q = h.asked_in(Phase::connect);
  assert_text(q.facts.source, "127.0.0.1");
  assert_text(q.facts.name, "localhost");
  h.say_of(q);
  h.expect(c, "220 mx.mk.test");
  Client d = h.dial();
  h.say_of(h.asked_in(Phase::connect), Filtering::no(554));
  h.expect(d, "554 5.7.1 filtered");
  h.hear(d);
  assert_true(d.ended);
}

static void each_phase_refuses(void**) {
  Filtering h({Phase::ehlo, Phase::mail_from, Phase::data, Phase::commit});
  Client c = h.dial();
  h.expect(c, "220 mx.mk.test");
  h.say(c, "EHLO bad.test\r\n");
  h.say_of(h.asked_in(Phase::ehlo), Filtering::no(550));
  h.expect(c, "550 5.7.1 filtered");
  h.say(c, "MAIL FROM:<a@b.test>\r\n");
  h.expect(c, "503 5.5.1");  // nobody has been greeted
  h.say(c, "EHLO good.test\r\n");
  auto q = h.asked_in(Phase::ehlo);
  assert_text(q.facts.helo, "good.test");
  h.say_of(q);
  assert_true(h.hear(c).find("250 HELP\r\n") != std::string::npos);
  c.heard.clear();
  // What is pipelined behind waits for the verdict.
  h.say(c, "MAIL FROM:<a@b.test>\r\nRSET\r\n");
  q = h.asked_in(Phase::mail_from);
  assert_text(q.facts.sender, "a@b.test");
  h.expect_silence(c);
  h.say_of(q, Filtering::no(451));
  h.expect(c, "451 4.7.1 filtered");
  h.expect(c, "250 2.0.0");
  const auto begin = [&] {
    h.say(c, "MAIL FROM:<a@b.test>\r\n");
    h.say_of(h.asked_in(Phase::mail_from));
    h.expect(c, "250 2.1.0");
    h.say(c, "RCPT TO:<alice@mk.test>\r\n");
    const auto r = h.asked();
    assert_int_equal(r.listener, 0);  // no filter for recipients
    h.verdict(r);
    h.expect(c, "250 2.1.5");
  };
  begin();
  h.say(c, "DATA\r\n");
  h.say_of(h.asked_in(Phase::data), Filtering::no(550));
  h.expect(c, "550 5.7.1 filtered");
  h.say(c, "DATA\r\n");
  h.expect(c, "503 5.5.1");  // that transaction is over
  begin();
  h.say(c, "DATA\r\n");
  h.say_of(h.asked_in(Phase::data));
  h.expect(c, "354 ");
  h.say(c, "Subject: x\r\n\r\nx\r\n.\r\n");
  h.say_of(h.asked_in(Phase::commit), Filtering::no(550));
  h.expect(c, "550 5.7.1 filtered");
  assert_false(has_frame(h.queue.get()));
  begin();
  h.say(c, "DATA\r\n");
  h.say_of(h.asked_in(Phase::data));
  h.expect(c, "354 ");
  h.say(c, "Subject: x\r\n\r\nx\r\n.\r\n");
  h.say_of(h.asked_in(Phase::commit));
  const auto m = h.submitted();
  assert_false(m.options.junk);
  assert_true(read_all(m.content.get()).find("X-Spam") == std::string::npos);
  h.enqueued(m);
  h.expect(c, "250 2.0.0");
  begin();
  h.say(c, "DATA\r\n");
  h.say_of(h.asked_in(Phase::data));
  h.expect(c, "354 ");
  h.say(c, "Subject: x\r\n\r\nx\r\n.\r\n");
  h.say_of(h.asked_in(Phase::commit), Filtering::no(421, true));
  h.expect(c, "421 4.7.1 filtered");
  h.hear(c);
  assert_true(c.ended);
}

// The octets of a refused chunk are no commands.
static void chunks(void**) {
  Filtering h({Phase::data});
  Client c = h.greeted();
  h.begin(c);
  h.say(c, "BDAT 6\r\nQUIT\r\nNOOP\r\n");
  h.say_of(h.asked_in(Phase::data), Filtering::no(550));
  h.expect(c, "550 5.7.1 filtered");
  h.expect(c, "250 2.0.0");
  h.begin(c);
  h.say(c, "BDAT 4 \r\na: b");
  h.say_of(h.asked_in(Phase::data), Filtering::junk());
  h.expect(c, "250 2.0.0 4 octets");
  h.say(c, "BDAT 7 LAST\r\n\r\n\r\nx\r\n");
  const auto m = h.submitted();
  assert_true(m.options.junk);
  h.enqueued(m);
  h.expect(c, "250 2.0.0");
}

static void marked(void**) {
  Filtering h({Phase::ehlo, Phase::rcpt_to});
  Client c = h.dial();
  h.expect(c, "220 mx.mk.test");
  const auto send = [&](bool of_recipient) {
    h.say(c, "MAIL FROM:<a@b.test>\r\n");
    h.expect(c, "250 2.1.0");
    h.say(c, "RCPT TO:<alice@mk.test>\r\n");
    const auto q = h.asked();
    assert_int_equal(q.listener, 1);
    mailkeep::lookup::RcptVerdict v;
    v.session = q.session;
    v.query = q.query;
    v.code = 250;
    if (of_recipient) v.filtered = Filtering::junk();
    put(h.lookup.get(), v);
    h.expect(c, "250 2.1.5");
    h.say(c, "DATA\r\n");
    h.expect(c, "354 ");
    h.say(c, "Subject: x\r\n\r\nx\r\n.\r\n");
    const auto m = h.submitted();
    const std::string text = read_all(m.content.get());
    assert_int_equal(text.starts_with("X-Spam: yes\r\nReceived: "), m.options.junk);
    h.enqueued(m);
    h.expect(c, "250 2.0.0");
    return m.options.junk;
  };
  h.say(c, "EHLO odd.test\r\n");
  h.say_of(h.asked_in(Phase::ehlo), Filtering::junk());
  assert_true(h.hear(c).find("250 HELP\r\n") != std::string::npos);
  c.heard.clear();
  assert_true(send(false));
  h.say(c, "EHLO better.test\r\n");
  h.say_of(h.asked_in(Phase::ehlo));
  assert_true(h.hear(c).find("250 HELP\r\n") != std::string::npos);
  c.heard.clear();
  assert_false(send(false));
  assert_true(send(true));
  assert_false(send(false));  // it was that message's
  // And the end of a session by its recipient.
  h.say(c, "MAIL FROM:<a@b.test>\r\n");
  h.expect(c, "250 2.1.0");
  h.say(c, "RCPT TO:<trap@mk.test>\r\n");
  const auto q = h.asked();
  mailkeep::lookup::RcptVerdict v;
  v.session = q.session;
  v.query = q.query;
  v.code = 550;
  v.enhanced = "5.1.1";
  v.text = "gone";
  v.filtered = Filtering::no(550, true);
  put(h.lookup.get(), v);
  h.expect(c, "550 5.1.1 gone");
  h.hear(c);
  assert_true(c.ended);
}

// Nobody to ask: later, and nothing passes meanwhile. An answer that comes late is for nobody.
static void lookup_is_gone(void**) {
  Filtering h({Phase::mail_from, Phase::commit});
  Client c = h.greeted();
  h.say(c, "MAIL FROM:<a@b.test>\r\n");
  const auto q = h.asked_in(Phase::mail_from);
  h.lookup.reset();
  h.turns();
  h.expect(c, "451 4.3.0 Filters cannot be asked now");
  h.say(c, "MAIL FROM:<a@b.test>\r\n");
  h.expect(c, "451 4.3.0 Filters cannot be asked now");
  h.wire(imsg::Role::kLookup, h.lookup);
  h.say_of(q);
  h.say(c, "MAIL FROM:<a@b.test>\r\n");
  h.say_of(h.asked_in(Phase::mail_from));
  h.expect(c, "250 2.1.0");
  h.say(c, "RCPT TO:<alice@mk.test>\r\n");
  h.verdict(h.asked());
  h.expect(c, "250 2.1.5");
  h.say(c, "DATA\r\n");
  h.expect(c, "354 ");
  h.say(c, "Subject: x\r\n\r\nx\r\n.\r\n");
  const auto commit = h.asked_in(Phase::commit);
  h.queue.reset();
  h.turns();
  h.say_of(commit);
  h.expect(c, "451 4.3.0");
}

int main() {
  const CMUnitTest tests[] = {unit_test(before_the_greeting), unit_test(each_phase_refuses), unit_test(chunks),
                              unit_test(marked), unit_test(lookup_is_gone)};
  return run_unit_tests(tests);
}
