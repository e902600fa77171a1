// lmtpd/user: Maildir and mbox under power cuts, failing calls and readers: every message is there once, and nothing
// else is lost.
// SPDX-License-Identifier: ISC
#include "lmtpd/user/files.h"

#include <fcntl.h>

#include <span>

#include "regress/fault/disk.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::user;

namespace {

const queue::EnvelopeId kId = {0x6540000012345678, 3};
const std::string kOld = "From old Thu Jan  1 00:00:00 1970\n\nold\n\n";
const std::string kText =
    "Return-Path: <a@far.test>\nSubject: s\n\n" + std::string(700, 'x') + "\nFrom here\n>From there\n";

struct World {
  explicit World(uint64_t seed) : disk(seed) {
    for (const char* name : {"account", "box"}) assert_true(disk.mkdirat(disk.root(), name, 0700));
    assert_true(disk.fsync(disk.root()));
    const int box = open("box");
    auto fd = disk.openat(box, "ann", O_RDWR | O_CREAT, 0600);
    const std::string_view part = kOld;
    assert_true(disk.pwritev(*fd, std::span(&part, 1), 0));
    assert_true(disk.fsync(*fd));
    assert_true(disk.fsync(box));
  }
  int open(const std::string& name) { return *disk.openat(disk.root(), name, O_RDONLY, 0600); }

  Result<bool> deliver(bool mbox) {
    auto ledger = Ledger::open(disk, open("account"));
    if (!ledger) return ledger.error();
    if (!mbox) return put_into_maildir(disk, open("box"), maildir_name(kId, "mx.test"), kText, *ledger, kId);
    const Lock lock = [](int, const std::string&, int) -> Result<Unlock> { return Unlock([] {}); };
    return put_into_mbox(disk, open("box"), "ann", mbox_entry(kText, "a@far.test", 0), *ledger, kId, lock);
  }

  std::string read(int dir, const std::string& name) {
    const auto fd = disk.openat(dir, name, O_RDONLY, 0600);
    assert_true(fd);
    std::string out(*disk.file_size(*fd), '\0');
    assert_int_equal(*disk.pread(*fd, out.data(), out.size(), 0), out.size());
    return out;
  }
  std::vector<std::string> names(const std::string& part) {
    const auto dir = disk.openat(open("box"), part, O_RDONLY, 0600);
    if (!dir) return {};
    return *disk.readdir(*dir);
  }
  // The message is there, whole and once.
  void check(bool mbox) {
    if (mbox) return assert_text(read(open("box"), "ann"), kOld + mbox_entry(kText, "a@far.test", 0));
    const auto fresh = names("new"), seen = names("cur");
    assert_int_equal(fresh.size() + seen.size(), 1);
    const std::string part = fresh.empty() ? "cur" : "new";
    assert_text(read(*disk.openat(open("box"), part, O_RDONLY, 0600), fresh.empty() ? seen[0] : fresh[0]), kText);
  }

  fault::Disk disk;
};

}  // namespace

static void power_cuts(bool mbox) {
  bool ended = false;
  for (uint64_t dead = 0; !ended; dead++) {
    assert_true(dead < 100);
    for (uint64_t seed = 0; seed < 200; seed++) {
      World w(seed);
      w.disk.dead_at = w.disk.calls + dead;
      const auto first = w.deliver(mbox);
      w.disk.power_cut();
      const auto second = w.deliver(mbox);
      if (!second)
        fail_msg("cut at call %d, seed %d: %s", static_cast<int>(dead), static_cast<int>(seed),
                 second.error().text.c_str());
      if (first && !*second)
        fail_msg("cut at call %d, seed %d: what was said to be there is not known", static_cast<int>(dead),
                 static_cast<int>(seed));
      w.check(mbox);
      assert_true(w.deliver(mbox).value_or(false));
      if (first) ended = true;
    }
  }
}
static void maildir_power_cuts(void**) { power_cuts(false); }
static void mbox_power_cuts(void**) { power_cuts(true); }

// kill -9 loses nothing of what was written.
static void kills(void**) {
  for (const bool mbox : {false, true}) {
    bool ended = false;
    for (uint64_t dead = 0; !ended; dead++) {
      assert_true(dead < 100);
      World w(1);
      w.disk.dead_at = w.disk.calls + dead;
      ended = w.deliver(mbox).has_value();
      w.disk.dead_at = fault::Disk::kNever;
      assert_true(w.deliver(mbox));
      w.check(mbox);
    }
  }
}

static void failing_calls(void**) {
  for (const bool mbox : {false, true}) {
    for (const int code : {ENOSPC, EIO, EDQUOT}) {
      bool ended = false;
      for (uint64_t fail = 0; !ended; fail++) {
        assert_true(fail < 100);
        World w(1);
        w.disk.fail_at = w.disk.calls + fail;
        w.disk.fail_code = code;
        const auto first = w.deliver(mbox);
        ended = w.disk.calls <= w.disk.fail_at;
        w.disk.fail_at = fault::Disk::kNever;
        if (!first) {
          assert_true(first.error().code == code || first.error().code == EIO);  // that is what a failing sync says
          if (mbox) assert_text(w.read(w.open("box"), "ann").substr(0, kOld.size()), kOld);
        }
        assert_true(w.deliver(mbox));
        w.check(mbox);
      }
    }
  }
}

// Its reader has put flags behind the name before the queue heard of it.
static void a_reader_is_faster(void**) {
  World w(1);
  assert_false(w.deliver(false).value_or(true));
  const int box = w.open("box");
  const int fresh = *w.disk.openat(box, "new", O_RDONLY, 0600), seen = *w.disk.openat(box, "cur", O_RDONLY, 0600);
  const std::string name = maildir_name(kId, "mx.test");
  assert_text(name, "1698693120.M6540000012345678E3.mx.test");
  assert_true(w.disk.renameat(fresh, name, seen, name + ":2,S"));
  assert_true(w.disk.fsync(seen));
  assert_true(w.disk.fsync(fresh));
  for (int i = 0; i < 5; i++) {
    w.disk.power_cut();
    assert_true(w.deliver(false).value_or(false));
    w.check(false);
  }
}

// Another program has put a message behind a torn one: nothing of it is cut off.
static void others_write_too(void**) {
  World w(1);
  auto ledger = Ledger::open(w.disk, w.open("account"));
  assert_true(ledger->begin(kId, kOld.size(), 0));
  const std::string entry = mbox_entry(kText, "a@far.test", 0);
  const std::string other = "From b Thu Jan  1 00:00:00 1970\n\nother\n\n";
  const std::string there = kOld + entry.substr(0, 100) + other;
  const auto fd = w.disk.openat(w.open("box"), "ann", O_RDWR, 0600);
  const std::string_view part = there;
  assert_true(w.disk.pwritev(*fd, std::span(&part, 1), 0));
  assert_true(w.deliver(true));
  assert_text(w.read(w.open("box"), "ann"), there + entry);
}

static void entries(void**) {
  assert_text(mbox_entry("a\nFrom x\n>From y\nFromage\n", "", 0),
              "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\na\n>From x\n>>From y\nFromage\n\n");
  assert_text(mbox_entry("no end", "\"a b\"@c.test", 0), "From \"a-b\"@c.test Thu Jan  1 00:00:00 1970\nno end\n\n");
  assert_text(to_lf("a\r\nb\r\r\nc\nd"), "a\nb\r\nc\nd");
}

static void the_ledger_is_kept_short(void**) {
  fault::Disk disk(1);
  {
    auto ledger = Ledger::open(disk, disk.root());
    for (uint64_t i = 0; i < 2 * Ledger::kKept + 10; i++) assert_true(ledger->end({i, 0}));
  }
  {
    auto ledger = Ledger::open(disk, disk.root());
    assert_true(ledger->find({2 * Ledger::kKept + 9, 0}).state == Ledger::State::kEnded);
    assert_true(ledger->find({5, 0}).state == Ledger::State::kUnknown);
    assert_true(ledger->end({1'000'000, 0}));
  }
  disk.power_cut();
  auto ledger = Ledger::open(disk, disk.root());
  assert_true(ledger->find({2 * Ledger::kKept + 9, 0}).state == Ledger::State::kEnded);
}

// A process that runs for long writes more than a file of deliveries holds; the next one can read what it left.
static void a_busy_ledger_stays_short(void**) {
  fault::Disk disk(1);
  constexpr uint64_t kMany = 5 * Ledger::kKept;
  const auto size = [&disk] {
    const auto fd = disk.openat(disk.root(), "deliveries", O_RDONLY, 0600);
    return *disk.file_size(*fd);
  };
  {
    auto ledger = Ledger::open(disk, disk.root());
    for (uint64_t i = 0; i < kMany; i++) {
      if (i % 4096 == 0) assert_true(ledger->begin({i, 0}, 0, 0));
      assert_true(ledger->end({i, 0}));
    }
    assert_true(ledger->find({kMany - 1, 0}).state == Ledger::State::kEnded);
    assert_true(ledger->find({5, 0}).state == Ledger::State::kUnknown);
  }
  assert_in_range(size(), 1, (2 * Ledger::kKept + 2 * 4096) * 32);
  auto ledger = Ledger::open(disk, disk.root());
  assert_true(ledger);
  assert_true(ledger->find({kMany - 1, 0}).state == Ledger::State::kEnded);
}

// However large the file is, by whomever: mail goes on, and little of it is read.
static void a_huge_ledger_is_cut(void**) {
  fault::Disk disk(1);
  {
    auto ledger = Ledger::open(disk, disk.root());
    const auto fd = disk.openat(disk.root(), "deliveries", O_RDWR, 0600);
    assert_true(disk.ftruncate(*fd, 10 * Ledger::kKept * 32));
  }
  auto ledger = Ledger::open(disk, disk.root());
  assert_true(ledger);
  assert_true(ledger->begin(kId, 7, 0));
  assert_int_equal(ledger->find(kId).offset, 7);
}

int main() {
  const CMUnitTest tests[] = {unit_test(maildir_power_cuts),
                              unit_test(mbox_power_cuts),
                              unit_test(kills),
                              unit_test(failing_calls),
                              unit_test(a_reader_is_faster),
                              unit_test(others_write_too),
                              unit_test(entries),
                              unit_test(the_ledger_is_kept_short),
                              unit_test(a_busy_ledger_stays_short),
                              unit_test(a_huge_ledger_is_cut)};
  return run_unit_tests(tests);
}
