// lib/store: a damaged journal costs the damaged record, nothing else.
// SPDX-License-Identifier: ISC
#include <sys/stat.h>
#include <unistd.h>

#include "regress/unit/store_fixture.h"

using namespace mailkeep;
using namespace mailkeep::store;

namespace {

constexpr int kMessages = 8;

std::string read_journal(TestStore& t, uint64_t size) {
  Fd fd(::open(t.path("journal/000001").c_str(), O_RDONLY));
  std::string bytes(size, '\0');
  assert_int_equal(must(t.io.pread(fd.get(), bytes.data(), bytes.size(), 0)), size);
  return bytes;
}

enum class Syncs { each, one, one_and_quiet };

// Messages 1 to 8, then a flag on the sixth; synced after each, or once at the end. Only then is there a quiet moment,
// or none.
std::string fill(TestStore& t, Syncs syncs = Syncs::each, size_t size = 0) {
  t.options.preallocate = 4096;
  t.reopen();
  for (int i = 1; i <= kMessages; ++i) {
    if (syncs == Syncs::each) must(t.store->sync());
    t.append("INBOX", mail("m" + std::to_string(i), size));
  }
  if (syncs == Syncs::each) must(t.store->sync());
  must(t.store->store_flags(t.box("INBOX").id, {{6, 6}}, {FlagOp::add, kFlagged, {}, {}}));
  must(t.store->sync());
  if (syncs == Syncs::one_and_quiet) assert_false(must(t.store->idle_step()));
  const uint64_t used = t.store->usage().journal_bytes;
  t.store.reset();
  return read_journal(t, used);
}

void put(const TestStore& t, const std::string& bytes) {
  Fd fd(::open(t.path("journal/000001").c_str(), O_RDWR | O_TRUNC));
  assert_int_equal(::pwrite(fd.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  ::unlink(t.path("checkpoint").c_str());
}

}  // namespace

// Whatever was synced when: no record needs a later one to be told from a torn one.
static void every_byte_costs_one_record(void**) {
  for (const Syncs syncs : {Syncs::each, Syncs::one, Syncs::one_and_quiet}) {
    TestStore t;
    const std::string good = fill(t, syncs);
    const size_t first = good.find("From: a@example.org\r\nSubject: m1\r\n");
    const size_t flags =
        good.rfind("\nMK1", syncs == Syncs::one_and_quiet ? good.rfind("\nMK1") - 1 : std::string::npos);
    assert_true(first != std::string::npos && flags > first);
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
        if (text == "(none)")
          ++missing;
        else
          assert_text(text, mail("m" + std::to_string(i)));
      }
      const bool in_message = at >= first && at < flags;
      assert_in_range(missing, 0, in_message ? 1 : at < first ? 1 : 0);
      if (missing == 1) assert_in_range(at, first - 200, flags);
      if (at < flags) {
        const Message* sixth = inbox.find(6);
        if (sixth != nullptr) assert_int_equal(sixth->flags, kFlagged);
      }
      assert_true(inbox.uidnext > kMessages);
      assert_true(!t.reports.empty());
      assert_true(t.append("INBOX", "new") > kMessages);
      must(t.store->sync());
    }
  }
}

// The newest record damaged: neither its uid nor its number is given to another one.
static void nothing_of_a_damaged_last_record_comes_again(void**) {
  TestStore t;
  t.options.preallocate = 4096;
  t.reopen();
  t.append("INBOX", "first");
  t.append("INBOX", "second");
  must(t.store->sync());
  const Seq last = t.store->last_seq();
  const uint64_t used = t.store->usage().journal_bytes;
  t.store.reset();
  std::string bytes = read_journal(t, used);
  for (const size_t at : {size_t{12}, size_t{32}, size_t{50}}) {  // of the record's head and meta
    std::string bad = bytes;
    bad[bytes.rfind("\nMK1") + at] ^= 0x41;
    put(t, bad);
    t.reports.clear();
    t.reopen();
    assert_text(t.text("INBOX", 1), "first");
    assert_true(t.store->last_seq() >= last);
    assert_true(t.append("INBOX", "third") > 2);
    assert_true(t.store->last_seq() > last);
    must(t.store->sync());
    t.reopen();
    assert_int_equal(t.box("INBOX").messages.size(), 2);
  }
}

// A sector that is all zeros is what a power cut leaves of a write: where nothing says that the record was durable, it
// and those behind it, which were not acknowledged either, are cut; they are kept aside. Once that is said it costs its
// record alone.
static void a_missing_sector_is_torn_where_nothing_proves_otherwise(void**) {
  for (const Syncs syncs : {Syncs::one, Syncs::one_and_quiet, Syncs::each}) {
    TestStore t;
    std::string bytes = fill(t, syncs, 2000);
    const size_t at = (bytes.find("Subject: m4") + 1023) / 512 * 512;
    assert_true(at + 512 < bytes.find("Subject: m5"));
    bytes.replace(at, 512, 512, '\0');
    put(t, bytes);
    t.reports.clear();
    t.reopen();
    const bool is_cut = syncs == Syncs::one;
    for (int i = 1; i <= kMessages; ++i) {
      const bool is_there = is_cut ? i < 4 : i != 4;
      assert_text(t.text("INBOX", static_cast<Uid>(i)), is_there ? mail("m" + std::to_string(i), 2000) : "(none)");
    }
    assert_int_equal(t.reports.size(), 1);
    assert_true((t.reports[0].find("torn tail cut") != std::string::npos) == is_cut);
    assert_true((t.reports[0].find("damaged record passed over") != std::string::npos) != is_cut);
    must(t.store->sync());
    t.reopen();
    assert_int_equal(t.box("INBOX").messages.size(), is_cut ? 3 : kMessages - 1);
  }
}

// The segment's header and the first records, which make INBOX, in one damaged sector.
static void a_damaged_first_sector_costs_what_was_in_it(void**) {
  for (const Syncs syncs : {Syncs::one, Syncs::each}) {
    TestStore t;
    std::string bytes = fill(t, syncs);
    for (size_t at = 0; at < 512; ++at) bytes[at] ^= 0x55;
    put(t, bytes);
    t.reopen();
    for (int i = 1; i <= kMessages; ++i)
      assert_text(t.text("INBOX", static_cast<Uid>(i)), mail("m" + std::to_string(i)));
  }
}

// The kernel's own, but of one block of the journal, which cannot be read until it is written again.
class BadBlock : public os::RealIo {
 public:
  uint64_t at = 0;
  uint64_t size = 4096;
  bool is_bad = true;
  Result<size_t> pread(int fd, char* into, size_t count, uint64_t offset) override {
    if (is_bad && is_journal(fd) && offset < at + this->size && offset + count > at) return Error("pread", EIO);
    return RealIo::pread(fd, into, count, offset);
  }
  Status pwritev(int fd, std::span<const std::string_view> parts, uint64_t offset) override {
    if (is_journal(fd) && offset <= at) is_bad = false;
    return RealIo::pwritev(fd, parts, offset);
  }

 private:
  static bool is_journal(int fd) {
    char name[200];
    const ssize_t n = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name, sizeof name);
    return n > 0 && std::string(name, static_cast<size_t>(n)).ends_with("/journal/000001");
  }
};

static void an_unreadable_block_costs_what_was_in_it(void**) {
  for (const uint64_t block : {0, 2, 3}) {
    TestStore t;
    const std::string bytes = fill(t, Syncs::one, 2000);
    ::unlink(t.path("checkpoint").c_str());
    BadBlock io;
    io.at = block * 4096;
    for (int life = 0; life < 2; ++life) {
      t.reports.clear();
      auto opened = Store::open(io, t.dir(), t.options);
      if (!opened) fail_msg("block %lu: %s", block, opened.error().text.c_str());
      t.store = std::move(*opened);
      for (int i = 1; i <= kMessages; ++i) {
        const size_t at = bytes.find("Subject: m" + std::to_string(i));
        const bool is_hit = at < io.at + 4096 + 100 && at + 2048 > io.at;
        const std::string text = t.text("INBOX", static_cast<Uid>(i));
        if (!is_hit || text != "(none)") assert_text(text, mail("m" + std::to_string(i), 2000));
      }
      assert_true(t.box("INBOX").messages.size() >= kMessages - 4);
      assert_true(!t.reports.empty());
      must(t.store->sync());
      t.store.reset();
    }
  }
}

// A disk that is gone for now is no damage: nothing is given up, and all is there when it comes back.
static void a_disk_that_is_gone_is_not_damage(void**) {
  TestStore t;
  fill(t, Syncs::one, 2000);
  ::unlink(t.path("checkpoint").c_str());
  BadBlock io;
  io.size = uint64_t{1} << 30;
  assert_false(Store::open(io, t.dir(), t.options).has_value());
  io.at = 4096;
  assert_false(Store::open(io, t.dir(), t.options).has_value());
  assert_true(io.is_bad && t.reports.empty());
  t.reopen();
  assert_int_equal(t.box("INBOX").messages.size(), kMessages);
}

// The record that made a mailbox is damaged: its messages are still there, and INBOX keeps its name.
static void a_lost_mailbox_keeps_its_messages(void**) {
  TestStore t;
  t.reopen();
  must(t.store->create_mailbox("Work", Role::none));
  t.append("Work", mail("w1"));
  t.append("INBOX", mail("i1"));
  t.append("INBOX", mail("i2"));
  must(t.store->copy(t.box("INBOX").id, {{1, 1}}, t.box("Work").id));
  must(t.store->sync());
  const uint64_t used = t.store->usage().journal_bytes;
  const MailboxId work = t.box("Work").id;
  t.store.reset();
  std::string bytes = read_journal(t, used);
  bytes[bytes.find("Work") + 1] = '?';
  bytes[bytes.find("INBOX") + 1] = '?';  // the first: its making, not its subscription
  put(t, bytes);
  t.reopen();
  const std::string name = "Recovered " + std::to_string(work);
  assert_text(t.text(name, 1), mail("w1"));
  assert_text(t.text(name, 2), mail("i1"));
  assert_text(t.text("INBOX", 1), mail("i1"));
  assert_text(t.text("INBOX", 2), mail("i2"));
  assert_null(t.store->find_mailbox("Work"));
  const uint32_t uidvalidity = t.box(name).uidvalidity;
  must(t.store->checkpoint());
  t.reopen();
  assert_text(t.text(name, 1), mail("w1"));
  assert_int_equal(t.box(name).uidvalidity, uidvalidity);
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
  const CMUnitTest tests[] = {unit_test(every_byte_costs_one_record),
                              unit_test(nothing_of_a_damaged_last_record_comes_again),
                              unit_test(a_missing_sector_is_torn_where_nothing_proves_otherwise),
                              unit_test(a_damaged_first_sector_costs_what_was_in_it),
                              unit_test(an_unreadable_block_costs_what_was_in_it),
                              unit_test(a_disk_that_is_gone_is_not_damage),
                              unit_test(a_lost_mailbox_keeps_its_messages),
                              unit_test(forged_records_are_not_found),
                              unit_test(a_damaged_checkpoint_costs_nothing),
                              unit_test(damaged_bytes_behind_a_checkpoint_are_noticed)};
  return run_unit_tests(tests);
}
