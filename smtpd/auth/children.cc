// Work in forked children: see children.h.
// SPDX-License-Identifier: ISC
#include "smtpd/auth/children.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "lib/base/result.h"
#include "lib/log/log.h"

namespace mailkeep::auth {

namespace {

[[noreturn]] void be_the_child(const Fd& pipe, pid_t parent, const Children::Work& work) {
  // The loop's handler would write into a pipe that the parent reads.
  signal(SIGCHLD, SIG_DFL);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(1);
  if (dup2(pipe.get(), 3) != 3 || close_range(4, ~0U, 0) != 0) _exit(1);
  const std::string answer = work().substr(0, kMaxAnswer);
  _exit(::write(3, answer.data(), answer.size()) == static_cast<ssize_t>(answer.size()) ? 0 : 1);
}

}  // namespace

Children::Children(event::Loop& loop, Limits limits)
    : loop_(loop), limits_(limits), reaper_(loop, SIGCHLD, [this] { reap(); }) {}

Children::~Children() {
  for (auto& [pid, child] : running_) kill(pid, SIGKILL);
}

bool Children::run(Work work, Done done) {
  if (running_.size() < limits_.running && start(work, done)) return true;
  if (waiting_.size() >= limits_.waiting) return false;
  if (running_.empty()) return false;  // no fork now, and nobody whose end would lead to another try
  waiting_.push_back({std::move(work), std::move(done)});
  return true;
}

// False: no descriptor or process to be had; `done` is kept.
bool Children::start(const Work& work, Done& done) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    log::warn("fork-failed").kv("text", errno_error("pipe").text);
    return false;
  }
  Fd reading(ends[0]);
  const Fd writing(ends[1]);
  const pid_t parent = getpid();
  log::flush();  // the child must not write these lines again
  const pid_t pid = fork();
  if (pid < 0) {
    log::warn("fork-failed").kv("text", errno_error("fork").text);
    return false;
  }
  if (pid == 0) be_the_child(writing, parent, work);
  Child& child = running_[pid];
  child.pipe = std::move(reading);
  child.done = std::move(done);
  child.watch = std::make_unique<event::Watch>(loop_, child.pipe.get(), [this, pid](unsigned) { finish(pid, true); });
  child.watch->want(event::Watch::kRead);
  child.timer = std::make_unique<event::Timer>(loop_, [this, pid] { finish(pid, true); });
  child.timer->set(limits_.timeout);
  return true;
}

// It has answered, died, or its time is up. What it answers fits one write, so one read has all.
void Children::finish(pid_t pid, bool exists) {
  const auto it = running_.find(pid);
  if (it == running_.end()) return;
  Child child = std::move(it->second);
  running_.erase(it);
  std::array<char, kMaxAnswer> answer;
  ssize_t n = 0;
  do n = ::read(child.pipe.get(), answer.data(), answer.size());
  while (n < 0 && errno == EINTR);
  if (exists) kill(pid, SIGKILL);
  if (n > 0) {
    child.done(std::string(answer.data(), static_cast<size_t>(n)));
  } else {
    child.done(std::nullopt);
  }
  start_waiting();
}

void Children::start_waiting() {
  while (!waiting_.empty() && running_.size() < limits_.running) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    if (start(next.work, next.done)) continue;
    if (running_.empty()) {
      next.done(std::nullopt);
      continue;
    }
    waiting_.push_front(std::move(next));
    return;
  }
}

void Children::reap() {
  int status = 0;
  for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
      log::warn("check-died").kv("pid", pid).kv("signal", WTERMSIG(status));
    }
    finish(pid, false);  // if its pipe has not told yet
  }
}

}  // namespace mailkeep::auth
