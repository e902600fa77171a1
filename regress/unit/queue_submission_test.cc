// A hostile smtpd cannot send as an account: the queue's executable, with auth, lookup and two smtpd played by the
// test. What it must show each time is what lookup is asked, and in the end what the spool keeps. Needs root.
// SPDX-License-Identifier: ISC
#include "lib/base/clock.h"
#include "regress/unit/queue_process_fixture.h"

namespace {

struct House {
  House() : process(prepared(directory)) {
    lookup = process.wire(Role::kLookup, 0);
    auth = process.wire(Role::kAuth, 0);
    smtpd = process.wire(Role::kSmtpd, 0);
    other = process.wire(Role::kSmtpd, 1);
    lmtpd = process.wire(Role::kLmtpd, 0);
    control = process.wire(Role::kControl, 0);
  }
  static const std::string& prepared(const queue::SpoolDirectory& d) {
    assert_int_equal(chown(d.path.c_str(), kNobody, kNobody), 0);
    return d.path;
  }

  uint64_t tickets() {
    worker::StatsQuery q;
    send(control, q);
    for (const auto& value : expect<worker::Stats>(control).values) {
      if (value.name == "queue.tickets") return value.value;
    }
    return 0;
  }
  // Vouches for ann at smtpd 0, unless told otherwise. The queue reads its channels in no set order: wait until it
  // knows.
  queue::Vouch vouch(const char* account = "ann", uint32_t instance = 0, int64_t life = 1000) {
    queue::Vouch v;
    v.ticket_high = ++last;
    v.ticket_low = 0x1234567812345678;
    v.account = account;
    v.smtpd = instance;
    v.until = now_unix() + life;
    const uint64_t before = tickets();
    send(auth, v);
    while (tickets() == before) usleep(1000);
    return v;
  }
  queue::Enqueue message(uint64_t high, uint64_t low) {
    const std::string body = "From: ann@mk.test\r\n\r\nhello\r\n";
    queue::Enqueue e;
    e.session = 5;
    e.message = ++last_message;
    e.facts.sender = "ann@mk.test";
    e.facts.account = "root";  // claimed; never heard
    e.facts.user = "root";
    e.ticket_high = high;
    e.ticket_low = low;
    e.recipients.push_back({"alice@mk.test", {}});
    e.size = body.size();
    e.content = queue::make_memory_file(body).value_or(Fd());
    return e;
  }
  // Whom lookup is told of, then the answer: "ann 250", or "451 4.7.0" where lookup is not asked at all.
  std::string outcome(const Fd& from, const queue::Enqueue& e) {
    send(from, e);
    struct pollfd fds[2] = {{lookup.get(), POLLIN, 0}, {from.get(), POLLIN, 0}};
    assert_true(poll(fds, 2, 10'000) > 0);
    std::string out;
    if ((fds[0].revents & POLLIN) != 0) {
      const auto route = expect<lookup::Route>(lookup);
      out = (route.facts.account.empty() ? "-" : route.facts.account) + " ";
      if (!route.facts.user.empty()) out += "user:" + route.facts.user + " ";
      if (route.check_sender == (out == "- ")) out += route.check_sender ? "checked " : "unchecked ";
      queue::Routed routed;
      routed.query = route.query;
      queue::Delivery& d = routed.deliveries.emplace_back();
      d.relay = true;
      d.address = "alice@far.test";
      d.action = "out";
      send(lookup, routed);
    }
    const auto done = expect<queue::Enqueued>(from);
    assert_int_equal(done.message, e.message);
    return out + std::to_string(done.code) + (done.code == 250 ? "" : " " + done.enhanced);
  }

  queue::SpoolDirectory directory;
  Process process;
  Fd lookup, auth, smtpd, other, lmtpd, control;
  uint64_t last = 100;
  uint64_t last_message = 0x6540000000000000;
};

void tickets_decide_who_submits(void**) {
  if (geteuid() != 0) skip();
  House h;
  // Without a ticket, mail from the world, whatever smtpd claims.
  assert_text(h.outcome(h.smtpd, h.message(0, 0)), "- 250");
  assert_text(h.outcome(h.lmtpd, h.message(0, 0)), "- 250");
  const auto ann = h.vouch();
  assert_text(h.outcome(h.smtpd, h.message(ann.ticket_high, ann.ticket_low)), "ann 250");
  assert_text(h.outcome(h.smtpd, h.message(ann.ticket_high, ann.ticket_low)), "ann 250");  // the session's next message
  // Invented, and half a right one.
  assert_text(h.outcome(h.smtpd, h.message(1, 2)), "451 4.7.0");
  assert_text(h.outcome(h.smtpd, h.message(ann.ticket_high, 0)), "451 4.7.0");
  assert_text(h.outcome(h.smtpd, h.message(0, ann.ticket_low)), "451 4.7.0");
  // Another instance's, and presented by another role.
  assert_text(h.outcome(h.other, h.message(ann.ticket_high, ann.ticket_low)), "451 4.7.0");
  assert_text(h.outcome(h.lmtpd, h.message(ann.ticket_high, ann.ticket_low)), "451 4.7.0");
  const auto ben = h.vouch("ben", 1);
  assert_text(h.outcome(h.smtpd, h.message(ben.ticket_high, ben.ticket_low)), "451 4.7.0");
  assert_text(h.outcome(h.other, h.message(ben.ticket_high, ben.ticket_low)), "ben 250");
  // Over.
  const auto late = h.vouch("ann", 0, -1);
  assert_text(h.outcome(h.smtpd, h.message(late.ticket_high, late.ticket_low)), "451 4.7.0");
}

void tickets_end_with_their_instance(void**) {
  if (geteuid() != 0) skip();
  House h;
  const auto ann = h.vouch();
  const auto ben = h.vouch("ben", 1);
  h.smtpd = h.process.wire(Role::kSmtpd, 0);  // the next process of that number
  assert_text(h.outcome(h.smtpd, h.message(ann.ticket_high, ann.ticket_low)), "451 4.7.0");
  assert_text(h.outcome(h.other, h.message(ben.ticket_high, ben.ticket_low)), "ben 250");
  const auto again = h.vouch();
  assert_text(h.outcome(h.smtpd, h.message(again.ticket_high, again.ticket_low)), "ann 250");
}

// smtpd may not vouch: the queue ends that channel, and the parent hears of it.
void smtpd_cannot_vouch(void**) {
  if (geteuid() != 0) skip();
  House h;
  queue::Vouch v;
  v.ticket_high = v.ticket_low = 9;
  v.account = "ann";
  v.until = now_unix() + 1000;
  send(h.smtpd, v);
  const auto told = expect<worker::Misbehaved>(h.process.parent);
  assert_true(told.role == Role::kSmtpd);
  h.smtpd = h.process.wire(Role::kSmtpd, 0);
  assert_text(h.outcome(h.smtpd, h.message(9, 9)), "451 4.7.0");
}

// What lookup refuses for the sender's sake is refused to smtpd, and nothing is kept.
void a_foreign_sender_is_refused(void**) {
  if (geteuid() != 0) skip();
  House h;
  const auto ann = h.vouch();
  auto e = h.message(ann.ticket_high, ann.ticket_low);
  e.facts.sender = "ben@mk.test";
  send(h.smtpd, e);
  const auto route = expect<lookup::Route>(h.lookup);
  assert_text(route.facts.account, "ann");
  assert_text(route.facts.sender, "ben@mk.test");
  assert_true(route.check_sender);
  queue::Routed routed;
  routed.query = route.query;
  queue::RouteFailure& f = routed.failures.emplace_back();
  f.enhanced = "5.7.1";
  f.text = "not yours";
  send(h.lookup, routed);
  const auto done = expect<queue::Enqueued>(h.smtpd);
  assert_int_equal(done.code, 550);
  assert_text(done.enhanced, "5.7.1");
  send(h.control, queue::SelectQueue{});
  assert_int_equal(expect<queue::QueueSelected>(h.control).total, 0);
}

// A local user's ticket says more: who, and whether the sender may be anybody's. Without one nothing comes from a local
// socket.
void local_users(void**) {
  if (geteuid() != 0) skip();
  House h;
  const auto local = [&](const char* account, const char* user, bool any_sender) {
    queue::Vouch v;
    v.ticket_high = ++h.last;
    v.account = account;
    v.user = user;
    v.any_sender = any_sender;
    v.until = now_unix() + 1000;
    const uint64_t before = h.tickets();
    send(h.auth, v);
    while (h.tickets() == before) usleep(1000);
    auto e = h.message(v.ticket_high, 0);
    e.facts.source = "local";
    return h.outcome(h.smtpd, e);
  };
  assert_text(local("ann", "ann", false), "ann user:ann 250");
  assert_text(local("", "www-data", false), "- user:www-data 250");
  assert_text(local("", "root", true), "- user:root unchecked 250");
  assert_text(local("ann", "ann", true), "ann user:ann unchecked 250");
  auto e = h.message(0, 0);
  e.facts.source = "local";
  assert_text(h.outcome(h.lmtpd, e), "- 250");  // LMTP has sockets of its own
  e = h.message(0, 0);
  e.facts.source = "local";
  send(h.smtpd, e);
  const auto told = expect<worker::Misbehaved>(h.process.parent);
  assert_true(told.role == Role::kSmtpd);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(tickets_decide_who_submits), unit_test(tickets_end_with_their_instance),
                              unit_test(smtpd_cannot_vouch), unit_test(a_foreign_sender_is_refused),
                              unit_test(local_users)};
  return run_unit_tests(tests);
}
