// The template of `user` processes (lmtpd/user/template.h), from the parent's side: started when accounts' processes
// are started one upon another, ended when none has been for a while.
// SPDX-License-Identifier: ISC
#pragma once

#include <optional>

#include "lib/base/clock.h"
#include "smtpd/control/messages.h"
#include "smtpd/parent/process.h"

namespace mailkeep::parent {

class UserTemplate {
 public:
  explicit UserTemplate(const Libexec& libexec) : libexec_(libexec) {}

  // Whether a process that starts now should be forked by it: the one before was started a moment ago.
  bool is_worth_it();
  // A process for `of_account`, as start_worker() gives one; `own` is the template's Boot, should it have to be
  // started. It waits for the template's answer. After an error there is no template for some time.
  Result<Started> start(worker::Boot own, worker::Boot of_account);
  void sweep();  // from time to time
  void end();    // it ends by itself then
  void kill_it();
  bool reaped(pid_t pid, int status);  // true: it was the template
  bool is_there() const { return pid_ > 0; }
  void report(control::StatusReport& out) const;

 private:
  Result<Started> ask(worker::Boot of_account);

  const Libexec& libexec_;
  pid_t pid_ = -1;
  Fd channel_;
  int64_t started_unix_ = 0;
  std::optional<Micros> last_start_;
  Micros not_before_{0};
};

}  // namespace mailkeep::parent
