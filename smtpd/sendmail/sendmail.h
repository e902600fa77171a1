// sendmail(8), mailq(8), newaliases(8): one program by three names, for local programs that send mail as they always
// have. Runs as whoever calls it, without any right of its own: the message goes over a Unix socket to smtpd, and the
// kernel tells auth who sent it. Trusts neither its arguments nor its input; the exit codes are sysexits(3)'s.
// SPDX-License-Identifier: ISC
#pragma once

#include <sysexits.h>

#include <string>
#include <string_view>
#include <vector>

#include "smtpd/sendmail/arguments.h"

namespace mailkeep::sendmail {

// Each is a mode of the program and gives its exit code; what went wrong has been said on standard error.
int submit(const Arguments& a);         // -bm, -t: a message on standard input
int pass_smtp(const Arguments& a);      // -bs: SMTP on standard input and output
int list_queue(const Arguments& a);     // -bp, mailq
int run_queue(const Arguments& a);      // -q
int check_aliases(const Arguments& a);  // -bi, newaliases

// Prints "NAME: text" on standard error, NAME as the program was called, and returns `code`.
int complain(const Arguments& a, int code, std::string_view text);

}  // namespace mailkeep::sendmail
