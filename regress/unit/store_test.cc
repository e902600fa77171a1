// lib/store/store.h: an account's mail over restarts.
// SPDX-License-Identifier: ISC
#include "lib/store/store.h"

#include <sys/stat.h>
#include <unistd.h>

#include "regress/unit/store_fixture.h"

using namespace mailkeep;
using namespace mailkeep::store;

static std::string uids_of(const UidSet& set) {
  std::string out;
  for (const UidRange& range : set) {
    out += (out.empty() ? "" : ",") + std::to_string(range.first);
    if (range.last != range.first) out += ":" + std::to_string(range.last);
  }
  return out;
}

static std::string rows_of(const Mailbox& box) {
  UidSet set;
  for (const Message& m : box.messages) add_ascending(set, m.uid);
  return uids_of(set);
}

static void uid_sets(void**) {
  UidSet set = {{9, 5}, {1, 2}, {3, 3}, {11, 11}, {UINT32_MAX, 20}};
  normalize(set);
  assert_text(uids_of(set), "1:3,5:9,11,20:4294967295");
  assert_true(contains(set, 3) && contains(set, 20) && !contains(set, 4) && !contains(set, 0));
  assert_int_equal(count({{1, 3}, {5, 5}}), 4);
}

static void new_account(void**) {
  TestStore t;
  Store& store = t.reopen();
  std::string names;
  for (const Mailbox* box : store.mailboxes()) names += box->name + " ";
  assert_text(names, "INBOX Archive Drafts Junk Sent Trash ");
  assert_int_equal(store.subscriptions().size(), 6);
  assert_text(store.find_role(Role::junk)->name, "Junk");
  assert_non_null(store.find_mailbox("iNBoX"));
  const uint32_t validity = t.box("INBOX").uidvalidity;
  must(store.sync());
  t.clock += 100;
  t.reopen();
  assert_int_equal(t.box("INBOX").uidvalidity, validity);
  assert_int_equal(t.reports.size(), 0);
}

static void messages_survive(void**) {
  TestStore t;
  Store& store = t.reopen();
  assert_int_equal(t.append("INBOX", mail("one"), kSeen), 1);
  assert_int_equal(t.append("INBOX", mail("two")), 2);
  assert_text(t.text("INBOX", 2), mail("two"));  // from the buffer
  assert_int_equal(store.durable_seq(), 0);
  must(store.flush());
  assert_int_equal(store.written_seq(), store.last_seq());
  assert_text(t.text("INBOX", 1), mail("one"));
  const std::vector<std::string> keywords = {"$Work", "later"};
  FlagChange change{FlagOp::add, kFlagged, keywords, {}};
  const auto flagged = must(store.store_flags(t.box("INBOX").id, {{1, 99}}, change));
  assert_text(uids_of(flagged.changed), "1:2");
  assert_true(must(store.store_flags(t.box("INBOX").id, {{1, 99}}, change)).changed.empty());
  change.unchanged_since = flagged.seq - 1;
  assert_text(uids_of(must(store.store_flags(t.box("INBOX").id, {{2, 2}}, change)).modified), "2");
  must(store.sync());
  for (int round = 0; round < 2; ++round) {
    t.reopen();
    const Message* one = t.box("INBOX").find(1);
    assert_int_equal(one->flags, kSeen | kFlagged);
    assert_int_equal(one->keywords, 3);
    assert_true(one->modseq == flagged.seq && t.box("INBOX").highest_modseq == flagged.seq);
    assert_int_equal(t.box("INBOX").unseen, 1);
    assert_text(t.box("INBOX").keywords[1], "later");
    assert_text(t.text("INBOX", 2), mail("two"));
    assert_true(must(t.store->summary(*one)).base_subject == "ONE" ||
                must(t.store->summary(*one)).base_subject == "one");
    must(t.store->checkpoint());  // the second round starts from it
  }
  assert_int_equal(t.reports.size(), 0);
}

static void copy_move_expunge(void**) {
  TestStore t;
  Store& store = t.reopen();
  for (int i = 1; i <= 5; ++i) t.append("INBOX", mail(std::to_string(i)));
  const MailboxId inbox = t.box("INBOX").id;
  const MailboxId trash = t.box("Trash").id;
  assert_text(uids_of(must(store.expunge(inbox, {{2, 2}}))), "2");
  const auto copied = must(store.copy(inbox, {{1, 3}}, trash));
  assert_text(uids_of(copied.from), "1,3");
  assert_text(uids_of(copied.to), "1:2");
  const auto moved = must(store.move(inbox, {{4, 100}}, trash));
  assert_text(uids_of(moved.to), "3:4");
  assert_text(uids_of(must(store.copy(trash, {{1, 1}}, trash)).to), "5");
  must(store.sync());
  for (int round = 0; round < 2; ++round) {
    t.reopen();
    assert_text(rows_of(t.box("INBOX")), "1,3");
    assert_text(rows_of(t.box("Trash")), "1:5");
    assert_text(t.text("Trash", 4), mail("5"));
    assert_text(t.text("Trash", 5), mail("1"));
    assert_int_equal(t.append("INBOX", "x"), 6 + round);
    must(t.store->expunge(inbox, {{6, 99}}));
    assert_true(t.box("INBOX").find(1)->object == t.box("Trash").find(1)->object);
    assert_text(uids_of(*t.store->expunged_since(inbox, 0)), round == 0 ? "2,4:6" : "2,4:7");
    must(t.store->checkpoint());
  }
}

static void names_and_renames(void**) {
  TestStore t;
  Store& store = t.reopen();
  must(store.create_mailbox("a/b/c"));
  assert_false(t.box("a").is_selectable);
  assert_true(store.has_children(t.box("a")));
  assert_int_equal(store.create_mailbox("A/b").has_value(), true);
  for (const char* bad : {"", "/a", "a//b", "a/", "a\nb", "\xff", "\xed\xa0\x80"})
    assert_false(store.create_mailbox(bad).has_value());
  assert_int_equal(store.create_mailbox("inbox").error().code, EEXIST);
  const uint32_t first = t.box("a/b/c").uidvalidity;
  must(store.rename_mailbox("a", "z/y"));
  assert_int_equal(t.box("z/y/b/c").uidvalidity, first);
  assert_int_equal(store.rename_mailbox("z", "z/q").error().code, EINVAL);
  t.append("z/y/b/c", mail("kept"));
  must(store.create_mailbox("z/y/b/c/d"));
  must(store.delete_mailbox("z/y/b/c"));
  assert_false(t.box("z/y/b/c").is_selectable);
  assert_int_equal(store.delete_mailbox("z/y/b/c").error().code, EPERM);
  must(store.create_mailbox("z/y/b/c"));
  assert_true(t.box("z/y/b/c").uidvalidity > first);
  assert_int_equal(t.box("z/y/b/c").messages.size(), 0);
  assert_int_equal(store.delete_mailbox("INBOX").error().code, EPERM);
  t.append("INBOX", mail("old"));
  must(store.rename_mailbox("INBOX", "old/mail"));
  must(store.subscribe("not/there", true));
  must(store.subscribe("Junk", false));
  must(store.sync());
  t.reopen();
  assert_int_equal(t.box("INBOX").messages.size(), 0);
  assert_int_equal(t.box("INBOX").uidnext, 2);
  assert_text(t.text("old/mail", 1), mail("old"));
  assert_true(t.store->is_subscribed("not/there") && !t.store->is_subscribed("Junk"));
  assert_non_null(t.store->find_mailbox("z/y/b/c/d"));
}

static void recent_is_claimed_once(void**) {
  TestStore t;
  Store& store = t.reopen();
  const MailboxId inbox = t.box("INBOX").id;
  t.append("INBOX", "a");
  t.append("INBOX", "b");
  assert_int_equal(t.box("INBOX").recent(), 2);
  assert_int_equal(must(store.claim_recent(inbox)), 1);
  assert_int_equal(must(store.claim_recent(inbox)), 3);
  must(store.sync());
  t.reopen();
  t.append("INBOX", "c");
  assert_int_equal(must(t.store->claim_recent(inbox)), 3);
}

static void deliveries_once(void**) {
  TestStore t;
  Append what;
  what.message = "hello\r\n";
  what.delivery = DeliveryId{7, 1};
  const MailboxId inbox = (t.reopen(), t.box("INBOX").id);
  assert_false(must(t.store->append(inbox, what)).is_known);
  assert_true(must(t.store->append(inbox, what)).is_known);
  must(t.store->remember_delivery({8, 1}));
  must(t.store->sync());
  must(t.reopen().checkpoint());
  t.reopen();
  assert_true(t.store->is_known({7, 1}) && t.store->is_known({8, 1}) && !t.store->is_known({7, 2}));
  assert_true(must(t.store->append(inbox, what)).is_known);
  assert_int_equal(t.box("INBOX").messages.size(), 1);
  t.clock += 31 * 86400;
  must(t.store->checkpoint());
  assert_false(t.reopen().is_known({7, 1}));
}

namespace {
struct Listener : Observer {
  void on_durable(Seq durable, std::span<const Change> changes) override {
    last = durable;
    for (const Change& c : changes) {
      heard +=
          std::to_string(static_cast<int>(c.kind)) + "@" + std::to_string(c.mailbox) + "[" + uids_of(c.uids) + "] ";
    }
  }
  Seq last = 0;
  std::string heard;
};
}  // namespace

static void observers_hear_only_what_is_durable(void**) {
  TestStore t;
  Store& store = t.reopen();
  must(store.sync());
  Listener ear;
  store.add_observer(&ear);
  t.append("INBOX", "a");
  must(store.flush());
  assert_text(ear.heard, "");
  must(store.expunge(t.box("INBOX").id, {{1, 1}}));
  must(store.sync());
  assert_text(ear.heard, "0@1[1] 2@1[1] ");
  assert_true(ear.last == store.durable_seq());
  store.remove_observer(&ear);
}

static void groups(void**) {
  TestStore t;
  Store& store = t.reopen();
  must(store.sync());
  must(store.begin_group());
  t.append("INBOX", "a");
  t.append("Sent", "b");
  must(store.abort_group());
  assert_int_equal(t.box("INBOX").messages.size() + t.box("Sent").messages.size(), 0);
  must(store.begin_group());
  t.append("INBOX", "a");
  t.append("Sent", "b");
  store.end_group();
  must(store.sync());
  t.reopen();
  assert_int_equal(t.box("INBOX").messages.size() + t.box("Sent").messages.size(), 2);
}

static void big_messages(void**) {
  TestStore t;
  t.reopen();
  const std::string big = mail("big", 3U << 20);
  t.append("INBOX", big);
  must(t.store->sync());
  t.reopen();
  assert_true(t.text("INBOX", 1) == big);
  must(t.store->copy(t.box("INBOX").id, {{1, 1}}, t.box("Sent").id));
  must(t.store->expunge(t.box("INBOX").id, {{1, 1}}));
  must(t.store->sync());
  assert_true(t.text("Sent", 1) == big);
  must(t.store->expunge(t.box("Sent").id, {{1, 1}}));
  must(t.store->sync());
  Fd dir(::open(t.path("big").c_str(), O_RDONLY | O_DIRECTORY));
  assert_int_equal(must(t.io.readdir(dir.get())).size(), 0);
}

// A message whose larger part lies elsewhere; one whose reading fails leaves nothing behind.
static void messages_in_two_pieces(void**) {
  TestStore t;
  t.reopen();
  for (const size_t size : {size_t{2000}, (size_t{3} << 20) + 17}) {
    const std::string text = mail("elsewhere", size);
    const std::string head = "Return-Path: <>\r\n";
    uint64_t fails_at = size / 2;
    Append what;
    what.message = head;
    what.rest = {text.size(), [&](uint64_t offset, std::span<char> into) -> Status {
                   assert_true(offset + into.size() <= text.size());
                   if (offset + into.size() > fails_at) return Error("read failed", EIO);
                   text.copy(into.data(), into.size(), offset);
                   return {};
                 }};
    const size_t before = t.box("INBOX").messages.size();
    assert_false(bool(t.store->append(t.box("INBOX").id, what)));
    assert_int_equal(t.box("INBOX").messages.size(), before);
    if (size > t.options.big_message) {
      Fd dir(::open(t.path("big").c_str(), O_RDONLY | O_DIRECTORY));
      assert_int_equal(must(t.io.readdir(dir.get())).size(), 0);
    }
    fails_at = UINT64_MAX;
    const Appended appended = must(t.store->append(t.box("INBOX").id, what));
    must(t.store->sync());
    t.reopen();
    assert_true(t.text("INBOX", appended.uid) == head + text);
    const Summary summary = must(t.store->summary(*t.box("INBOX").find(appended.uid)));
    assert_text(summary.base_subject, "elsewhere");
    assert_int_equal(summary.header_size, (head + text).find("\r\n\r\n") + 4);
  }
  assert_int_equal(t.reports.size(), 0);
}

// Segments roll over, half-dead ones go; then the journal alone, without the checkpoint, still says everything.
static void compaction(void**) {
  TestStore t;
  t.options.segment_size = 64 * 1024;
  t.options.preallocate = 4096;
  t.reopen();
  std::string expected;
  for (int i = 1; i <= 200; ++i) {
    t.append("INBOX", mail(std::to_string(i), 4000));
    if (i % 5 == 0) must(t.store->sync());
  }
  UidSet gone;
  for (Uid uid = 1; uid <= 200; ++uid) {
    if (uid % 7 != 0) gone.push_back({uid, uid});
  }
  must(t.store->expunge(t.box("INBOX").id, gone));
  must(t.store->move(t.box("INBOX").id, {{7, 7}}, t.box("Archive").id));
  must(t.store->sync());
  const uint64_t before = t.store->usage().journal_bytes;
  while (must(t.store->compact_step())) {
  }
  assert_true(t.store->usage().journal_bytes < before / 3);
  for (int round = 0; round < 3; ++round) {
    t.reopen();
    assert_int_equal(t.box("INBOX").messages.size(), 27);
    for (const Message& m : t.box("INBOX").messages)
      assert_text(t.text("INBOX", m.uid), mail(std::to_string(m.uid), 4000));
    assert_text(t.text("Archive", 1), mail("7", 4000));
    assert_int_equal(t.box("INBOX").uidnext, 201);
    assert_int_equal(t.store->subscriptions().size(), 6);
    if (round == 0) ::unlink(t.path("checkpoint").c_str());
    if (round == 1) ::unlink(t.path("cache").c_str());
  }
  assert_text(must(t.store->summary(*t.box("INBOX").find(14))).message_id, "14@x");
  assert_int_equal(t.reports.size(), 0);
}

// A full mailbox gives a new keyword the place of one that no message has any more; a restart finds the same names.
static void keywords_are_used_again(void**) {
  TestStore t;
  t.reopen();
  const MailboxId inbox = t.box("INBOX").id, sent = t.box("Sent").id;
  const Uid one = t.append("INBOX", mail("one")), two = t.append("INBOX", mail("two"));
  const auto change = [&](Uid uid, FlagOp op, std::vector<std::string> names) {
    FlagChange c{op, 0, names, {}};
    return t.store->store_flags(inbox, {{uid, uid}}, c);
  };
  const auto names_of = [&](const std::string& mailbox, Uid uid) {
    const Mailbox& box = t.box(mailbox);
    return box.keyword_names(box.find(uid)->keywords);
  };
  std::vector<std::string> all;
  for (size_t i = 0; i < kMaxKeywords; ++i) all.push_back("k" + std::to_string(i));
  assert_true(change(one, FlagOp::replace, all));
  assert_int_equal(change(two, FlagOp::add, {"new"}).error().code, EMFILE);
  assert_int_equal(t.box("INBOX").spare_keyword_bits(), 0);
  assert_true(change(one, FlagOp::remove, {"k3", "k9"}));
  const uint32_t version = t.box("INBOX").keywords_version;
  // k3 is in the record and unused: its place is not given to the others.
  assert_true(change(two, FlagOp::add, {"new", "K3"}));
  assert_true(t.box("INBOX").keywords_version > version);
  assert_int_equal(change(two, FlagOp::add, {"more"}).error().code, EMFILE);
  for (int round = 0; round < 2; ++round) {
    const std::vector<std::string> got = names_of("INBOX", two);
    assert_int_equal(got.size(), 2);
    assert_true(std::find(got.begin(), got.end(), "new") != got.end() &&
                std::find(got.begin(), got.end(), "k3") != got.end());
    assert_int_equal(names_of("INBOX", one).size(), kMaxKeywords - 2);
    assert_int_equal(t.box("INBOX").keyword_bit("k9"), 0);
    must(t.store->sync());
    t.reopen();
  }
  // A copy takes only what its messages have; what does not fit is refused whole.
  assert_true(t.store->copy(inbox, {{two, two}}, sent));
  assert_int_equal(t.box("Sent").keywords.size(), 2);
  assert_true(change(two, FlagOp::replace, {}));
  assert_true(t.store->copy(inbox, {{one, two}}, sent));
  assert_int_equal(names_of("Sent", 2).size(), kMaxKeywords - 2);
  assert_int_equal(names_of("Sent", 1).size(), 2);
  assert_int_equal(names_of("Sent", 3).size(), 0);
  assert_true(change(two, FlagOp::replace, {"other"}));
  assert_int_equal(t.store->copy(inbox, {{two, two}}, sent).error().code, EMFILE);
}

int main() {
  const CMUnitTest tests[] = {unit_test(uid_sets),
                              unit_test(new_account),
                              unit_test(messages_survive),
                              unit_test(copy_move_expunge),
                              unit_test(names_and_renames),
                              unit_test(recent_is_claimed_once),
                              unit_test(deliveries_once),
                              unit_test(observers_hear_only_what_is_durable),
                              unit_test(groups),
                              unit_test(big_messages),
                              unit_test(messages_in_two_pieces),
                              unit_test(compaction),
                              unit_test(keywords_are_used_again)};
  return run_unit_tests(tests);
}
