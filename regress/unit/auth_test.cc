// smtpd/auth: hashes, canonical accounts, the table, and forked children that answer, die, hang or queue.
// SPDX-License-Identifier: ISC
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "smtpd/auth/accounts.h"
#include "smtpd/auth/children.h"
#include "smtpd/auth/password.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using auth::Children;
using event::Loop;

static void passwords(void**) {
  const struct {
    const char* hash;
    const char* password;
    bool good;
  } rows[] = {
      {"{PLAIN}secret", "secret", true},
      {"{PLAIN}secret", "Secret", false},
      {"{PLAIN}secret", "secre", false},
      {"{PLAIN}secret", "secrets", false},
      {"{PLAIN}", "", false},
      {"{PLAIN}", "x", false},
      // Made by openssl passwd.
      {"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
       "Hello world!", true},
      {"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
       "Hello world", false},
      {"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!", true},
      {"*", "*", false},
      {"!", "!", false},
      {"!{PLAIN}secret", "secret", false},
      {"", "", false},
      {"", "x", false},
      {"nonsense", "nonsense", false},
      {"$6$mailkeep.nobody$", "x", false},
  };
  for (const auto& row : rows) assert_int_equal(auth::verify_password(row.hash, row.password), row.good);
  assert_false(auth::verify_password("{PLAIN}a", std::string("a\0b", 3)));
}

static Fd file_of(const std::string& text) {
  Fd fd(memfd_create("table", MFD_CLOEXEC));
  assert_int_equal(write(fd.get(), text.data(), text.size()), text.size());
  return fd;
}

static void table_and_names(void**) {
  const Fd file =
      file_of("# people\nalice:{PLAIN}a:1000\nlocked:!:1001\nbob@other.test:{PLAIN}b\nerin@mk.test:{PLAIN}e\nnone\n");
  auto table = auth::Accounts::read(file, "accounts");
  assert_true(table.has_value());
  assert_int_equal(table->size(), 5);
  assert_text(table->hash("alice"), "{PLAIN}a");
  assert_true(table->is_usable("alice"));
  assert_true(table->has("locked"));
  assert_false(table->is_usable("locked"));
  assert_false(table->is_usable("none"));
  assert_text(table->hash("locked"), "{PLAIN}a");  // as costly as another's
  assert_text(table->hash("nobody"), "{PLAIN}a");
  const std::set<std::string> domains = {"mk.test"};
  const struct {
    const char* name;
    const char* account;
  } rows[] = {{"alice", "alice"},
              {"ALICE@MK.Test", "alice"},
              {"alice@elsewhere.test", "alice@elsewhere.test"},
              {"bob@other.test", "bob@other.test"},
              {"erin@mk.test", "erin@mk.test"},
              {"", ""},
              {"@mk.test", ""},
              {"../etc", ""},
              {"a/b", ""},
              {"a:b", ""}};
  for (const auto& row : rows) assert_text(auth::canonical_account(row.name, domains, *table), row.account);
  assert_text(auth::canonical_account(std::string(129, 'a'), domains, *table), "");
}

static void a_bad_table_is_refused(void**) {
  const Fd file = file_of("alice:{PLAIN}a\n../x:{PLAIN}b\n");
  const auto table = auth::Accounts::read(file, "/etc/accounts");
  assert_false(table.has_value());
  assert_int_equal(table.error().text.find("/etc/accounts:2:"), 0);
}

static void turn_until(Loop& loop, const bool& done, int seconds = 5) {
  bool late = false;
  event::Timer limit(loop, [&] { late = true; });
  limit.set(Seconds(seconds));
  while (!done && !late) loop.turn();
  assert_false(late);
}

static void children_answer_die_and_hang(void**) {
  Loop loop;
  Children children(loop, {.running = 2, .waiting = 3, .timeout = Seconds(1)});
  std::string order;
  bool done = false;
  const auto note = [&](const char* name) {
    return [&, name](const std::optional<std::string>& answer) {
      order += std::string(name) + "=" + answer.value_or("none") + " ";
      done = std::count(order.begin(), order.end(), ' ') == 5;
    };
  };
  assert_true(children.run(
      [] {
        pause();
        return std::string("never");
      },
      note("hangs")));
  assert_true(children.run(
      [] {
        raise(SIGTERM);
        return std::string("never");
      },
      note("dies")));
  assert_true(children.run([] { return std::string("1"); }, note("first")));
  assert_true(children.run([] { return std::string("2"); }, note("second")));
  assert_true(children.run([] { return std::string(1000, 'x').substr(0, 3); }, note("third")));
  assert_false(children.run([] { return std::string("4"); }, note("fourth")));
  assert_int_equal(children.running(), 2);
  assert_int_equal(children.waiting(), 3);
  turn_until(loop, done);
  assert_text(order, "dies=none first=1 second=2 third=xxx hangs=none ");
  assert_int_equal(children.running(), 0);
}

static void a_child_has_no_descriptors_but_its_pipe(void**) {
  Loop loop;
  Children children(loop, {});
  const Fd secret = file_of("secret");
  bool done = false;
  std::string got;
  assert_true(children.run(
      [fd = secret.get()] { return std::string(fcntl(fd, F_GETFD) < 0 && fcntl(4, F_GETFD) < 0 ? "closed" : "open"); },
      [&](const std::optional<std::string>& answer) {
        got = answer.value_or("none");
        done = true;
      }));
  turn_until(loop, done);
  // The pipe itself is at 3, and whatever was there before is not.
  assert_text(got, secret.get() == 3 ? "open" : "closed");
}

int main() {
  const CMUnitTest tests[] = {unit_test(passwords), unit_test(table_and_names), unit_test(a_bad_table_is_refused),
                              unit_test(children_answer_die_and_hang),
                              unit_test(a_child_has_no_descriptors_but_its_pipe)};
  return run_unit_tests(tests);
}
