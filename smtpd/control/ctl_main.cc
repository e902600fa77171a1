// mailkeepctl [-j] [-f FILE | -s SOCKET] VERB…: arguments, the way to the socket, and the verb's run.
// SPDX-License-Identifier: ISC
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "lib/base/text.h"
#include "lib/conf/sockets.h"
#include "smtpd/control/ctl.h"

using namespace mailkeep;
using namespace mailkeep::ctl;

namespace {

constexpr char kDefaultFile[] = MAILKEEP_SYSCONFDIR "/mailkeep/mailkeep.conf";

void print_usage(FILE* out) {
  std::string text = "usage: mailkeepctl [-j] [-f FILE | -s SOCKET] VERB\n";
  for (const Verb& v : all_verbs()) {
    std::string left = "  " + std::string(v.name) + (v.arguments.empty() ? "" : " ") + std::string(v.arguments);
    left.resize(std::max<size_t>(left.size() + 1, 28), ' ');
    text += left + std::string(v.help) + "\n";
  }
  text += "  -j print JSON   -f FILE the server's configuration   -s SOCKET its control socket\n";
  fputs(text.c_str(), out);
}

struct Found {
  const Verb* verb = nullptr;
  size_t words = 0;
};

Found find_verb(std::span<const std::string_view> words) {
  for (const Verb& v : all_verbs()) {
    const auto names = split(v.name, ' ');
    if (words.size() >= names.size() && std::equal(names.begin(), names.end(), words.begin()))
      return {&v, names.size()};
  }
  return {};
}

int usage(const std::string& why) {
  fprintf(stderr, "mailkeepctl: %s\n", why.c_str());
  print_usage(stderr);
  return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  std::string file = kDefaultFile;
  std::string socket_path;
  Session session;
  for (int option; (option = getopt(argc, argv, "+jf:s:hV")) != -1;) {
    switch (option) {
      case 'j': session.json = true; break;
      case 'f': file = optarg; break;
      case 's': socket_path = optarg; break;
      case 'h': print_usage(stdout); return kDone;
      case 'V': puts("mailkeepctl " MAILKEEP_VERSION); return kDone;
      default: print_usage(stderr); return kUsage;
    }
  }
  std::vector<std::string_view> words(argv + optind, argv + argc);
  if (!words.empty() && words[0] == "help") {
    print_usage(stdout);
    return kDone;
  }
  // -j is taken behind the verb too: nobody remembers which.
  if (!words.empty() && words.back() == "-j") {
    session.json = true;
    words.pop_back();
  }
  const Found found = find_verb(words);
  if (found.verb == nullptr) return usage(words.empty() ? "a verb is missing" : "no such verb: " + printable(words[0]));
  const auto arguments = std::span<const std::string_view>(words).subspan(found.words);
  if (arguments.size() < found.verb->least || arguments.size() > found.verb->most) {
    return usage(std::string(found.verb->name) + " takes " +
                 (found.verb->arguments.empty() ? "no argument" : std::string(found.verb->arguments)));
  }
  if (found.verb->is_local) return found.verb->run(session, arguments);
  if (socket_path.empty()) socket_path = conf::find_control_socket(file);
  const auto fd = conf::connect_to(socket_path);
  if (!fd) {
    fprintf(stderr, "mailkeepctl: %s: %s\n",
            fd.error().code == EACCES ? "this user may not command the server" : "the server cannot be reached",
            fd.error().text.c_str());
    return fd.error().code == EACCES ? kRefused : kUnreachable;
  }
  session.fd = fd->get();
  return found.verb->run(session, arguments);
}
