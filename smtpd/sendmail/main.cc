// sendmail, mailq, newaliases: which of them, and its exit code. See sendmail.h.
// SPDX-License-Identifier: ISC
#include <signal.h>

#include <cstdio>

#include "lib/base/text.h"
#include "smtpd/sendmail/sendmail.h"

namespace mailkeep::sendmail {

namespace {

constexpr char kDefaultFile[] = MAILKEEP_SYSCONFDIR "/mailkeep/mailkeep.conf";

int run(const Arguments& a) {
  switch (a.mode) {
    case Mode::kSend: return submit(a);
    case Mode::kSmtp: return pass_smtp(a);
    case Mode::kQueue: return list_queue(a);
    case Mode::kAliases: return check_aliases(a);
    case Mode::kRunQueue: return run_queue(a);
  }
  return EX_SOFTWARE;
}

}  // namespace

int complain(const Arguments& a, int code, std::string_view text) {
  if (a.is_quiet) return code;
  std::string out;
  for (const auto line : split(text, '\n'))
    out += (out.empty() ? a.name + ": " : "\n" + a.name + ": ") + printable(line);
  fprintf(stderr, "%s\n", out.c_str());
  return code;
}

}  // namespace mailkeep::sendmail

int main(int argc, char** argv) {
  using namespace mailkeep::sendmail;
  signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string_view> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  auto arguments = parse_arguments(argc > 0 ? argv[0] : "sendmail", words);
  if (!arguments) {
    Arguments none;
    return complain(none, EX_USAGE, arguments.error().text);
  }
  if (arguments->config.empty()) arguments->config = kDefaultFile;
  return run(*arguments);
}
