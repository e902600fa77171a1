// The event loop over libevent: see loop.h.
// SPDX-License-Identifier: ISC
#include "lib/event/loop.h"

#include <event2/event.h>

#include <array>
#include <vector>

#include "lib/base/result.h"
#include "lib/log/log.h"

namespace mailkeep::event {

struct Loop::State {
  std::vector<std::function<void()>> deferred;
  std::array<std::vector<std::function<void()>>, 3> stages;
};

Watch::Watch(Loop& loop, int fd, std::function<void(unsigned)> ready)
    : loop_(loop), fd_(fd), ready_(std::move(ready)) {}

Watch::~Watch() {
  if (alive_ != nullptr) *alive_ = false;
  if (read_ != nullptr) event_free(read_);
  if (write_ != nullptr) event_free(write_);
}

void Watch::want(unsigned want) {
  const unsigned changed = want ^ want_;
  want_ = want;
  const auto apply = [&](unsigned bit, short what, ::event*& ev) {
    if ((changed & bit) == 0) return;
    if (ev == nullptr) ev = event_new(loop_.base_, fd_, static_cast<short>(what | EV_PERSIST), fire, this);
    if (ev == nullptr) fatal("event_new failed");
    if (((want & bit) != 0 ? event_add(ev, nullptr) : event_del(ev)) != 0) fatal("event_add failed");
  };
  apply(kRead, EV_READ, read_);
  apply(kWrite, EV_WRITE, write_);
}

void Watch::fire(int, short what, void* self) {
  auto* w = static_cast<Watch*>(self);
  bool alive = true;
  w->alive_ = &alive;
  // The callback may destroy the watch: it runs from a copy that lives as long as this frame.
  auto ready = w->ready_;
  ready(((what & EV_READ) != 0 ? kRead : 0U) | ((what & EV_WRITE) != 0 ? kWrite : 0U));
  if (alive) w->alive_ = nullptr;
}

Timer::Timer(Loop& loop, std::function<void()> fired) : fired_(std::move(fired)) {
  event_ = evtimer_new(loop.base_, fire, this);
  if (event_ == nullptr) fatal("evtimer_new failed");
}

Timer::~Timer() { event_free(event_); }

void Timer::set(Micros after) {
  const struct timeval tv = {after.count() / 1000000, after.count() % 1000000};
  if (evtimer_add(event_, &tv) != 0) fatal("evtimer_add failed");
  pending_ = true;
}

void Timer::cancel() {
  evtimer_del(event_);
  pending_ = false;
}

void Timer::fire(int, short, void* self) {
  auto* t = static_cast<Timer*>(self);
  t->pending_ = false;
  auto fired = t->fired_;
  fired();
}

Signal::Signal(Loop& loop, int number, std::function<void()> caught) : caught_(std::move(caught)) {
  event_ = evsignal_new(loop.base_, number, fire, this);
  if (event_ == nullptr || event_add(event_, nullptr) != 0) fatal("evsignal_new failed");
}

Signal::~Signal() { event_free(event_); }

void Signal::fire(int, short, void* self) { static_cast<Signal*>(self)->caught_(); }

Loop::Loop() : state_(std::make_unique<State>()), base_(event_base_new()) {
  if (base_ == nullptr) fatal("event_base_new failed");
}

Loop::~Loop() { event_base_free(base_); }

void Loop::defer(std::function<void()> work) { state_->deferred.push_back(std::move(work)); }

void Loop::at_turn_end(Stage stage, std::function<void()> each_turn) {
  state_->stages[static_cast<size_t>(stage)].push_back(std::move(each_turn));
}

void Loop::turn(bool wait) {
  const bool busy = !state_->deferred.empty();
  event_base_loop(base_, EVLOOP_ONCE | (wait && !busy ? 0 : EVLOOP_NONBLOCK));
  const auto drain = [this] {
    // Work deferred while draining belongs to this turn too, but not without end.
    for (int round = 0; round < 16 && !state_->deferred.empty(); round++) {
      auto work = std::move(state_->deferred);
      state_->deferred.clear();
      for (auto& w : work) w();
    }
  };
  drain();
  for (auto& stage : state_->stages) {
    for (auto& each : stage) each();
    drain();
  }
  log::flush();
}

void Loop::run() {
  while (!stopping_) turn();
}

}  // namespace mailkeep::event
