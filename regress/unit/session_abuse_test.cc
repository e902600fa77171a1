// imapd/session: clients that do not read, lines out of place, several sessions that are told at once.
// SPDX-License-Identifier: ISC
#include "regress/unit/session.h"

using namespace mailkeep;

constexpr std::string_view kMessage = "From: a@b\r\nSubject: s\r\n\r\nbody\r\n";

// A line that is too long to be DONE ends IDLE with a BAD of IDLE's own tag: nothing is told behind that.
static void idle_line_too_long(void**) {
  Account account;
  account.login();
  account.send("a SELECT INBOX\r\nb IDLE\r\n");
  assert_text(account.send("c " + std::string(imap::kMaxLine + 100, 'x')), "b BAD Expected DONE\r\n");
  assert_text(account.send("\r\nd NOOP\r\n"), "d OK Done\r\n");
  account.deliver(kMessage);
  assert_text(account.told(), "");
  assert_text(account.send("e NOOP\r\n"), "* 1 EXISTS\r\n* 1 RECENT\r\ne OK Done\r\n");
}

// News wait while an idling client does not read, and come when it does.
static void idle_unread(void**) {
  Account account;
  for (int i = 0; i < 200; ++i) account.deliver(kMessage);
  account.login();
  account.login();
  account.send("a SELECT INBOX\r\nb IDLE\r\n");
  account.send("a SELECT INBOX\r\n", 1);
  imapd::Session& idle = account.session(0);
  for (int i = 0; i < 500; ++i) {
    account.session(1).feed(
        i % 2 == 0 ? "c STORE 1:* +FLAGS.SILENT (\\Seen)\r\n" : "c STORE 1:* -FLAGS.SILENT (\\Seen)\r\n", Micros(0));
    account.session(1).run();
    assert_true(account.store().sync());
    account.session(1).on_durable();
    idle.on_durable();
    account.session(1).take_output();
  }
  const std::string kept = idle.take_output();
  assert_true(kept.size() < imapd::kHighWater + 20000);
  account.session(1).feed("d STORE 7 FLAGS.SILENT (\\Flagged)\r\n", Micros(0));
  const std::string rest = account.told(0);
  if (rest.find("* 7 FETCH (FLAGS (\\Flagged \\Recent))\r\n") == std::string::npos) fail_msg("%s", rest.c_str());
}

// Two sessions are told of a message in the same turn: it is \Recent in one of them (RFC 3501 2.3.2).
static void recent_in_one_session(void**) {
  Account account;
  for (int i = 0; i < 3; ++i) account.login();
  account.send("a EXAMINE INBOX\r\nb IDLE\r\n", 0);
  account.send("a SELECT INBOX\r\nb IDLE\r\n", 1);
  account.send("a SELECT INBOX\r\nb IDLE\r\n", 2);
  account.deliver(kMessage);
  const std::string examined = account.session(0).take_output();
  const std::string one = account.session(1).take_output(), two = account.session(2).take_output();
  assert_text(one, "* 1 EXISTS\r\n* 1 RECENT\r\n");
  assert_text(two, "* 1 EXISTS\r\n* 0 RECENT\r\n");
  assert_text(examined, "* 1 EXISTS\r\n* 1 RECENT\r\n");  // before the others: nobody had it yet
  // Before the claim is durable a third SELECT finds nothing either.
  account.login();
  const std::string three = account.send("c SELECT INBOX\r\n", 3);
  assert_true(three.find("* 0 RECENT\r\n") != std::string::npos);
  assert_int_equal(account.store().find_mailbox("INBOX")->recent(), 0);
}

// Flags that RFC 3501 does not know are not stored (6.4.6, 7.1 PERMANENTFLAGS), nor is \Recent.
static void unknown_flags(void**) {
  Account account;
  account.login();
  account.send("a SELECT INBOX\r\n");
  assert_text(account.send("b APPEND INBOX (\\Recent \\Seen \\Foo) {5+}\r\nx\r\n\r\n\r\n").substr(0, 26),
              "* 1 EXISTS\r\n* 1 RECENT\r\nb ");
  assert_text(account.send("c STORE 1 +FLAGS (\\Bar \\Flagged)\r\n"),
              "* 1 FETCH (FLAGS (\\Flagged \\Seen \\Recent))\r\nc OK Stored\r\n");
  assert_text(account.send("d STORE 1 FLAGS \\Recent\r\n"), "* 1 FETCH (FLAGS (\\Recent))\r\nd OK Stored\r\n");
  assert_text(account.send("e STORE 1 +FLAGS (\\)\r\n").substr(0, 5), "e BAD");
}

// A command that was not understood may be a FETCH with a slip: no EXPUNGE before it is known what it was (7.4.1).
static void no_expunge_before_bad(void**) {
  Account account;
  account.deliver(kMessage);
  account.login();
  account.login();
  account.send("a SELECT INBOX\r\n");
  account.send("a SELECT INBOX\r\nb STORE 1 +FLAGS.SILENT (\\Deleted)\r\nc EXPUNGE\r\n", 1);
  assert_text(account.send("d FETCH 1 NOTHING\r\n").substr(0, 5), "d BAD");
  assert_text(account.send("e NOOP\r\n"), "* 1 EXPUNGE\r\ne OK Done\r\n");
}

static void idle_timeout(void**) {
  Account account;
  imapd::SessionOptions options;
  options.idle_timeout = Seconds(3600);
  imapd::Session session(account.store(), options, Micros(0));
  session.tick(Seconds(3599));
  assert_false(session.is_finished());
  session.tick(Seconds(3600));
  assert_true(session.is_finished());
}

int main() {
  const CMUnitTest tests[] = {unit_test(idle_line_too_long),    unit_test(idle_unread),
                              unit_test(recent_in_one_session), unit_test(unknown_flags),
                              unit_test(no_expunge_before_bad), unit_test(idle_timeout)};
  return run_unit_tests(tests);
}
