// The parent's side of the template: see user_template.h.
// SPDX-License-Identifier: ISC
#include "smtpd/parent/user_template.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <cerrno>

#include "lib/imsg/channel.h"
#include "lib/log/log.h"
#include "lmtpd/user/messages.h"

namespace mailkeep::parent {

namespace {
constexpr Micros kMoment = Seconds(1);     // between two starts that are one upon another
constexpr Micros kIdleLife = Seconds(60);  // without a start
constexpr Micros kPauseAfterError = Seconds(10);
constexpr int kPatience = 2000;  // ms for its answer, the loading of its program included

// False after kPatience, or with errno.
bool wait_readable(int fd) {
  struct pollfd p = {fd, POLLIN, 0};
  int n = 0;
  do n = poll(&p, 1, kPatience);
  while (n < 0 && errno == EINTR);
  return n > 0;
}
}  // namespace

bool UserTemplate::is_worth_it() {
  const Micros now = now_monotonic();
  const bool is_soon = last_start_ && now - *last_start_ < kMoment;
  last_start_ = now;
  return now >= not_before_ && (is_soon || channel_);
}

Result<Started> UserTemplate::start(worker::Boot own, worker::Boot of_account) {
  if (pid_ > 0 && !channel_) return Error("the template of before has not ended yet");
  if (!channel_) {
    auto started = start_worker(libexec_, own);
    if (!started) {
      not_before_ = now_monotonic() + kPauseAfterError;
      return started.error();
    }
    pid_ = started->pid;
    channel_ = std::move(started->channel);
    started_unix_ = now_unix();
    log::info("template-start").kv("pid", pid_);
  }
  auto forked = ask(std::move(of_account));
  if (!forked) {
    kill_it();
    not_before_ = now_monotonic() + kPauseAfterError;
  }
  return forked;
}

Result<Started> UserTemplate::ask(worker::Boot of_account) {
  auto pair = make_pair();
  if (!pair) return pair.error();
  user::Start start;
  start.boot = std::move(of_account);
  start.channel = std::move(pair->second);
  imsg::Encoder e;
  user::Start::fields(e, start);
  if (auto sent = imsg::write_frame(channel_.get(), user::Start::kType, e.bytes(), e.fds()); !sent) return sent.error();
  if (!wait_readable(channel_.get())) return Error("no answer from the template");
  auto frame = imsg::read_frame(channel_.get());
  if (!frame) return frame.error();
  user::Forked forked;
  if (frame->type != user::Forked::kType || !imsg::decode(frame->body, frame->fds, forked) || forked.pid == 0 ||
      forked.pid > INT32_MAX) {
    return Error("a bad answer from the template");
  }
  Started out;
  out.pid = static_cast<pid_t>(forked.pid);
  out.channel = std::move(pair->first);
  return out;
}

void UserTemplate::sweep() {
  if (channel_ && now_monotonic() - *last_start_ > kIdleLife) end();
}

void UserTemplate::end() { channel_.reset(); }

void UserTemplate::kill_it() {
  channel_.reset();
  if (pid_ > 0) kill(pid_, SIGKILL);
}

bool UserTemplate::reaped(pid_t pid, int status) {
  if (pid != pid_) return false;
  if (channel_ || status != 0) {
    log::error("template-died")
        .kv("pid", pid)
        .kv("status", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
    not_before_ = now_monotonic() + kPauseAfterError;
  } else {
    log::info("template-end").kv("pid", pid);
  }
  channel_.reset();
  pid_ = -1;
  return true;
}

void UserTemplate::report(control::StatusReport& out) const {
  if (pid_ < 0) return;
  control::ProcessInfo p;
  p.role = "template";
  p.pid = static_cast<uint32_t>(pid_);
  p.started = started_unix_;
  out.processes.push_back(std::move(p));
}

}  // namespace mailkeep::parent
