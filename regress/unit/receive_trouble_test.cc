// lib/receive: sessions whose message is large, whose peers end, and whose process runs short of something.
// SPDX-License-Identifier: ISC
#include <sys/resource.h>
#include <sys/wait.h>

#include "regress/unit/receive_fixture.h"

static Fd spool_file(House& h, const queue::NeedSpoolFile& need) {
  Fd file(memfd_create("spool", MFD_CLOEXEC));
  queue::SpoolFile s;
  s.session = need.session;
  s.message = need.message;
  s.file.reset(dup(file.get()));
  put(h.queue.get(), s);
  h.turns();
  return file;
}

static std::string lines(size_t n) {
  std::string out;
  while (out.size() < n) out += "all work and no play makes a long message\r\n";
  return out;
}

static void a_large_message_goes_to_the_spool(void**) {
  House h;
  Client c = h.greeted();
  h.begin(c);
  const std::string body = lines(600000);
  h.say(c, "DATA\r\n" + body.substr(0, 100000));
  h.expect(c, "354");
  const auto need = get<queue::NeedSpoolFile>(h.queue.get());
  const Fd file = spool_file(h, need);
  h.say(c, body.substr(100000) + ".\r\n");
  const auto m = h.submitted();
  assert_int_equal(m.message, need.message);
  assert_false(m.content);
  const std::string content = read_all(file.get());
  assert_int_equal(m.size, content.size());
  assert_true(body_of(content) == body);
  h.enqueued(m);
  h.expect(c, "250 2.0.0");
  assert_false(has_frame(h.queue.get()));  // no DropSpoolFile: it is the queue's
}

static void a_large_message_whose_client_goes(void**) {
  House h;
  Client c = h.greeted();
  h.begin(c);
  h.say(c, "DATA\r\n" + lines(100000));
  const auto need = get<queue::NeedSpoolFile>(h.queue.get());
  const Fd file = spool_file(h, need);
  c.fd.reset();
  h.turns();
  assert_int_equal(get<queue::DropSpoolFile>(h.queue.get()).message, need.message);
}

static void a_full_disk(void**) {
  House h;
  Client c = h.greeted();
  h.begin(c);
  h.say(c, "DATA\r\n" + lines(100000));
  h.expect(c, "354");
  const auto need = get<queue::NeedSpoolFile>(h.queue.get());
  queue::SpoolFile s;
  s.session = need.session;
  s.message = need.message;
  s.full = true;
  put(h.queue.get(), s);
  h.turns();
  h.say(c, lines(200000) + ".\r\nNOOP\r\n");
  h.expect(c, "452 4.3.1");
  h.expect(c, "250 2.0.0");
}

static void a_queue_that_ends(void**) {
  House h;
  Client waits = h.greeted();
  Client writes = h.greeted();
  h.begin(waits);
  h.say(waits, "DATA\r\nx\r\n.\r\n");
  h.expect(waits, "354");
  h.submitted();
  h.begin(writes);
  h.say(writes, "DATA\r\n" + lines(100000));
  h.expect(writes, "354");
  const Fd file = spool_file(h, get<queue::NeedSpoolFile>(h.queue.get()));
  h.queue.reset();
  h.turns();
  h.expect(waits, "451 4.3.0");
  h.wire(imsg::Role::kQueue, h.queue);
  h.say(writes, lines(10000) + ".\r\nNOOP\r\n");
  h.expect(writes, "451 4.3.0");  // the new queue does not know that file
  h.expect(writes, "250 2.0.0");
  h.begin(waits);
  h.say(waits, "DATA\r\nx\r\n.\r\n");
  h.expect(waits, "354");
  h.enqueued(h.submitted());
  h.expect(waits, "250 2.0.0");
}

static void a_lookup_that_ends(void**) {
  House h;
  Client c = h.greeted();
  h.say(c, "MAIL FROM:<a@b.test>\r\nRCPT TO:<one@mk.test>\r\nRCPT TO:<two@mk.test>\r\n");
  h.expect(c, "250");
  h.lookup.reset();
  h.turns();
  h.expect(c, "451 4.3.0");
  h.expect(c, "451 4.3.0");
  h.say(c, "RCPT TO:<one@mk.test>\r\nDATA\r\n");
  h.expect(c, "451 4.3.0");
  h.expect(c, "554 5.5.1");
}

static void limits(void**) {
  House h;
  Client c = h.greeted();
  h.begin(c, {"1@mk.test", "2@mk.test", "3@mk.test", "4@mk.test", "5@mk.test"});
  h.say(c, "RCPT TO:<6@mk.test>\r\n");
  h.expect(c, "452 4.5.3");
  assert_false(has_frame(h.lookup.get()));
  Client more[3] = {h.dial(), h.dial(), h.dial()};
  for (Client& one : more) h.expect(one, "220");
  Client fifth = h.dial();
  h.expect(fifth, "421 4.7.0");
  h.hear(fifth);
  assert_true(fifth.ended);
  more[0].fd.reset();
  h.turns();
  Client again = h.dial();
  h.expect(again, "220");
  h.config.max_sessions = 4;
  h.config.max_sessions_per_source = 100;
  assert_text(h.configure(), "");
  Client full = h.dial();
  h.expect(full, "421 4.3.2");
}

static void too_many_errors(void**) {
  House h;
  Client c = h.greeted();
  for (int i = 0; i < 19; i++) {
    h.say(c, "FOO\r\n");
    h.expect(c, "500 5.5.1");
  }
  h.say(c, std::string(5000, 'x') + "\r\n");
  h.expect(c, "500 5.5.2");
  h.expect(c, "421 4.7.0");
  h.hear(c);
  assert_true(c.ended);
}

static void out_of_descriptors(void**) {
  House h;
  Client c;
  c.fd.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  assert_int_equal(connect(c.fd.get(), reinterpret_cast<sockaddr*>(&h.address), sizeof h.address), 0);
  rlimit usual{};
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
  const rlimit none{3, usual.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  h.turns();
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
  h.expect_silence(c);  // it waits in the backlog
  assert_false(c.ended);
  usleep(120 * 1000);
  h.expect(c, "220");
}

static void sessions_leave_descriptors_for_peers(void**) {
  House h;
  rlimit usual{};
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
  const rlimit few{80, usual.rlim_max};
  constexpr int kRoom = (80 - 80 / 4) / 2;  // a quarter is spared, a session may need two
  h.config.max_sessions_per_source = 1000;
  h.config.max_sessions = 1000;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  assert_text(h.configure(), "");
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
  std::vector<Client> taken;
  for (int i = 0; i < kRoom; i++) {
    taken.push_back(h.dial());
    h.expect(taken.back(), "220");
  }
  Client one_more = h.dial();
  h.expect(one_more, "421 4.3.2");
}

static void nothing_heard_for_long(void**) {
  House h;
  h.config.idle_timeout = 1;
  assert_text(h.configure(), "");
  Client idle = h.dial();
  Client waits = h.greeted();
  h.expect(idle, "220");
  h.begin(waits);
  h.say(waits, "DATA\r\nx\r\n.\r\n");
  h.expect(waits, "354");
  usleep(2100 * 1000);
  h.expect(idle, "421 4.4.2");
  h.hear(idle);
  assert_true(idle.ended);
  h.enqueued(h.submitted());  // who waits for us is not idle
  h.expect(waits, "250 2.0.0");
}

// At Quit a message that is with the queue is answered for; then the process ends well.
static void quit_answers_first(void**) {
  int seen[2];
  assert_int_equal(pipe(seen), 0);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    House h;
    Client waits = h.greeted();
    Client idle = h.greeted();
    h.begin(waits);
    h.say(waits, "DATA\r\nx\r\n.\r\n");
    h.expect(waits, "354");
    put(h.parent.get(), worker::Quit{});
    h.turns();
    h.expect(idle, "421 4.3.2");
    h.expect_silence(waits);
    const auto m = h.submitted();
    if (fork() == 0) {  // the process under test ends in the next turn: this one sees the reply
      char reply[200] = "";
      usleep(100 * 1000);
      const ssize_t n = recv(waits.fd.get(), reply, sizeof reply, MSG_DONTWAIT);
      _exit(n > 0 && write(seen[1], reply, static_cast<size_t>(n)) == n ? 0 : 1);
    }
    h.enqueued(m);
    _exit(9);  // it did not end
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  close(seen[1]);
  std::string reply;
  char buffer[200];
  for (ssize_t n = 0; (n = read(seen[0], buffer, sizeof buffer)) > 0;) reply.append(buffer, static_cast<size_t>(n));
  close(seen[0]);
  assert_text(reply.substr(0, 9), "250 2.0.0");
  assert_true(reply.find("\r\n421 4.3.2") != std::string::npos);
}

int main() {
  log::set_level(log::Level::kError);
  const CMUnitTest tests[] = {unit_test(a_large_message_goes_to_the_spool),
                              unit_test(a_large_message_whose_client_goes),
                              unit_test(a_full_disk),
                              unit_test(a_queue_that_ends),
                              unit_test(a_lookup_that_ends),
                              unit_test(limits),
                              unit_test(too_many_errors),
                              unit_test(out_of_descriptors),
                              unit_test(sessions_leave_descriptors_for_peers),
                              unit_test(nothing_heard_for_long),
                              unit_test(quit_answers_first)};
  return run_unit_tests(tests);
}
