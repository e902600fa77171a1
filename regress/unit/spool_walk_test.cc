// queue/spool_walk.cc: a long queue is counted bit by bit while it changes, and what is looked for in it is found.
// SPDX-License-Identifier: ISC
#include <fcntl.h>

#include "queue/selection.h"
#include "regress/unit/spool_fixture.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

// Message i has the sender sN@example.net, N = i mod 10, and one envelope, due at i.
void fill(const SpoolDirectory& directory, uint64_t messages) {
  auto spool = directory.open();
  for (uint64_t i = 1; i <= messages; ++i) {
    Change change = make_change(i, "x", {i % 3 == 0 ? "Alice" : "bob"}, static_cast<int64_t>(i));
    change.message->sender = "s" + std::to_string(i % 10) + "@example.net";
    change.message->account = "owner" + std::to_string(i % 7);
    spool->stage(std::move(change));
  }
  for (const Status& s : spool->commit()) assert_true(s);
  assert_true(spool->close());
}

std::unique_ptr<Spool> open_counting(const SpoolDirectory& directory, uint64_t at_start) {
  SpoolOptions options = directory.options();
  options.counted_at_start = at_start;
  auto spool = Spool::open(options);
  if (!spool) fatal(spool.error().text);
  return std::move(spool).value();
}

Change put_at(Spool& spool, uint64_t message, int64_t next_try, Hold hold = Hold::kNone) {
  Change change;
  change.put.push_back(**spool.envelope({message, 0}));
  change.put.back().next_try = next_try;
  change.put.back().hold = hold;
  return change;
}

void counts_while_it_changes(void**) {
  for (uint64_t slice = 1; slice < 20; ++slice) {
    SpoolDirectory directory;
    fill(directory, 40);
    auto spool = open_counting(directory, 10);
    assert_true(spool->is_counting());
    assert_int_equal(spool->counts().local, 10);
    assert_true(commit_one(*spool, removal({3, 0})));         // counted
    assert_true(commit_one(*spool, removal({10, 0})));        // the last one that was
    assert_true(commit_one(*spool, removal({33, 0})));        // not yet
    assert_true(commit_one(*spool, put_at(*spool, 4, 100)));  // from the counted to the others
    assert_true(commit_one(*spool, put_at(*spool, 5, 6)));    // within them
    assert_true(commit_one(*spool, put_at(*spool, 35, 1)));   // and back
    assert_true(commit_one(*spool, put_at(*spool, 36, 30, Hold::kOperator)));
    assert_true(commit_one(*spool, put_at(*spool, 1, 1, Hold::kOperator)));
    assert_true(commit_one(*spool, make_change(50, "new", {"bob"}, 200)));
    assert_true(commit_one(*spool, make_change(51, "new", {"bob"}, 2)));
    assert_int_equal(spool->counts().local, 10 - 2 - 1 + 1 - 1 + 1);
    while (spool->is_counting()) assert_true(spool->count_on(slice));
    assert_int_equal(spool->counts().local, 40 - 3 - 2 + 2);
    assert_int_equal(spool->counts().held, 2);
    assert_int_equal(spool->counts().relay, 0);
    assert_true(commit_one(*spool, removal({20, 0})));
    assert_int_equal(spool->counts().all(), 38);
    const Counts before = spool->counts();
    spool.reset();
    spool = directory.open();
    assert_false(spool->is_counting());
    assert_int_equal(spool->counts().local, before.local);
    assert_int_equal(spool->counts().held, before.held);
  }
}

void damage_behind_what_was_counted(void**) {
  constexpr uint64_t kMessages = 2000;
  SpoolDirectory directory;
  fill(directory, kMessages);
  {
    const Fd file(::open((directory.path + "/db/due").c_str(), O_RDWR | O_CLOEXEC));
    const off_t end = ::lseek(file.get(), 0, SEEK_END);
    assert_true(end > 6 * off_t{kRecordPage});
    for (off_t page = 4; page < end / off_t{kRecordPage}; ++page)
      assert_int_equal(::pwrite(file.get(), "damaged", 7, page * off_t{kRecordPage} + 4000), 7);
  }
  auto spool = open_counting(directory, 10);
  assert_true(spool->is_counting());
  int failures = 0;
  for (; spool->is_counting() && failures < 5;) failures += spool->count_on(100) ? 0 : 1;
  assert_in_range(failures, 1, 4);
  assert_int_equal(spool->salvages(), 1);
  assert_int_equal(spool->counts().local, kMessages);
}

std::vector<uint64_t> find(Spool& spool, const Selection& selection, size_t rows) {
  std::vector<uint64_t> out;
  const Wanted wanted = wanted_of(selection);
  for (EnvelopeId at;;) {
    const auto part = spool.look_through(at, rows, wanted);
    assert_true(part);
    assert_true(part->envelopes.size() <= rows);
    for (const Envelope& e : part->envelopes) {
      if (matches(selection, e, **spool.message(e.id.message), "waiting", [] { return std::string(); }) &&
          may_match(selection, e))
        out.push_back(e.id.message);
    }
    if (!part->more) return out;
    assert_true(at < part->last);
    at = part->last;
  }
}

void finds_by_any_part(void**) {
  SpoolDirectory directory;
  fill(directory, 100);
  auto spool = directory.open();
  Selection sender, account, mailbox, recipient, both, nobody;
  sender.sender = "S3@Example.Net";
  account.account = "owner2";
  mailbox.account = "alice";
  recipient.recipient = "@MK.test";
  both.sender = "s3@example.net";
  both.account = "ALICE";
  nobody.sender = "s33@example.net";
  for (const size_t rows : {1, 2, 7, 100, 1000}) {
    assert_int_equal(find(*spool, sender, rows).size(), 10);
    assert_int_equal(find(*spool, account, rows).size(), 15);
    assert_int_equal(find(*spool, mailbox, rows).size(), 33);
    assert_int_equal(find(*spool, recipient, rows).size(), 100);
    assert_true(find(*spool, both, rows) == (std::vector<uint64_t>{3, 33, 63, 93}));
    assert_true(find(*spool, nobody, rows).empty());
    assert_int_equal(find(*spool, {}, rows).size(), 100);
  }
  // The sieve is one: of 100 records not all are decoded.
  assert_int_equal(spool->look_through({}, 1000, wanted_of(sender))->envelopes.size(), 10);
  assert_true(commit_one(*spool, removal({13, 0})));
  assert_int_equal(find(*spool, sender, 3).size(), 9);
}

void needles(void**) {
  const struct {
    const char* needle;
    const char* text;
    bool is_in;
  } cases[] = {
      {"", "", true},
      {"", "x", true},
      {"a", "", false},
      {"a", "A", true},
      {"a", "bcd", false},
      {"abc", "xxABc", true},
      {"abc", "xxab", false},
      {"abab", "aabaBab", true},
      {"aab", "aaaab", true},
      {"aab", "aaaac", false},
      {"@X.test", "a@x.tesT", true},
      {"k\xc3\xb6", "aK\xc3\xb6", true},
      {"k\xc3\xb6", "k\xc3\x96", false},
  };
  for (const auto& c : cases) assert_int_equal(Needle(c.needle).is_in(c.text), c.is_in);
  const std::string longer = std::string(300, 'a') + "b";
  assert_true(Needle(longer).is_in(std::string(1000, 'A') + "B"));
  assert_false(Needle(longer).is_in(std::string(1000, 'A')));
  const std::string zeros("a\0b\0c", 5);
  assert_true(Needle("C").is_in(zeros));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(counts_while_it_changes), unit_test(damage_behind_what_was_counted),
                              unit_test(finds_by_any_part), unit_test(needles)};
  return run_unit_tests(tests);
}
