// smtpd/parent/users: tickets are good once, for whom they were given to, and soon; what imapd presents is a
// connection; no account's process runs as one of the server's own uids. What is started is this
// program again, as a process that never answers; there is no template. Needs root.
// SPDX-License-Identifier: ISC
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "lib/conf/parse.h"
#include "lib/imsg/channel.h"
#include "lib/worker/worker.h"
#include "smtpd/parent/files.h"
#include "smtpd/parent/users.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using imsg::PeerId;
using imsg::Role;

namespace {

constexpr PeerId kImapd{Role::kImapd, 0}, kOther{Role::kImapd, 1};
constexpr uid_t kWorkerUid = 61999;

constexpr unsigned kMany = 30;
std::string many(unsigned number) { return "many" + std::to_string(number); }

struct House {
  House() {
    char name[] = "/tmp/users_test.XXXXXX";
    if (mkdtemp(name) == nullptr) fatal("mkdtemp");
    directory = name;
    std::string accounts = "alice:x:61500:61500:::\nbob:x:61501:61501:::\neve:x:61999:61999:::\n";
    for (unsigned i = 0; i < kMany; i++) accounts += many(i) + ":x:" + std::to_string(61600 + i) + ":61600:::\n";
    write("accounts", accounts, 0600);
    char self[4096] = {};
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0 || symlink(self, (directory + "/user").c_str()) != 0)
      fatal("symlink");
    auto config = conf::parse_text(
        "state \"" + directory + "\"\nhostname mx.mk.test\ndomain mk.test\ntable accounts file:" + directory +
            "/accounts\nauth table <accounts>\naction in deliver\nmatch from any for local action in\n",
        "test", {});
    if (!config) fatal(config.error().text);
    generation.number = 1;
    generation.config = std::move(*config);
    auto loaded = parent::Accounts::load(generation.config, directory + "/uids");
    if (!loaded) fatal(loaded.error().text);
    generation.accounts = std::move(*loaded);
    parent::Users::Environment env;
    env.generation = [this]() -> const parent::Generation& { return generation; };
    env.listeners = [this]() -> const parent::Listeners& { return listeners; };
    env.boot = [] { return worker::Boot(); };
    env.wire_queue = [](Fd, uint32_t, const std::string&) { return true; };
    env.tell_queue = [this](const queue::UserFailed& m) { queue_heard.push_back(m.account + ": " + m.text); };
    env.tell_imapd = [this](PeerId to, const imapd::Presented& m) {
      imapd_heard.push_back(std::to_string(to.instance) + " " + std::to_string(m.session) +
                            (m.ok ? " ok" : " " + m.text));
    };
    env.log_line = [](const worker::LogLine&) {};
    env.is_worker_uid = [](uid_t uid) { return uid == kWorkerUid; };
    env.condemn = [this](PeerId who, std::string_view) { condemned.push_back(who.instance); };
    libexec = {directory, Fd(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC))};
    env.libexec = &libexec;
    users = std::make_unique<parent::Users>(loop, std::move(env));
  }
  ~House() {
    users->kill_all();
    while (waitpid(-1, nullptr, 0) > 0) {
    }
    if (system(("rm -rf " + directory).c_str()) != 0) fatal("rm");
  }
  void write(const std::string& name, const std::string& text, mode_t mode) const {
    const Fd fd(open((directory + "/" + name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, mode));
    if (!parent::write_all(fd.get(), text)) fatal("write");
  }
  void vouch(uint64_t ticket, const std::string& account, uint32_t imapd = 0) {
    parent::Vouch v;
    v.ticket_high = ticket;
    v.account = account;
    v.imapd = imapd;
    users->vouch(std::move(v));
  }
  void present(uint64_t session, uint64_t ticket, PeerId from = kImapd, Fd connection = Fd()) {
    parent::Present p;
    p.session = session;
    p.ticket_high = ticket;
    p.tag = "a1";
    p.connection = std::move(connection);
    if (!p.connection) {
      int ends[2];
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fatal("socketpair");
      p.connection.reset(ends[0]);
      far.emplace_back(ends[1]);
    }
    users->present(from, std::move(p));
  }
  // Of accounts: not the template.
  size_t processes() const {
    control::StatusReport r;
    users->report(r);
    return static_cast<size_t>(
        std::count_if(r.processes.begin(), r.processes.end(), [](const auto& p) { return p.role == "user"; }));
  }
  void run_for(Millis time) {
    const Micros end = now_monotonic() + time;
    while (now_monotonic() < end) {
      loop.turn(false);
      usleep(10'000);
    }
  }

  std::string directory;
  parent::Libexec libexec;
  event::Loop loop;
  parent::Generation generation;
  parent::Listeners listeners;
  std::vector<std::string> queue_heard, imapd_heard;
  std::vector<uint32_t> condemned;
  std::vector<Fd> far;
  std::unique_ptr<parent::Users> users;
};

void a_ticket_is_good_once(void**) {
  if (geteuid() != 0) skip();
  House house;
  house.vouch(1, "alice");
  house.present(11, 1);
  assert_int_equal(house.processes(), 1);
  house.present(12, 1);
  house.run_for(Millis(3200));
  assert_int_equal(house.imapd_heard.size(), 1);
  assert_text(house.imapd_heard[0], "0 12 login expired");
  assert_int_equal(house.processes(), 1);
}

void an_invented_ticket_is_none(void**) {
  if (geteuid() != 0) skip();
  House house;
  house.vouch(1, "alice");
  house.present(11, 2);
  house.run_for(Millis(3200));
  assert_int_equal(house.imapd_heard.size(), 1);
  assert_text(house.imapd_heard[0], "0 11 login expired");
  assert_int_equal(house.processes(), 0);
}

void a_ticket_is_good_for_one_process(void**) {
  if (geteuid() != 0) skip();
  House house;
  house.vouch(1, "alice", 0);
  house.present(11, 1, kOther);
  assert_int_equal(house.imapd_heard.size(), 1);
  assert_text(house.imapd_heard[0], "1 11 login expired");
  house.present(12, 1, kImapd);  // it has been shown to somebody else: it counts no more
  house.run_for(Millis(3200));
  assert_int_equal(house.processes(), 0);
}

void an_early_present_waits_for_its_vouch(void**) {
  if (geteuid() != 0) skip();
  House house;
  house.present(11, 1);
  assert_int_equal(house.processes(), 0);
  house.vouch(1, "alice");
  assert_int_equal(house.processes(), 1);
}

// Each holds a descriptor of the parent's.
void early_presents_are_few(void**) {
  if (geteuid() != 0) skip();
  House house;
  for (uint64_t i = 0; i < 400; i++) house.present(i, 1000 + i);
  assert_int_equal(house.imapd_heard.size(), 400 - 256);
  assert_text(house.imapd_heard[0], "0 256 too many logins at once");
}

void only_connections_are_passed_on(void**) {
  if (geteuid() != 0) skip();
  House house;
  house.vouch(1, "alice");
  house.present(11, 1, kImapd, Fd(open("/dev/null", O_RDWR | O_CLOEXEC)));
  assert_int_equal(house.condemned.size(), 1);
  assert_int_equal(house.processes(), 0);
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
  house.far.emplace_back(ends[1]);
  house.present(12, 1, kImapd, Fd(ends[0]));
  assert_int_equal(house.condemned.size(), 2);
}

void no_account_shares_a_workers_uid(void**) {
  if (geteuid() != 0) skip();
  House house;
  house.users->need("eve");
  assert_int_equal(house.processes(), 0);
  assert_int_equal(house.queue_heard.size(), 1);
  assert_text(house.queue_heard[0], "eve: this account's uid belongs to the server itself");
  house.users->need("../../etc");
  house.users->need("root");
  assert_int_equal(house.processes(), 0);
  assert_int_equal(house.queue_heard.size(), 3);
}

// The queue asks for many accounts: a few start at once, the next when one of them is ready or gone, each once.
void a_few_start_at_once(void**) {
  if (geteuid() != 0) skip();
  House house;
  for (unsigned i = 0; i < kMany; i++) house.users->need(many(i));
  assert_int_equal(house.processes(), parent::Users::kStartsAtOnce);
  house.users->need(many(kMany - 1));  // it waits already
  std::set<pid_t> seen;
  while (!house.users->empty()) {
    control::StatusReport report;
    house.users->report(report);
    assert_true(house.processes() <= parent::Users::kStartsAtOnce);
    const auto pid = static_cast<pid_t>(report.processes.front().pid);
    assert_true(seen.insert(pid).second);
    kill(pid, SIGKILL);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(house.users->reaped(pid, status));
  }
  const std::set<std::string> heard(house.queue_heard.begin(), house.queue_heard.end());
  assert_int_equal(house.queue_heard.size(), kMany);
  assert_int_equal(heard.size(), kMany);
}

// A login is served at once, however many accounts have mail.
void a_login_does_not_wait_for_mail(void**) {
  if (geteuid() != 0) skip();
  House house;
  for (unsigned i = 0; i < kMany; i++) house.users->need(many(i));
  house.vouch(1, "alice");
  house.present(11, 1);
  assert_int_equal(house.processes(), parent::Users::kStartsAtOnce + 1);
}

// As the program `user`: lives as long as its channel, silent. As the template it has ended.
int live() {
  auto frame = imsg::read_frame(worker::kParentFd);
  worker::Boot boot;
  if (!frame || !imsg::decode(frame->body, frame->fds, boot) || boot.account.empty()) return 1;
  while (imsg::read_frame(worker::kParentFd)) {
  }
  return 0;
}

}  // namespace

int main(int, char** argv) {
  if (std::string_view(argv[0]) == "user") return live();
  const CMUnitTest tests[] = {unit_test(a_ticket_is_good_once),
                              unit_test(an_invented_ticket_is_none),
                              unit_test(a_ticket_is_good_for_one_process),
                              unit_test(an_early_present_waits_for_its_vouch),
                              unit_test(early_presents_are_few),
                              unit_test(only_connections_are_passed_on),
                              unit_test(no_account_shares_a_workers_uid),
                              unit_test(a_few_start_at_once),
                              unit_test(a_login_does_not_wait_for_mail)};
  return run_unit_tests(tests);
}
