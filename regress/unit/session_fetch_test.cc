// imapd/session: every FETCH item and SEARCH key, and back-pressure.
// SPDX-License-Identifier: ISC
#include "regress/unit/session.h"

#include <string.h>

using namespace mailkeep;

constexpr std::string_view kHeader =
    "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
    "From: Terry Gray <gray@cac.washington.edu>\r\n"
    "Subject: =?UTF-8?Q?=C3=84pfel?= and pears\r\n"
    "To: imap@cac.washington.edu\r\n"
    "cc: minutes@CNRI.Reston.VA.US\r\n"
    "Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n"
    "\r\n";
constexpr std::string_view kParts =
    "--b\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n"
    "\r\n"
    "Gr=C3=BC=C3=9Fe\r\n"
    "--b\r\n"
    "Content-Type: message/rfc822\r\n"
    "\r\n"
    "Subject: inner\r\n"
    "\r\n"
    "inside\r\n"
    "--b--\r\n";
static const std::string kMessage = std::string(kHeader) + std::string(kParts);

static std::string literal(std::string_view text) {
  return "{" + std::to_string(text.size()) + "}\r\n" + std::string(text);
}

struct Opened {
  Account account;
  Opened() {
    account.deliver(kMessage);
    account.deliver("From: x@y\r\n\r\nshort\r\n", "INBOX", store::kSeen | store::kAnswered);
    account.login();
    account.send("a SELECT INBOX\r\n");
  }
  std::string fetch(std::string_view what) {
    std::string told = account.send("f FETCH 1 " + std::string(what) + "\r\n");
    const std::string start = "* 1 FETCH (", end = ")\r\nf OK Done\r\n";
    if (!told.starts_with(start) || !told.ends_with(end)) fail_msg("%s", told.c_str());
    return told.substr(start.size(), told.size() - start.size() - end.size());
  }
  std::string search(std::string_view keys) {
    std::string told = account.send("s SEARCH " + std::string(keys) + "\r\n");
    const std::string start = "* SEARCH", end = "\r\ns OK Done\r\n";
    if (!told.starts_with(start) || !told.ends_with(end)) return told;
    return told.substr(start.size(), told.size() - start.size() - end.size());
  }
};

static void items(void**) {
  Opened o;
  const std::string envelope =
      "ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"=?UTF-8?Q?=C3=84pfel?= and pears\" "
      "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
      "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((NIL NIL \"imap\" \"cac.washington.edu\")) "
      "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")) NIL NIL \"<B27397-0100000@cac.washington.edu>\")";
  const std::string size = "RFC822.SIZE " + std::to_string(kMessage.size());
  const std::string date = "INTERNALDATE \"17-Jul-1996 09:44:25 +0000\"";
  assert_text(o.fetch("ENVELOPE"), envelope);
  assert_text(o.fetch("FLAGS"), "FLAGS (\\Recent)");
  assert_text(o.fetch("(UID RFC822.SIZE INTERNALDATE)"), "UID 1 " + size + " " + date);
  assert_text(o.fetch("FAST"), "FLAGS (\\Recent) " + date + " " + size);
  assert_text(o.fetch("ALL"), "FLAGS (\\Recent) " + date + " " + size + " " + envelope);
  const std::string body = o.fetch("BODY");
  assert_text(body,
              "BODY ((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"quoted-printable\" 15 0)"
              "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 24 (NIL \"inner\" NIL NIL NIL NIL NIL NIL NIL NIL) "
              "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 0) 2) \"mixed\")");
  assert_text(o.fetch("FULL"), "FLAGS (\\Recent) " + date + " " + size + " " + envelope + " " + body);
  assert_true(o.fetch("BODYSTRUCTURE").starts_with("BODYSTRUCTURE (("));
}

static void sections(void**) {
  Opened o;
  assert_text(o.fetch("BODY.PEEK[]"), "BODY[] " + literal(kMessage));
  assert_text(o.fetch("BODY.PEEK[HEADER]"), "BODY[HEADER] " + literal(kHeader));
  assert_text(o.fetch("BODY.PEEK[TEXT]"), "BODY[TEXT] " + literal(kParts));
  assert_text(o.fetch("BODY.PEEK[HEADER.FIELDS (TO nothing CC)]"),
              "BODY[HEADER.FIELDS (TO nothing CC)] " +
                  literal("To: imap@cac.washington.edu\r\ncc: minutes@CNRI.Reston.VA.US\r\n\r\n"));
  assert_text(o.fetch("BODY.PEEK[HEADER.FIELDS.NOT (date from subject message-id mime-version content-type)]"),
              "BODY[HEADER.FIELDS.NOT (date from subject message-id mime-version content-type)] " +
                  literal("To: imap@cac.washington.edu\r\ncc: minutes@CNRI.Reston.VA.US\r\n\r\n"));
  assert_text(o.fetch("BODY.PEEK[1]"), "BODY[1] " + literal("Gr=C3=BC=C3=9Fe"));
  assert_text(
      o.fetch("BODY.PEEK[1.MIME]"),
      "BODY[1.MIME] " +
          literal("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"));
  assert_text(o.fetch("BODY.PEEK[2]"), "BODY[2] " + literal("Subject: inner\r\n\r\ninside"));
  assert_text(o.fetch("BODY.PEEK[2.HEADER]"), "BODY[2.HEADER] " + literal("Subject: inner\r\n\r\n"));
  assert_text(o.fetch("BODY.PEEK[2.TEXT]"), "BODY[2.TEXT] " + literal("inside"));
  assert_text(o.fetch("BODY.PEEK[2.1]"), "BODY[2.1] " + literal("inside"));
  assert_text(o.fetch("BODY.PEEK[2.HEADER.FIELDS (subject)]"),
              "BODY[2.HEADER.FIELDS (subject)] " + literal("Subject: inner\r\n\r\n"));
  assert_text(o.fetch("(BODY.PEEK[3] BODY.PEEK[1.HEADER] UID)"), "BODY[3] NIL BODY[1.HEADER] NIL UID 1");
  assert_text(o.fetch("BODY.PEEK[]<6.10>"), "BODY[]<6> " + literal(kMessage.substr(6, 10)));
  assert_text(o.fetch("BODY.PEEK[1]<10.100>"), "BODY[1]<10> " + literal("3=9Fe"));
  assert_text(o.fetch("BODY.PEEK[]<99999.1>"), "BODY[]<99999> \"\"");
  assert_text(o.fetch("BODY.PEEK[HEADER]<0.4>"), "BODY[HEADER]<0> " + literal("Date"));
  assert_text(o.fetch("RFC822.HEADER"), "RFC822.HEADER " + literal(kHeader));
  assert_text(o.fetch("FLAGS"), "FLAGS (\\Recent)");  // none of these sets \Seen
}

static void seen(void**) {
  Opened o;
  assert_text(o.fetch("BODY[2.TEXT]"), "BODY[2.TEXT] " + literal("inside") + " FLAGS (\\Seen \\Recent)");
  assert_text(o.fetch("BODY[2.TEXT]"), "BODY[2.TEXT] " + literal("inside"));
  o.account.send("x STORE 1 -FLAGS.SILENT (\\Seen)\r\n");
  assert_text(o.fetch("RFC822.TEXT"), "RFC822.TEXT " + literal(kParts) + " FLAGS (\\Seen \\Recent)");
  o.account.send("x STORE 1 -FLAGS.SILENT (\\Seen)\r\n");
  assert_text(o.fetch("(FLAGS RFC822)"), "FLAGS (\\Seen \\Recent) RFC822 " + literal(kMessage));
  o.account.send("x STORE 1 -FLAGS.SILENT (\\Seen)\r\ny EXAMINE INBOX\r\n");
  assert_text(o.fetch("BODY[2.TEXT]"), "BODY[2.TEXT] " + literal("inside"));
  assert_text(o.fetch("FLAGS"), "FLAGS ()");
}

static void by_uid(void**) {
  Opened o;
  o.account.send("a STORE 1 +FLAGS.SILENT (\\Deleted)\r\nb EXPUNGE\r\n");
  assert_text(o.account.send("c UID FETCH 1:* FLAGS\r\n"),
              "* 1 FETCH (UID 2 FLAGS (\\Answered \\Seen \\Recent))\r\nc OK Done\r\n");
  assert_text(o.account.send("d UID FETCH 9:* (UID RFC822.SIZE)\r\n"),
              "* 1 FETCH (UID 2 RFC822.SIZE 20)\r\nd OK Done\r\n");
  assert_text(o.account.send("e UID FETCH 1 FLAGS\r\nf FETCH 2 FLAGS\r\n"),
              "e OK Done\r\nf BAD No message has that number\r\n");
  assert_text(o.account.send("g UID SEARCH ALL\r\nh SEARCH ALL\r\n"),
              "* SEARCH 2\r\ng OK Done\r\n* SEARCH 1\r\nh OK Done\r\n");
}

static void searching(void**) {
  Opened o;
  o.account.send("x STORE 1 +FLAGS.SILENT (\\Flagged $Work)\r\n");
  struct Case {
    const char *keys, *hits;
  };
  constexpr Case kCases[] = {
      {"ALL", " 1 2"},
      {"ANSWERED", " 2"},
      {"UNANSWERED", " 1"},
      {"DELETED", ""},
      {"UNDELETED", " 1 2"},
      {"DRAFT", ""},
      {"UNDRAFT", " 1 2"},
      {"FLAGGED", " 1"},
      {"UNFLAGGED", " 2"},
      {"SEEN", " 2"},
      {"UNSEEN", " 1"},
      {"RECENT", " 1 2"},
      {"NEW", " 1"},
      {"OLD", ""},
      {"KEYWORD $work", " 1"},
      {"UNKEYWORD $work", " 2"},
      {"KEYWORD other", ""},
      {"FROM gray", " 1"},
      {"FROM \"TERRY GRAY\"", " 1"},
      {"TO imap@", " 1"},
      {"CC reston", " 1"},
      {"BCC x", ""},
      {"SUBJECT pears", " 1"},
      {"CHARSET UTF-8 SUBJECT {8+}\r\n\xc3\xa4pfel a", " 1"},
      {"SUBJECT inner", ""},
      {"HEADER Message-ID B27397", " 1"},
      {"HEADER cc \"\"", " 1"},
      {"HEADER X-None \"\"", ""},
      {"CHARSET UTF-8 BODY {7+}\r\ngr\xc3\xbc\xc3\x9f"
       "e",
       " 1"},
      {"BODY short", " 2"},
      {"BODY inside", " 1"},
      {"BODY gray", ""},
      {"TEXT gray", " 1"},
      {"TEXT short", " 2"},
      {"TEXT nowhere", ""},
      {"LARGER 100", " 1"},
      {"SMALLER 100", " 2"},
      {"SMALLER 20", ""},
      {"LARGER 20", " 1"},
      {"ON 17-Jul-1996", " 1 2"},
      {"BEFORE 17-Jul-1996", ""},
      {"BEFORE 18-Jul-1996", " 1 2"},
      {"SINCE 17-Jul-1996", " 1 2"},
      {"SINCE 18-Jul-1996", ""},
      {"SENTON 17-Jul-1996", " 1"},
      {"SENTBEFORE 18-Jul-1996", " 1"},
      {"SENTSINCE 18-Jul-1996", ""},
      {"2", " 2"},
      {"1:*", " 1 2"},
      {"UID 2:9", " 2"},
      {"UID 9:*", " 2"},
      {"NOT 1", " 2"},
      {"OR 1 SEEN", " 1 2"},
      {"FLAGGED SEEN", ""},
      {"(FLAGGED UNSEEN) FROM gray", " 1"},
      {"NOT (BODY short SEEN)", " 1"},
  };
  for (const Case& c : kCases)
    if (const std::string hits = o.search(c.keys); hits != c.hits) fail_msg("%s gave%s", c.keys, hits.c_str());
  assert_text(o.search("CHARSET KOI8-R ALL"), "s NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset\r\n");
  assert_text(o.search("3"), "s BAD No message has that number\r\n");
  assert_text(o.search("CHARSET us-ascii ALL"), " 1 2");
}

// A client that does not read: output stops growing, and goes on as it is taken; nothing is lost.
static void back_pressure(void**) {
  Account account;
  const std::string large = "Subject: x\r\n\r\n" + std::string(3 << 20, 'z') + "\r\n";  // a file of its own
  for (int i = 0; i < 3; ++i) account.deliver(large);
  account.login();
  account.send("a SELECT INBOX\r\n");
  imapd::Session& session = account.session();
  session.feed("b FETCH 1:* BODY.PEEK[]\r\nc NOOP\r\n", Micros(0));
  std::string all;
  bool paused = false;
  for (int i = 0; i < 1000 && !all.ends_with("c OK Done\r\n"); ++i) {
    session.run();
    paused |= !session.wants_input();
    const std::string some = session.take_output();
    assert_true(some.size() < imapd::kHighWater + (100 << 10));
    all += some;
  }
  std::string expected;
  for (int i = 1; i <= 3; ++i) expected += "* " + std::to_string(i) + " FETCH (BODY[] " + literal(large) + ")\r\n";
  assert_true(paused);
  assert_true(all == expected + "b OK Done\r\nc OK Done\r\n");
}

// \Seen for many messages takes a record a window, not one a message.
static void seen_in_windows(void**) {
  Account account;
  for (int i = 0; i < 150; ++i) account.deliver("Subject: x\r\n\r\nb\r\n");
  account.login();
  account.send("a SELECT INBOX\r\n");
  const int before = account.syncs();
  const std::string told = account.send("b FETCH 1:* BODY[TEXT]\r\n");
  assert_true(account.syncs() - before <= 3);
  size_t count = 0;
  for (size_t at = told.find("\\Seen"); at != std::string::npos; at = told.find("\\Seen", at + 1)) ++count;
  assert_int_equal(count, 150);
  assert_int_equal(account.store().find_mailbox("INBOX")->unseen, 0);
}

int main() {
  const CMUnitTest tests[] = {unit_test(items),          unit_test(sections),  unit_test(seen),
                              unit_test(by_uid),         unit_test(searching), unit_test(back_pressure),
                              unit_test(seen_in_windows)};
  return run_unit_tests(tests);
}
