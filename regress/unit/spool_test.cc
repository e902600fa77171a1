// queue/spool.h: what is committed comes back, in order, whatever becomes of the disk.
// SPDX-License-Identifier: ISC
#include "regress/unit/spool_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/text.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

void message_with_two_envelopes(void**) {
  SpoolDirectory directory;
  {
    auto spool = directory.open();
    assert_true(commit_one(*spool, make_change(7, "hello", {"alice", "bob"}, 100)));
    assert_int_equal(commit_one(*spool, make_change(7, "other", {"eve"}, 100)).error().code, EEXIST);
    assert_int_equal(spool->counts().local, 2);
  }
  auto spool = directory.open();
  assert_int_equal(spool->counts().local, 2);
  assert_text(spool->message(7)->value().sender, "sender@example.net");
  assert_text(spool->body(7)->value(), "hello");
  assert_int_equal(spool->envelopes(7)->size(), 2);
  assert_true(commit_one(*spool, removal({7, 0})));
  assert_true(spool->message(7)->has_value());
  assert_true(commit_one(*spool, removal({7, 1})));
  assert_false(spool->message(7)->has_value());
  assert_false(spool->body(7)->has_value());
  assert_true(spool->due(Kind::kLocal, {}, INT64_MAX, 10)->empty());
  assert_int_equal(spool->counts().local, 0);
  assert_true(commit_one(*spool, removal({7, 1})));  // once more is no error
}

void due_in_order_and_in_batches(void**) {
  SpoolDirectory directory;
  auto spool = directory.open();
  for (uint64_t i = 1; i <= 50; ++i) {
    spool->stage(make_change(i, "x", {i % 2 == 0 ? "alice" : "bob"}, static_cast<int64_t>(1000 - i)));
  }
  for (const Status& s : spool->commit()) assert_true(s);
  DuePoint at;
  int64_t last = 0;
  size_t seen = 0;
  for (;;) {
    const auto batch = spool->due(Kind::kLocal, at, 990, 7);
    assert_true(batch);
    if (batch->empty()) break;
    assert_true(batch->size() <= 7);
    for (const Envelope& e : *batch) {
      assert_true(e.next_try >= last && e.next_try <= 990);
      last = e.next_try;
      at = {e.next_try, e.id};
      ++seen;
    }
  }
  assert_int_equal(seen, 41);
  assert_int_equal(spool->next_due(Kind::kLocal, at)->value(), 991);
  assert_false(spool->next_due(Kind::kRelay, {})->has_value());
  assert_int_equal(spool->due_at(Kind::kLocal, "alice", {}, 2000, 100)->size(), 25);
  assert_int_equal(spool->due_at(Kind::kLocal, "alic", {}, 2000, 100)->size(), 0);
  assert_int_equal(spool->list({10, 0}, 5)->front().id.message, 11);
}

void a_later_try_moves_the_index(void**) {
  SpoolDirectory directory;
  auto spool = directory.open();
  assert_true(commit_one(*spool, make_change(7, "hello", {"alice"}, 100)));
  Envelope e = spool->envelope({7, 0})->value();
  e.next_try = 500;
  e.attempts = 1;
  e.last_error = "later";
  Change change;
  change.put.push_back(e);
  assert_true(commit_one(*spool, change));
  assert_true(spool->due(Kind::kLocal, {}, 499, 10)->empty());
  assert_text(spool->due(Kind::kLocal, {}, 500, 10)->at(0).last_error, "later");
  assert_int_equal(spool->due_at(Kind::kLocal, "alice", {}, 500, 10)->size(), 1);
  assert_int_equal(spool->counts().local, 1);
}

void a_bounce_replaces_its_cause_in_one_step(void**) {
  SpoolDirectory directory;
  auto spool = directory.open();
  assert_true(commit_one(*spool, make_change(7, "hello", {"alice"}, 100)));
  Change bounce = make_change(8, "sorry", {"sender"}, 100);
  bounce.removed.push_back({7, 0});
  assert_true(commit_one(*spool, bounce));
  assert_false(spool->message(7)->has_value());
  assert_true(spool->message(8)->has_value());
}

Change large_change(uint64_t id, uint64_t size) {
  Change change = make_change(id, "", {"alice"}, 1);
  change.message->in_file = true;
  change.message->size = size;
  return change;
}

void large_bodies_are_files(void**) {
  SpoolDirectory directory;
  const std::string name = directory.path + "/large/" + hex64(9);
  {
    auto spool = directory.open();
    Result<Fd> file = spool->create_file(9);
    assert_true(file);
    const std::string body(200000, 'b');
    assert_int_equal(write(file->get(), body.data(), body.size()), body.size());
    assert_false(spool->create_file(9));
    assert_int_equal(commit_one(*spool, large_change(9, 100)).error().code, EINVAL);
    assert_true(commit_one(*spool, large_change(9, body.size())));
    assert_int_equal(commit_one(*spool, large_change(10, 5)).error().code, ENOENT);
    assert_true(spool->create_file(11));  // and never enqueued
  }
  auto spool = directory.open();
  assert_int_equal(access((directory.path + "/large/" + hex64(11)).c_str(), F_OK), -1);
  Result<Fd> file = spool->open_file(9);
  assert_true(file);
  struct stat st;
  assert_int_equal(fstat(file->get(), &st), 0);
  assert_int_equal(st.st_size, 200000);
  assert_true(commit_one(*spool, removal({9, 0})));
  assert_int_equal(access(name.c_str(), F_OK), 0);  // the removal is not durable yet
  assert_true(spool->unsettled());
  assert_true(spool->settle());
  assert_false(spool->unsettled());
  assert_int_equal(access(name.c_str(), F_OK), -1);
}

void full_disk_refuses_and_recovers(void**) {
  SpoolDirectory directory;
  uint64_t free = 1ULL << 40;
  SpoolOptions options = directory.options();
  options.free_bytes = [&free]() { return Result<uint64_t>(free); };
  auto opened = Spool::open(options);
  assert_true(opened);
  Spool& spool = **opened;
  assert_true(commit_one(spool, make_change(1, "x", {"alice"}, 1)));
  free = 1000;
  assert_int_equal(commit_one(spool, make_change(2, "x", {"alice"}, 1)).error().code, ENOSPC);
  assert_int_equal(spool.create_file(3).error().code, ENOSPC);
  assert_true(commit_one(spool, removal({1, 0})));  // what makes room goes on
  free = 1ULL << 40;
  assert_true(commit_one(spool, make_change(2, "x", {"alice"}, 1)));
}

// Writes rubbish over a record through the database itself, as a bad disk would.
void spoil(const std::string& path, const char* table_name, const std::string& key, uint32_t page) {
  db::EnvironmentOptions options;
  options.home = path + "/db";
  auto environment = db::Environment::open(options);
  assert_true(environment);
  {
    auto table = (*environment)->table(table_name, page);
    assert_true(table);
    auto txn = (*environment)->begin();
    std::string record = table->get(&*txn, key)->value();
    record[record.size() / 2] = static_cast<char>(record[record.size() / 2] ^ 4);
    assert_true(table->put(*txn, key, record));
    assert_true(txn->commit());
  }
  assert_true((*environment)->close());
}

void a_bad_record_costs_itself_only(void**) {
  SpoolDirectory directory;
  {
    auto spool = directory.open();
    for (uint64_t i = 1; i <= 5; ++i) assert_true(commit_one(*spool, make_change(i, "body", {"alice"}, 10)));
  }
  spoil(directory.path, "envelope", envelope_key({2, 0}), 8192);
  spoil(directory.path, "message", message_key(3), 8192);
  spoil(directory.path, "body", message_key(4), 32768);
  auto spool = directory.open();
  const auto due = spool->due(Kind::kLocal, {}, 100, 2);
  assert_int_equal(due->size(), 1);  // of a batch of two
  const auto rest = spool->due(Kind::kLocal, {10, {1, 0}}, 100, 10);
  assert_int_equal(rest->size(), 3);
  assert_false(spool->message(3)->has_value());
  assert_false(spool->body(4)->has_value());
  assert_true(spool->body(5)->has_value());
  assert_int_equal(spool->set_aside(), 4);  // the unreadable message's body too
  assert_int_equal(spool->counts().local, 4);
}

void a_batch_of_bad_records_is_not_the_end(void**) {
  SpoolDirectory directory;
  {
    auto spool = directory.open();
    for (uint64_t i = 1; i <= 5; ++i) assert_true(commit_one(*spool, make_change(i, "body", {"alice"}, 10)));
  }
  for (uint64_t i = 1; i <= 4; ++i) spoil(directory.path, "envelope", envelope_key({i, 0}), 8192);
  auto spool = directory.open();
  const auto due = spool->due(Kind::kLocal, {}, 100, 2);
  assert_int_equal(due->size(), 1);
  assert_int_equal(due->at(0).id.message, 5);
}

int fail_sync_after = -1;
int failing_sync(int fd) {
  if (fail_sync_after >= 0 && fail_sync_after-- == 0) {
    errno = EIO;
    return -1;
  }
  return fdatasync(fd);
}
int fail_write_after = -1;
int write_failures = 0;
bool write_fails() {
  if (write_failures == 0 || fail_write_after-- > 0) return false;
  --write_failures;
  errno = ENOSPC;
  return true;
}
ssize_t failing_pwrite(int fd, const void* data, size_t size, off_t offset) {
  return write_fails() ? -1 : pwrite(fd, data, size, offset);
}
ssize_t failing_write(int fd, const void* data, size_t size) { return write_fails() ? -1 : write(fd, data, size); }

void a_failed_sync_refuses_the_turn(void**) {
  db::FileCalls calls;
  calls.sync = failing_sync;
  db::set_file_calls(calls);
  SpoolDirectory directory;
  auto spool = directory.open();
  assert_true(commit_one(*spool, make_change(1, "x", {"alice"}, 1)));
  fail_sync_after = 0;
  assert_false(commit_one(*spool, make_change(2, "x", {"alice"}, 1)));
  fail_sync_after = -1;
  // It opens itself anew; what was refused is not there although recovery may have found it.
  assert_true(commit_one(*spool, make_change(2, "second attempt", {"alice"}, 1)));
  assert_text(spool->body(2)->value(), "second attempt");
  assert_text(spool->body(1)->value(), "x");
  assert_int_equal(spool->generation(), 1);
  assert_int_equal(spool->counts().local, 2);
  db::set_file_calls({});
}

// The n-th write and some after it fail as on a full disk. What was answered well is there afterwards, what was
// refused is not.
void writes_that_fail(void**) {
  db::FileCalls calls;
  calls.pwrite = failing_pwrite;
  calls.write = failing_write;
  db::set_file_calls(calls);
  int refused = 0;
  for (int n = 0; n < 12; ++n) {
    SpoolDirectory directory;
    auto spool = directory.open();
    fail_write_after = n;
    write_failures = 1 + n % 3;
    std::vector<bool> good;
    for (uint64_t i = 1; i <= 30; ++i)
      good.push_back(commit_one(*spool, make_change(i, std::string(20000, 'x'), {"alice"}, 1)).has_value());
    write_failures = 0;
    usleep(1100 * 1000 * (spool->message(1) ? 0 : 1));  // a spool that could not be opened pauses
    assert_true(commit_one(*spool, make_change(99, "after", {"alice"}, 1)));
    for (uint64_t i = 1; i <= good.size(); ++i) {
      assert_int_equal(spool->message(i)->has_value(), good[i - 1]);
      refused += good[i - 1] ? 0 : 1;
    }
    spool.reset();
    spool = directory.open();
    for (uint64_t i = 1; i <= good.size(); ++i) assert_int_equal(spool->body(i)->has_value(), good[i - 1]);
  }
  assert_true(refused > 5);
  db::set_file_calls({});
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      unit_test(message_with_two_envelopes),     unit_test(due_in_order_and_in_batches),
      unit_test(a_later_try_moves_the_index),    unit_test(a_bounce_replaces_its_cause_in_one_step),
      unit_test(large_bodies_are_files),         unit_test(full_disk_refuses_and_recovers),
      unit_test(a_bad_record_costs_itself_only), unit_test(a_batch_of_bad_records_is_not_the_end),
      unit_test(a_failed_sync_refuses_the_turn), unit_test(writes_that_fail),
  };
  return run_unit_tests(tests);
}
