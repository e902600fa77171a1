// queue/history.h through the spool: what ends is remembered with its attempts, for a time and not more than so much.
// SPDX-License-Identifier: ISC
#include "queue/history.h"

#include "regress/unit/spool_fixture.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

constexpr uint64_t id_at(int64_t arrived, uint32_t n) { return static_cast<uint64_t>(arrived) << 32 | n; }

Attempt attempt(int64_t at, How how, const std::string& text = "250 2.0.0 ok") {
  return {at, how, kNoUid, "mx.x.test [192.0.2.1]:25", "TLSv1.3", text};
}

void end(Spool& spool, const EnvelopeId& id, int64_t at, How how = How::kRelayed, uint64_t report = 0) {
  Change change;
  change.ended.push_back({id, attempt(at, how), report});
  assert_true(commit_one(spool, std::move(change)));
}

const History& past(Spool& spool) { return **spool.history(); }

std::vector<Life> all(Spool& spool, int64_t cutoff = 0) {
  uint64_t from = 0;
  return past(spool).lives(from, 100000, cutoff).value();
}

std::vector<Refusal> refusals(Spool& spool) {
  uint64_t from = 0;
  return past(spool).refusals(from, 100000, 0).value();
}

void put_off(Spool& spool, const EnvelopeId& id, uint32_t attempts, const std::string& text) {
  Change later;
  Envelope e = **spool.envelope(id);
  e.attempts = attempts;
  later.put.push_back(e);
  later.attempt = attempt(1000 + attempts, How::kDeferred, text);
  assert_true(commit_one(spool, std::move(later)));
}

void refuse(Spool& spool, int64_t at, const std::string& recipient) {
  Change change;
  Refusal& r = change.refusals.emplace_back();
  r.at = at;
  r.recipients.push_back(recipient);
  r.code = 550;
  assert_true(commit_one(spool, std::move(change)));
}

// `count` messages that came a second apart, and ended in their order, two seconds apart from `end_of_first` on.
void live(Spool& spool, uint32_t count, int64_t came, int64_t end_of_first) {
  for (uint32_t n = 0; n < count; ++n) spool.stage(make_change(id_at(came + n, n), "x", {"alice"}, 1000));
  for (const Status& s : spool.commit()) assert_true(s);
  for (uint32_t n = 0; n < count; ++n) {
    Change change;
    change.ended.push_back({{id_at(came + n, n), 0}, attempt(end_of_first + 2 * n, How::kRelayed)});
    spool.stage(std::move(change));
  }
  for (const Status& s : spool.commit()) assert_true(s);
}

void every_attempt_and_the_end(void**) {
  SpoolDirectory directory;
  const uint64_t id = id_at(1000, 7);
  {
    auto spool = directory.open();
    Change change = make_change(id, "x", {"alice", "bob"}, 1000);
    change.message->helo = "c.test";
    change.message->tls = "TLSv1.3 X";
    change.message->message_id = "<m@c.test>";
    change.put[0].rule = "mailkeep.conf:3";
    assert_true(commit_one(*spool, std::move(change)));
    for (uint32_t n = 1; n <= 3; ++n) put_off(*spool, {id, 0}, n, "450 number " + std::to_string(n));
    assert_int_equal(all(*spool).size(), 0);
    assert_int_equal(past(*spool).attempts({id, 0}).size(), 3);
    end(*spool, {id, 0}, 2000);
    end(*spool, {id, 1}, 2001, How::kFailed, 77);
    end(*spool, {id, 5}, 2002);  // not there: nothing to remember
    assert_true(spool->settle());
  }
  auto spool = directory.open();
  const auto lives = all(*spool);
  assert_int_equal(lives.size(), 2);
  assert_text(lives[0].recipient, "alice@mk.test");
  assert_text(lives[0].helo, "c.test");
  assert_text(lives[0].tls, "TLSv1.3 X");
  assert_text(lives[0].rule, "mailkeep.conf:3");
  assert_text(lives[0].message_id, "<m@c.test>");
  assert_int_equal(lives[0].attempts, 3);
  assert_int_equal(lives[0].ended, 2000);
  assert_int_equal(lives[0].tries.size(), 4);
  assert_text(lives[0].tries[2].text, "450 number 3");
  assert_text(lives[0].tries[3].tls, "TLSv1.3");
  assert_true(lives[0].tries[3].how == How::kRelayed);
  assert_true(lives[1].tries.size() == 1 && lives[1].tries[0].how == How::kFailed);
  assert_int_equal(lives[1].report, 77);
  assert_int_equal(past(*spool).attempts({id, 0}).size(), 0);
  assert_false(spool->message(id)->has_value());
}

// The first ones and the last; and a record stays one that the salvage can read.
void not_more_attempts_than_so_many(void**) {
  SpoolDirectory directory;
  auto spool = directory.open();
  const uint64_t id = id_at(1000, 7);
  assert_true(commit_one(*spool, make_change(id, "x", {"alice"}, 1000)));
  for (uint32_t n = 1; n <= kMaxTries + 50; ++n)
    put_off(*spool, {id, 0}, n, std::to_string(n) + std::string(kMaxReplyText - 4, 'x'));
  end(*spool, {id, 0}, 9000);
  const Life life = all(*spool).at(0);
  assert_in_range(life.tries.size(), 20, kMaxTries);
  assert_int_equal(life.attempts, kMaxTries + 50);
  assert_true(life.tries.front().text.starts_with("1x"));
  assert_true(life.tries.back().how == How::kRelayed);
  assert_true(identify(encode(life)).has_value());
  assert_in_range(encode(life).size(), 1000, kSmallMessage);
}

void removed_without_a_word(void**) {
  SpoolDirectory directory;
  auto spool = directory.open();
  const uint64_t id = id_at(1000, 7);
  assert_true(commit_one(*spool, make_change(id, "x", {"alice"}, 1000)));
  put_off(*spool, {id, 0}, 1, "later");
  Change change;  // as when others take its place
  change.removed.push_back({id, 0});
  assert_true(commit_one(*spool, std::move(change)));
  assert_int_equal(past(*spool).attempts({id, 0}).size(), 0);
  assert_int_equal(all(*spool).size(), 0);
}

void not_when_it_is_off(void**) {
  SpoolDirectory directory;
  auto spool = directory.open();
  spool->keep_history(false);
  assert_true(commit_one(*spool, make_change(id_at(1000, 1), "x", {"alice"}, 1000)));
  put_off(*spool, {id_at(1000, 1), 0}, 1, "later");
  end(*spool, {id_at(1000, 1), 0}, 2000);
  assert_int_equal(all(*spool).size(), 0);
  assert_int_equal(past(*spool).attempts({id_at(1000, 1), 0}).size(), 0);
  assert_int_equal(spool->counts().all(), 0);
}

void old_ones_go(void**) {
  SpoolDirectory directory;
  {
    auto spool = directory.open();
    live(*spool, 1000, 1000, 5000);
    for (int64_t at = 5000; at < 5010; ++at) refuse(*spool, at, "r@x.test");
    assert_int_equal(all(*spool, 5000 + 1998).size(), 1);  // older ones are not told of, even before they are removed
    while (spool->prune_history(1000, 1000)) fail();
    assert_int_equal(all(*spool).size(), 1000);
    assert_int_equal(refusals(*spool).size(), 10);
    int slices = 1;
    while (spool->prune_history(5000 + 1990, 1000)) ++slices;
    assert_in_range(slices, 3, 10);
    assert_int_equal(all(*spool).size(), 5);
    assert_int_equal(refusals(*spool).size(), 0);
    assert_int_equal(past(*spool).finished(), 5);
    assert_true(spool->close());
  }
  auto spool = directory.open();
  assert_int_equal(past(*spool).finished(), 5);
  assert_int_equal(all(*spool)[0].id.message, id_at(1995, 995));
  while (spool->prune_history(INT64_MAX, 1000)) {
  }
  assert_true(past(*spool).is_empty());
  live(*spool, 3, 9000, 9000);
  assert_int_equal(all(*spool).size(), 3);
}

void no_more_than_so_many(void**) {
  SpoolDirectory directory;
  {
    auto spool = directory.open();
    live(*spool, 300, 5000, 6000);
    for (int64_t at = 0; at < 100; ++at) refuse(*spool, at, "r@x.test");
    assert_true(spool->settle());
  }
  auto spool = directory.open();  // as after a crash: it knows how many there are without counting them
  assert_int_equal(past(*spool).finished(), 300);
  assert_int_equal(past(*spool).refused(), 100);
  while (spool->prune_history(0, 50)) {
  }
  const auto left = all(*spool);
  assert_int_equal(left.size(), 50);
  assert_int_equal(left[0].id.message, id_at(5250, 250));
  assert_int_equal(refusals(*spool).size(), 50);
  assert_int_equal(refusals(*spool)[0].at, 50);
}

// What was refused by the disk is not counted.
void numbers_of_what_failed_are_taken_again(void**) {
  SpoolDirectory directory;
  auto spool = directory.open();
  const uint64_t id = id_at(1000, 1);
  assert_true(commit_one(*spool, make_change(id, "x", {"alice"}, 1000)));
  Change change = make_change(id, "x", {"bob"}, 1000);  // the id is taken: all of it fails
  change.ended.push_back({{id, 0}, attempt(2000, How::kRelayed)});
  assert_false(commit_one(*spool, std::move(change)));
  assert_int_equal(past(*spool).finished(), 0);
  end(*spool, {id, 0}, 2000);
  assert_int_equal(past(*spool).finished(), 1);
  assert_int_equal(all(*spool)[0].number, 1);
}

void found_by_time(void**) {
  SpoolDirectory directory;
  auto spool = directory.open();
  assert_int_equal(*past(*spool).first_since(1), 1);
  live(*spool, 1000, 100000, 200000);
  while (spool->prune_history(200100, 1000)) {
  }
  uint64_t from = *past(*spool).first_since(201000);
  assert_in_range(from, 50, 501);
  const auto lives = past(*spool).lives(from, 1000, 0).value();
  assert_true(lives.front().ended <= 201000);
  assert_int_equal(*past(*spool).first_since(0), 51);
  assert_int_equal(*past(*spool).first_since(999999), 1001);
}

void in_slices(void**) {
  SpoolDirectory directory;
  auto spool = directory.open();
  live(*spool, 100, 1000, 2000);
  uint64_t from = 0;
  size_t count = 0;
  for (;;) {
    const uint64_t before = from;
    const auto some = past(*spool).lives(from, 7, 2050).value();
    if (from == before) break;
    for (const Life& life : some) assert_in_range(life.ended, 2050, 2198);
    count += some.size();
  }
  assert_int_equal(count, 75);
}

void by_destination(void**) {
  SpoolDirectory directory;
  auto spool = directory.open();
  for (uint32_t n = 0; n < 30; ++n) {
    Change change = make_change(id_at(5000 + n, n), "x", {""}, 1000);
    Envelope& e = change.put.front();
    e.kind = Kind::kRelay;
    e.recipient = "r@" + std::string(n % 3 == 0 ? "a" : "b") + ".test";
    if (n == 4) e.hold = Hold::kOperator;
    assert_true(commit_one(*spool, std::move(change)));
  }
  uint64_t waiting = 0, held = 0;
  int64_t oldest = 0;
  std::string after;
  int parts = 0;
  do {
    const auto some = spool->destinations(after, 7, 100).value();
    for (const auto& d : some) {
      if (d.name != "b.test") continue;
      waiting += d.waiting;
      held += d.held;
      if (oldest == 0 || d.oldest < oldest) oldest = d.oldest;
    }
    ++parts;
  } while (!after.empty());
  assert_in_range(parts, 4, 7);
  assert_int_equal(waiting, 19);
  assert_int_equal(held, 1);
  assert_int_equal(oldest, 5001);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(every_attempt_and_the_end),
                              unit_test(not_more_attempts_than_so_many),
                              unit_test(removed_without_a_word),
                              unit_test(not_when_it_is_off),
                              unit_test(old_ones_go),
                              unit_test(no_more_than_so_many),
                              unit_test(numbers_of_what_failed_are_taken_again),
                              unit_test(found_by_time),
                              unit_test(in_slices),
                              unit_test(by_destination)};
  return run_unit_tests(tests);
}
