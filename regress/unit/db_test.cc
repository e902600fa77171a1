// lib/db: tables, transactions, what a crash leaves, failing calls.
// SPDX-License-Identifier: ISC
#include "lib/db/db.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "lib/base/fd.h"
#include "regress/unit/unit.h"

using namespace mailkeep;

namespace {

struct Directory {
  Directory() {
    char name[] = "/tmp/db_test.XXXXXX";
    if (mkdtemp(name) == nullptr) fatal("mkdtemp");
    path = name;
  }
  ~Directory() {
    if (system(("rm -rf " + path).c_str()) != 0) fatal("rm");
  }
  std::string path;
};

db::EnvironmentOptions options_in(const Directory& directory) {
  db::EnvironmentOptions options;
  options.home = directory.path;
  options.log_file_bytes = 1024 * 1024;
  options.log_buffer_bytes = 256 * 1024;
  return options;
}

std::unique_ptr<db::Environment> open_in(const Directory& directory) {
  auto environment = db::Environment::open(options_in(directory));
  if (!environment) fatal(environment.error().text);
  return std::move(environment).value();
}

db::Database table_of(db::Environment& environment) {
  auto table = environment.table("t", 4096);
  if (!table) fatal(table.error().text);
  return std::move(table).value();
}

Status put_one(db::Environment& environment, db::Database& table, std::string_view key, std::string_view value) {
  auto txn = environment.begin();
  if (!txn) return txn.error();
  if (Status s = table.put(*txn, key, value); !s) return s;
  return txn->commit();
}

int syncs = 0;
int fail_sync_after = -1;
int fail_write_after = -1;

int counted_sync(int fd) {
  ++syncs;
  if (fail_sync_after >= 0 && fail_sync_after-- == 0) {
    errno = EIO;
    return -1;
  }
  return ::fdatasync(fd);
}

ssize_t counted_pwrite(int fd, const void* data, size_t size, off_t offset) {
  if (fail_write_after >= 0 && fail_write_after-- == 0) {
    errno = ENOSPC;
    return -1;
  }
  return ::pwrite(fd, data, size, offset);
}

ssize_t counted_write(int fd, const void* data, size_t size) {
  if (fail_write_after >= 0 && fail_write_after-- == 0) {
    errno = ENOSPC;
    return -1;
  }
  return ::write(fd, data, size);
}

void watch_calls() {
  syncs = 0;
  fail_sync_after = fail_write_after = -1;
  db::FileCalls calls;
  calls.sync = counted_sync;
  calls.pwrite = counted_pwrite;
  calls.write = counted_write;
  db::set_file_calls(calls);
}

void records(void**) {
  Directory directory;
  auto environment = open_in(directory);
  auto table = table_of(*environment);
  {
    auto txn = environment->begin();
    assert_true(txn);
    for (const char* key : {"b", "a", "d"}) assert_true(table.insert(*txn, key, std::string("value ") + key));
    assert_int_equal(table.insert(*txn, "a", "x").error().code, EEXIST);
    assert_true(txn->commit());
  }
  assert_text(table.get(nullptr, "a")->value(), "value a");
  assert_false(table.get(nullptr, "c")->has_value());
  assert_true(table.contains(nullptr, "d").value());
  {
    auto txn = environment->begin();
    assert_true(table.put(*txn, "a", std::string(100000, 'x')));
    assert_true(table.erase(*txn, "b").value());
    assert_false(table.erase(*txn, "zz").value());
  }  // not committed
  assert_text(table.get(nullptr, "a")->value(), "value a");
  assert_true(table.contains(nullptr, "b").value());
  assert_true(environment->flush());
}

void cursors(void**) {
  Directory directory;
  auto environment = open_in(directory);
  auto table = table_of(*environment);
  for (const char* key : {"b", "a", "d"}) assert_true(put_one(*environment, table, key, std::string(30000, *key)));
  auto cursor = db::Cursor::open(table);
  assert_true(cursor->next().value());
  assert_text(cursor->key(), "a");
  assert_true(cursor->seek("c").value());
  assert_text(cursor->key(), "d");
  assert_int_equal(cursor->value().size(), 30000);
  assert_false(cursor->next().value());
  assert_true(cursor->last().value());
  assert_text(cursor->key(), "d");
  assert_false(cursor->seek("e").value());
}

void settings_in_the_home_directory_are_refused(void**) {
  Directory directory;
  Fd file(open((directory.path + "/DB_CONFIG").c_str(), O_CREAT | O_WRONLY, 0600));
  assert_false(db::Environment::open(options_in(directory)));
}

void one_flush_is_one_sync(void**) {
  Directory directory;
  watch_calls();
  auto environment = open_in(directory);
  auto table = table_of(*environment);
  assert_true(put_one(*environment, table, "first", "1"));
  assert_true(environment->flush());
  const int before = syncs;
  for (int i = 0; i < 16; ++i) assert_true(put_one(*environment, table, std::to_string(i), std::string(4096, 'x')));
  assert_int_equal(syncs, before);
  assert_true(environment->flush());
  assert_int_equal(syncs, before + 1);
}

// A child commits and is killed; what it had flushed must be there.
void flushed_survives_a_kill(void**) {
  Directory directory;
  int pipes[2];
  assert_int_equal(pipe(pipes), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto environment = open_in(directory);
    auto table = table_of(*environment);
    for (int i = 0;; ++i) {
      if (!put_one(*environment, table, std::to_string(i), std::string(3000, 'x')) || !environment->flush()) _exit(1);
      if (write(pipes[1], &i, sizeof i) != sizeof i) _exit(1);
    }
  }
  close(pipes[1]);
  int last = -1;
  while (last < 500) assert_int_equal(read(pipes[0], &last, sizeof last), sizeof last);
  kill(child, SIGKILL);
  assert_int_equal(waitpid(child, nullptr, 0), child);
  while (read(pipes[0], &last, sizeof last) == sizeof last) {
  }
  close(pipes[0]);
  auto environment = open_in(directory);
  auto table = table_of(*environment);
  for (int i = 0; i <= last; ++i) assert_true(table.contains(nullptr, std::to_string(i)).value());
}

void a_failed_sync_asks_for_a_new_start(void**) {
  Directory directory;
  watch_calls();
  {
    auto environment = open_in(directory);
    auto table = table_of(*environment);
    assert_true(put_one(*environment, table, "kept", "1"));
    assert_true(environment->flush());
    assert_true(put_one(*environment, table, "lost", "1"));
    fail_sync_after = 0;
    assert_false(environment->flush());
    assert_true(environment->failed());
  }
  auto environment = open_in(directory);
  auto table = table_of(*environment);
  assert_true(table.contains(nullptr, "kept").value());
  assert_true(put_one(*environment, table, "again", "1"));
  assert_true(environment->flush());
}

size_t open_descriptors() {
  size_t count = 0;
  for (int fd = 0; fd < 1000; ++fd) count += fcntl(fd, F_GETFD) >= 0 ? 1U : 0U;
  return count;
}

size_t resident_pages() {
  size_t pages = 0, resident = 0;
  FILE* statm = fopen("/proc/self/statm", "r");
  if (statm == nullptr || fscanf(statm, "%zu %zu", &pages, &resident) != 2) fatal("statm");
  fclose(statm);
  return resident;
}

void failures_leak_little(void**) {
  Directory directory;
  watch_calls();
  size_t descriptors = 0, pages = 0;
  for (int i = 0; i < 60; ++i) {
    if (i == 20) descriptors = open_descriptors(), pages = resident_pages();
    auto environment = open_in(directory);
    auto table = table_of(*environment);
    assert_true(put_one(*environment, table, "k", std::string(1000, 'x')));
    fail_sync_after = 0;
    assert_false(environment->flush());
  }
  printf("descriptors %zu -> %zu, pages %zu -> %zu\n", descriptors, open_descriptors(), pages, resident_pages());
  assert_int_equal(open_descriptors(), descriptors);
  assert_in_range(resident_pages(), 0, pages + 40 * 300);  // at most about a MiB each: the engine's, after a panic
}

// Lets every n-th write fail as on a full disk: nothing that was flushed is ever lost.
void full_disk_at_every_write(void**) {
  watch_calls();
  int failures = 0;
  for (int n = 0; n < 60; ++n) {
    Directory directory;
    int flushed = -1;
    {
      auto environment = open_in(directory);
      auto table = table_of(*environment);
      fail_write_after = n;
      for (int i = 0; i < 400; ++i) {
        Status s = put_one(*environment, table, std::to_string(i), std::string(5000, 'x'));
        if (s) s = environment->flush();
        if (!s) {
          ++failures;
          assert_true(s.error().code == ENOSPC || s.error().code == ENOTRECOVERABLE);
          break;
        }
        flushed = i;
      }
      fail_write_after = -1;
    }
    auto environment = open_in(directory);
    auto table = table_of(*environment);
    for (int i = 0; i <= flushed; ++i) assert_true(table.contains(nullptr, std::to_string(i)).value());
    assert_true(put_one(*environment, table, "after", "1"));
    assert_true(environment->flush());
  }
  assert_true(failures > 30);
}

void old_logs_go_away(void**) {
  Directory directory;
  auto environment = open_in(directory);
  auto table = table_of(*environment);
  for (int i = 0; i < 3000; ++i) {
    assert_true(put_one(*environment, table, "same", std::string(3000, 'x')));
    assert_true(environment->checkpoint(256 * 1024));
  }
  int logs = 0;
  for (int i = 1; i < 100; ++i) {
    char name[32];
    snprintf(name, sizeof name, "/log.%010d", i);
    if (access((directory.path + name).c_str(), F_OK) == 0) ++logs;
  }
  assert_in_range(logs, 1, 4);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      unit_test(records),
      unit_test(cursors),
      unit_test(settings_in_the_home_directory_are_refused),
      unit_test(flushed_survives_a_kill),
      unit_test(one_flush_is_one_sync),
      unit_test(a_failed_sync_asks_for_a_new_start),
      unit_test(failures_leak_little),
      unit_test(full_disk_at_every_write),
      unit_test(old_logs_go_away),
  };
  return run_unit_tests(tests);
}
