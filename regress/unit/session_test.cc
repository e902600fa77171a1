// imapd/session: transcripts of every command but FETCH and SEARCH, against a store on disk.
// SPDX-License-Identifier: ISC
#include "regress/unit/session.h"

#include <string.h>

#include "lib/imap/capability.h"

using namespace mailkeep;

constexpr std::string_view kMessage = "From: a@b\r\nSubject: s\r\n\r\nbody\r\n";

// The UIDVALIDITY of a mailbox, which no test can know before.
static std::string validity(Account& account, std::string_view name) {
  return std::to_string(account.store().find_mailbox(name)->uidvalidity);
}

static std::string selected(Account& account, unsigned exists, unsigned recent, unsigned uidnext,
                            std::string_view unseen = "") {
  std::string out =
      "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n"
      "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] Limited\r\n* " +
      std::to_string(exists) + " EXISTS\r\n* " + std::to_string(recent) + " RECENT\r\n";
  out += unseen;
  return out + "* OK [UIDVALIDITY " + validity(account, "INBOX") + "] UIDs are valid\r\n* OK [UIDNEXT " +
         std::to_string(uidnext) + "] Predicted next UID\r\n";
}

static void greeting_and_simple(void**) {
  Account account;
  imapd::SessionOptions options;
  options.login_tag = "x1";
  imapd::Session session(account.store(), options, Micros(0));
  assert_text(session.take_output(), "x1 OK [CAPABILITY " + std::string(imap::kCapability) + "] Logged in\r\n");
  account.login();
  assert_text(account.send("a CAPABILITY\r\n"), "* CAPABILITY " + std::string(imap::kCapability) + "\r\na OK Done\r\n");
  assert_text(account.send("b NOOP\r\nc NAMESPACE\r\n"),
              "b OK Done\r\n* NAMESPACE ((\"\" \"/\")) NIL NIL\r\nc OK Done\r\n");
  assert_text(account.send("d ID NIL\r\ne ENABLE X\r\n"),
              "* ID (\"name\" \"Mailkeep\")\r\nd OK Done\r\n* ENABLED\r\ne OK Done\r\n");
  assert_text(account.send("f LOGIN a b\r\ng FOO\r\nh FETCH 1 FLAGS\r\n"),
              "f BAD Already logged in\r\ng BAD unknown command FOO\r\nh BAD Select a mailbox first\r\n");
  assert_text(account.send("i LOGOUT\r\nj NOOP\r\n"), "* BYE Logging out\r\ni OK Bye\r\n");
  assert_true(account.session().is_finished());
}

static void every_byte_split(void**) {
  const std::string_view input =
      "a CREATE {3}\r\nw/x\r\nb APPEND w/x (\\Seen) {3+}\r\nm\r\n\r\nc SELECT w/x\r\nd IDLE\r\nDONE\r\ne CLOSE\r\n";
  std::string first;
  for (size_t piece : {input.size() * 2, size_t{1}, size_t{7}}) {
    Account account;
    account.login();
    std::string out;
    for (size_t at = 0; at < input.size(); at += piece) out += account.send(input.substr(at, piece));
    if (first.empty()) first = out;
    assert_text(out, first);
  }
  assert_non_null(strstr(first.c_str(), "e OK Closed\r\n"));
}

static void select_and_examine(void**) {
  Account account;
  account.deliver(kMessage, "INBOX", store::kSeen);
  account.deliver(kMessage);
  account.login();
  assert_text(account.send("a EXAMINE inbox\r\n").substr(0, 100),
              "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n* OK [PERMANENTFLAGS ()] Read-only\r\n* 2 "
              "EXISTS\r\n");
  const std::string unseen = "* OK [UNSEEN 2] First unseen message\r\n";
  assert_text(account.send("b SELECT INBOX\r\n"), "* OK [CLOSED] Previous mailbox is closed\r\n" +
                                                      selected(account, 2, 2, 3, unseen) +
                                                      "b OK [READ-WRITE] Opened\r\n");
  // A second session sees none of them as recent.
  account.login();
  assert_text(account.send("c SELECT INBOX\r\n", 1),
              selected(account, 2, 0, 3, unseen) + "c OK [READ-WRITE] Opened\r\n");
  assert_text(account.send("d SELECT nowhere\r\ne CHECK\r\n", 1),
              "* OK [CLOSED] Previous mailbox is closed\r\nd NO [NONEXISTENT] No such mailbox\r\ne BAD Select a "
              "mailbox first\r\n");
  assert_text(account.send("f CHECK\r\ng UNSELECT\r\nh UNSELECT\r\n"),
              "f OK Done\r\ng OK Closed\r\nh BAD Select a mailbox first\r\n");
  assert_text(account.send("i EXAMINE INBOX\r\n").substr(0, 20), "* FLAGS (\\Answered \\");
  assert_text(account.send("j STORE 1 FLAGS ()\r\nk EXPUNGE\r\nl MOVE 1 INBOX\r\n"),
              "j NO [READ-ONLY] The mailbox is open read-only\r\nk NO [READ-ONLY] The mailbox is open read-only\r\n"
              "l NO [READ-ONLY] The mailbox is open read-only\r\n");
}

static void mailboxes(void**) {
  Account account;
  account.login();
  assert_text(account.send("a LIST \"\" \"\"\r\n"), "* LIST (\\Noselect) \"/\" \"\"\r\na OK Done\r\n");
  assert_text(
      account.send("b LIST \"\" *\r\n"),
      "* LIST (\\HasNoChildren) \"/\" INBOX\r\n* LIST (\\HasNoChildren \\Archive) \"/\" Archive\r\n"
      "* LIST (\\HasNoChildren \\Drafts) \"/\" Drafts\r\n* LIST (\\HasNoChildren \\Junk) \"/\" Junk\r\n"
      "* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n* LIST (\\HasNoChildren \\Trash) \"/\" Trash\r\nb OK Done\r\n");
}

static std::string first_words(const std::string& text) { return text.substr(0, text.find(']') + 1); }

static void creating(void**) {
  Account account;
  account.login();
  assert_text(account.send("a CREATE a/b/\r\n"), "a OK Created\r\n");
  assert_text(first_words(account.send("b CREATE a/b\r\n")), "b NO [ALREADYEXISTS]");
  assert_text(first_words(account.send("c CREATE inbox\r\n")), "c NO [ALREADYEXISTS]");
  assert_text(first_words(account.send("d CREATE \"a//b\"\r\n")), "d NO [CANNOT]");
  assert_text(first_words(account.send("e CREATE &AOQ\r\n")), "e NO [CANNOT]");
  assert_text(account.send("f LIST \"\" a*\r\ng LIST a/ %\r\n"),
              "* LIST (\\Noselect \\HasChildren) \"/\" a\r\n* LIST (\\HasNoChildren) \"/\" a/b\r\nf OK Done\r\n"
              "* LIST (\\HasNoChildren) \"/\" a/b\r\ng OK Done\r\n");
  assert_text(account.send("h CREATE &AOQ-\r\ni LIST \"\" &*\r\n"),
              "h OK Created\r\n* LIST (\\HasNoChildren) \"/\" &AOQ-\r\ni OK Done\r\n");
  assert_true(account.store().find_mailbox("\xc3\xa4") != nullptr);
  assert_text(first_words(account.send("j CREATE s2 (USE (\\Sent))\r\n")), "j NO [USEATTR]");
  assert_text(first_words(account.send("k CREATE s2 (USE (\\Foo))\r\n")), "k NO [USEATTR]");
  assert_text(account.send("l DELETE Sent\r\nm CREATE s2 (USE (\\Sent))\r\nn LIST \"\" s2\r\n"),
              "l OK Deleted\r\nm OK Created\r\n* LIST (\\HasNoChildren \\Sent) \"/\" s2\r\nn OK Done\r\n");
  assert_text(account.send("o LIST (SPECIAL-USE) \"\" (s* A*) RETURN (SUBSCRIBED)\r\n"),
              "* LIST (\\HasNoChildren \\Archive \\Subscribed) \"/\" Archive\r\n* LIST (\\HasNoChildren \\Sent) \"/\" "
              "s2\r\no OK Done\r\n");
  assert_text(first_words(account.send("p DELETE INBOX\r\n")), "p NO [CANNOT]");
  assert_text(first_words(account.send("q DELETE nowhere\r\n")), "q NO [NONEXISTENT]");
  assert_text(account.send("r RENAME a/b c\r\ns LIST \"\" %\r\n").substr(0, 30), "r OK Renamed\r\n* LIST (\\HasNoCh");
  assert_text(first_words(account.send("t RENAME c INBOX\r\n")), "t NO [ALREADYEXISTS]");
  assert_text(first_words(account.send("u RENAME nowhere x\r\n")), "u NO [NONEXISTENT]");
  assert_text(account.send("v SELECT a\r\n"), "v NO [NONEXISTENT] This name has no mailbox, only others below it\r\n");
}

static void subscriptions(void**) {
  Account account;
  account.login();
  for (const char* name : {"Archive", "Drafts", "Junk", "Sent", "Trash"})
    account.send("x UNSUBSCRIBE " + std::string(name) + "\r\n");
  account.send("x UNSUBSCRIBE INBOX\r\n");
  assert_text(
      account.send("a SUBSCRIBE foo/bar\r\nb SUBSCRIBE foo/baz/deep\r\nc LSUB \"\" *\r\n"),
      "a OK Subscribed\r\nb OK Subscribed\r\n* LSUB () \"/\" foo/bar\r\n* LSUB () \"/\" foo/baz/deep\r\nc OK Done\r\n");
  // RFC 3501 6.3.9's special case.
  assert_text(account.send("d LSUB \"\" %\r\ne LSUB foo/ %\r\n"),
              "* LSUB (\\Noselect) \"/\" foo\r\nd OK Done\r\n* LSUB () \"/\" foo/bar\r\n* LSUB (\\Noselect) \"/\" "
              "foo/baz\r\ne OK Done\r\n");
  assert_text(account.send("f LIST (SUBSCRIBED) \"\" *\r\n"),
              "* LIST (\\Subscribed \\NonExistent) \"/\" foo/bar\r\n* LIST (\\Subscribed \\NonExistent) \"/\" "
              "foo/baz/deep\r\nf OK Done\r\n");
}

static void status_and_append(void**) {
  Account account;
  account.login(100);
  const std::string v = validity(account, "Sent");
  assert_text(account.send("a STATUS Sent (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)\r\n"),
              "* STATUS Sent (MESSAGES 0 RECENT 0 UIDNEXT 1 UIDVALIDITY " + v + " UNSEEN 0)\r\na OK Done\r\n");
  assert_text(account.send("b APPEND Sent (\\Seen $Label) \"17-Jul-1996 02:44:25 -0700\" {5}\r\n"), "+ OK\r\n");
  assert_text(account.send("m\r\n\r\n"), "");
  assert_text(account.send("\r\n"), "b OK [APPENDUID " + v + " 1] Appended\r\n");
  assert_text(account.send("c APPEND Sent {5+}\r\nx\r\n\r\n\r\nd STATUS Sent (MESSAGES UNSEEN RECENT)\r\n"),
              "c OK [APPENDUID " + v + " 2] Appended\r\n* STATUS Sent (MESSAGES 2 RECENT 2 UNSEEN 1)\r\nd OK Done\r\n");
  assert_text(account.send("e APPEND nowhere {4}\r\nf APPEND nowhere {5+}\r\nm\r\n\r\n\r\ng NOOP\r\n"),
              "e NO [TRYCREATE] No such mailbox\r\nf NO [TRYCREATE] No such mailbox\r\ng OK Done\r\n");
  assert_text(account.send("h APPEND Sent {101}\r\ni APPEND Sent {0}\r\n"),
              "h NO [TOOBIG] Message too large\r\ni NO [CANNOT] A message has at least one byte\r\n");
  assert_text(account.send(std::string_view("j APPEND Sent {3+}\r\na\0b\r\n", 25)),
              "j NO [CANNOT] Messages hold no NUL bytes\r\n");
  assert_text(account.send("k APPEND Sent {1+}\r\nxy\r\nl STATUS Sent (MESSAGES)\r\n"),
              "k BAD APPEND takes one message\r\n* STATUS Sent (MESSAGES 2)\r\nl OK Done\r\n");
  // A message's lines end with CRLF, whatever the client's do.
  account.send("x SELECT Sent\r\ny APPEND Sent {9+}\r\na: b\n\r\nc\n\r\n");
  assert_text(account.send("z FETCH 3 BODY.PEEK[]\r\nz STORE 3 +FLAGS.SILENT (\\Deleted)\r\nz CLOSE\r\n"),
              "* 3 FETCH (BODY[] {11}\r\na: b\r\n\r\nc\r\n)\r\nz OK Done\r\nz OK Stored\r\nz OK Closed\r\n");
  // Into the selected mailbox: EXISTS comes before the OK.
  account.send("m SELECT Sent\r\n");
  assert_text(account.send("n APPEND Sent {5+}\r\nx\r\n\r\n\r\n"),
              "* 3 EXISTS\r\n* 1 RECENT\r\nn OK [APPENDUID " + v + " 4] Appended\r\n");
}

static void storing_and_expunging(void**) {
  Account account;
  for (int i = 0; i < 5; ++i) account.deliver(kMessage);
  account.login();
  account.login();
  account.send("a SELECT INBOX\r\n");
  account.send("a SELECT INBOX\r\n", 1);
  assert_text(account.send("b STORE 2:3 +FLAGS (\\Deleted)\r\n"),
              "* 2 FETCH (FLAGS (\\Deleted \\Recent))\r\n* 3 FETCH (FLAGS (\\Deleted \\Recent))\r\nb OK Stored\r\n");
  assert_text(
      account.send("c UID STORE 5 +FLAGS.SILENT (\\Deleted work)\r\n"),
      "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work)\r\n"
      "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work \\*)] Limited\r\nc OK Stored\r\n");
  assert_text(account.send("d UID STORE 5 -FLAGS work\r\ne STORE 1 FLAGS (\\Seen)\r\n"),
              "* 5 FETCH (UID 5 FLAGS (\\Deleted \\Recent))\r\nd OK Stored\r\n* 1 FETCH (FLAGS (\\Seen \\Recent))\r\ne "
              "OK Stored\r\n");
  assert_text(account.send("f STORE 6 FLAGS ()\r\ng UID STORE 6 FLAGS ()\r\n"),
              "f BAD No message has that number\r\ng OK Stored\r\n");
  // The other session is told at the end of its next command.
  assert_text(account.told(1), "");
  assert_text(account.send("h NOOP\r\n", 1),
              "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work)\r\n"
              "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work \\*)] Limited\r\n"
              "* 1 FETCH (FLAGS (\\Seen))\r\n* 2 FETCH (FLAGS (\\Deleted))\r\n* 3 FETCH (FLAGS (\\Deleted))\r\n"
              "* 5 FETCH (FLAGS (\\Deleted))\r\nh OK Done\r\n");
  assert_text(account.send("i UID EXPUNGE 3:4\r\n"), "* 3 EXPUNGE\r\ni OK Expunged\r\n");
  assert_text(account.send("j EXPUNGE\r\n"), "* 2 EXPUNGE\r\n* 3 EXPUNGE\r\nj OK Expunged\r\n");
  assert_text(account.send("k EXPUNGE\r\n"), "k OK Expunged\r\n");
  // No EXPUNGE while the other session fetches by number; its numbers stay.
  assert_text(account.send("l FETCH 3:4 UID\r\n", 1),
              "* 4 FETCH (UID 4)\r\nl NO [EXPUNGEISSUED] Some of the messages no longer exist\r\n");
  assert_text(account.send("m STORE 2 +FLAGS \\Seen\r\n", 1),
              "m NO [EXPUNGEISSUED] Some of the messages no longer exist\r\n");
  assert_text(
      account.send("n COPY 2 Sent\r\n", 1),
      "* 2 EXPUNGE\r\n* 2 EXPUNGE\r\n* 3 EXPUNGE\r\nn NO [EXPUNGEISSUED] Some of the messages no longer exist\r\n");
  assert_text(account.send("o STORE 1 +FLAGS.SILENT \\Deleted\r\np CLOSE\r\nq STATUS INBOX (MESSAGES)\r\n", 1),
              "o OK Stored\r\np OK Closed\r\n* STATUS INBOX (MESSAGES 1)\r\nq OK Done\r\n");
}

static void copying_and_moving(void**) {
  Account account;
  for (int i = 0; i < 4; ++i) account.deliver(kMessage);
  account.login();
  account.send("a SELECT INBOX\r\n");
  const std::string v = validity(account, "Sent");
  assert_text(account.send("b COPY 2,4 Sent\r\n"), "b OK [COPYUID " + v + " 2,4 1:2] Copied\r\n");
  assert_text(account.send("c UID MOVE 1:2 Sent\r\n"),
              "* OK [COPYUID " + v + " 1:2 3:4] Moved\r\n* 1 EXPUNGE\r\n* 1 EXPUNGE\r\nc OK Done\r\n");
  assert_text(account.send("d MOVE 1 nowhere\r\ne COPY 1 nowhere\r\n"),
              "d NO [TRYCREATE] No such mailbox\r\ne NO [TRYCREATE] No such mailbox\r\n");
  assert_text(account.send("f UID MOVE 99 Sent\r\ng COPY 9 Sent\r\n"),
              "f OK No messages\r\ng BAD No message has that number\r\n");
  assert_text(account.send("h MOVE 1:* Sent\r\ni FETCH 1:* FLAGS\r\n"),
              "* OK [COPYUID " + v + " 3:4 5:6] Moved\r\n* 1 EXPUNGE\r\n* 1 EXPUNGE\r\nh OK Done\r\ni OK Done\r\n");
  assert_text(account.send("j STATUS Sent (MESSAGES)\r\n"), "* STATUS Sent (MESSAGES 6)\r\nj OK Done\r\n");
}

static void idling(void**) {
  Account account;
  account.login();
  account.login();
  account.send("a SELECT INBOX\r\n");
  account.send("a SELECT INBOX\r\n", 1);
  assert_text(account.send("b IDLE\r\n"), "+ idling\r\n");
  account.deliver(kMessage);
  assert_text(account.session().take_output(), "* 1 EXISTS\r\n* 1 RECENT\r\n");  // in the turn of the delivery
  assert_text(account.send("n NOOP\r\nc STORE 1 +FLAGS (\\Deleted)\r\n", 1),
              "* 1 EXISTS\r\n* 0 RECENT\r\nn OK Done\r\n* 1 FETCH (FLAGS (\\Deleted))\r\nc OK Stored\r\n");
  assert_text(account.told(), "* 1 FETCH (FLAGS (\\Deleted \\Recent))\r\n");
  account.send("d EXPUNGE\r\n", 1);
  assert_text(account.told(), "* 1 EXPUNGE\r\n");
  assert_text(account.send("DONE\r\ne IDLE\r\nwhat\r\nf NOOP\r\n"),
              "b OK Idle ended\r\n+ idling\r\ne BAD Expected DONE\r\nf OK Done\r\n");
  account.session().tick(imapd::kIdleTimeout - Micros(1));
  assert_false(account.session().is_finished());
  account.session().tick(imapd::kIdleTimeout);
  assert_text(account.session().take_output(), "* BYE Autologout: no command for too long\r\n");
  assert_true(account.session().is_finished());
}

static void deleted_while_selected(void**) {
  Account account;
  account.login();
  account.login();
  account.send("a CREATE x\r\nb APPEND x {5+}\r\nm\r\n\r\n\r\nc SELECT x\r\n");
  account.send("d DELETE x\r\n", 1);
  assert_text(account.send("e FETCH 1 FLAGS\r\nf NOOP\r\ng STORE 1:* FLAGS ()\r\nh CLOSE\r\n"),
              "e NO [EXPUNGEISSUED] Some of the messages no longer exist\r\n* 1 EXPUNGE\r\nf OK Done\r\ng OK "
              "Stored\r\nh OK Closed\r\n");
}

// What changes the store answers only after the sync, and what came behind it waits.
static void answers_wait_for_the_sync(void**) {
  Account account;
  account.deliver(kMessage);
  account.login();
  account.login();
  account.send("a SELECT INBOX\r\n");
  account.send("a SELECT INBOX\r\n", 1);
  imapd::Session& one = account.session(0);
  imapd::Session& two = account.session(1);
  one.feed("b STORE 1 +FLAGS (\\Seen)\r\nc NOOP\r\n", Micros(0));
  two.feed("d FETCH 1 FLAGS\r\n", Micros(0));
  one.run();
  two.run();
  assert_text(one.take_output() + two.take_output(), "");
  assert_true(one.wants_sync() && two.wants_sync());
  one.run();
  assert_text(one.take_output(), "");
  assert_true(account.store().sync());
  one.on_durable();
  two.on_durable();
  assert_text(one.take_output(), "* 1 FETCH (FLAGS (\\Seen \\Recent))\r\nb OK Stored\r\nc OK Done\r\n");
  two.run();  // long work waits until the others' answers have left
  assert_text(two.take_output(), "* 1 FETCH (FLAGS (\\Seen))\r\n* 1 FETCH (FLAGS (\\Seen))\r\nd OK Done\r\n");
}

// What cannot be written is a NO at once, is not there, and is not answered OK when its number is given again.
static void what_was_not_written_is_no(void**) {
  Account account;
  account.deliver(kMessage);
  account.login();
  account.login();
  account.send("a SELECT INBOX\r\n");
  imapd::Session& one = account.session();
  one.feed("b APPEND INBOX {31+}\r\n" + std::string(kMessage) + "\r\nc STORE 1 +FLAGS (\\Seen)\r\n", Micros(0));
  one.run();
  assert_text(one.take_output(), "");
  account.disk().refuses = ENOSPC;
  assert_false(account.store().flush());  // for somebody else: a delivery, another session's CREATE
  account.disk().refuses = 0;
  const store::Uid next = account.deliver(kMessage);
  assert_int_equal(next, 2);
  std::string said = one.take_output();
  assert_true(said.starts_with("b NO [UNAVAILABLE] Disk full: "));
  said += account.told();
  assert_null(strstr(said.c_str(), "b OK"));
  assert_non_null(strstr(said.c_str(), "c OK Stored\r\n"));
  assert_int_equal(account.store().find_mailbox("INBOX")->messages.size(), 2);
  // Of a flag change likewise; and a full quota has a code of its own.
  one.feed("d STORE 1 -FLAGS (\\Seen)\r\n", Micros(0));
  one.run();
  account.disk().refuses = EDQUOT;
  assert_false(account.store().sync());
  account.disk().refuses = 0;
  assert_true(account.told().starts_with("d NO [OVERQUOTA] "));
  assert_int_equal(account.store().find_mailbox("INBOX")->find(1)->flags, store::kSeen);
  assert_non_null(strstr(account.send("e STORE 1 -FLAGS (\\Seen)\r\n").c_str(), "e OK Stored\r\n"));
}

static void bad_commands_end_it(void**) {
  Account account;
  account.login();
  std::string out;
  for (unsigned i = 0; i < imapd::kMaxBadCommands; ++i) out = account.send("a FOO\r\n");
  assert_text(out, "a BAD unknown command FOO\r\n* BYE Too many bad commands\r\n");
  assert_true(account.session().is_finished());
}

int main() {
  const CMUnitTest tests[] = {unit_test(greeting_and_simple),
                              unit_test(every_byte_split),
                              unit_test(select_and_examine),
                              unit_test(mailboxes),
                              unit_test(creating),
                              unit_test(subscriptions),
                              unit_test(status_and_append),
                              unit_test(storing_and_expunging),
                              unit_test(copying_and_moving),
                              unit_test(idling),
                              unit_test(deleted_while_selected),
                              unit_test(answers_wait_for_the_sync),
                              unit_test(what_was_not_written_is_no),
                              unit_test(bad_commands_end_it)};
  return run_unit_tests(tests);
}
