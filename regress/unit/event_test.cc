// lib/event: turns, timers, streams with back-pressure and peers that vanish.
// SPDX-License-Identifier: ISC
#include <sys/socket.h>
#include <unistd.h>

#include "lib/event/stream.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using event::Loop;

static void stages_run_in_order(void**) {
  Loop loop;
  std::string order;
  loop.at_turn_end(Loop::Stage::kSend, [&] { order += 's'; });
  loop.at_turn_end(Loop::Stage::kCommit, [&] { order += 'c'; });
  loop.defer([&] { order += 'd'; });
  loop.turn(false);
  assert_text(order, "dcs");
}

static void timer_fires_once(void**) {
  Loop loop;
  int fired = 0;
  event::Timer timer(loop, [&] { fired++; });
  timer.set(Millis(1));
  assert_true(timer.pending());
  loop.turn();
  assert_int_equal(fired, 1);
  assert_false(timer.pending());
}

static void stream_carries_much(void**) {
  Loop loop;
  int pair[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
  size_t got = 0;
  bool drained = false;
  bool ended = false;
  event::Stream reader(loop, Fd(pair[1]), 4096, {.readable = {}, .drained = {}, .closed = {}});
  {
    event::Stream writer(loop, Fd(pair[0]), 4096, {.readable = {}, .drained = [&] { drained = true; }, .closed = {}});
    writer.write(std::string(3000000, 'x'));
    assert_true(writer.congested());
    while (!drained) {
      loop.turn();
      assert_true(reader.input().size() <= 4096);
      got += reader.input().size();
      reader.consume(reader.input().size());
    }
  }
  event::Timer stop(loop, [&] { ended = true; });
  stop.set(Millis(50));
  while (!ended) {
    loop.turn();
    got += reader.input().size();
    reader.consume(reader.input().size());
  }
  assert_int_equal(got, 3000000);
}

// Also when the socket takes at once what had been too much: whoever stopped at congested() must be called.
static void drained_is_told_after_congestion(void**) {
  Loop loop;
  int pair[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
  const int size = 400000;
  assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
  const Fd reader(pair[1]);
  int drained = 0;
  event::Stream writer(loop, Fd(pair[0]), 4096, {.readable = {}, .drained = [&] { drained++; }, .closed = {}});
  writer.write("little");
  loop.turn(false);
  assert_int_equal(drained, 0);
  writer.write(std::string(event::Stream::kHighWater, 'x'));
  assert_true(writer.congested());
  loop.turn(false);
  assert_int_equal(writer.unsent(), 0);
  assert_int_equal(drained, 1);
}

// And when little was left over, if the peer made room before the turn was over.
static void drained_is_told_after_what_had_not_gone_out(void**) {
  Loop loop;
  int pair[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
  const Fd reader(pair[1]);
  int drained = 0;
  event::Stream writer(loop, Fd(pair[0]), 4096, {.readable = {}, .drained = [&] { drained++; }, .closed = {}});
  char taken[64 * 1024];
  loop.defer([&] {
    writer.write("x");
    while (writer.flush() && writer.unsent() == 0) writer.write(std::string(sizeof taken, 'x'));
    assert_false(writer.congested());
  });
  loop.defer([&] {
    while (read(reader.get(), taken, sizeof taken) > 0) continue;
  });
  for (int i = 0; i < 3; i++) loop.turn(false);
  assert_int_equal(writer.unsent(), 0);
  assert_int_equal(drained, 1);
}

static void closed_is_told_once(void**) {
  Loop loop;
  int pair[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
  int told = 0;
  std::unique_ptr<event::Stream> stream;
  stream = std::make_unique<event::Stream>(loop, Fd(pair[0]), 4096,
                                           event::Stream::Callbacks{.readable = {}, .drained = {}, .closed = [&](int) {
                                                                      told++;
                                                                      stream.reset();
                                                                    }});
  close(pair[1]);
  stream->write("x");
  for (int i = 0; i < 3; i++) loop.turn(false);
  assert_int_equal(told, 1);
}

int main() {
  const CMUnitTest tests[] = {unit_test(stages_run_in_order),
                              unit_test(timer_fires_once),
                              unit_test(stream_carries_much),
                              unit_test(drained_is_told_after_congestion),
                              unit_test(drained_is_told_after_what_had_not_gone_out),
                              unit_test(closed_is_told_once)};
  return run_unit_tests(tests);
}
