// lib/receive: sessions of a local socket: auth says who it is, senders are its own, From is marked.
// SPDX-License-Identifier: ISC
#include "regress/unit/receive_fixture.h"

namespace {

struct Local : House {
  Local() : House(smtpd::Protocol::kLocal) {}

  auth::Identify identify() { return get<mailkeep::auth::Identify>(auth.get()); }
  void identified(uint64_t session, const std::string& user, const std::string& account, bool any_sender = false) {
    mailkeep::auth::Identified m;
    m.session = session;
    m.ok = !user.empty();
    m.user = user;
    m.account = account;
    m.any_sender = any_sender;
    m.address = account.empty() ? user + "@mx.mk.test" : account + "@mk.test";
    m.origin = "mk.test";
    m.ticket_high = 11;
    m.ticket_low = 22;
    m.text = "no user here has the uid 7";
    put(auth.get(), m);
    turns();
  }
  Client known(const std::string& user, const std::string& account, bool any_sender = false) {
    Client c = dial();
    identified(identify().session, user, account, any_sender);
    expect(c, "220 mx.mk.test ESMTP");
    say(c, "EHLO localhost\r\n");
    said = hear(c);
    c.heard.clear();
    return c;
  }
  lookup::CheckSender senders() { return get<mailkeep::lookup::CheckSender>(lookup.get()); }
  void sender_verdict(const lookup::CheckSender& q, uint16_t code) {
    mailkeep::lookup::SenderVerdict v;
    v.session = q.session;
    v.query = q.query;
    v.code = code;
    v.enhanced = code == 250 ? "2.1.0" : code == 451 ? "4.3.0" : "5.7.1";
    v.text = "verdict on " + q.addresses.at(0);
    put(lookup.get(), v);
    turns();
  }
  // From MAIL to 354.
  void open(Client& c, const std::string& sender) {
    say(c, "MAIL FROM:<" + sender + ">\r\n");
    if (has_frame(lookup.get())) sender_verdict(senders(), 250);
    expect(c, "250 2.1.0");
    say(c, "RCPT TO:<x@far.test>\r\n");
    verdict(asked());
    expect(c, "250 2.1.5");
    say(c, "DATA\r\n");
    expect(c, "354");
  }
  std::string said;
};

}  // namespace

static void the_greeting_waits_for_auth(void**) {
  Local h;
  Client c = h.dial();
  h.expect_silence(c);
  const auto q = h.identify();
  assert_true(q.connection);
  h.say(c, "EHLO localhost\r\nMAIL FROM:<www-data@mx.mk.test>\r\n");
  h.expect_silence(c);
  h.identified(q.session, "www-data", "");
  h.expect(c, "220 mx.mk.test ESMTP");
  assert_true(h.hear(c).find("XLOCAL www-data@mx.mk.test mk.test\r\n") != std::string::npos);
  assert_true(c.heard.find("STARTTLS") == std::string::npos && c.heard.find("AUTH") == std::string::npos);
  const auto s = h.senders();
  assert_text(s.account, "");
  assert_text(s.user, "www-data");
}

static void whom_auth_does_not_know(void**) {
  Local h;
  Client c = h.dial();
  h.identified(h.identify().session, "", "");
  h.expect(c, "554 5.7.1 mx.mk.test no user here has the uid 7");
  h.hear(c);
  assert_true(c.ended);
  Client d = h.dial();
  h.identify();
  h.auth.reset();
  h.expect(d, "421 4.3.0");
  Client e = h.dial();  // there is no auth at all
  h.expect(e, "421 4.3.0");
}

// An answer that nobody has asked for changes nobody.
static void auth_answers_once(void**) {
  Local h;
  Client c = h.dial();
  const auto q = h.identify();
  h.identified(q.session, "ann", "ann");
  h.expect(c, "220");
  h.identified(q.session, "root", "", true);
  h.expect_silence(c);
  h.say(c, "EHLO localhost\r\nMAIL FROM:<root@mx.mk.test>\r\n");
  assert_text(h.senders().user, "ann");
}

static void a_message_goes_with_its_ticket(void**) {
  Local h;
  Client c = h.known("ann", "ann");
  h.open(c, "ann@mk.test");
  h.say(c, "From: ann@mk.test\r\nBcc: y@far.test\r\n\r\nhi\r\n.\r\n");
  h.sender_verdict(h.senders(), 250);
  const auto m = h.submitted();
  assert_int_equal(m.ticket_high, 11);
  const std::string text = read_all(m.content.get());
  assert_text(text.substr(0, text.find("\r\n\tid ")), "Received: by mx.mk.test (from user ann)");
  assert_true(text.find("Message-ID: <") != std::string::npos && text.find("Date: ") != std::string::npos);
  assert_true(text.find("Bcc") == std::string::npos && text.find("Sender:") == std::string::npos);
}

static void a_foreign_envelope_sender_is_refused(void**) {
  Local h;
  Client c = h.known("ann", "ann");
  h.say(c, "MAIL FROM:<ben@mk.test>\r\n");
  h.sender_verdict(h.senders(), 550);
  h.expect(c, "550 5.7.1");
}

static void a_foreign_author_is_marked(void**) {
  Local h;
  Client c = h.known("ann", "ann");
  h.open(c, "ann@mk.test");
  h.say(c, "From: root@mk.test (Cron Daemon)\r\nsender: ben@mk.test\r\nTo: x\r\n\r\nhi\r\n.\r\n");
  h.sender_verdict(h.senders(), 550);
  const auto m = h.submitted();
  const std::string text = read_all(m.content.get());
  assert_int_equal(m.size, text.size());
  assert_true(text.find("\r\nSender: ann@mk.test\r\nFrom: root@mk.test (Cron Daemon)\r\nTo: x\r\n") !=
              std::string::npos);
  assert_true(text.find("ben") == std::string::npos);
  assert_text(text.substr(text.size() - 8), "\r\n\r\nhi\r\n");
  h.enqueued(m);
  h.expect(c, "250 2.0.0");
  // What cannot be found out now is not taken for a foreign one.
  h.open(c, "ann@mk.test");
  h.say(c, "From: root@mk.test\r\n\r\nhi\r\n.\r\n");
  h.sender_verdict(h.senders(), 451);
  h.expect(c, "451 4.3.0");
}

static void or_refused(void**) {
  Local h;
  h.config.strict_local = true;
  assert_text(h.configure(), "");
  Client c = h.known("ann", "ann");
  h.open(c, "ann@mk.test");
  h.say(c, "From: root@mk.test\r\n\r\nhi\r\n.\r\n");
  h.sender_verdict(h.senders(), 550);
  h.expect(c, "550 5.7.1");
}

static void the_trusted_are_not_asked(void**) {
  Local h;
  Client c = h.known("root", "", true);
  h.open(c, "anybody@far.test");
  h.say(c, "From: ceo@bank.test\r\n\r\nhi\r\n.\r\n");
  assert_false(has_frame(h.lookup.get()));
  const std::string text = read_all(h.submitted().content.get());
  assert_true(text.find("Sender:") == std::string::npos && text.find("From: ceo@bank.test\r\n") != std::string::npos);
}

// Half of all sessions is for the world.
static void local_users_keep_nobody_out(void**) {
  Local h;
  h.config.max_sessions = 2;
  assert_text(h.configure(), "");
  std::vector<Client> clients;
  clients.push_back(h.known("ann", "ann"));
  Client c = h.dial();
  h.expect(c, "421 4.3.2");
  clients.pop_back();
  h.turns();
  h.known("ann", "ann");
}

// Ten places of twenty are for local users, of whom this test is one: never more than are still free.
static void one_user_leaves_room_for_others(void**) {
  Local h;
  h.config.max_sessions = 20;
  h.config.max_sessions_per_source = 100;
  assert_text(h.configure(), "");
  std::vector<Client> mine;
  for (int i = 0; i < 5; i++) mine.push_back(h.known("www-data", ""));
  Client sixth = h.dial();
  h.expect(sixth, "421 4.7.0");
  h.hear(sixth);
  assert_true(sixth.ended);
  h.say(mine.back(), "QUIT\r\n");
  h.expect(mine.back(), "221");
  Client again = h.known("www-data", "");
  h.config.max_sessions_per_source = 3;
  assert_text(h.configure(), "");
  h.say(again, "QUIT\r\n");
  Client over = h.dial();
  h.expect(over, "421 4.7.0");
}

int main() {
  const CMUnitTest tests[] = {unit_test(the_greeting_waits_for_auth),
                              unit_test(whom_auth_does_not_know),
                              unit_test(auth_answers_once),
                              unit_test(a_message_goes_with_its_ticket),
                              unit_test(a_foreign_envelope_sender_is_refused),
                              unit_test(a_foreign_author_is_marked),
                              unit_test(or_refused),
                              unit_test(the_trusted_are_not_asked),
                              unit_test(local_users_keep_nobody_out),
                              unit_test(one_user_leaves_room_for_others)};
  return run_unit_tests(tests);
}
