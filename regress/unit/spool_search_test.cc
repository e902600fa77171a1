// queue/search_index.cc, queue/spool_search.cc: what is found by the index is what a look at everything finds, whatever
// has been added, changed, removed and indexed in between; of what is gone no row is left.
// SPDX-License-Identifier: ISC
#include <random>

#include "queue/selection.h"
#include "regress/unit/spool_fixture.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

constexpr size_t kSenders = 5;
const char* const kSender[kSenders] = {"", "Root", "one@Example.net", "one@example.org", "two@EXAMPLE.net"};
const char* const kAccount[] = {"", "alice", "Bob"};
const char* const kRecipient[] = {"alice@mk.test", "x@Away.test", "y@away.test", "local"};

Selection selection(std::string Selection::*field, const char* text) {
  Selection s;
  s.*field = text;
  return s;
}

std::vector<Selection> selections() {
  std::vector<Selection> out;
  for (const char* text : {"<>", "root", "ONE@example.NET", "@example.net", "@example.org", "@", "no@example.net"})
    out.push_back(selection(&Selection::sender, text));
  for (const char* text : {"ALICE", "bob", "nobody"}) out.push_back(selection(&Selection::account, text));
  for (const char* text : {"x@away.test", "@away.test", "LOCAL", "@"})
    out.push_back(selection(&Selection::recipient, text));
  for (const char* text : {"away.test", "MK.test", "example.net"}) out.push_back(selection(&Selection::domain, text));
  out.push_back(selection(&Selection::sender, "one@example.net"));
  out.back().account = "alice";
  out.push_back(selection(&Selection::sender, "@example.net"));
  out.back().domain = "away.test";
  return out;
}

std::vector<EnvelopeId> find(Spool& spool, const Selection& selection, const Wanted& wanted, size_t rows,
                             size_t* looked_at = nullptr) {
  std::vector<EnvelopeId> out;
  for (EnvelopeId at;;) {
    const auto part = spool.look_through(at, rows, wanted);
    assert_true(part);
    assert_true(part->envelopes.size() <= rows);
    for (const Envelope& e : part->envelopes) {
      if (looked_at != nullptr) ++*looked_at;
      assert_true(at < e.id || at == EnvelopeId());
      const auto m = spool.message(e.id.message);
      if (may_match(selection, e) && m->has_value() && matches(selection, e, **m, "waiting", [] { return ""; }))
        out.push_back(e.id);
    }
    if (!part->more) return out;
    assert_true(at < part->last);
    at = part->last;
  }
}

void finds_the_same(Spool& spool, size_t rows) {
  for (const Selection& s : selections()) assert_true(find(spool, s, wanted_of(s), rows) == find(spool, s, {}, 1000));
}

// Rows of the table, without that of the border.
size_t rows_on_disk(const SpoolDirectory& directory) {
  db::EnvironmentOptions options;
  options.home = directory.path + "/db";
  auto environment = db::Environment::open(options);
  assert_true(environment);
  auto index = SearchIndex::open(**environment);
  assert_true(index);
  auto cursor = db::Cursor::open(index->table());
  size_t n = 0;
  for (auto more = cursor->next(); more && *more; more = cursor->next()) n += cursor->key().size() > 1 ? 1U : 0U;
  return n;
}

class Play {
 public:
  explicit Play(unsigned seed) : random_(seed), spool_(directory_.open()) {}

  void step() {
    switch (pick(12)) {
      case 0: return index();
      case 1: return reopen();
      case 2:
      case 3:
      case 4: return change();
      case 5:
      case 6:
      case 7: return remove();
      case 8: return renew();
      default: return add();
    }
  }
  Spool& spool() { return *spool_; }
  size_t pick(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  void index() {
    const Result<bool> more = spool_->index_on(static_cast<int64_t>(pick(40)) + Spool::kSettles);
    assert_true(more);
  }
  void remove() {
    if (ids_.empty()) return;
    const size_t n = pick(ids_.size());
    assert_true(commit_one(*spool_, removal(ids_[n])));
    ids_.erase(ids_.begin() + static_cast<ptrdiff_t>(n));
  }
  void everything_goes() {
    while (!ids_.empty()) remove();
    assert_true(spool_->close());
    spool_.reset();
    assert_int_equal(rows_on_disk(directory_), 0);
  }

 private:
  void put_in(Envelope& e) {
    e.kind = pick(2) == 0 ? Kind::kLocal : Kind::kRelay;
    e.account = kAccount[pick(3)];
    e.recipient = kRecipient[pick(4)];
    e.original = pick(2) == 0 ? e.recipient : kRecipient[pick(4)];
    e.next_try = static_cast<int64_t>(pick(100));
  }
  // Of any second, also of one that has been indexed.
  void add() {
    const uint64_t id = uint64_t{pick(40)} << 32 | pick(UINT32_MAX);
    Change change = make_change(id, "x", {"a", "b", "c"}, 1);
    change.message->sender = kSender[pick(kSenders)];
    change.message->account = kAccount[pick(3)];
    change.put.resize(1 + pick(3));
    for (Envelope& e : change.put) put_in(e), ids_.push_back(e.id);
    assert_true(commit_one(*spool_, std::move(change)));
  }
  void change() {
    if (ids_.empty()) return;
    Change change;
    change.put.push_back(**spool_->envelope(ids_[pick(ids_.size())]));
    put_in(change.put[0]);
    change.put[0].hold = pick(4) == 0 ? Hold::kOperator : Hold::kNone;
    assert_true(commit_one(*spool_, std::move(change)));
  }
  void renew() {
    if (ids_.empty()) return;
    Change change;
    change.renewed = **spool_->message(ids_[pick(ids_.size())].message);
    change.renewed->sender = kSender[pick(kSenders)];
    assert_true(commit_one(*spool_, std::move(change)));
  }
  // As after a crash, with all that was written.
  void reopen() {
    assert_true(spool_->settle());
    spool_.reset();
    spool_ = directory_.open();
  }

  std::mt19937 random_;
  SpoolDirectory directory_;
  std::unique_ptr<Spool> spool_;
  std::vector<EnvelopeId> ids_;
};

void whatever_happens(void**) {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    Play play(seed);
    for (int n = 1; n <= 250; ++n) {
      play.step();
      if (n % 25 == 0) finds_the_same(play.spool(), 1 + play.pick(9));
    }
    finds_the_same(play.spool(), 1000);
    play.everything_goes();
  }
}

// Only what matches is read, and what came of late.
void reads_little(void**) {
  SpoolDirectory directory;
  auto spool = directory.open();
  for (uint64_t i = 1; i <= 600; ++i) {
    Change change = make_change(i << 32, "x", {"alice"}, 1);
    change.message->sender = i % 100 == 0 ? "rare@example.net" : "often@example.net";
    spool->stage(std::move(change));
  }
  for (const Status& s : spool->commit()) assert_true(s);
  const Selection rare = selection(&Selection::sender, "rare@example.net");
  Wanted by_index = wanted_of(rare);
  by_index.message = Needle();  // so that all that is looked at shows
  size_t looked_at = 0;
  assert_int_equal(find(*spool, rare, by_index, 7, &looked_at).size(), 6);
  assert_int_equal(looked_at, 600);
  assert_true(spool->is_index_behind());
  for (Result<bool> more = true; more && *more;) more = spool->index_on(550 + Spool::kSettles);
  assert_true(spool->is_index_behind());
  looked_at = 0;
  assert_int_equal(find(*spool, rare, by_index, 7, &looked_at).size(), 6);
  assert_int_equal(looked_at, 5 + 50);
  for (Result<bool> more = true; more && *more;) more = spool->index_on(600 + Spool::kSettles);
  assert_false(spool->is_index_behind());
  looked_at = 0;
  assert_int_equal(find(*spool, rare, by_index, 1, &looked_at).size(), 6);
  assert_int_equal(looked_at, 6);
  assert_true(commit_one(*spool, make_change(601ULL << 32, "x", {"bob"}, 1)));
  assert_true(spool->is_index_behind());
  // What is delivered at once is never written there.
  assert_true(commit_one(*spool, removal({601ULL << 32, 0})));
  assert_false(*spool->index_on(700));
  assert_false(spool->is_index_behind());
}

// A message whose record has been set aside, and an envelope: rows that lead to nothing go when they are met.
void rows_that_lead_nowhere(void**) {
  SpoolDirectory directory;
  auto spool = directory.open();
  for (uint64_t i = 1; i <= 20; ++i) spool->stage(make_change(i << 32, "x", {"alice", "bob"}, 1));
  for (const Status& s : spool->commit()) assert_true(s);
  assert_false(*spool->index_on(100));
  assert_true(spool->close());
  spool.reset();
  {
    db::EnvironmentOptions options;
    options.home = directory.path + "/db";
    auto environment = db::Environment::open(options);
    auto tables = open_tables(**environment);
    auto txn = (*environment)->begin();
    assert_true(tables->envelope.put(*txn, envelope_key({3ULL << 32, 0}), "damaged"));
    assert_true(tables->envelope.put(*txn, envelope_key({3ULL << 32, 1}), "damaged"));
    assert_true(tables->envelope.put(*txn, envelope_key({5ULL << 32, 1}), "damaged"));
    assert_true(tables->message.put(*txn, message_key(7ULL << 32), "damaged"));
    assert_true(txn->commit());
  }
  spool = directory.open();
  const Selection sender = selection(&Selection::sender, "sender@example.net");
  const Selection account = selection(&Selection::account, "bob");
  for (const size_t rows : {1, 3, 100}) {
    assert_int_equal(find(*spool, sender, wanted_of(sender), rows).size(), 18 * 2 - 1);
    assert_int_equal(find(*spool, account, wanted_of(account), rows).size(), 17);
  }
  assert_int_equal(spool->set_aside(), 3 + 2);  // envelopes; a message with its body
  for (uint64_t i = 1; i <= 20; ++i) {
    for (const uint32_t number : {0, 1}) assert_true(commit_one(*spool, removal({i << 32, number})));
  }
  const Selection domain = selection(&Selection::domain, "mk.test");
  const Selection from = selection(&Selection::sender, "@example.net");
  const Selection alice = selection(&Selection::account, "alice");
  for (const Selection& s : {sender, account, domain, from, alice}) {
    for (int n = 0; n < 2; ++n) assert_int_equal(find(*spool, s, wanted_of(s), 2).size(), 0);
  }
  assert_true(spool->close());
  spool.reset();
  assert_int_equal(rows_on_disk(directory), 2);  // of message 3, whose record is still there
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(whatever_happens), unit_test(reads_little), unit_test(rows_that_lead_nowhere)};
  return run_unit_tests(tests);
}
