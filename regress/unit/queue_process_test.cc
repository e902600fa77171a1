// The queue's executable, started as the parent starts it, in its chroot and sandbox: a message goes in through a
// pretended smtpd and lookup and comes out at a pretended user; then once more after SIGKILL. Needs root.
// SPDX-License-Identifier: ISC
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/imsg/channel.h"
#include "lib/worker/messages.h"
#include "lmtpd/user/messages.h"
#include "queue/content.h"
#include "regress/unit/spool_fixture.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using imsg::Role;

namespace {

constexpr uid_t kNobody = 65534;

template <class M>
void send(const Fd& channel, const M& message) {
  imsg::Encoder e;
  M::fields(e, message);
  assert_true(imsg::write_frame(channel.get(), M::kType, e.bytes(), e.fds()));
}

// The next message of that type; others before it are passed over.
template <class M>
M expect(const Fd& channel) {
  for (;;) {
    auto frame = imsg::read_frame(channel.get());
    if (!frame) fatal("expected message " + std::to_string(M::kType) + ": " + frame.error().text);
    if (frame->type != M::kType) continue;
    M m;
    assert_true(imsg::decode(frame->body, frame->fds, m));
    return m;
  }
}

std::pair<Fd, Fd> make_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fatal("socketpair");
  struct timeval limit = {10, 0};
  setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return {Fd(ends[0]), Fd(ends[1])};
}

std::string executable() {
  char path[4096] = {};
  if (readlink("/proc/self/exe", path, sizeof path - 1) < 0) fatal("readlink");
  std::string name(path);
  name.resize(name.rfind("/regress/"));
  return name + "/libexec/mailkeep/queue";
}

struct Process {
  explicit Process(const std::string& root) {
    auto [ours, theirs] = make_pair();
    pid = fork();
    if (pid == 0) {
      dup2(theirs.get(), 3);
      fcntl(3, F_SETFD, 0);
      execl(executable().c_str(), "queue", static_cast<char*>(nullptr));
      _exit(127);
    }
    parent = std::move(ours);
    worker::Boot boot;
    boot.role = Role::kQueue;
    boot.uid = boot.gid = kNobody;
    boot.root = root;
    send(parent, boot);
    queue::Config config;
    config.generation = 1;
    config.hostname = "mx.mk.test";
    config.lifetime = 1000;
    send(parent, config);
    worker::Prepare prepare;
    prepare.generation = 1;
    send(parent, prepare);
    assert_true(expect<worker::Prepared>(parent).ok);
    worker::Commit commit;
    commit.generation = 1;
    send(parent, commit);
  }
  ~Process() { end(SIGKILL); }
  int end(int signal_number) {
    if (pid <= 0) return 0;
    kill(pid, signal_number);
    int status = 0;
    waitpid(pid, &status, 0);
    pid = -1;
    return status;
  }
  Fd wire(Role role, uint32_t instance, const std::string& account = "") {
    auto [ours, theirs] = make_pair();
    worker::Wire wire;
    wire.role = role;
    wire.instance = instance;
    wire.account = account;
    wire.channel = std::move(theirs);
    send(parent, wire);
    return std::move(ours);
  }
  pid_t pid = -1;
  Fd parent;
};

constexpr uint64_t kId = 0x6540000012345678;

queue::Enqueue make_enqueue(const std::string& body) {
  queue::Enqueue e;
  e.session = 5;
  e.message = kId;
  e.facts.sender = "bob@example.net";
  e.recipients.push_back({"alice@mk.test", {}});
  e.size = body.size();
  e.content = queue::make_memory_file(body).value_or(Fd());
  return e;
}

void route_to_alice(const Fd& lookup) {
  const auto route = expect<lookup::Route>(lookup);
  assert_text(route.recipients.at(0), "alice@mk.test");
  queue::Routed routed;
  routed.query = route.query;
  queue::Delivery& d = routed.deliveries.emplace_back();
  d.account = "alice";
  d.address = "alice@mk.test";
  send(lookup, routed);
}

void in_and_out_and_again(void**) {
  if (geteuid() != 0) skip();
  queue::SpoolDirectory directory;
  assert_int_equal(chown(directory.path.c_str(), kNobody, kNobody), 0);
  const std::string body = "Subject: x\r\n\r\nhello\r\n";
  {
    Process process(directory.path);
    const Fd lookup = process.wire(Role::kLookup, 0);
    const Fd smtpd = process.wire(Role::kSmtpd, 0);
    send(smtpd, make_enqueue(body));
    route_to_alice(lookup);
    const auto enqueued = expect<queue::Enqueued>(smtpd);
    assert_int_equal(enqueued.code, 250);
    assert_text(expect<queue::NeedUser>(process.parent).account, "alice");
    const Fd user = process.wire(Role::kUser, 9, "alice");
    auto deliver = expect<user::Deliver>(user);
    assert_text(*queue::read_memory_file(deliver.content.get(), deliver.size), body);
    send(smtpd, make_enqueue(body));
    route_to_alice(lookup);
    assert_int_equal(expect<queue::Enqueued>(smtpd).code, 451);  // the id is taken
    assert_true(WIFSIGNALED(process.end(SIGKILL)));
  }
  {
    Process process(directory.path);
    assert_text(expect<queue::NeedUser>(process.parent).account, "alice");
    const Fd user = process.wire(Role::kUser, 10, "alice");
    auto deliver = expect<user::Deliver>(user);
    assert_true(deliver.envelope == (queue::EnvelopeId{kId, 0}));
    assert_text(*queue::read_memory_file(deliver.content.get(), deliver.size), body);
    queue::Rejected rejected;
    rejected.envelope = deliver.envelope;
    rejected.enhanced = "5.2.2";
    rejected.text = "mailbox full";
    const Fd lookup = process.wire(Role::kLookup, 0);
    usleep(200 * 1000);
    send(user, rejected);
    const auto route = expect<lookup::Route>(lookup);  // of the bounce
    assert_text(route.recipients.at(0), "bob@example.net");
    queue::Routed routed;
    routed.query = route.query;
    queue::RouteFailure& f = routed.failures.emplace_back();
    f.enhanced = "5.7.1";
    send(lookup, routed);
    const Fd control = process.wire(Role::kControl, 0);
    queue::QueueList list;
    for (int i = 0; i < 50 && (list.items.empty() || !list.items[0].relay); ++i) {
      usleep(20 * 1000);
      send(control, queue::ListQueue{});
      list = expect<queue::QueueList>(control);
    }
    assert_int_equal(list.total, 1);
    assert_true(list.items.at(0).relay);
    assert_text(list.items.at(0).recipient, "bob@example.net");
    assert_text(list.items.at(0).sender, "");
    send(process.parent, worker::Quit{});
    int status = 0;
    assert_int_equal(waitpid(process.pid, &status, 0), process.pid);
    process.pid = -1;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(in_and_out_and_again)};
  return run_unit_tests(tests);
}
