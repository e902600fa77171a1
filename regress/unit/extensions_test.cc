// lib/receive: what is offered to whom, the parameters' way to the queue, and BDAT.
// SPDX-License-Identifier: ISC
#include "lib/receive/extensions.h"

#include "regress/unit/receive_fixture.h"

using receive::Terms;

static std::string offered(const Terms& t) {
  std::string out;
  for (const auto& line : receive::ehlo_lines(t)) out += line + "\n";
  return out;
}

static void offers(void**) {
  smtpd::Config config;
  config.message_size = 1000;
  config.max_recipients = 100;
  config.max_messages_per_session = 7;
  config.min_deliver_by = 60;
  config.max_hold = 3600;
  Terms world{.config = config, .offers_tls = true};
  assert_text(offered(world),
              "PIPELINING\nSIZE 1000\n8BITMIME\nCHUNKING\nBINARYMIME\nSMTPUTF8\nDSN\nSTARTTLS\nLIMITS MAILMAX=7 "
              "RCPTMAX=100\nENHANCEDSTATUSCODES\nHELP\n");
  world.has_tls = true;
  world.offers_tls = false;
  assert_true(offered(world).find("REQUIRETLS\n") != std::string::npos);
  assert_true(offered(world).find("STARTTLS") == std::string::npos);
  Terms account{.config = config, .is_submission = true, .has_tls = true};
  for (const char* word :
       {"AUTH PLAIN LOGIN\n", "DELIVERBY 60\n", "FUTURERELEASE 3600 1970-01-01T01:00:00Z\n", "MT-PRIORITY\n"}) {
    if (offered(account).find(word) == std::string::npos) fail_msg("%s not in %s", word, offered(account).c_str());
    assert_true(offered(world).find(word) == std::string::npos);  // strangers do not steer the queue
  }
  account.logged_in = true;
  assert_true(offered(account).find("AUTH") == std::string::npos);
  config.offer_dsn = false;
  config.max_hold = 0;
  config.max_messages_per_session = 0;
  assert_true(offered(world).find("DSN\n") == std::string::npos);
  assert_true(offered(world).find("LIMITS RCPTMAX=100\n") != std::string::npos);
  assert_true(offered(account).find("DSN\n") != std::string::npos);
  assert_true(offered(account).find("FUTURERELEASE") == std::string::npos);
}

static void refused_parameters(void**) {
  smtpd::Config config;
  config.message_size = 1000;
  config.min_deliver_by = 60;
  config.max_hold = 3600;
  const Terms world{.config = config};
  const Terms account{.config = config, .is_submission = true, .has_tls = true, .logged_in = true, .now = 1769860800};
  const struct {
    const char* line;
    int world, account;
  } table[] = {
      {"FROM:<a@b.test> SIZE=1000 BODY=7BIT RET=FULL ENVID=x", 0, 0},
      {"FROM:<a@b.test> SIZE=1001", 552, 552},
      {"FROM:<a@b.test> BODY=BINARYMIME", 0, 0},
      {"FROM:<a@b.test> HOLDFOR=3600", 555, 0},
      {"FROM:<a@b.test> HOLDFOR=3601", 555, 501},
      {"FROM:<a@b.test> HOLDUNTIL=2026-01-31T13:00:00Z", 555, 0},
      {"FROM:<a@b.test> HOLDUNTIL=2026-01-31T13:00:01Z", 555, 501},
      {"FROM:<a@b.test> HOLDUNTIL=2026-01-31T12:00:00Z", 555, 501},
      {"FROM:<a@b.test> BY=60;R", 555, 0},
      {"FROM:<a@b.test> BY=59;R", 555, 555},
      {"FROM:<a@b.test> BY=1;N", 555, 0},
      {"FROM:<a@b.test> MT-PRIORITY=4", 555, 0},
      {"FROM:<a@b.test> REQUIRETLS", 555, 0},
      {"FROM:<a@b.test> AUTH=<>", 555, 0},
      {"FROM:<a@b.test> FOO=1", 555, 555},
      {"FROM:<\xc3\xa4@b.test>", 553, 553},
      {"FROM:<\xc3\xa4@b.test> SMTPUTF8", 0, 0},
  };
  for (const auto& row : table) {
    const auto args = smtp::parse_mail_args(row.line);
    assert_true(args.has_value());
    const auto w = receive::refuse_mail(world, *args), a = receive::refuse_mail(account, *args);
    if ((w ? w->code : 0) != row.world || (a ? a->code : 0) != row.account)
      fail_msg("%s: %d %d", row.line, w ? w->code : 0, a ? a->code : 0);
    if (w) assert_true(w->enhanced[0] == '5' && !w->text.empty());
  }
}

static void parameters_reach_the_queue(void**) {
  House h;
  Client c = h.greeted();
  h.say(c,
        "MAIL FROM:<j\xc3\xb6rg@b\xc3\xbc"
        "cher.test> SMTPUTF8 RET=HDRS ENVID=QQ1 SIZE=10\r\n");
  h.expect(c, "250 2.1.0");
  h.say(c, "RCPT TO:<\xe7\x94\xa8@mk.test> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;\xe7\x94\xa8@old.test\r\n");
  const auto q = h.asked();
  assert_text(q.recipient, "\xe7\x94\xa8@mk.test");
  assert_text(q.facts.sender, "j\xc3\xb6rg@xn--bcher-kva.test");
  h.verdict(q);
  h.expect(c, "250 2.1.5");
  h.say(c, "DATA\r\nx\r\n.\r\n");
  h.expect(c, "354");
  const auto m = h.submitted();
  assert_true(m.options.smtputf8);
  assert_true(m.options.ret == queue::Ret::kHeaders);
  assert_text(m.options.envid, "QQ1");
  assert_int_equal(m.recipients[0].options.notify, queue::kNotifySuccess | queue::kNotifyDelay);
  assert_text(m.recipients[0].options.orcpt, "utf-8;\xe7\x94\xa8@old.test");
  assert_true(read_all(m.content.get()).find("by mx.mk.test with UTF8SMTP\r\n") != std::string::npos);
  h.enqueued(m);
  h.expect(c, "250 2.0.0");
  h.say(c,
        "MAIL FROM:<a@b.test>\r\nRCPT TO:<\xe7\x94\xa8@mk.test>\r\nRCPT TO:<a@mk.test> "
        "ORCPT=utf-8;\xe7\x94\xa8@old.test\r\nRCPT TO:<a@mk.test> SIZE=1\r\n");
  for (const char* reply : {"250", "553 5.6.7", "553 5.6.7", "555 5.5.4"}) h.expect(c, reply);
  h.say(c,
        "RSET\r\nHELO client.test\r\nMAIL FROM:<a@b.test> RET=HDRS\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<a@mk.test> "
        "NOTIFY=NEVER\r\n");
  for (const char* reply : {"250", "250", "555 5.5.4", "250", "555 5.5.4"}) h.expect(c, reply);
}

static void chunks(void**) {
  House h;
  Client c = h.greeted();
  h.begin(c);
  h.say(c, "BDAT 12\r\nSubject: x\r\nBDAT 4\r\n\r\n.\rBDAT 3\r\n\n.\nRSET\r\n");  // a bare LF in the third
  for (const char* reply : {"250 2.0.0 12 octets", "250 2.0.0 4 octets", "550 5.6.0", "250 2.0.0"}) h.expect(c, reply);
  h.begin(c);
  h.say(c, "BDAT 12\r\nSubject: x\r\nBDAT 4\r\n\r\n.\rBDAT 2\r\n\nbBDAT 0 LAST\r\nNOOP\r\n");
  for (const char* reply : {"250 2.0.0 12 octets", "250 2.0.0 4 octets", "250 2.0.0 2 octets"}) h.expect(c, reply);
  const auto m = h.submitted();
  assert_text(body_of(read_all(m.content.get())), "Subject: x\r\n\r\n.\r\nb\r\n");
  h.expect_silence(c);
  h.enqueued(m);
  h.expect(c, "250 2.0.0 Ok");
  h.expect(c, "250 2.0.0");
  h.begin(c);
  h.say(c, "BDAT 3 LAST\r\na\r\nDATA\r\n");  // the transaction is over
  h.enqueued(h.submitted(), 452);
  h.expect(c, "452");
  h.expect(c, "503");
}

// Whatever is wrong: the octets are not taken for commands.
static void refused_chunks_are_swallowed(void**) {
  House h;
  h.config.message_size = 1000;
  assert_text(h.configure(), "");
  Client c = h.dial();
  h.expect(c, "220");
  h.say(c, "BDAT 6\r\nQUIT\r\nEHLO client.test\r\n");
  h.expect(c, "503 5.5.1");
  h.hear(c);
  assert_true(c.heard.starts_with("250-mx.mk.test"));
  c.heard.clear();
  h.say(c, "BDAT 6 LAST\r\nQUIT\r\nMAIL FROM:<a@b.test>\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n");
  for (const char* reply : {"503 5.5.1", "250 2.1.0", "554 5.5.1", "250 2.0.0"}) h.expect(c, reply);
  h.say(c, "RCPT TO:<a@mk.test>\r\n");
  h.verdict(h.asked());
  h.say(c, "BDAT 6\r\nab\r\ncdDATA\r\nRCPT TO:<b@mk.test>\r\nMAIL FROM:<a@b.test>\r\nRSET\r\nBDAT 6 LAST\r\nQUIT\r\n");
  for (const char* reply : {"250 2.1.5", "250 2.0.0", "503 5.5.1", "503 5.5.1", "503 5.5.1", "250", "503 5.5.1"})
    h.expect(c, reply);
  h.begin(c);
  h.say(c, "BDAT 200000 LAST\r\n" + std::string(200000, 'a') + "NOOP\r\n");
  h.turns(100);
  h.expect(c, "552 5.3.4");
  h.expect(c, "250 2.0.0");
  assert_false(has_frame(h.queue.get()));
  h.say(c, "BDAT x\r\nQUIT\r\n");
  h.expect(c, "501 5.5.4");
  h.expect(c, "421 4.5.4");
  h.hear(c);
  assert_true(c.ended);
}

static void chunks_byte_by_byte(void**) {
  House h;
  Client c = h.dial();
  const std::string all =
      "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<one@mk.test>\r\nBDAT 4\r\na\r\n.BDAT 3 LAST\r\n\r\nbQUIT\r\n";
  for (const char b : all) {
    h.say(c, std::string_view(&b, 1));
    if (has_frame(h.lookup.get())) h.verdict(h.asked());
    if (has_frame(h.queue.get())) {
      const auto m = h.submitted();
      assert_text(body_of(read_all(m.content.get())), "a\r\n.\r\nb\r\n");
      h.enqueued(m);
    }
  }
  const std::string& said = h.hear(c);
  assert_true(said.ends_with("221 2.0.0 mx.mk.test Bye\r\n"));
  assert_true(said.find("250 2.0.0 4 octets received\r\n250 2.0.0 Ok: kept as ") != std::string::npos);
}

static void large_chunks_go_to_the_spool(void**) {
  House h;
  Client c = h.greeted();
  h.begin(c);
  std::string body;
  while (body.size() < 200000) body += "all work and no play makes a long message\r\n";
  h.say(c, "BDAT 100000\r\n" + body.substr(0, 100000));
  const auto need = get<queue::NeedSpoolFile>(h.queue.get());
  h.expect_silence(c);
  Fd file(memfd_create("spool", MFD_CLOEXEC));
  queue::SpoolFile s;
  s.session = need.session;
  s.message = need.message;
  s.file.reset(dup(file.get()));
  put(h.queue.get(), s);
  h.turns(24);
  h.expect(c, "250 2.0.0 100000 octets");
  h.say(c, "BDAT " + std::to_string(body.size() - 100000) + " LAST\r\n" + body.substr(100000));
  const auto m = h.submitted();
  assert_false(m.content);
  assert_true(body_of(read_all(file.get())) == body);
  h.enqueued(m);
  h.expect(c, "250 2.0.0 Ok");
}

// Whatever ends the transaction between two chunks: the queue is told that the file it made is of no use.
static void chunks_that_come_to_nothing(void**) {
  std::string body;
  while (body.size() < 100000) body += "all work and no play makes a long message\r\n";
  for (const std::string end : {"EHLO client.test", "HELO client.test", "RSET", "STARTTLS", "QUIT"}) {
    House h(smtpd::Protocol::kSmtp, {"mx"});
    Client c = h.greeted();
    h.begin(c);
    h.say(c, "BDAT " + std::to_string(body.size()) + "\r\n" + body);
    const auto need = get<queue::NeedSpoolFile>(h.queue.get());
    queue::SpoolFile s;
    s.session = need.session;
    s.message = need.message;
    s.file.reset(memfd_create("spool", MFD_CLOEXEC));
    put(h.queue.get(), s);
    h.turns(24);
    h.expect(c, "250 2.0.0 ");
    h.say(c, end + "\r\n");
    if (!has_frame(h.queue.get())) fail_msg("%s: the spool file stays", end.c_str());
    assert_int_equal(get<queue::DropSpoolFile>(h.queue.get()).message, need.message);
    assert_false(has_frame(h.queue.get()));
  }
}

static void lmtp_chunks(void**) {
  House h(smtpd::Protocol::kLmtp);
  Client c = h.greeted();
  h.begin(c, {"alice@mk.test", "bob@mk.test"});
  h.say(c, "BDAT 3\r\na\r\nBDAT 3 LAST\r\nb\r\n");
  h.expect(c, "250 2.0.0 3 octets");
  h.enqueued(h.submitted());
  h.expect(c, "250 2.0.0 <alice@mk.test>");
  h.expect(c, "250 2.0.0 <bob@mk.test>");
  h.begin(c, {"alice@mk.test", "bob@mk.test"});
  h.say(c, "BDAT 2\r\na\nBDAT 3 LAST\r\nb\r\nNOOP\r\n");
  h.expect(c, "550 5.6.0 Bare LF");
  h.expect(c, "503 5.5.1");
  h.expect(c, "250 2.0.0");
}

constexpr std::string_view kBinaryHead = "Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n";
constexpr std::string_view kMadeHead = "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n";

// The transaction of a binary message with one recipient.
static void begin_binary(House& h, Client& c) {
  h.say(c, "MAIL FROM:<sender@client.test> BODY=BINARYMIME\r\nRCPT TO:<alice@mk.test>\r\n");
  h.verdict(h.asked());
  h.expect(c, "250 2.1.0");
  h.expect(c, "250 2.1.5");
}

static std::string bdat(std::string_view octets, bool is_last = false) {
  return "BDAT " + std::to_string(octets.size()) + (is_last ? " LAST\r\n" : "\r\n") + std::string(octets);
}

// What the queue gets is text.
static void binary_messages(void**) {
  for (const auto protocol : {smtpd::Protocol::kSmtp, smtpd::Protocol::kLmtp}) {
    House h(protocol);
    Client c = h.greeted();
    begin_binary(h, c);
    h.say(c, "DATA\r\n");
    h.expect(c, "503 5.5.1 DATA cannot carry BODY=BINARYMIME");
    h.say(c, bdat(std::string(kBinaryHead) + std::string("\0\r\n\n", 4)) + bdat("\r", true));
    const auto m = h.submitted();
    assert_int_equal(static_cast<int>(m.options.body), static_cast<int>(queue::Body::k8bit));
    const std::string content = read_all(m.content.get());
    assert_text(body_of(content), std::string(kMadeHead) + "AA0KCg0=\r\n");
    assert_int_equal(m.size, content.size());
    h.enqueued(m);
    h.expect(c, "250 2.0.0 " + std::to_string(kBinaryHead.size() + 4) + " octets");
    h.expect(c, protocol == smtpd::Protocol::kLmtp ? "250 2.0.0 <alice@mk.test> Ok" : "250 2.0.0 Ok");
  }
}

static void binary_messages_that_are_refused(void**) {
  House h;
  h.config.message_size = 1000;
  assert_text(h.configure(), "");
  Client c = h.greeted();
  const struct {
    std::string octets;
    const char* reply;
  } table[] = {
      {"A: b\n\r\n", "550 5.6.0 Bare LF"},
      {"A: b\r\n\r\nx\n", "554 5.6.1 A part has binary content"},
      {"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\nContent-Transfer-Encoding: "
       "binary\r\n\r\n\n\r\n--s--\r\n",
       "554 5.6.1 A signed part is binary"},
      {std::string(kBinaryHead) + std::string(800, '\n'), "552 5.3.4"},  // too large in base64
  };
  for (const auto& row : table) {
    for (const bool is_last : {false, true}) {
      begin_binary(h, c);
      h.say(c, bdat(row.octets, is_last) + "NOOP\r\n");
      h.expect(c, row.reply);
      h.expect(c, "250 2.0.0 Ok");
      assert_false(has_frame(h.queue.get()));
    }
  }
  h.say(c, "HELO client.test\r\nMAIL FROM:<a@b.test> BODY=BINARYMIME\r\n");
  h.expect(c, "250 mx.mk.test");
  h.expect(c, "555 5.5.4 Parameters need EHLO");
}

static void large_binary_messages_go_to_the_spool(void**) {
  House h;
  Client c = h.greeted();
  begin_binary(h, c);
  const std::string octets = std::string(kBinaryHead) + std::string(150000, '\xff');
  h.say(c, bdat(octets));
  const auto need = get<queue::NeedSpoolFile>(h.queue.get());
  Fd file(memfd_create("spool", MFD_CLOEXEC));
  queue::SpoolFile s;
  s.session = need.session;
  s.message = need.message;
  s.file.reset(dup(file.get()));
  put(h.queue.get(), s);
  h.turns(24);
  h.expect(c, "250 2.0.0 " + std::to_string(octets.size()) + " octets");
  h.say(c, bdat("", true));
  const auto m = h.submitted();
  std::string made(kMadeHead);
  for (size_t left = 200000; left > 0; left -= std::min<size_t>(left, 76))
    made += std::string(std::min<size_t>(left, 76), '/') + "\r\n";
  const std::string content = read_all(file.get());
  assert_true(body_of(content) == made);
  assert_int_equal(m.size, content.size());
  h.enqueued(m);
  h.expect(c, "250 2.0.0 Ok");
}

static void messages_of_a_session(void**) {
  House h;
  h.config.max_messages_per_session = 1;
  assert_text(h.configure(), "");
  Client c = h.greeted();
  h.begin(c);
  h.say(c, "DATA\r\nx\r\n.\r\n");
  h.expect(c, "354");
  h.enqueued(h.submitted());
  h.expect(c, "250 2.0.0");
  h.say(c, "MAIL FROM:<a@b.test>\r\n");
  h.expect(c, "421 4.5.3");
  h.hear(c);
  assert_true(c.ended);
}

int main() {
  log::set_level(log::Level::kError);
  const CMUnitTest tests[] = {
      unit_test(offers),
      unit_test(refused_parameters),
      unit_test(parameters_reach_the_queue),
      unit_test(chunks),
      unit_test(refused_chunks_are_swallowed),
      unit_test(chunks_byte_by_byte),
      unit_test(large_chunks_go_to_the_spool),
      unit_test(chunks_that_come_to_nothing),
      unit_test(lmtp_chunks),
      unit_test(binary_messages),
      unit_test(binary_messages_that_are_refused),
      unit_test(large_binary_messages_go_to_the_spool),
      unit_test(messages_of_a_session),
  };
  return run_unit_tests(tests);
}
