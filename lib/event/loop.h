// The event loop: libevent behind four things: descriptors, timers, signals, and the end of a turn.
// A turn is one wake-up with all that was ready; work that many events share (a commit, a write to a
// peer, the log) is done once, at its end. The only folder that includes <event2/...>.
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <memory>

#include "lib/base/clock.h"

struct event_base;
struct event;

namespace mailkeep::event {

class Loop;

// A watch on one descriptor (not owned). Destroying it ends the watch; doing so in its callback is fine.
class Watch {
 public:
  enum Want : unsigned { kNone = 0, kRead = 1, kWrite = 2, kBoth = 3 };
  // `ready` gets what is ready: kRead, kWrite or both. Level triggered.
  Watch(Loop& loop, int fd, std::function<void(unsigned ready)> ready);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  void want(unsigned want);  // a Want; no system call if unchanged
  unsigned wanted() const { return want_; }

 private:
  static void fire(int fd, short what, void* self);
  Loop& loop_;
  int fd_;
  unsigned want_ = kNone;
  std::function<void(unsigned)> ready_;
  ::event* read_ = nullptr;
  ::event* write_ = nullptr;
  bool* alive_ = nullptr;
};

// A one-shot timer; set() again in its callback to repeat. Destroying it cancels it.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> fired);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void set(Micros after);
  void cancel();
  bool pending() const { return pending_; }

 private:
  static void fire(int fd, short what, void* self);
  std::function<void()> fired_;
  ::event* event_ = nullptr;
  bool pending_ = false;
};

// Calls back in the loop, not in signal context.
class Signal {
 public:
  Signal(Loop& loop, int number, std::function<void()> caught);
  ~Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

 private:
  static void fire(int number, short what, void* self);
  std::function<void()> caught_;
  ::event* event_ = nullptr;
};

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Turns until stop(). Each turn: wait, callbacks, deferred work, turn-end stages in order, log flush.
  void run();
  // One turn; waits at most until the next event. For tests.
  void turn(bool wait = true);
  void stop() { stopping_ = true; }

  // Runs `work` once, after the callbacks of this turn (in a new turn if called between turns).
  void defer(std::function<void()> work);

  // Stages at the end of every turn, lowest first: work is committed before answers are sent.
  enum class Stage { kCommit, kAnswer, kSend };
  // Registers for good; `each_turn` must outlive the loop's run, and may defer() or add events.
  void at_turn_end(Stage stage, std::function<void()> each_turn);

 private:
  friend class Watch;
  friend class Timer;
  friend class Signal;
  struct State;
  std::unique_ptr<State> state_;
  event_base* base_ = nullptr;
  bool stopping_ = false;
};

}  // namespace mailkeep::event
