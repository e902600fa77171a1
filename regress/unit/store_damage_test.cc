// lib/store: a damaged journal costs the damaged record, nothing else.
// SPDX-License-Identifier: ISC
#include <sys/stat.h>
#include <unistd.h>

#include "regress/unit/store_fixture.h"

using namespace mailkeep;
using namespace mailkeep::store;

namespace {

constexpr int kMessages = 8;

// Messages 1 to 8, each synced, then a flag on the sixth.
std::string fill(TestStore& t) {
  t.options.preallocate = 4096;
  t.reopen();
  must(t.store->sync());
  for (int i = 1; i <= kMessages; ++i) {
    t.append("INBOX", mail("m" + std::to_string(i)));
    must(t.store->sync());
  }
  must(t.store->store_flags(t.box("INBOX").id, {{6, 6}}, {FlagOp::add, kFlagged, {}, {}}));
  must(t.store->sync());
  const uint64_t used = t.store->usage().journal_bytes;
  t.store.reset();
  Fd fd(::open(t.path("journal/000001").c_str(), O_RDONLY));
  std::string bytes(used, '\0');
  assert_int_equal(must(t.io.pread(fd.get(), bytes.data(), bytes.size(), 0)), used);
  return bytes;
}

void put(const TestStore& t, const std::string& bytes) {
  Fd fd(::open(t.path("journal/000001").c_str(), O_RDWR | O_TRUNC));
  assert_int_equal(::pwrite(fd.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  ::unlink(t.path("checkpoint").c_str());
}

}  // namespace

static void every_byte_costs_one_record(void**) {
  TestStore t;
  const std::string good = fill(t);
  const size_t first = good.find("From: a@example.org\r\nSubject: m1\r\n");
  const size_t last_flags = good.rfind("\nMK1");
  assert_true(first != std::string::npos && last_flags > first);
  for (size_t at = 0; at < good.size(); at += at < 60 ? 1 : 3) {
    if (at >= 36 && at < 40) continue;  // unused bytes of the segment's header
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x41);
    put(t, bad);
    t.reports.clear();
    t.reopen();
    const Mailbox& inbox = t.box("INBOX");
    size_t missing = 0;
    for (int i = 1; i <= kMessages; ++i) {
      const std::string text = t.text("INBOX", static_cast<Uid>(i));
      if (text == "(none)") {
        ++missing;
      } else {
        assert_text(text, mail("m" + std::to_string(i)));
      }
    }
    const bool in_message = at >= first && at < last_flags;
    if (in_message) assert_in_range(missing, 0, 1);
    // The records before the first message make the mailboxes; one that is lost there loses what it made.
    if (in_message && missing == 0) assert_in_range(at, first - 200, last_flags);
    if (at >= last_flags) assert_int_equal(missing, 0);
    if (in_message) {
      assert_true(inbox.uidnext > kMessages);
      const Message* sixth = inbox.find(6);
      if (sixth != nullptr) assert_int_equal(sixth->flags, kFlagged);
    }
    assert_true(!t.reports.empty());
    assert_true(t.append("INBOX", "new") > kMessages || !in_message);
    must(t.store->sync());
  }
}

// Bytes in a message that look like a record are not taken for one, even when the record around them is broken.
static void forged_records_are_not_found(void**) {
  TestStore t;
  const std::string good = fill(t);
  TestStore u;
  u.reopen();
  u.append("INBOX", "before");
  u.append("INBOX", "x\r\n" + good.substr(40) + "\r\n");
  u.append("INBOX", "after");
  must(u.store->sync());
  u.append("INBOX", "last");
  must(u.store->sync());
  u.store.reset();
  Fd fd(::open(u.path("journal/000001").c_str(), O_RDWR));
  std::string bytes(must(u.io.file_size(fd.get())), '\0');
  assert_int_equal(must(u.io.pread(fd.get(), bytes.data(), bytes.size(), 0)), bytes.size());
  const size_t victim = bytes.find("x\r\n\nMK1");
  assert_true(victim != std::string::npos);
  const size_t head = bytes.rfind("\nMK1", victim - 1);
  assert_int_equal(::pwrite(fd.get(), "?", 1, static_cast<off_t>(head + 21)), 1);
  u.reopen();
  assert_text(u.text("INBOX", 1), "before");
  assert_text(u.text("INBOX", 2), "(none)");
  assert_text(u.text("INBOX", 3), "after");
  assert_text(u.text("INBOX", 4), "last");
  assert_int_equal(u.box("INBOX").messages.size(), 3);
}

static void a_damaged_checkpoint_costs_nothing(void**) {
  TestStore t;
  fill(t);
  t.reopen();
  must(t.store->checkpoint());
  t.append("INBOX", "tail");
  must(t.store->sync());
  Fd fd(::open(t.path("checkpoint").c_str(), O_RDWR));
  assert_int_equal(::pwrite(fd.get(), "????", 4, 300), 4);
  t.reports.clear();
  t.reopen();
  assert_int_equal(t.box("INBOX").messages.size(), kMessages + 1);
  assert_int_equal(t.reports.size(), 1);
}

static void damaged_bytes_behind_a_checkpoint_are_noticed(void**) {
  TestStore t;
  fill(t);
  must(t.reopen().checkpoint());
  Fd fd(::open(t.path("journal/000001").c_str(), O_RDWR));
  std::string bytes(must(t.io.file_size(fd.get())), '\0');
  assert_true(must(t.io.pread(fd.get(), bytes.data(), bytes.size(), 0)) > 0);
  assert_int_equal(::pwrite(fd.get(), "?", 1, static_cast<off_t>(bytes.find("body of m3"))), 1);
  t.reopen();
  assert_text(t.text("INBOX", 3), "(message is damaged on the disk)");
  assert_text(t.text("INBOX", 4), mail("m4"));
}

int main() {
  const CMUnitTest tests[] = {unit_test(every_byte_costs_one_record), unit_test(forged_records_are_not_found),
                              unit_test(a_damaged_checkpoint_costs_nothing),
                              unit_test(damaged_bytes_behind_a_checkpoint_are_noticed)};
  return run_unit_tests(tests);
}
