// lib/receive: whole sessions of submission: TLS, AUTH, senders, the header; every peer is the test.
// SPDX-License-Identifier: ISC
#include "lib/base/text.h"
#include "lib/receive/submission_header.h"
#include "lib/text/base64.h"
#include "regress/unit/receive_fixture.h"

namespace {

using namespace std::string_literals;

std::string b64(const std::string& text) { return text::base64_encode(text); }
const std::string kPlain = b64("\0alice\0secret"s);

struct Submission : House {
  explicit Submission(smtpd::Protocol p = smtpd::Protocol::kSubmission) : House(p, {"mx"}) {}

  // The test is tls: the client goes on inside.
  Client shake() {
    auto serve = get<mailkeep::tls::Serve>(tls.get());
    mailkeep::tls::Established e;
    e.session = serve.session;
    e.version = "TLSv1.3";
    e.cipher = "TLS_AES_256_GCM_SHA384";
    put(tls.get(), e);
    turns();
    Client inside;
    inside.fd = std::move(serve.plain);
    return inside;
  }
  void hello(Client& c) {
    say(c, "EHLO laptop.home\r\n");
    said = hear(c);
    c.heard.clear();
  }
  Client secure() {
    Client c = dial();
    if (protocol == smtpd::Protocol::kSubmission) {
      expect(c, "220");
      say(c, "EHLO laptop.home\r\n");
      said_before = hear(c);
      c.heard.clear();
      say(c, "STARTTLS\r\n");
      expect(c, "220");
    }
    Client inside = shake();
    if (protocol == smtpd::Protocol::kSubmissions) expect(inside, "220 mx.mk.test ESMTP");
    hello(inside);
    return inside;
  }
  auth::Check checks() { return get<mailkeep::auth::Check>(auth.get()); }
  void checked(uint64_t session, bool ok, bool unavailable = false) {
    mailkeep::auth::Checked m;
    m.session = session;
    m.ok = ok;
    m.unavailable = unavailable;
    if (ok) m.account = "alice";
    m.ticket_high = ok ? 11 : 0;
    m.ticket_low = ok ? 22 : 0;
    put(auth.get(), m);
    turns();
  }
  Client logged_in() {
    Client c = secure();
    say(c, "AUTH PLAIN " + kPlain + "\r\n");
    checked(checks().session, true);
    expect(c, "235 2.7.0");
    return c;
  }
  lookup::CheckSender senders() { return get<mailkeep::lookup::CheckSender>(lookup.get()); }
  void sender_verdict(const lookup::CheckSender& q, uint16_t code = 250) {
    mailkeep::lookup::SenderVerdict v;
    v.session = q.session;
    v.query = q.query;
    v.code = code;
    v.enhanced = code == 250 ? "2.1.0" : "5.7.1";
    v.text = "verdict on " + q.addresses.at(0);
    put(lookup.get(), v);
    turns();
  }
  // Up to 354.
  void open(Client& c) {
    say(c, "MAIL FROM:<alice@mk.test>\r\n");
    sender_verdict(senders());
    expect(c, "250 2.1.0");
    say(c, "RCPT TO:<x@far.test>\r\n");
    verdict(asked());
    expect(c, "250 2.1.5");
    say(c, "DATA\r\n");
    expect(c, "354");
  }

  std::string said_before, said;  // EHLO's answers without and with TLS
};

}  // namespace

static void nothing_without_tls_and_login(void**) {
  Submission h;
  Client c = h.dial();
  h.expect(c, "220 mx.mk.test ESMTP");
  h.say(c, "MAIL FROM:<a@mk.test>\r\n");
  h.expect(c, "503 5.5.1");
  h.hello(c);
  assert_true(h.said.find("STARTTLS") != std::string::npos);
  assert_true(h.said.find("AUTH") == std::string::npos);
  h.say(c, "AUTH PLAIN " + kPlain +
               "\r\nAUTH LOGIN\r\nMAIL FROM:<a@mk.test>\r\nRCPT TO:<b@mk.test>\r\nDATA\r\nVRFY a\r\nNOOP\r\nRSET\r\n");
  for (const char* reply : {"538 5.7.11", "538 5.7.11", "530 5.7.0 Encryption", "530", "530", "530", "250", "250"})
    h.expect(c, reply);
  assert_false(has_frame(h.auth.get()));
  h.say(c, "STARTTLS\r\nAUTH PLAIN " + kPlain + "\r\n");  // what is pipelined in the clear is not heard
  h.expect(c, "220 2.0.0");
  Client in = h.shake();
  h.expect_silence(in);
  assert_false(has_frame(h.auth.get()));
  h.say(in, "AUTH PLAIN " + kPlain + "\r\n");
  h.expect(in, "503 5.5.1 Say EHLO");
  h.hello(in);
  assert_true(h.said.find("STARTTLS") == std::string::npos);
  assert_true(h.said.find("250-AUTH PLAIN LOGIN\r\n") != std::string::npos);
  h.say(in, "MAIL FROM:<a@mk.test>\r\n");
  h.expect(in, "530 5.7.0 Log in");
  House inbound(smtpd::Protocol::kSmtp, {"mx"});
  Client d = inbound.greeted();
  inbound.say(d, "AUTH PLAIN " + kPlain + "\r\n");
  inbound.expect(d, "502 5.5.1");
}

static void implicit_tls_says_nothing_before_the_handshake(void**) {
  Submission h(smtpd::Protocol::kSubmissions);
  Client c = h.dial();
  h.expect_silence(c);
  Client in = h.shake();
  h.expect(in, "220 mx.mk.test ESMTP");
  h.hello(in);
  assert_true(h.said.find("STARTTLS") == std::string::npos);
  assert_true(h.said.find("AUTH PLAIN LOGIN") != std::string::npos);
  h.say(in, "STARTTLS\r\n");
  h.expect(in, "503");
  Client d = h.dial();
  auto serve = get<tls::Serve>(h.tls.get());
  tls::Failed f;
  f.session = serve.session;
  f.text = "no handshake";
  put(h.tls.get(), f);
  serve.client.reset();
  assert_text(h.hear(d), "");
  assert_true(d.ended);
  h.tls.reset();
  h.turns();
  Client e = h.dial();
  assert_text(h.hear(e), "");
  assert_true(e.ended);
}

static void a_submission_from_login_to_queue(void**) {
  Submission h;
  Client c = h.secure();
  h.say(c, "AUTH PLAIN " + kPlain + "\r\n");
  h.expect_silence(c);
  const auto check = h.checks();
  assert_text(check.name, "alice");
  assert_text(check.password, "secret");
  assert_text(check.source, "127.0.0.1");
  assert_text(check.service, "submission");
  h.checked(check.session, true);
  h.expect(c, "235 2.7.0");
  h.say(c, "AUTH PLAIN " + kPlain + "\r\nEHLO laptop.home\r\n");
  h.expect(c, "503 5.5.1");
  assert_true(h.hear(c).find("AUTH") == std::string::npos);
  c.heard.clear();
  h.say(c, "MAIL FROM:<alice@mk.test>\r\nNOOP\r\n");
  h.expect_silence(c);
  const auto envelope = h.senders();
  assert_text(envelope.account, "alice");
  assert_text(envelope.addresses.at(0), "alice@mk.test");
  h.sender_verdict(envelope);
  h.expect(c, "250 2.1.0");
  h.expect(c, "250 2.0.0");
  h.say(c, "AUTH LOGIN\r\nRCPT TO:<x@far.test>\r\n");
  h.expect(c, "503 5.5.1");
  const auto q = h.asked();
  assert_text(q.facts.account, "alice");
  h.verdict(q);
  h.expect(c, "250 2.1.5");
  h.say(c, "DATA\r\nFrom: Alice <alice+work@mk.test>\r\nBcc: x@far.test\r\nSubject: x\r\n\r\nhello\r\n.\r\n");
  h.expect(c, "354");
  h.expect_silence(c);
  const auto header = h.senders();
  assert_text(header.account, "alice");
  assert_int_equal(header.addresses.size(), 1);
  assert_text(header.addresses[0], "alice+work@mk.test");
  assert_false(has_frame(h.queue.get()));
  h.sender_verdict(header);
  const auto m = h.submitted();
  assert_int_equal(m.ticket_high, 11);
  assert_int_equal(m.ticket_low, 22);
  assert_text(m.facts.account, "alice");
  assert_true(m.protocol == queue::Protocol::kEsmtpsa);
  const std::string content = read_all(m.content.get());
  assert_int_equal(m.size, content.size());
  const std::string received = content.substr(0, content.find("From: Alice"));
  assert_text(
      received.substr(0, received.find("id ")),
      "Received: from [authenticated]\r\n\tby mx.mk.test with ESMTPSA\r\n\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n\t");
  for (const char* secret : {"127.0.0.1", "laptop", "Bcc"}) assert_true(content.find(secret) == std::string::npos);
  const std::string body = body_of(content);
  assert_text(body.substr(0, body.find("Date: ")), "From: Alice <alice+work@mk.test>\r\nSubject: x\r\n");
  assert_true(body.find("\r\nMessage-ID: <" + hex64(m.message) + ".") != std::string::npos);
  assert_text(body.substr(body.find("@mk.test>\r\n\r\n")), "@mk.test>\r\n\r\nhello\r\n");
  h.enqueued(m);
  h.expect(c, "250 2.0.0");
}

static void auth_in_every_way(void**) {
  const std::string long_line = "AUTH PLAIN " + std::string(smtp::kMaxAuthLine, 'A') + "\r\n";
  const struct {
    std::string say;
    std::vector<const char*> replies;
    bool asks;
  } rows[] = {
      {"AUTH PLAIN " + kPlain + "\r\n", {}, true},
      {"auth plain\r\n" + kPlain + "\r\n", {"334 "}, true},
      {"AUTH LOGIN\r\n" + b64("alice") + "\r\n" + b64("secret") + "\r\n",
       {"334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"},
       true},
      {"AUTH LOGIN " + b64("alice") + "\r\n" + b64("secret") + "\r\n", {"334 UGFzc3dvcmQ6"}, true},
      {"AUTH PLAIN\r\n*\r\nNOOP\r\n", {"334", "501 5.7.0", "250"}, false},
      {"AUTH LOGIN\r\n*\r\nNOOP\r\n", {"334", "501 5.7.0", "250"}, false},
      {"AUTH LOGIN " + b64("alice") + "\r\n*\r\nNOOP\r\n", {"334", "501 5.7.0", "250"}, false},
      {"AUTH PLAIN =\r\nNOOP\r\n", {"501 5.5.2", "250"}, false},
      {"AUTH PLAIN !!!!\r\nNOOP\r\n", {"501 5.5.2", "250"}, false},
      {"AUTH\r\nAUTH PLAIN a b\r\nAUTH CRAM-MD5\r\nNOOP\r\n", {"501 5.5.4", "501 5.5.4", "504 5.5.4", "250"}, false},
      {"AUTH PLAIN " + b64("bob\0alice\0secret"s) + "\r\nNOOP\r\n", {"535 5.7.8", "250"}, false},
      {"AUTH PLAIN " + b64("\0alice\0"s) + "\r\nNOOP\r\n", {"501 5.5.2", "250"}, false},
      {long_line + "NOOP\r\n", {"500 5.5.2", "250"}, false},
      {"AUTH PLAIN\r\n" + long_line + "NOOP\r\n", {"334", "500 5.5.6", "250"}, false},
      {"AUTH PLAIN " + b64("\0alice\0"s + std::string(kMaxPassword, 'p')) + "\r\n", {}, true},
      {"AUTH PLAIN " + b64(std::string(9000, 'p')) + "\r\nNOOP\r\n",
       {"501 5.5.2", "250"},
       false},  // read, and too much
      {"NOOP " + std::string(smtp::kMaxMailLine, 'x') + "\r\nNOOP\r\n", {"500 5.5.2", "250"}, false},
  };
  for (const auto& row : rows) {
    Submission h;
    Client c = h.secure();
    h.say(c, row.say);
    for (const char* reply : row.replies) h.expect(c, reply);
    h.expect_silence(c);
    assert_int_equal(has_frame(h.auth.get()), row.asks);
    if (!row.asks) continue;
    const auto check = h.checks();
    assert_text(check.name, "alice");
    h.checked(check.session, true);
    h.expect(c, "235 2.7.0");
  }
}

static void a_login_byte_by_byte(void**) {
  const std::string ways[] = {"AUTH PLAIN " + kPlain + "\r\nNOOP\r\n", "AUTH PLAIN\r\n" + kPlain + "\r\nNOOP\r\n",
                              "AUTH LOGIN\r\n" + b64("alice") + "\r\n" + b64("secret") + "\r\nNOOP\r\n"};
  for (const auto& all : ways) {
    Submission h(smtpd::Protocol::kSubmissions);
    Client c = h.secure();
    int asked = 0;
    for (const char b : all) {
      h.say(c, std::string_view(&b, 1));
      if (!has_frame(h.auth.get())) continue;
      asked++;
      const auto check = h.checks();
      assert_text(check.name + " " + check.password, "alice secret");
      h.checked(check.session, true);
    }
    assert_int_equal(asked, 1);
    const std::string heard = h.hear(c);
    const std::string end = "235 2.7.0 Logged in\r\n250 2.0.0 Ok\r\n";
    assert_true(heard.size() >= end.size());
    assert_text(heard.substr(heard.size() - end.size()), end);
  }
}

static void failures(void**) {
  Submission h;
  Client c = h.secure();
  for (int i = 0; i < 3; i++) {
    h.say(c, "AUTH PLAIN " + kPlain + "\r\n");
    const auto check = h.checks();
    h.checked(check.session, false);
    h.expect(c, "535 5.7.8");
  }
  h.expect(c, "421 4.7.0");
  h.hear(c);
  assert_true(c.ended);
  Client d = h.secure();
  for (int i = 0; i < 5; i++) {  // not the client's fault: not counted
    h.say(d, "AUTH PLAIN " + kPlain + "\r\n");
    h.checked(h.checks().session, false, true);
    h.expect(d, "454 4.7.0");
  }
  h.say(d, "AUTH PLAIN " + kPlain + "\r\nNOOP\r\n");
  h.expect_silence(d);
  h.auth.reset();
  h.turns();
  h.expect(d, "454 4.7.0");
  h.expect(d, "250");
  h.say(d, "AUTH PLAIN " + kPlain + "\r\n");
  h.expect(d, "454 4.7.0");
}

static void senders_that_are_not_theirs(void**) {
  Submission h;
  Client c = h.logged_in();
  h.say(c, "MAIL FROM:<bob@mk.test>\r\nRCPT TO:<x@far.test>\r\n");
  h.expect_silence(c);
  h.sender_verdict(h.senders(), 550);
  h.expect(c, "550 5.7.1 verdict on bob@mk.test");
  h.expect(c, "503");
  h.open(c);
  h.say(c, "From: bob@mk.test\r\n\r\nhello\r\n.\r\nNOOP\r\n");
  h.sender_verdict(h.senders(), 550);
  h.expect(c, "550 5.7.1 verdict on bob@mk.test");
  h.expect(c, "250");
  h.open(c);  // the verdict comes before the message's end
  h.say(c, "From: bob@mk.test\r\n\r\nhello\r\n");
  h.sender_verdict(h.senders(), 550);
  h.say(c, "more\r\n.\r\nNOOP\r\n");
  h.expect(c, "550 5.7.1");
  h.expect(c, "250");
  assert_false(has_frame(h.queue.get()));
  h.say(c, "MAIL FROM:<>\r\n");  // RFC 6409 6.1: notifications of mail programs
  h.expect(c, "250 2.1.0");
  h.say(c, "RCPT TO:<x@far.test>\r\n");
  h.verdict(h.asked());
  h.expect(c, "250");
  h.say(c, "DATA\r\nFrom: alice@mk.test\r\n\r\nread\r\n.\r\n");
  h.expect(c, "354");
  h.sender_verdict(h.senders());
  const auto m = h.submitted();
  assert_text(m.facts.sender, "");
  assert_true(read_all(m.content.get()).find("@mx.mk.test>\r\n\r\nread") != std::string::npos);
}

static void the_auth_parameter_of_mail(void**) {
  Submission h;
  Client c = h.logged_in();
  for (const char* value : {"<>", "alice@mk.test", "e+3Dmc2@mk.test"}) {
    h.say(c, "MAIL FROM:<> SIZE=100 AUTH="s + value + "\r\nRSET\r\n");
    h.expect(c, "250 2.1.0");
    h.expect(c, "250");
  }
  for (const char* bad : {"AUTH", "AUTH=+zz", "AUTH=<> AUTH=<>"}) {
    h.say(c, "MAIL FROM:<> "s + bad + "\r\n");
    h.expect(c, "501 5.5.4");
  }
  House inbound;
  Client d = inbound.greeted();
  inbound.say(d, "MAIL FROM:<a@b.test> AUTH=<>\r\n");
  inbound.expect(d, "555 5.5.4");  // not offered there
}

static void headers_that_are_refused(void**) {
  Submission h;
  Client c = h.logged_in();
  const std::string rows[][2] = {
      {"Subject: x\r\n\r\nhello\r\n.\r\n", "550 5.6.0 No From field"},
      {"Subject: x\r\n.\r\n", "550 5.6.0 No From field"},
      {".\r\n", "550 5.6.0 No From field"},
      {"From: a@mk.test\r\nFrom: b@mk.test\r\n\r\n.\r\n", "550 5.6.0 More than one From"},
      {"From: a@mk.test\r\nnonsense\r\n\r\n.\r\n", "550 5.6.0 A line of the header"},
      {"From: a@mk.test\r\nX: " + std::string(60'000, 'x') + "\r\nY: " + std::string(60'000, 'x') +
           "\r\nZ: " + std::string(60'000, 'x') + "\r\n\r\nhello\r\n.\r\n",
       "552 5.3.4 The header"},
      {"From: a@mk.test\r\nX: a\nb\r\n\r\n.\r\n", "550 5.6.0 Bare LF"},
  };
  for (const auto& row : rows) {
    h.open(c);
    h.say(c, row[0] + "NOOP\r\n");
    h.expect(c, row[1]);
    h.expect(c, "250 2.0.0");
    assert_false(has_frame(h.lookup.get()));
    assert_false(has_frame(h.queue.get()));
  }
}

static void a_large_message(void**) {
  Submission h;
  Client c = h.logged_in();
  h.open(c);
  const std::string header = "From: alice@mk.test\r\nBcc: x@far.test\r\nX: " + std::string(60'000, 'x') +
                             "\r\nY: " + std::string(20'000, 'y') + "\r\n\r\n";
  h.say(c, header.substr(0, 70'000));
  assert_false(has_frame(h.queue.get()));  // no file before the header is known
  assert_false(has_frame(h.lookup.get()));
  h.say(c, header.substr(70'000));
  const auto q = h.senders();
  std::string body;
  while (body.size() < 300'000) body += "a line of the body\r\n";
  h.say(c, body);
  h.sender_verdict(q);
  h.turns(50);
  const auto need = get<queue::NeedSpoolFile>(h.queue.get());
  Fd file(memfd_create("spool", MFD_CLOEXEC));
  queue::SpoolFile s;
  s.session = need.session;
  s.message = need.message;
  s.file.reset(fcntl(file.get(), F_DUPFD_CLOEXEC, 3));
  put(h.queue.get(), s);
  h.turns(50);
  h.say(c, "the end\r\n.\r\n");
  h.turns(50);
  const auto m = h.submitted();
  assert_false(static_cast<bool>(m.content));
  const std::string content = read_all(file.get());
  assert_int_equal(m.size, content.size());
  assert_text(content.substr(0, 30), "Received: from [authenticated]");
  assert_true(content.find("Bcc:") == std::string::npos);
  assert_true(content.find("\r\nMessage-ID: <") != std::string::npos);
  assert_text(content.substr(content.find("\r\n\r\n") + 4), body + "the end\r\n");
}

static void peers_that_end(void**) {
  Submission h;
  Client c = h.logged_in();
  h.open(c);
  h.say(c, "From: alice@mk.test\r\n\r\nhello\r\n.\r\nNOOP\r\n");
  static_cast<void>(h.senders());
  h.lookup.reset();
  h.turns();
  h.expect(c, "451 4.3.0 Sender");
  h.expect(c, "250");
  h.say(c, "MAIL FROM:<alice@mk.test>\r\nNOOP\r\n");
  h.expect(c, "451 4.3.0 Sender");
  h.expect(c, "250");
  h.wire(imsg::Role::kLookup, h.lookup);
  h.open(c);
  h.lookup.reset();  // between the asking of MAIL and the header: the answer is there at once
  h.turns();
  h.say(c, "From: alice@mk.test\r\n\r\nhello\r\n.\r\nNOOP\r\n");
  h.expect(c, "451 4.3.0 Sender");
  h.expect(c, "250");
  // A queue that has ended took the tickets with it: the client must come again.
  h.wire(imsg::Role::kLookup, h.lookup);
  h.queue.reset();
  h.turns();
  h.wire(imsg::Role::kQueue, h.queue);
  h.say(c, "NOOP\r\nMAIL FROM:<alice@mk.test>\r\n");
  h.expect(c, "250");
  h.expect(c, "421 4.7.0");
  h.hear(c);
  assert_true(c.ended);
}

int main() {
  log::set_level(log::Level::kError);
  const CMUnitTest tests[] = {
      unit_test(nothing_without_tls_and_login),
      unit_test(implicit_tls_says_nothing_before_the_handshake),
      unit_test(a_submission_from_login_to_queue),
      unit_test(auth_in_every_way),
      unit_test(a_login_byte_by_byte),
      unit_test(failures),
      unit_test(senders_that_are_not_theirs),
      unit_test(the_auth_parameter_of_mail),
      unit_test(headers_that_are_refused),
      unit_test(a_large_message),
      unit_test(peers_that_end),
  };
  return run_unit_tests(tests);
}
