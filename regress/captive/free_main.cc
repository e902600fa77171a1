// captive_free UID SOCKET: the acts of a process that nothing confines but its uid: what fails there too proves
// nothing.
// SPDX-License-Identifier: ISC
#include <grp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/text.h"
#include "regress/captive/captive.h"

using namespace mailkeep;

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto uid = parse_u64(argv[1], INT32_MAX);
  const Fd line(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  struct sockaddr_un at {};
  at.sun_family = AF_UNIX;
  std::string_view(argv[2]).copy(at.sun_path, sizeof at.sun_path - 1);
  if (!uid || *uid == 0 || connect(line.get(), reinterpret_cast<struct sockaddr*>(&at), sizeof at) != 0) return 2;
  const auto id = static_cast<uid_t>(*uid);
  if (setgroups(0, nullptr) != 0 || setresgid(id, id, id) != 0 || setresuid(id, id, id) != 0) return 2;
  captive::catch_traps();
  FILE* in = fdopen(dup(line.get()), "r");
  FILE* out = fdopen(dup(line.get()), "w");
  if (in == nullptr || out == nullptr) return 2;
  fprintf(out, "free 0 %d -\n", getpid());
  fflush(out);
  char text[8192];
  while (fgets(text, sizeof text, in) != nullptr) {
    captive::Words words = captive::split_words(std::string(trim(std::string(text, strcspn(text, "\n")))));
    if (!words.empty()) words.erase(words.begin());
    fprintf(out, "%s\n", captive::act(words).c_str());
    fflush(out);
  }
}
