// lib/receive: whole sessions of SMTP and LMTP against a process whose every peer is the test.
// SPDX-License-Identifier: ISC
#include "regress/unit/receive_fixture.h"

static void ehlo_lists_what_is_offered(void**) {
  House plain;
  Client c = plain.dial();
  plain.expect(c, "220 mx.mk.test ESMTP");
  plain.say(c, "EHLO client.test\r\n");
  const std::string said = plain.hear(c);
  for (const char* word :
       {"250-PIPELINING\r\n", "250-SIZE 1000000\r\n", "250-8BITMIME\r\n", "250-ENHANCEDSTATUSCODES\r\n"}) {
    assert_true(said.find(word) != std::string::npos);
  }
  assert_true(said.find("STARTTLS") == std::string::npos);  // no certificate, no offer
  assert_true(said.find("AUTH") == std::string::npos);
  c.heard.clear();
  plain.say(c, "STARTTLS\r\nHELO bad..name\r\nVRFY alice\r\nFOO\r\nAUTH PLAIN x\r\nNOOP\r\nQUIT\r\n");
  for (const char* reply : {"502 5.5.1", "501 5.5.2", "252 2.0.0", "500 5.5.1", "502 5.5.1", "250 2.0.0", "221 2.0.0"})
    plain.expect(c, reply);
  plain.hear(c);
  assert_true(c.ended);
  House secure(smtpd::Protocol::kSmtp, {"mx"});
  Client d = secure.dial();
  secure.say(d, "EHLO client.test\r\n");
  assert_true(secure.hear(d).find("250-STARTTLS\r\n") != std::string::npos);
}

static void order_of_commands(void**) {
  House h;
  Client c = h.dial();
  h.expect(c, "220");
  h.say(c, "MAIL FROM:<a@b.test>\r\nEHLO c.test\r\n");
  h.expect(c, "503 5.5.1");
  h.hear(c);
  c.heard.clear();
  h.say(c, "RCPT TO:<a@mk.test>\r\nDATA\r\nMAIL FROM:<a@b.test>\r\nMAIL FROM:<a@b.test>\r\nDATA\r\nRSET\r\nDATA\r\n");
  for (const char* reply : {"503", "503", "250 2.1.0", "503", "554 5.5.1", "250", "503"}) h.expect(c, reply);
  h.say(c,
        "MAIL FROM:<a@b.test> SIZE=1000001\r\nMAIL FROM:<a@b.test> FOO=1\r\nMAIL FROM:<a@b.test> "
        "AUTH=<>\r\nMAIL TO:<x>\r\n");
  for (const char* reply : {"552 5.3.4", "555 5.5.4", "555 5.5.4", "501 5.5.4"}) h.expect(c, reply);
}

static void a_message_is_kept_before_it_is_acknowledged(void**) {
  House h;
  Client c = h.greeted();
  h.say(c, "MAIL FROM:<sender@client.test> SIZE=20 BODY=8BITMIME\r\n");
  h.expect(c, "250 2.1.0");
  h.say(c, "RCPT TO:<alice@mk.test>\r\n");
  h.expect_silence(c);
  const auto q = h.asked();
  assert_text(q.recipient, "alice@mk.test");
  assert_text(q.facts.source, "127.0.0.1");
  assert_text(q.facts.helo, "client.test");
  assert_text(q.facts.sender, "sender@client.test");
  assert_text(q.facts.account, "");
  h.verdict(q);
  h.expect(c, "250 2.1.5");
  h.say(c, "DATA\r\n");
  h.expect(c, "354");
  h.say(c, "Subject: x\r\n\r\n..dot\r\n.\r\n");
  h.expect_silence(c);
  const auto m = h.submitted();
  assert_text(m.recipients.at(0).address, "alice@mk.test");
  assert_true(m.options.body == queue::Body::k8bit);
  assert_true(m.protocol == queue::Protocol::kEsmtp);
  const std::string content = read_all(m.content.get());
  assert_int_equal(m.size, content.size());
  assert_text(body_of(content), "Subject: x\r\n\r\n.dot\r\n");
  const std::string received = content.substr(0, content.find("Subject"));
  assert_true(received.find("from client.test (localhost [127.0.0.1])") != std::string::npos);
  assert_true(received.find("by mx.mk.test with ESMTP\r\n") != std::string::npos);
  assert_true(received.find("for <alice@mk.test>;") != std::string::npos);
  assert_int_equal(fcntl(m.content.get(), F_GET_SEALS), F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  h.enqueued(m);
  h.expect(c, "250 2.0.0");
  h.say(c, "DATA\r\n");  // nothing of the transaction is left
  h.expect(c, "503");
}

static void the_queue_refuses(void**) {
  House h;
  Client c = h.greeted();
  h.begin(c);
  h.say(c, "DATA\r\nx\r\n.\r\nNOOP\r\n");
  h.expect(c, "354");
  const auto m = h.submitted();
  h.expect_silence(c);  // NOOP waits behind the message
  h.enqueued(m, 452);
  h.expect(c, "452 4.3.1 disk is full");
  h.expect(c, "250 2.0.0");
}

static void replies_keep_the_order_of_commands(void**) {
  House h;
  Client c = h.greeted();
  h.say(c,
        "MAIL FROM:<a@b.test>\r\nRCPT TO:<one@mk.test>\r\nRCPT TO:<<bad\r\nRCPT TO:<two@mk.test>\r\nRCPT "
        "TO:<three@mk.test> FOO=1\r\n"
        "RCPT TO:<four@mk.test>\r\nDATA\r\n");
  h.expect(c, "250 2.1.0");
  h.expect_silence(c);
  const auto one = h.asked();
  const auto two = h.asked();
  const auto four = h.asked();
  assert_false(has_frame(h.lookup.get()));
  h.verdict(four);
  h.expect_silence(c);
  h.verdict(two, 550);
  h.expect_silence(c);
  h.verdict(one);
  h.expect(c, "250 2.1.5");
  h.expect(c, "501 5.5.4");
  h.expect(c, "550 5.1.1 verdict on two@mk.test");
  h.expect(c, "555 5.5.4");
  h.expect(c, "250 2.1.5");
  h.expect(c, "354");
  h.say(c, "x\r\n.\r\n");
  const auto m = h.submitted();
  assert_int_equal(m.recipients.size(), 2);
  assert_text(m.recipients[0].address, "one@mk.test");
  assert_text(m.recipients[1].address, "four@mk.test");
  assert_true(read_all(m.content.get()).find(" for <") == std::string::npos);  // RFC 5321 7.2: not with several
}

static void a_session_byte_by_byte(void**) {
  House h;
  Client c = h.dial();
  const std::string all =
      "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<one@mk.test>\r\nDATA\r\na\r\n..b\r\n.\r\nQUIT\r\n";
  for (const char b : all) {
    h.say(c, std::string_view(&b, 1));
    if (has_frame(h.lookup.get())) h.verdict(h.asked());
    if (has_frame(h.queue.get())) {
      const auto m = h.submitted();
      assert_text(body_of(read_all(m.content.get())), "a\r\n.b\r\n");
      h.enqueued(m);
    }
  }
  h.expect(c, "220");
  for (h.hear(c); c.heard.starts_with("250-");) c.heard.erase(0, c.heard.find("\r\n") + 2);
  for (const char* reply : {"250 HELP", "250 2.1.0", "250 2.1.5", "354", "250 2.0.0", "221"}) h.expect(c, reply);
}

// The data of each is refused, and the command behind the real end is the next one to be answered.
static void smuggling_is_refused_in_step(void**) {
  House h;
  Client c = h.greeted();
  for (const char* data : {"a\n.\nMAIL FROM:<x@y.test>\r\n.\r\n", "a\n.\r\nRSET\r\n.\r\n", "a\r\n.\nRSET\r\n.\r\n",
                           "a\r.\rRSET\r\n.\r\n", "a\r\n.\rRSET\r\n.\r\n"}) {
    h.begin(c);
    h.say(c, std::string("DATA\r\n") + data + "NOOP\r\n");
    h.expect(c, "354");
    h.expect(c, "550 5.6.0");
    h.expect(c, "250 2.0.0");
    h.expect_silence(c);
    refusals.clear();
    assert_false(has_frame(h.queue.get()));
    assert_int_equal(refusals.size(), 1);
    assert_true(refusals[0].by == queue::Judge::kSmtpd && refusals[0].code == 550 &&
                refusals[0].recipients.size() == 1 && refusals[0].message != 0);
    assert_text(refusals[0].enhanced, "5.6.0");
  }
}

// What is not taken is told to the queue, with who said so.
static void refusals_are_told(void**) {
  House h;
  Client c = h.greeted();
  refusals.clear();
  h.say(c, "MAIL FROM:<a@b.test> SIZE=999999999\r\n");
  h.expect(c, "552");
  h.say(c, "MAIL FROM:<a@b.test>\r\nRCPT TO:<nosuch@mk.test>\r\n");
  h.expect(c, "250");
  auto verdict = h.asked();
  h.verdict(verdict, 550);
  h.expect(c, "550");
  assert_false(has_frame(h.queue.get()));
  assert_int_equal(refusals.size(), 2);
  assert_true(refusals[0].by == queue::Judge::kSmtpd && refusals[0].code == 552 && refusals[0].recipients.empty() &&
              refusals[0].message == 0);
  assert_true(refusals[1].by == queue::Judge::kLookup && refusals[1].code == 550 && refusals[1].message != 0);
  assert_text(refusals[1].recipients.at(0), "nosuch@mk.test");
  for (const auto& r : refusals) {
    assert_text(r.sender, "a@b.test");
    assert_text(r.source, "127.0.0.1");
    assert_true(!r.helo.empty() && r.session != 0 && r.tls.empty() && r.account.empty());
  }
}

static void sizes_and_loops(void**) {
  House h;
  Client c = h.greeted();
  h.begin(c);
  h.say(c, "DATA\r\nReceived: 1\r\nreceived: 2\r\nReceived: 3\r\nSubject: x\r\n\r\nReceived: no\r\n.\r\n");
  h.expect(c, "354");
  h.expect(c, "554 5.4.6");
  h.begin(c);
  h.say(c, "DATA\r\nReceived: 1\r\nReceived: 2\r\n\r\nReceived: no\r\n.\r\n");
  h.expect(c, "354");
  h.enqueued(h.submitted());
  h.expect(c, "250");
  h.config.message_size = 1000;
  assert_text(h.configure(), "");
  h.begin(c);  // a session lives through a new configuration
  h.say(c, "DATA\r\n" + std::string(900, 'a') + "\r\n" + std::string(900, 'b') + "\r\n.\r\nNOOP\r\n");
  h.expect(c, "354");
  h.expect(c, "552 5.3.4");
  h.expect(c, "250 2.0.0");
}

static void starttls_starts_afresh(void**) {
  House h(smtpd::Protocol::kSmtp, {"mx"});
  Client c = h.greeted();
  h.say(c, "MAIL FROM:<a@b.test>\r\n");
  h.expect(c, "250");
  h.say(c, "STARTTLS\r\nEHLO evil.test\r\nMAIL FROM:<evil@b.test>\r\n");
  h.expect(c, "220 2.0.0");
  h.expect_silence(c);
  auto serve = get<tls::Serve>(h.tls.get());
  assert_text(serve.pki.at(0), "mx");
  tls::Established e;
  e.session = serve.session;
  e.version = "TLSv1.3";
  e.cipher = "TLS_AES_256_GCM_SHA384";
  put(h.tls.get(), e);
  h.turns();
  Client inside;
  inside.fd = std::move(serve.plain);
  h.expect_silence(inside);  // what was pipelined in the clear is gone
  h.say(inside, "MAIL FROM:<a@b.test>\r\nEHLO good.test\r\n");
  h.expect(inside, "503 5.5.1");
  assert_true(h.hear(inside).find("STARTTLS") == std::string::npos);
  inside.heard.clear();
  h.begin(inside);
  h.say(inside, "DATA\r\nx\r\n.\r\n");
  h.expect(inside, "354");
  const auto m = h.submitted();
  assert_false(m.facts.tls.empty());
  assert_true(m.protocol == queue::Protocol::kEsmtps);
  assert_true(read_all(m.content.get()).find("from good.test (localhost [127.0.0.1])\r\n\tby mx.mk.test with ESMTPS") !=
              std::string::npos);
}

static void starttls_that_fails_ends_the_session(void**) {
  House h(smtpd::Protocol::kSmtp, {"mx"});
  Client c = h.greeted();
  h.say(c, "STARTTLS\r\n");
  h.expect(c, "220");
  auto serve = get<tls::Serve>(h.tls.get());
  tls::Failed f;
  f.session = serve.session;
  f.text = "no handshake";
  put(h.tls.get(), f);
  serve.client.reset();
  h.hear(c);
  assert_true(c.ended);
  Client d = h.greeted();
  h.tls.reset();
  h.turns();
  h.say(d, "STARTTLS\r\nNOOP\r\n");
  h.expect(d, "454 4.7.0");
  h.expect(d, "250 2.0.0");
}

static void lmtp_answers_for_each_recipient(void**) {
  House h(smtpd::Protocol::kLmtp);
  Client c = h.greeted();
  h.say(c, "EHLO x.test\r\n");
  h.expect(c, "500 5.5.1");
  h.begin(c, {"alice@mk.test", "bob@mk.test"});
  h.say(c, "RCPT TO:<nobody@mk.test>\r\n");
  h.verdict(h.asked(), 550);
  h.expect(c, "550 5.1.1");
  h.say(c, "DATA\r\nx\r\n.\r\nNOOP\r\n");
  h.expect(c, "354");
  const auto m = h.submitted();
  assert_true(m.protocol == queue::Protocol::kLmtp);
  h.enqueued(m);
  h.expect(c, "250 2.0.0 <alice@mk.test>");
  h.expect(c, "250 2.0.0 <bob@mk.test>");
  h.expect(c, "250 2.0.0 Ok");
  h.begin(c, {"alice@mk.test", "bob@mk.test"});
  h.say(c, "DATA\r\nx\n.\r\n.\r\nRSET\r\nMAIL FROM:<>\r\nDATA\r\n");
  h.expect(c, "354");
  h.expect(c, "550 5.6.0 <alice@mk.test>");
  h.expect(c, "550 5.6.0 <bob@mk.test>");
  h.expect(c, "250");
  h.expect(c, "250");
  h.expect(c, "503");  // RFC 2033 4.2: DATA without recipients
}

static void prepare_refuses(void**) {
  House h;
  assert_true(h.configure(smtpd::Protocol::kSubmission).find("protocol") != std::string::npos);
  Client c = h.greeted();  // the old configuration serves on
  h.config.hostname.clear();
  assert_text(h.configure(), "no host name");
}

int main() {
  log::set_level(log::Level::kError);
  const CMUnitTest tests[] = {
      unit_test(ehlo_lists_what_is_offered),
      unit_test(order_of_commands),
      unit_test(a_message_is_kept_before_it_is_acknowledged),
      unit_test(the_queue_refuses),
      unit_test(replies_keep_the_order_of_commands),
      unit_test(a_session_byte_by_byte),
      unit_test(smuggling_is_refused_in_step),
      unit_test(refusals_are_told),
      unit_test(sizes_and_loops),
      unit_test(starttls_starts_afresh),
      unit_test(starttls_that_fails_ends_the_session),
      unit_test(lmtp_answers_for_each_recipient),
      unit_test(prepare_refuses),
  };
  return run_unit_tests(tests);
}
