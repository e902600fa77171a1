// lib/os: after the drop nothing of root is left, Landlock and seccomp forbid what they should. Needs root.
// SPDX-License-Identifier: ISC
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/os/privilege.h"
#include "lib/os/sandbox.h"

#include "regress/unit/unit.h"

using namespace mailkeep;

// Runs `body` in a child; its exit code, or minus the signal that ended it.
template <class F>
static int in_child(F body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void drop_is_complete(void**) {
  if (geteuid() != 0) skip();
  assert_int_equal(in_child([] {
                     if (!os::drop_to(64999, 64999)) return 1;
                     if (setuid(0) == 0 || chroot("/") == 0) return 2;
                     if (open("/etc/shadow", O_RDONLY) >= 0) return 3;
                     return 0;
                   }),
                   0);
  assert_int_equal(in_child([] { return os::drop_to(0, 0) ? 1 : 0; }), 0);
}

static void landlock_closes_the_rest(void**) {
  if (os::landlock_abi() == 0) skip();
  char dir[] = "/tmp/mk-landlock-XXXXXX";
  assert_non_null(mkdtemp(dir));
  assert_int_equal(in_child([&dir] {
                     const int fd = open(dir, O_PATH | O_DIRECTORY);
                     if (!os::harden_process()) return 2;
                     if (!os::enter_landlock({{fd, true}}, true)) return 3;
                     const int inside = openat(fd, "x", O_CREAT | O_RDWR, 0600);
                     if (inside < 0) return 4;
                     if (open("/etc/passwd", O_RDONLY) >= 0 || open("/tmp", O_RDONLY) >= 0) return 5;
                     if (unlinkat(fd, "x", 0) != 0) return 6;
                     return 0;
                   }),
                   0);
  assert_int_equal(rmdir(dir), 0);
}

static void seccomp_kills(void**) {
  assert_int_equal(in_child([] {
                     if (!os::harden_process() || !os::enter_seccomp(os::Profile::kReceive)) return 1;
                     return 0;
                   }),
                   0);
  assert_int_equal(in_child([] {
                     if (!os::harden_process() || !os::enter_seccomp(os::Profile::kReceive)) return 1;
                     return open("/etc/passwd", os::kSanitized ? O_RDWR : O_RDONLY) >= 0 ? 2 : 3;
                   }),
                   -SIGSYS);
  assert_int_equal(in_child([] {
                     if (!os::harden_process() || !os::enter_seccomp(os::Profile::kUser)) return 1;
                     char* const none[] = {nullptr};
                     execve("/bin/true", none, none);
                     return 2;
                   }),
                   -SIGSYS);
  assert_int_equal(in_child([] {
                     if (!os::harden_process() || !os::enter_seccomp(os::Profile::kSpool)) return 1;
                     return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 2 : 0;
                   }),
                   0);
}

int main() {
  const CMUnitTest tests[] = {unit_test(drop_is_complete), unit_test(landlock_closes_the_rest),
                              unit_test(seccomp_kills)};
  return run_unit_tests(tests);
}
