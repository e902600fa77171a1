// libunbound's pluggable events: see event_base.h. An Event is what libunbound holds; it lives until libunbound frees
// it, which may be in its own callback.
// SPDX-License-Identifier: ISC
#include "lib/dns/event_base.h"

#include <sys/time.h>
#include <unbound-event.h>

#include "lib/base/result.h"

namespace mailkeep::dns {
namespace {

using Fired = void (*)(int, short, void*);

struct Base : ub_event_base {
  explicit Base(event::Loop& l) : ub_event_base{}, loop(l) {}
  event::Loop& loop;
};

Micros micros(const timeval& tv) { return Seconds(tv.tv_sec) + Micros(tv.tv_usec); }

class Event : public ub_event {
 public:
  Event(event::Loop& loop, int fd, short bits, Fired fired, void* arg);
  void add(const timeval* timeout);
  void del();
  void set_fired(Fired fired, void* arg) {
    fired_ = fired;
    arg_ = arg;
  }
  void set_bits(short bits) { bits_ = bits; }
  short bits() const { return bits_; }
  void set_fd(int fd) { fd_ = fd; }

 private:
  void fire(short what);
  event::Loop& loop_;
  int fd_;
  short bits_;
  Fired fired_;
  void* arg_;
  Micros timeout_{0};
  std::unique_ptr<event::Watch> watch_;  // only while active: libunbound closes descriptors after del()
  std::unique_ptr<event::Timer> timer_;
};

Event& as_event(ub_event* e) { return *static_cast<Event*>(e); }

[[noreturn]] void not_called() { fatal("libunbound called what it says it never calls"); }

ub_event_vmt event_table() {
  ub_event_vmt t{};
  t.add_bits = [](ub_event* e, short bits) { as_event(e).set_bits(static_cast<short>(as_event(e).bits() | bits)); };
  t.del_bits = [](ub_event* e, short bits) { as_event(e).set_bits(static_cast<short>(as_event(e).bits() & ~bits)); };
  t.set_fd = [](ub_event* e, int fd) { as_event(e).set_fd(fd); };
  t.free = [](ub_event* e) { delete &as_event(e); };
  t.add = [](ub_event* e, timeval* timeout) { return as_event(e).add(timeout), 0; };
  t.del = [](ub_event* e) { return as_event(e).del(), 0; };
  t.add_timer = [](ub_event* e, ub_event_base*, Fired fired, void* arg, timeval* timeout) {
    as_event(e).set_fired(fired, arg);
    return as_event(e).add(timeout), 0;
  };
  t.del_timer = [](ub_event* e) { return as_event(e).del(), 0; };
  t.add_signal = [](ub_event*, timeval*) -> int { not_called(); };
  t.del_signal = [](ub_event*) -> int { not_called(); };
  t.winsock_unregister_wsaevent = [](ub_event*) { not_called(); };
  t.winsock_tcp_wouldblock = [](ub_event*, int) {};
  return t;
}

Event::Event(event::Loop& loop, int fd, short bits, Fired fired, void* arg)
    : ub_event{}, loop_(loop), fd_(fd), bits_(bits), fired_(fired), arg_(arg) {
  static ub_event_vmt table = event_table();
  magic = UB_EVENT_MAGIC;
  vmt = &table;
}

void Event::add(const timeval* timeout) {
  const unsigned want =
      ((bits_ & UB_EV_READ) != 0 ? event::Watch::kRead : 0U) | ((bits_ & UB_EV_WRITE) != 0 ? event::Watch::kWrite : 0U);
  if (want != 0 && fd_ >= 0) {
    watch_ = std::make_unique<event::Watch>(loop_, fd_, [this](unsigned ready) {
      fire(static_cast<short>(((ready & event::Watch::kRead) != 0 ? UB_EV_READ : 0) |
                              ((ready & event::Watch::kWrite) != 0 ? UB_EV_WRITE : 0)));
    });
    watch_->want(want);
  }
  if (timeout == nullptr) return;
  timeout_ = micros(*timeout);
  if (!timer_) timer_ = std::make_unique<event::Timer>(loop_, [this] { fire(UB_EV_TIMEOUT); });
  timer_->set(timeout_);
}

void Event::del() {
  watch_.reset();
  if (timer_) timer_->cancel();
}

void Event::fire(short what) {
  const bool is_timed = timer_ && timer_->pending();
  if ((bits_ & UB_EV_PERSIST) == 0) {
    del();
  } else if (is_timed) {
    timer_->set(timeout_);
  }
  fired_(fd_, what, arg_);  // may end this object
}

ub_event_base_vmt base_table() {
  ub_event_base_vmt t{};
  t.free = [](ub_event_base*) { not_called(); };
  t.dispatch = [](ub_event_base*) -> int { not_called(); };
  t.loopexit = [](ub_event_base*, timeval*) -> int { return 0; };
  t.new_event = [](ub_event_base* base, int fd, short bits, Fired fired, void* arg) -> ub_event* {
    return new Event(static_cast<Base*>(base)->loop, fd, bits, fired, arg);
  };
  t.new_signal = [](ub_event_base*, int, Fired, void*) -> ub_event* { not_called(); };
  t.winsock_register_wsaevent = [](ub_event_base*, void*, Fired, void*) -> ub_event* { not_called(); };
  return t;
}

}  // namespace

void FreeEventBase::operator()(ub_event_base* base) const { delete static_cast<Base*>(base); }

EventBase make_event_base(event::Loop& loop) {
  static ub_event_base_vmt table = base_table();
  auto* base = new Base(loop);
  base->magic = UB_EVENT_MAGIC;
  base->vmt = &table;
  return EventBase(base);
}

}  // namespace mailkeep::dns
