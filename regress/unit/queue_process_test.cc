// The queue's executable: a message goes in through a pretended smtpd and lookup and comes out at a pretended user;
// then once more after SIGKILL.
// SPDX-License-Identifier: ISC
#include "regress/unit/queue_process_fixture.h"

namespace {

constexpr uint64_t kId = 0x6540000012345678;

queue::Enqueue make_enqueue(const std::string& body) {
  queue::Enqueue e;
  e.session = 5;
  e.message = kId;
  e.facts.sender = "bob@example.net";
  e.facts.source = "127.0.0.1";
  e.recipients.push_back({"alice@mk.test", {}});
  e.size = body.size();
  e.content = queue::make_memory_file(body).value_or(Fd());
  return e;
}

void route_to_alice(const Fd& lookup, const std::string& action = "") {
  const auto route = expect<lookup::Route>(lookup);
  assert_text(route.recipients.at(0), "alice@mk.test");
  queue::Routed routed;
  routed.query = route.query;
  queue::Delivery& d = routed.deliveries.emplace_back();
  d.account = "alice";
  d.address = "alice@mk.test";
  d.action = action;
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
    queue::QueueSelected list;
    for (int i = 0; i < 50 && (list.items.empty() || !list.items[0].relay); ++i) {
      usleep(20 * 1000);
      send(control, queue::SelectQueue{});
      list = expect<queue::QueueSelected>(control);
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

// A report of relay's own is queued like any mail, but relay has no session that waits for an answer.
void relays_report(void**) {
  if (geteuid() != 0) skip();
  queue::SpoolDirectory directory;
  assert_int_equal(chown(directory.path.c_str(), kNobody, kNobody), 0);
  Process process(directory.path);
  const Fd lookup = process.wire(Role::kLookup, 0);
  const Fd relay = process.wire(Role::kRelay, 0);
  queue::SubmitReport report;
  report.recipients = {"alice@mk.test"};
  report.text = "Subject: TLS\r\n\r\nreport\r\n";
  send(relay, report);
  route_to_alice(lookup);
  assert_text(expect<queue::NeedUser>(process.parent).account, "alice");
  struct pollfd p = {relay.get(), POLLIN, 0};
  assert_int_equal(poll(&p, 1, 100), 0);
}

// alice's .forward: the envelope gives way to those of the addresses, which remember her; what is no address costs her
// no mail.
void forwarded(void**) {
  if (geteuid() != 0) skip();
  queue::SpoolDirectory directory;
  assert_int_equal(chown(directory.path.c_str(), kNobody, kNobody), 0);
  Process process(directory.path);
  const Fd lookup = process.wire(Role::kLookup, 0);
  const Fd smtpd = process.wire(Role::kSmtpd, 0);
  send(smtpd, make_enqueue("Subject: x\r\n\r\nhello\r\n"));
  route_to_alice(lookup, "in");
  expect<queue::Enqueued>(smtpd);
  assert_text(expect<queue::NeedUser>(process.parent).account, "alice");
  const Fd alice = process.wire(Role::kUser, 9, "alice");
  const auto first = expect<user::Deliver>(alice);
  assert_true(first.via.empty());
  queue::Forwarded m;
  m.envelope = first.envelope;
  m.addresses = {"nobody@mk.test", "ben@mk.test"};
  send(alice, m);
  const auto route = expect<lookup::Route>(lookup);
  assert_true(route.forward_action == "in" && route.recipients == m.addresses);
  assert_text(route.facts.sender, "bob@example.net");
  queue::Routed routed;
  routed.query = route.query;
  routed.failures.push_back({0, false, "5.1.1", "no such user here"});
  queue::Delivery& d = routed.deliveries.emplace_back();
  d.recipient = 1;
  d.account = "ben";
  d.address = "ben@mk.test";
  send(lookup, routed);
  assert_text(expect<queue::NeedUser>(process.parent).account, "ben");
  const auto kept = expect<user::Deliver>(alice);
  assert_true(!(kept.envelope == first.envelope) && kept.via == std::vector<std::string>{"alice alice@mk.test"});
  const Fd ben = process.wire(Role::kUser, 10, "ben");
  const auto copy = expect<user::Deliver>(ben);
  assert_true(kept.action == "in" && copy.action.empty());
  assert_text(copy.recipient, "ben@mk.test");
  assert_true(copy.via == kept.via && !(copy.envelope == kept.envelope));
  send(alice, m);  // what is no longer with that process, or another's, is a stray answer, or the end of it
  m.envelope = copy.envelope;
  send(alice, m);
  assert_int_equal(expect<worker::Misbehaved>(process.parent).instance, 9);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(in_and_out_and_again), unit_test(forwarded), unit_test(relays_report)};
  return run_unit_tests(tests);
}
