// lmtpd/user: Maildirs and mbox files on a real disk: whose they must be, what holds them, and that the way to a
// message is as safe as the message.
// SPDX-License-Identifier: ISC
#include "lmtpd/user/places.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <set>

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::user;

namespace {

constexpr uid_t kOther = 12345;

// Remembers in which directories names were made that no sync has covered.
class CountingIo : public os::RealIo {
 public:
  Status mkdirat(int dir, const std::string& name, mode_t mode) override {
    auto made = os::RealIo::mkdirat(dir, name, mode);
    if (made) open_.insert(inode(dir));
    return made;
  }
  Status fsync(int fd) override {
    open_.erase(inode(fd));
    return os::RealIo::fsync(fd);
  }
  size_t open() const { return open_.size(); }

 private:
  static ino_t inode(int fd) {
    struct stat st {};
    assert_int_equal(::fstat(fd, &st), 0);
    return st.st_ino;
  }
  std::set<ino_t> open_;
};

struct World {
  World() {
    char name[] = "/tmp/mk-places-XXXXXX";
    path = mkdtemp(name);
    assert_int_equal(chmod(path.c_str(), 01777), 0);
    assert_int_equal(mkdir((path + "/store").c_str(), 0700), 0);
    store.reset(open((path + "/store").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    directory.reset(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~World() { assert_int_equal(std::system(("rm -rf " + path).c_str()), 0); }
  Result<bool> deliver(worker::PlaceKind kind, const std::string& template_,
                       const std::string& text = "X-Spam: yes\r\n\r\nhello\r\n") {
    worker::Boot boot;
    boot.account = "ann";
    boot.places.push_back({"in", kind, path + template_, false});
    const auto places = Places::open(boot);
    places->set_home(io, store.get());
    Deliver m;
    m.envelope = {0x6540000012345678, number++};
    m.sender = "joe@far.test";
    m.recipient = "ann@mk.test";
    m.action = "in";
    return places->deliver(m, text, "mx.test");
  }
  Fd make(const std::string& name, uid_t owner) const {
    Fd fd(openat(directory.get(), name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    assert_true(fd);
    assert_int_equal(fchown(fd.get(), owner, owner), 0);
    return fd;
  }
  std::string path;
  Fd store, directory;
  CountingIo io;
  uint32_t number = 0;
};

using Kind = worker::PlaceKind;

}  // namespace

// In a directory like /tmp another account was there first, and would read what comes.
static void anothers_are_refused(void**) {
  if (geteuid() != 0) skip();
  World w;
  assert_int_equal(mkdir((w.path + "/ann").c_str(), 0777), 0);
  assert_int_equal(chown((w.path + "/ann").c_str(), kOther, kOther), 0);
  const auto into_maildir = w.deliver(Kind::kMaildir, "/%{user.username}");
  assert_false(into_maildir);
  assert_non_null(strstr(into_maildir.error().text.c_str(), "belongs to uid 12345"));
  w.make("box", kOther);
  const auto into_mbox = w.deliver(Kind::kMbox, "/box");
  assert_false(into_mbox);
  assert_non_null(strstr(into_mbox.error().text.c_str(), "belongs to uid 12345"));
  struct stat st {};
  assert_int_equal(stat((w.path + "/box").c_str(), &st), 0);
  assert_int_equal(st.st_size, 0);
  assert_int_equal(mkfifo((w.path + "/pipe").c_str(), 0600), 0);
  assert_false(w.deliver(Kind::kMbox, "/pipe"));
  assert_true(w.deliver(Kind::kMbox, "/own"));
  assert_true(w.deliver(Kind::kMaildir, "/maildir"));
}

// Nor can it keep mail waiting by a lock file.
static void strangers_lock_nothing(void**) {
  if (geteuid() != 0) skip();
  World w;
  w.make("ann.lock", kOther);
  assert_true(w.deliver(Kind::kMbox, "/ann"));
  assert_int_equal(access((w.path + "/ann.lock").c_str(), F_OK), 0);
  assert_int_equal(unlink((w.path + "/ann.lock").c_str()), 0);
  w.make("ann.lock", 0);
  assert_false(w.deliver(Kind::kMbox, "/ann"));
  assert_int_equal(unlink((w.path + "/ann.lock").c_str()), 0);
  assert_int_equal(chmod(w.path.c_str(), 0755), 0);  // here who made it was let in
  w.make("ann.lock", kOther);
  assert_false(w.deliver(Kind::kMbox, "/ann"));
}

// A process that was killed leaves its lock file; the next one of the account knows it.
static void what_was_left_behind_is_no_lock(void**) {
  World w;
  const std::string lock = w.path + "/ann.lock";
  for (const auto& [text, taken] :
       {std::pair<std::string, bool>{"12345\n", false}, {"", false}, {"mailkeep\n", true}}) {
    FILE* f = fopen(lock.c_str(), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text.data(), 1, text.size(), f), text.size());
    assert_int_equal(fclose(f), 0);
    assert_int_equal(static_cast<bool>(w.deliver(Kind::kMbox, "/ann")), taken);
    assert_int_equal(access(lock.c_str(), F_OK), taken ? -1 : 0);
  }
}

// A reader that removes or replaces the file between its opening and the lock takes no mail away.
static void a_file_that_is_replaced(void**) {
  World w;
  for (const bool is_gone : {true, false}) {
    const Fd before = w.make("ann", geteuid());
    assert_int_equal(rename((w.path + "/ann").c_str(), (w.path + "/old").c_str()), 0);
    if (!is_gone) w.make("ann", geteuid());
    const auto locked = lock_mbox(w.directory.get(), "ann", before.get());
    assert_false(locked);
    assert_int_equal(locked.error().code, EAGAIN);
    assert_int_not_equal(access((w.path + "/ann.lock").c_str(), F_OK), 0);
  }
  const Fd now = w.make("ann", geteuid());
  const auto locked = lock_mbox(w.directory.get(), "ann", now.get());
  assert_true(locked);
  (*locked)();
}

static void the_way_is_on_the_disk(void**) {
  World w;
  assert_true(w.deliver(Kind::kMaildirWithJunk, "/a/%{rcpt.domain}/%{rcpt.user}"));
  assert_int_equal(w.io.open(), 0);
  assert_int_equal(mkdir((w.path + "/b").c_str(), 0700), 0);
  assert_true(w.deliver(Kind::kMbox, "/b/%{rcpt.domain}/%{rcpt.user}"));
  assert_int_equal(w.io.open(), 0);
}

int main() {
  const CMUnitTest tests[] = {unit_test(anothers_are_refused), unit_test(strangers_lock_nothing),
                              unit_test(what_was_left_behind_is_no_lock), unit_test(a_file_that_is_replaced),
                              unit_test(the_way_is_on_the_disk)};
  return run_unit_tests(tests);
}
