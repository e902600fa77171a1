// smtpd/control: requests reach the right peer, answers the right client, and nobody else may ask.
// SPDX-License-Identifier: ISC
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "lib/imsg/channel.h"
#include "smtpd/control/control.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::control;

namespace {

// A control process without the process: its parent and its queue are the test's ends of socketpairs.
struct House {
  House() {
    int p[2];
    int q[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, q), 0);
    parent.reset(p[0]);
    queue.reset(q[0]);
    control.reset(new Control(loop));
    peers.reset(new worker::Peers(
        loop, *control, [this](imsg::PeerId from, imsg::Frame& f) { return routes.dispatch(*control, from, f); },
        Fd(p[1])));
    control->set_peers(peers.get());
    peers->add({imsg::Role::kQueue, 0}, Fd(q[1]), "");

    sockaddr_un a{};
    a.sun_family = AF_UNIX;  // an abstract name leaves no file behind
    const std::string name = "mailkeep-control-test-" + std::to_string(getpid());
    memcpy(a.sun_path + 1, name.data(), name.size());
    address = a;
    address_size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    Config c;
    c.generation = 1;
    c.uid = 12345;
    c.socket.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    assert_int_equal(bind(c.socket.get(), reinterpret_cast<sockaddr*>(&address), address_size), 0);
    assert_int_equal(listen(c.socket.get(), 8), 0);
    control->on_config({imsg::Role::kParent, 0}, std::move(c));
    assert_true(control->on_prepare(1));
    control->on_commit(1);
  }
  Fd connect_client() {
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_int_equal(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), address_size), 0);
    return fd;
  }
  void turns() {
    for (int i = 0; i < 20; i++) loop.turn(false);
  }

  event::Loop loop;
  imsg::Routes<Control> routes = control_routes();
  std::unique_ptr<Control> control;
  std::unique_ptr<worker::Peers> peers;
  Fd parent;
  Fd queue;
  sockaddr_un address{};
  socklen_t address_size = 0;
};

template <class M>
void put(int fd, const M& m) {
  imsg::Encoder e;
  M::fields(e, m);
  assert_true(imsg::write_frame(fd, M::kType, e.bytes(), e.fds()));
}

template <class M>
M get(int fd) {
  pollfd p{fd, POLLIN, 0};
  assert_int_equal(poll(&p, 1, 0), 1);  // it is there already, or the test would wait for ever
  auto frame = imsg::read_frame(fd);
  assert_true(frame);
  assert_int_equal(frame->type, M::kType);
  M m;
  assert_true(imsg::decode(frame->body, frame->fds, m));
  return m;
}

bool has_ended(int fd) {
  char c;
  return recv(fd, &c, 1, MSG_DONTWAIT) == 0;
}
bool is_silent(int fd) {
  char c;
  return recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

}  // namespace

static void reload_goes_to_the_parent_and_back(void**) {
  House h;
  const Fd a = h.connect_client();
  const Fd b = h.connect_client();
  put(a.get(), client::AskReload{});
  put(b.get(), client::AskReload{});
  h.turns();
  const auto first = get<parent::Reload>(h.parent.get());
  const auto second = get<parent::Reload>(h.parent.get());
  assert_true(first.query != second.query);
  Reloaded answer;
  answer.query = second.query;
  answer.ok = false;
  answer.text = "x.conf:1:2: found y, expected z";
  put(h.parent.get(), answer);
  h.turns();
  assert_text(get<Reloaded>(b.get()).text, answer.text);
  assert_true(is_silent(a.get()));
  answer.query = 4711;  // nobody asked
  put(h.parent.get(), answer);
  answer.query = first.query;
  answer.ok = true;
  put(h.parent.get(), answer);
  h.turns();
  assert_true(get<Reloaded>(a.get()).ok);
}

static void status_gathers(void**) {
  House h;
  const Fd a = h.connect_client();
  put(a.get(), client::AskStatus{});
  h.turns();
  const auto asked = get<parent::StatusQuery>(h.parent.get());
  assert_int_equal(get<worker::StatsQuery>(h.queue.get()).query, asked.query);
  assert_int_equal(get<queue::SelectQueue>(h.queue.get()).limit, 1);
  StatusReport report;
  report.query = asked.query;
  report.version = "9";
  put(h.parent.get(), report);
  queue::QueueSelected list;
  list.query = asked.query;
  list.total = 77;
  put(h.queue.get(), list);
  h.turns();
  assert_true(is_silent(a.get()));  // the queue's counters are still to come
  worker::Stats stats;
  stats.query = asked.query;
  stats.values = {{"commits", 5}};
  put(h.queue.get(), stats);
  h.turns();
  const auto got = get<client::Status>(a.get());
  assert_text(got.report.version, "9");
  assert_true(got.queue_known);
  assert_int_equal(got.queue_length, 77);
  assert_text(got.counters[0].role, "queue");
  assert_text(got.counters[1].role, "control");
}

static void a_dead_queue_holds_nobody_up(void**) {
  House h;
  const Fd a = h.connect_client();
  const Fd b = h.connect_client();
  put(a.get(), client::AskStatus{});
  put(b.get(), client::AskQueueSelect{});
  h.turns();
  StatusReport report;
  report.query = get<parent::StatusQuery>(h.parent.get()).query;
  put(h.parent.get(), report);
  h.queue.reset();
  h.turns();
  assert_false(get<client::Status>(a.get()).queue_known);
  assert_true(!get<client::Refused>(b.get()).text.empty());
  put(b.get(), client::AskQueueSelect{});
  h.turns();
  assert_true(!get<client::Refused>(b.get()).text.empty());
}

static void a_bad_client_loses_its_connection(void**) {
  House h;
  const Fd good = h.connect_client();
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.0\r\n\r\n"), std::string("\xff\xff\xff\x7f\x4c\x04\0\0", 8),
        std::string("\x08\0\0\0\xe7\x03\0\0", 8), std::string("\x09\0\0\0\x4c\x04\0\0x", 9)}) {
    const Fd bad = h.connect_client();
    assert_int_equal(write(bad.get(), bytes.data(), bytes.size()), bytes.size());
    h.turns();
    assert_true(has_ended(bad.get()) || recv(bad.get(), nullptr, 0, MSG_DONTWAIT) < 0);
  }
  const Fd greedy = h.connect_client();  // a second request while the first runs
  put(greedy.get(), client::AskReload{});
  put(greedy.get(), client::AskReload{});
  h.turns();
  assert_true(has_ended(greedy.get()));
  assert_true(is_silent(good.get()));
  put(good.get(), client::AskStatus{});
  h.turns();
  get<parent::Reload>(h.parent.get());
  get<parent::StatusQuery>(h.parent.get());
}

static void following_is_on_while_somebody_reads(void**) {
  House h;
  Fd a = h.connect_client();
  Fd b = h.connect_client();
  put(a.get(), client::AskFollow{});
  put(b.get(), client::AskFollow{});
  h.turns();
  assert_true(get<parent::Follow>(h.parent.get()).on);
  assert_true(is_silent(h.parent.get()));
  worker::LogLine line;
  line.text = "event=x";
  put(h.parent.get(), line);
  h.turns();
  assert_text(get<client::Event>(a.get()).text, "event=x");
  assert_text(get<client::Event>(b.get()).text, "event=x");
  a.reset();
  h.turns();
  assert_true(is_silent(h.parent.get()));
  b.reset();
  h.turns();
  assert_false(get<parent::Follow>(h.parent.get()).on);
}

static void other_users_are_refused(void**) {
  if (geteuid() != 0) skip();
  House h;
  const pid_t child = fork();
  if (child == 0) {
    // Under another uid: first one that may not, then (in the next child) the configured one.
    if (setgid(54321) != 0 || setuid(54321) != 0) _exit(9);
    const Fd fd = h.connect_client();
    imsg::Encoder e;
    client::AskReload ask;
    client::AskReload::fields(e, ask);
    if (!imsg::write_frame(fd.get(), client::AskReload::kType, e.bytes(), e.fds())) _exit(8);
    const auto frame = imsg::read_frame(fd.get());
    _exit(frame && frame->type == client::Refused::kType ? 0 : 1);
  }
  int status = -1;
  for (int i = 0; i < 5000 && waitpid(child, &status, WNOHANG) == 0; i++) {
    h.turns();
    usleep(1000);
  }
  assert_int_equal(status, 0);
  assert_true(is_silent(h.parent.get()));
  const pid_t allowed = fork();
  if (allowed == 0) {
    if (setgid(12345) != 0 || setuid(12345) != 0) _exit(9);
    const Fd fd = h.connect_client();
    imsg::Encoder e;
    client::AskReload ask;
    client::AskReload::fields(e, ask);
    if (!imsg::write_frame(fd.get(), client::AskReload::kType, e.bytes(), e.fds())) _exit(8);
    const auto frame = imsg::read_frame(fd.get());
    _exit(frame && frame->type == Reloaded::kType ? 0 : 1);
  }
  status = -1;
  for (int i = 0; i < 5000 && waitpid(allowed, &status, WNOHANG) == 0; i++) {
    h.turns();
    if (!is_silent(h.parent.get())) {
      Reloaded answer;
      answer.query = get<parent::Reload>(h.parent.get()).query;
      put(h.parent.get(), answer);
    }
    usleep(1000);
  }
  assert_int_equal(status, 0);
}

int main() {
  const struct CMUnitTest tests[] = {
      unit_test(reload_goes_to_the_parent_and_back),   unit_test(status_gathers),
      unit_test(a_dead_queue_holds_nobody_up),         unit_test(a_bad_client_loses_its_connection),
      unit_test(following_is_on_while_somebody_reads), unit_test(other_users_are_refused)};
  return run_unit_tests(tests);
}
