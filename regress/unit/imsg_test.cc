// lib/imsg: the codec refuses what it must; channels keep order, descriptors and the receiver's life.
// SPDX-License-Identifier: ISC
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "lib/imsg/channel.h"
#include "lib/imsg/routes.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::imsg;

enum class Colour : uint8_t { kRed, kBlue };

struct Item {
  uint32_t n = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.n);
  }
};

struct Sample {
  static constexpr uint16_t kType = 7;
  uint64_t id = 0;
  std::string name;
  Colour colour = Colour::kRed;
  bool yes = false;
  std::vector<Item> items;
  std::vector<std::string> names;
  Fd fd;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.id);
    c.text(m.name, 8);
    c.choice(m.colour, Colour::kBlue);
    c.flag(m.yes);
    c.list(m.items, 3);
    c.texts(m.names, 2, 4);
    c.fd(m.fd);
  }
};

static std::string encoded() {
  Sample s;
  s.id = 42;
  s.name = "abc";
  s.colour = Colour::kBlue;
  s.yes = true;
  s.items.resize(2);
  s.items[1].n = 9;
  s.names = {"x", "yz"};
  Encoder e;
  Sample::fields(e, s);
  return e.bytes();
}

static void round_trip(void**) {
  Sample out;
  std::deque<Fd> none;
  assert_true(decode(encoded(), none, out));
  assert_int_equal(out.id, 42);
  assert_text(out.name, "abc");
  assert_int_equal(out.items[1].n, 9);
  assert_text(out.names[1], "yz");
}

static void refuses_damage(void**) {
  const std::string good = encoded();
  for (size_t n = 0; n < good.size(); n++) {
    Sample out;
    std::deque<Fd> none;
    assert_false(decode(good.substr(0, n), none, out));
  }
  Sample out;
  std::deque<Fd> none;
  assert_false(decode(good + "x", none, out));
  std::string bad = good;
  bad[8] = 9;  // name longer than its cap of 8
  assert_false(decode(bad, none, out));
  bad = good;
  bad[15] = 2;  // no such colour
  assert_false(decode(bad, none, out));
  bad = good;
  bad.back() = 1;  // a descriptor that did not come
  assert_false(decode(bad, none, out));
}

struct Ends {
  Fd a, b;
  Ends() {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    a.reset(pair[0]);
    b.reset(pair[1]);
  }
};

static void channel_keeps_order_and_fds(void**) {
  event::Loop loop;
  Ends ends;
  std::vector<Sample> got;
  Channel in(loop, std::move(ends.b),
             {.frame = [&](Frame& f) { return decode(f.body, f.fds, got.emplace_back()); }, .broken = {}});
  Channel out(loop, std::move(ends.a), {.frame = [](Frame&) { return true; }, .broken = {}});
  for (unsigned i = 0; i < 2000; i++) {
    Sample s;
    s.id = i;
    if (i % 3 == 0) {
      int p[2];
      assert_int_equal(pipe(p), 0);
      s.fd.reset(p[0]);
      assert_int_equal(write(p[1], &i, sizeof i), sizeof i);
      close(p[1]);
    }
    out.send(s);
    if (i % 50 == 0) loop.turn(false);
  }
  for (int i = 0; i < 10000 && got.size() < 2000; i++) loop.turn(false);
  assert_int_equal(got.size(), 2000);
  for (unsigned i = 0; i < 2000; i++) {
    assert_int_equal(got[i].id, i);
    assert_int_equal(static_cast<bool>(got[i].fd), i % 3 == 0);
    unsigned seen = 0;
    if (got[i].fd) {
      assert_int_equal(read(got[i].fd.get(), &seen, sizeof seen), sizeof seen);
      assert_int_equal(seen, i);
    }
  }
}

// A receiver without a free descriptor misses that one, and only that: neither side is to blame, and the next one
// comes.
static void lost_descriptors_end_nobody(void**) {
  event::Loop loop;
  Ends ends;
  std::vector<Sample> got;
  std::string broken;
  Channel in(loop, std::move(ends.b),
             {.frame = [&](Frame& f) { return decode(f.body, f.fds, got.emplace_back()); },
              .broken = [&](std::string_view why) { broken = why; }});
  Channel out(loop, std::move(ends.a), {.frame = [](Frame&) { return true; }, .broken = {}});
  const auto send = [&](uint64_t id, bool with) {
    Sample s;
    s.id = id;
    if (with) s.fd.reset(open("/dev/null", O_RDONLY));
    out.send(s);
  };
  loop.turn(false);
  struct rlimit before {};
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest = dup(0);
  close(lowest);
  send(1, true);
  send(2, false);
  out.flush();  // the sender's own copy is closed here: one number is free, and is taken up by `held`
  const Fd held(dup(0));
  const struct rlimit none = {static_cast<rlim_t>(lowest) + 1, before.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  for (int i = 0; i < 100 && got.size() < 2; i++) loop.turn(false);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  send(3, true);
  for (int i = 0; i < 100 && got.size() < 3; i++) loop.turn(false);
  assert_text(broken, "");
  assert_int_equal(got.size(), 3);
  assert_int_equal(got[0].id, 1);
  assert_false(got[0].fd);
  assert_int_equal(got[1].id, 2);
  assert_int_equal(got[2].id, 3);
  assert_true(got[2].fd);
}

// What waits in the socket is one turn's: a commit at its end covers all of it.
static void one_turn_takes_all_that_waits(void**) {
  event::Loop loop;
  Ends ends;
  unsigned got = 0;
  Channel in(loop, std::move(ends.b),
             {.frame =
                  [&](Frame& f) {
                    Sample s;
                    got++;
                    return decode(f.body, f.fds, s);
                  },
              .broken = {}});
  Channel out(loop, std::move(ends.a), {.frame = [](Frame&) { return true; }, .broken = {}});
  constexpr unsigned kFrames = 50;
  for (unsigned i = 0; i < kFrames; i++) {
    Sample s;
    s.fd.reset(dup(0));
    out.send(s);
  }
  out.flush();
  loop.turn(false);
  assert_int_equal(got, kFrames);
}

static void garbage_breaks_the_channel(void**) {
  unsigned seed = 1;
  for (int round = 0; round < 200; round++) {
    event::Loop loop;
    Ends ends;
    bool broken = false;
    Channel in(loop, std::move(ends.b),
               {.frame =
                    [&](Frame& f) {
                      Sample s;
                      return decode(f.body, f.fds, s);
                    },
                .broken = [&](std::string_view) { broken = true; }});
    std::string bytes = std::string("\x26\0\0\0\7\0\0\0", 8) + encoded();
    for (int k = 0; k <= round % 5; k++) {
      seed = seed * 1103515245 + 12345;
      bytes[seed / 65536 % bytes.size()] = static_cast<char>(seed >> 8);
    }
    assert_true(write(ends.a.get(), bytes.data(), bytes.size()) > 0);
    ends.a.reset();
    for (int i = 0; i < 5 && !broken; i++) loop.turn(false);
    assert_true(broken);  // by the damage, or at the latest by the end of file
  }
}

// A peer that asks and never reads: there is an end to what waits for it.
static void unread_output_is_bounded(void**) {
  event::Loop loop;
  Ends ends;
  std::string why;
  Channel out(loop, std::move(ends.a),
              {.frame = [](Frame&) { return true; }, .broken = [&](std::string_view text) { why = text; }});
  unsigned sent = 0;
  for (; sent < 2000 && out.ok(); sent++) {
    out.push(7, std::string(100 * 1000, 'x'), {});
    loop.turn(false);
  }
  loop.turn(false);
  assert_text(why, "does not read what it is sent");
  assert_in_range(sent, 600, 700);
}

struct Owner {
  int got = 0;
  void on_sample(PeerId, Sample&&) { got++; }
};

static void routes_know_who_may(void**) {
  Routes<Owner> routes;
  routes.add<Sample>(Role::kSmtpd, &Owner::on_sample);
  Owner owner;
  const std::string body = encoded();
  Frame f{7, body, {}};
  assert_true(routes.dispatch(owner, {Role::kSmtpd, 0}, f));
  assert_false(routes.dispatch(owner, {Role::kImapd, 0}, f));
  Frame other{8, body, {}};
  assert_false(routes.dispatch(owner, {Role::kSmtpd, 0}, other));
  assert_int_equal(owner.got, 1);
}

int main() {
  const CMUnitTest tests[] = {unit_test(round_trip),
                              unit_test(refuses_damage),
                              unit_test(channel_keeps_order_and_fds),
                              unit_test(lost_descriptors_end_nobody),
                              unit_test(one_turn_takes_all_that_waits),
                              unit_test(garbage_breaks_the_channel),
                              unit_test(unread_output_is_bounded),
                              unit_test(routes_know_who_may)};
  return run_unit_tests(tests);
}
