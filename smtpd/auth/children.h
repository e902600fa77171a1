// Children: work that may be slow or hang, each in a forked child, so that it blocks nobody. Run by auth and pam.
//
// A child gets no descriptor but its pipe, is killed at its timeout, and answers once with a few bytes.
// SPDX-License-Identifier: ISC
#pragma once

#include <sys/types.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "lib/base/fd.h"
#include "lib/event/loop.h"

namespace mailkeep::auth {

constexpr size_t kMaxAnswer = 256;

class Children {
 public:
  using Work = std::function<std::string()>;  // in the child; at most kMaxAnswer bytes, never empty
  using Done = std::function<void(std::optional<std::string> answer)>;  // nothing: it died or took too long

  struct Limits {
    size_t running = 16;
    size_t waiting = 256;
    Seconds timeout{10};  // from its fork
  };

  Children(event::Loop& loop, Limits limits);
  ~Children();
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  // False: too many wait already; `done` will not be called.
  bool run(Work work, Done done);
  size_t running() const { return running_.size(); }
  size_t waiting() const { return waiting_.size(); }

 private:
  struct Child {
    Fd pipe;
    Done done;
    std::unique_ptr<event::Watch> watch;
    std::unique_ptr<event::Timer> timer;
  };
  struct Waiting {
    Work work;
    Done done;
  };

  bool start(const Work& work, Done& done);
  void finish(pid_t pid, bool exists);  // exists: not reaped yet, so the number is its own
  void start_waiting();
  void reap();

  event::Loop& loop_;
  Limits limits_;
  std::map<pid_t, Child> running_;
  std::deque<Waiting> waiting_;
  event::Signal reaper_;
};

}  // namespace mailkeep::auth
