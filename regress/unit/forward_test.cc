// lmtpd/user: what a .forward says, whose file counts, and who has had the mail before.
// SPDX-License-Identifier: ISC
#include "lmtpd/user/forward.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "queue/messages.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::user;

namespace {

// "addresses | keep | refused"
std::string show(const ForwardList& list) {
  std::string out;
  for (const auto& a : list.addresses) out += a + " ";
  out += list.keep ? "+" : "-";
  for (const auto& r : list.refused) out += " [" + r + "]";
  return out;
}

struct Home {
  Home() {
    char name[] = "/tmp/mk-forward-XXXXXX";
    path = mkdtemp(name);
    chmod(path.c_str(), 0755);
  }
  ~Home() {
    for (const char* name : {".forward", "elsewhere"}) unlink((path + "/" + name).c_str());
    rmdir(path.c_str());
  }
  std::string file(const std::string& name = ".forward") const { return path + "/" + name; }
  void write(const std::string& text, mode_t mode = 0600, const std::string& name = ".forward") const {
    const Fd fd(open(file(name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) || fchmod(fd.get(), mode) != 0)
      fatal("write");
  }
  ForwardFile::Reading read() const { return ForwardFile(path, getuid()).read(); }
  std::string path;
};

using State = ForwardFile::State;

}  // namespace

static void entries(void**) {
  const struct {
    const char* text;
    const char* shown;
  } rows[] = {
      {"", "-"},
      {"# nothing\n\n   \n", "-"},
      {"x@far.test\n", "x@far.test -"},
      {"x@far.test, \"odd name\"@far.test # both\ny@far.test", "x@far.test \"odd name\"@far.test y@far.test -"},
      {"\\ann, x@far.test", "x@far.test +"},
      {"ann\nx@far.test", "x@far.test +"},
      {"ANN@mk.test x", "- [ANN@mk.test x]"},
      {"Ann@MK.test,x@far.test\r\n", "x@far.test +"},
      {"ben", "ben@mk.test -"},
      {"\\ben", "ben@mk.test -"},
      {"x@far.test,X@far.test,x@far.test", "x@far.test -"},
      {"|/bin/cmd", "- [|/bin/cmd]"},
      {"\"|/usr/bin/vacation ann, me\", x@far.test", "x@far.test - [\"|/usr/bin/vacation ann, me\"]"},
      {"/var/mail/ann", "- [/var/mail/ann]"},
      {"\"/dev/null\"", "- [\"/dev/null\"]"},
      {":include:/etc/passwd, x@far.test", "x@far.test - [:include:/etc/passwd]"},
      {"a b, <x@far.test>, x@, @y, x@far.test", "x@far.test - [a b] [<x@far.test>] [x@] [@y]"},
      {"\"open, x@far.test\ny@far.test", "y@far.test - [\"open, x@far.test]"},
      {"#x@far.test\nmail#box@far.test", "mail#box@far.test -"},
  };
  for (const auto& row : rows) assert_text(show(parse_forward(row.text, "ann", "ann@mk.test")), row.shown);
  assert_text(show(parse_forward("ann, ann@other.test", "ann@mk.test", "ann@mk.test")), "ann@other.test +");
  std::string many;
  for (size_t i = 0; i < queue::kMaxForwardAddresses + 5; i++) many += "x" + std::to_string(i) + "@far.test\n";
  const auto list = parse_forward(many, "ann", "ann@mk.test");
  assert_int_equal(list.addresses.size(), queue::kMaxForwardAddresses);
  assert_int_equal(list.refused.size(), 5);
  const std::string garbage = "\x01\xff,\"\\";
  assert_int_equal(parse_forward(garbage, "ann", "ann@mk.test").addresses.size(), 0);
}

static void whose_file_counts(void**) {
  const Home home;
  assert_true(home.read().state == State::kNone);
  assert_true(ForwardFile("", getuid()).read().state == State::kNone);
  assert_true(ForwardFile(home.path + "/nowhere", getuid()).read().state == State::kNone);
  home.write("x@far.test\n");
  assert_true(home.read().state == State::kText);
  assert_text(home.read().text, "x@far.test\n");
  assert_int_equal(ForwardFile(home.path, getuid()).allowed().size(), 1);
  for (const mode_t mode : {0620U, 0602U}) {
    home.write("x@far.test\n", mode);
    assert_true(home.read().state == State::kRefused);
  }
  home.write(std::string(kMaxForwardFile, 'x'));
  assert_true(home.read().state == State::kText);
  home.write(std::string(kMaxForwardFile + 1, 'x'));
  assert_true(home.read().state == State::kRefused);
  home.write("x@far.test\n");
  for (const mode_t mode : {0775U, 0757U}) {
    chmod(home.path.c_str(), mode);
    assert_true(home.read().state == State::kRefused);
  }
  chmod(home.path.c_str(), 0755);
  assert_true(ForwardFile(home.path, getuid() + 1).read().state == State::kRefused);
  // A link of one's own to a file of one's own counts.
  home.write("y@far.test\n", 0600, "elsewhere");
  unlink(home.file().c_str());
  assert_int_equal(symlink("elsewhere", home.file().c_str()), 0);
  assert_text(home.read().text, "y@far.test\n");
  home.write("y@far.test\n", 0666, "elsewhere");
  assert_true(home.read().state == State::kRefused);
  unlink(home.file().c_str());
  assert_int_equal(symlink("/etc/nothing-there", home.file().c_str()), 0);
  assert_true(home.read().state == State::kRefused);
  unlink(home.file().c_str());
  assert_int_equal(mkfifo(home.file().c_str(), 0600), 0);
  assert_true(home.read().state == State::kRefused);
  unlink(home.file().c_str());
  if (getuid() != 0) return;  // the rest is about owners
  home.write("x@far.test\n");
  assert_int_equal(chown(home.file().c_str(), 12345, 12345), 0);
  assert_true(home.read().state == State::kRefused);
  unlink(home.file().c_str());
  home.write("y@far.test\n", 0600, "elsewhere");
  assert_int_equal(symlink("elsewhere", home.file().c_str()), 0);
  assert_int_equal(lchown(home.file().c_str(), 12345, 12345), 0);
  assert_true(home.read().state == State::kRefused);
}

static void where_it_has_been(void**) {
  const std::string head =
      "Received: x\r\nDelivered-To: Ann@mk.test \r\nSubject: Delivered-To: ben@mk.test\r\n\r\nDelivered-To: "
      "carl@mk.test\r\n";
  assert_true(has_been_at(head, "ann@MK.test"));
  assert_false(has_been_at(head, "ben@mk.test"));
  assert_false(has_been_at(head, "carl@mk.test"));
  assert_false(has_been_at("", "carl@mk.test"));
  assert_false(has_been_at("Delivered-To:", "ann@mk.test"));
}

int main() {
  const CMUnitTest tests[] = {unit_test(entries), unit_test(whose_file_counts), unit_test(where_it_has_been)};
  return run_unit_tests(tests);
}
