// lib/imap/command.h: every command of RFC 3501 6 and of the extensions, good and bad.
// SPDX-License-Identifier: ISC
#include "lib/imap/command.h"

#include <cstdlib>

#include "regress/unit/unit.h"

using namespace mailkeep::imap;

template <class T>
static T parsed(std::string_view text) {
  auto command = parse_command(std::string(text) + "\r\n");
  if (!command) {
    print_error("%s: %s\n", std::string(text).c_str(), command.error().text.c_str());
    abort();
  }
  if (!std::holds_alternative<T>(*command)) fail_msg("%s: another command", std::string(text).c_str());
  return std::get<T>(*command);
}

static std::string refused(std::string_view text) {
  const auto command = parse_command(std::string(text) + "\r\n");
  if (command) fail_msg("%s: taken", std::string(text).c_str());
  return command.error().text;
}

static void simple(void**) {
  parsed<Capability>("a CAPABILITY");
  parsed<Noop>("a noop");
  parsed<Logout>("a Logout");
  parsed<Starttls>("a STARTTLS");
  parsed<Idle>("a IDLE");
  parsed<Namespace>("a NAMESPACE");
  parsed<Check>("a CHECK");
  parsed<Close>("a CLOSE");
  parsed<Unselect>("a UNSELECT");
  assert_false(parsed<Expunge>("a EXPUNGE").uids.has_value());
  assert_true(parsed<Expunge>("a UID EXPUNGE 3:4").uids.has_value());
  assert_text(refused("a NOOP x"), "NOOP: expected CRLF at byte 7");
  assert_text(refused("a FROBNICATE"), "unknown command FROBNICATE");
  assert_text(refused("a"), "expected a command after the tag");
  assert_text(refused(""), "expected a tag");
  assert_text(refused("+ NOOP"), "expected a tag");
  assert_text(command_tag("a1 x"), "a1");
  assert_text(command_tag("a(b x"), "*");
  assert_text(command_tag(std::string(kMaxTagLength + 1, 'a') + " x"), "*");
}

static void logins(void**) {
  const auto login = parsed<Login>("a LOGIN joe {3}\r\na b");
  assert_text(login.user, "joe");
  assert_text(login.password, "a b");
  assert_text(parsed<Authenticate>("a AUTHENTICATE plain").mechanism, "PLAIN");
  assert_false(parsed<Authenticate>("a AUTHENTICATE plain").initial.has_value());
  assert_text(parsed<Authenticate>("a AUTHENTICATE PLAIN AGEAYg==").initial.value(), "AGEAYg==");
  assert_text(parsed<Authenticate>("a AUTHENTICATE PLAIN =").initial.value(), "=");
  refused("a LOGIN joe");
  refused("a LOGIN joe x y");
  assert_int_equal(parsed<Id>("a ID NIL").fields.size(), 0);
  assert_text(parsed<Id>("a ID (\"name\" \"x\" \"os\" NIL)").fields[0].second, "x");
  refused("a ID (\"name\")");
  assert_int_equal(parsed<Enable>("a ENABLE CONDSTORE X").capabilities.size(), 2);
  refused("a ENABLE");
}

static void mailboxes(void**) {
  assert_false(parsed<Select>("a SELECT INBOX").examine);
  assert_true(parsed<Select>("a EXAMINE \"a b\"").examine);
  assert_text(parsed<Create>("a CREATE {3}\r\na/b").mailbox, "a/b");
  assert_text(parsed<Create>("a CREATE x (USE (\\Sent))").use[0], "\\Sent");
  assert_int_equal(parsed<Create>("a CREATE x (USE ())").use.size(), 0);
  refused("a CREATE x (USE \\Sent)");
  assert_text(parsed<Delete>("a DELETE x").mailbox, "x");
  assert_text(parsed<Rename>("a RENAME x y").to, "y");
  assert_true(parsed<Subscribe>("a SUBSCRIBE x").subscribe);
  assert_false(parsed<Subscribe>("a UNSUBSCRIBE x").subscribe);
  assert_text(parsed<Lsub>("a LSUB \"\" %x*").pattern, "%x*");
  const auto status = parsed<StatusCommand>("a STATUS x (MESSAGES UNSEEN)");
  assert_true(status.items.messages && status.items.unseen && !status.items.recent);
  refused("a STATUS x ()");
  refused("a STATUS x (FOO)");
  refused("a STATUS x MESSAGES");
  refused("a SELECT");
  refused("a SELECT " + std::string(kMaxMailboxName + 1, 'x'));
}

static void lists(void**) {
  const auto plain = parsed<List>("a LIST \"\" *");
  assert_true(!plain.extended && plain.patterns.size() == 1);
  assert_text(plain.patterns[0], "*");
  assert_text(parsed<List>("a LIST \"\" \"\"").patterns[0], "");
  const auto special =
      parsed<List>("a LIST (SPECIAL-USE SUBSCRIBED) \"\" (\"a\" b%) RETURN (CHILDREN SPECIAL-USE SUBSCRIBED)");
  assert_true(special.extended && special.select_special_use && special.select_subscribed && special.return_children);
  assert_true(special.return_special_use && special.return_subscribed && special.patterns.size() == 2);
  assert_true(parsed<List>("a LIST () \"\" * RETURN ()").extended);
  refused("a LIST (FOO) \"\" *");
  refused("a LIST (RECURSIVEMATCH) \"\" *");
  refused("a LIST \"\" * RETURN (FOO)");
  refused("a LIST \"\"");
}

static void appends(void**) {
  const auto append = parsed<Append>("a APPEND x (\\Seen k) \"17-Jul-1996 02:44:25 -0700\" {310}");
  assert_true(append.flags.seen && append.date == 837596665 && append.size == 310 && append.synchronizing);
  assert_false(parsed<Append>("a APPEND {1}\r\nx {0+}").synchronizing);
  assert_text(parsed<Append>("a APPEND \"x y\" {1}").mailbox, "x y");
  assert_true(is_append_head("a APPEND x {310}\r\n"));
  assert_false(is_append_head("a APPEND {5}\r\n"));
  assert_false(is_append_head("a LOGIN x {5}\r\n"));
  refused("a APPEND x (\\Seen) foo");
  assert_false(parsed<Append>("a APPEND x (\\Recent) {1}").flags.seen);  // passed over (RFC 3501 7.1, PERMANENTFLAGS)
  refused("a APPEND x ~{1}");
}

static std::string echo(std::string_view item) {
  return format_body_section(parsed<Fetch>("a FETCH 1 " + std::string(item)).items[0]);
}

static void fetches(void**) {
  using Type = FetchItem::Type;
  assert_int_equal(parsed<Fetch>("a FETCH 1:* ALL").items.size(), 4);
  assert_int_equal(parsed<Fetch>("a FETCH 1:* FAST").items.size(), 3);
  assert_int_equal(parsed<Fetch>("a FETCH 1:* FULL").items.size(), 5);
  const auto all = parsed<Fetch>(
      "a UID FETCH 1,3 (ENVELOPE FLAGS INTERNALDATE RFC822 RFC822.HEADER RFC822.SIZE RFC822.TEXT BODYSTRUCTURE BODY "
      "UID "
      "BODY[] BODY.PEEK[TEXT])");
  assert_true(all.uid);
  constexpr Type kTypes[] = {Type::kEnvelope,     Type::kFlags,      Type::kInternalDate, Type::kRfc822,
                             Type::kRfc822Header, Type::kRfc822Size, Type::kRfc822Text,   Type::kBodyStructure,
                             Type::kBody,         Type::kUid,        Type::kBodySection,  Type::kBodySection};
  assert_int_equal(all.items.size(), std::size(kTypes));
  for (size_t i = 0; i < std::size(kTypes); ++i) assert_true(all.items[i].type == kTypes[i]);
  assert_false(all.items[10].peek);
  assert_true(all.items[11].peek);
  for (const char* section :
       {"BODY[]", "BODY[HEADER]", "BODY[TEXT]", "BODY[1]", "BODY[1.2.3]", "BODY[1.MIME]", "BODY[2.HEADER]",
        "BODY[HEADER.FIELDS (DATE FROM)]", "BODY[3.HEADER.FIELDS.NOT (\"a b\")]", "BODY[4.TEXT]"})
    assert_text(echo(section), section);
  assert_text(echo("BODY.PEEK[]<0.2048>"), "BODY[]<0>");
  assert_text(echo("body.peek[header.fields (to)]<3.1>"), "BODY[HEADER.FIELDS (to)]<3>");
  for (const char* bad : {"a FETCH 1 BODY[MIME]", "a FETCH 1 BODY[1.]", "a FETCH 1 BODY[0]", "a FETCH 1 BODY[]<0.0>",
                          "a FETCH 1 BODY[]<0>", "a FETCH 1 BODY[HEADER.FIELDS ()]", "a FETCH 1 BODY[1", "a FETCH 1 ()",
                          "a FETCH 1 (FLAGS", "a FETCH 1 (ALL)", "a FETCH 1 FLAGS UID", "a FETCH 0 FLAGS", "a FETCH 1",
                          "a FETCH 1 BODY.PEEK", "a FETCH 1 RFC822.PEEK", "a FETCH 1 BODY[TEXT.1]"})
    refused(bad);
}

static void stores_and_copies(void**) {
  const auto store = parsed<Store>("a UID STORE 1:2 +FLAGS.SILENT (\\Deleted)");
  assert_true(store.uid && store.silent && store.mode == Store::Mode::kAdd && store.flags.deleted);
  assert_true(parsed<Store>("a STORE 1 -FLAGS \\Seen work").mode == Store::Mode::kRemove);
  assert_true(parsed<Store>("a STORE 1 FLAGS ()").mode == Store::Mode::kReplace);
  refused("a STORE 1 FLAGS");
  assert_true(parsed<Store>("a STORE 1 +FLAGS (\\Recent)").flags.keywords.empty());
  refused("a STORE 1 FOO (\\Seen)");
  assert_true(parsed<Copy>("a UID MOVE 1:* x").move);
  assert_false(parsed<Copy>("a COPY 1 x").uid);
  refused("a COPY x 1");
  refused("a UID NOOP");
}

static void searches(void**) {
  using Type = SearchKey::Type;
  const auto rfc = parsed<Search>("a SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"");
  assert_true(!rfc.uid && !rfc.charset && rfc.key.type == Type::kAnd && rfc.key.children.size() == 3);
  assert_true(rfc.key.children[1].type == Type::kSince && rfc.key.children[1].days == 8797);
  assert_true(rfc.key.children[2].type == Type::kNot && rfc.key.children[2].children[0].type == Type::kFrom);
  assert_text(rfc.key.children[2].children[0].text, "Smith");
  const auto nested =
      parsed<Search>("a UID SEARCH CHARSET UTF-8 OR (SEEN DRAFT) UID 1:3 TEXT {6}\r\n\xd0\xbf\xd0\xbe\xd0\xb8 2:4");
  assert_text(nested.charset.value(), "UTF-8");
  assert_true(nested.key.children[0].type == Type::kOr && nested.key.children[0].children[0].type == Type::kAnd);
  assert_true(nested.key.children[2].type == Type::kSequence);
  for (const char* key : {"ALL",
                          "ANSWERED",
                          "BCC x",
                          "BEFORE 1-Jan-2000",
                          "BODY x",
                          "CC x",
                          "DELETED",
                          "DRAFT",
                          "FLAGGED",
                          "FROM x",
                          "HEADER X-A \"\"",
                          "KEYWORD k",
                          "LARGER 1",
                          "NEW",
                          "NOT ALL",
                          "OLD",
                          "ON \"1-Jan-2000\"",
                          "OR ALL NEW",
                          "RECENT",
                          "SEEN",
                          "SENTBEFORE 1-Jan-2000",
                          "SENTON 1-Jan-2000",
                          "SENTSINCE 1-Jan-2000",
                          "SINCE 1-Jan-2000",
                          "SMALLER 9",
                          "SUBJECT x",
                          "TEXT x",
                          "TO x",
                          "UID 1",
                          "UNANSWERED",
                          "UNDELETED",
                          "UNDRAFT",
                          "UNFLAGGED",
                          "UNKEYWORD k",
                          "UNSEEN",
                          "*",
                          "(ALL)"})
    parsed<Search>("a SEARCH " + std::string(key));
  for (const char* bad : {"a SEARCH", "a SEARCH ()", "a SEARCH NOT", "a SEARCH OR ALL", "a SEARCH FOO", "a SEARCH ON 1",
                          "a SEARCH CHARSET UTF-8", "a SEARCH LARGER -1", "a SEARCH (ALL", "a SEARCH HEADER X"})
    refused(bad);
  const auto deep = [](size_t n) { return "a SEARCH " + std::string(n, '(') + "ALL" + std::string(n, ')'); };
  parsed<Search>(deep(kMaxSearchDepth - 1));
  refused(deep(kMaxSearchDepth));
  std::string many = "a SEARCH ALL";
  for (size_t i = 1; i < kMaxSearchKeys; ++i) many += " ALL";
  parsed<Search>(many);
  refused(many + " ALL");
}

int main() {
  const CMUnitTest tests[] = {
      unit_test(simple),  unit_test(logins),  unit_test(mailboxes),         unit_test(lists),
      unit_test(appends), unit_test(fetches), unit_test(stores_and_copies), unit_test(searches)};
  return run_unit_tests(tests);
}
