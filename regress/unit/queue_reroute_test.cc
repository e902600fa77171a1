// Recipients that are routed anew, on the queue's real object: each keeps a number of its own, and lookup is told all
// that it was told the first time.
// SPDX-License-Identifier: ISC
#include "regress/unit/queue_house.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

constexpr uint64_t kId = 0x6540000012345678;
constexpr imsg::PeerId kAuth{Role::kAuth, 0};

// One message whose recipients have no route yet.
void keep(const SpoolDirectory& directory, std::initializer_list<const char*> recipients) {
  auto spool = directory.open();
  Change change = make_change(kId, "Subject: x\r\n\r\nhello\r\n", {}, now_unix() - 10);
  for (const char* r : recipients) {
    Envelope& e = change.put.emplace_back();
    e.id = {kId, static_cast<uint32_t>(change.put.size() - 1)};
    e.recipient = e.original = r;
    e.next_try = now_unix() - 10;
    e.expiry = now_unix() + 100000;
  }
  change.message->next_number = static_cast<uint32_t>(change.put.size());
  assert_true(commit_one(*spool, std::move(change)));
}

// The query of the last of so many questions. Those asked before lookup was there have been put off.
uint64_t asked(House& house, int count) {
  Selection all;
  all.all = true;
  house.ask(QueueVerb::kRetry, all);
  for (int n = 0; n < 200 && house.heard_of(kLookup, lookup::Route::kType) < count; n++) {
    usleep(30 * 1000);
    house.turns(4);
  }
  assert_int_equal(house.heard_of(kLookup, lookup::Route::kType), count);
  return house.last<lookup::Route>(kLookup).query;
}

Routed to(uint64_t query, std::initializer_list<const char*> accounts) {
  Routed r;
  r.query = query;
  for (const char* account : accounts) {
    Delivery& d = r.deliveries.emplace_back();
    d.account = account;
    d.address = std::string(account) + "@mk.test";
  }
  return r;
}

std::string listed(House& house) {
  std::string out;
  for (const auto& i : house.ask(QueueVerb::kList, {}).items)
    out += i.account + "=" + std::to_string(i.envelope.number) + " ";
  return out;
}

void several_in_one_turn(void**) {
  SpoolDirectory directory;
  keep(directory, {"one@mk.test", "two@mk.test", "three@mk.test"});
  House house(directory);
  const uint64_t last = asked(house, 3);
  house.tell(kLookup, to(last - 2, {"ann", "ben"}));
  house.tell(kLookup, to(last - 1, {"carl"}));
  house.tell(kLookup, to(last, {"dora"}));
  house.turns(10);
  assert_text(listed(house), "ann=3 ben=4 carl=5 dora=6 ");
}

// A mailbox takes a number that it has seen for a message that it has: none may come again, not after a restart either.
void no_number_comes_again(void**) {
  SpoolDirectory directory;
  keep(directory, {"one@mk.test", "two@mk.test", "three@mk.test"});
  Selection ann;
  ann.recipient = "ann@mk.test";
  {
    House house(directory);
    const uint64_t last = asked(house, 3);
    house.tell(kLookup, to(last - 2, {"ann"}));
    house.turns(10);
    assert_text(listed(house), "=1 =2 ann=3 ");
    assert_int_equal(house.ask(QueueVerb::kDrop, ann).changed, 1);
    house.tell(kLookup, to(last - 1, {"ann"}));
    house.turns(10);
    assert_text(listed(house), "=2 ann=4 ");
    assert_int_equal(house.ask(QueueVerb::kDrop, ann).changed, 1);
  }
  House house(directory);
  house.tell(kLookup, to(asked(house, 1), {"ann"}));
  house.turns(10);
  assert_text(listed(house), "ann=5 ");
}

// Of a spool in which the message's record has not kept up.
void a_number_that_is_taken_is_not_given(void**) {
  SpoolDirectory directory;
  keep(directory, {"one@mk.test", "two@mk.test"});
  {
    auto spool = directory.open();
    Change change;
    Message m = **spool->message(kId);
    m.next_number = 0;
    change.renewed = m;
    assert_true(commit_one(*spool, std::move(change)));
    assert_int_equal((**spool->message(kId)).next_number, 0);
    assert_text(**spool->body(kId), "Subject: x\r\n\r\nhello\r\n");
    Change none;
    m.id = kId + 1;
    none.renewed = m;
    assert_false(commit_one(*spool, std::move(none)));  // there is no such message
    assert_false((*spool->message(kId + 1)).has_value());
  }
  House house(directory);
  house.tell(kLookup, to(asked(house, 2) - 1, {"ann"}));
  house.turns(10);
  assert_text(listed(house), "=1 ann=2 ");
}

// Accounts whose .forward files name each other: there is an end to it, and the mail is kept.
void copies_have_an_end(void**) {
  SpoolDirectory directory;
  {
    auto spool = directory.open();
    Change change = make_change(kId, "Subject: x\r\n\r\nhello\r\n", {"ann"}, now_unix() - 10);
    change.put.front().action = "in";
    change.put.front().expiry = now_unix() + 100000;
    change.message->next_number = 60'000;
    assert_true(commit_one(*spool, std::move(change)));
  }
  House house(directory);
  constexpr imsg::PeerId kAnn{Role::kUser, 7};
  house.wire(kAnn, "ann");
  for (int n = 0; n < 200 && house.heard_of(kAnn, user::Deliver::kType) == 0; n++) {
    usleep(30 * 1000);
    house.turns(4);
  }
  Forwarded m;
  m.envelope = {kId, 0};
  m.addresses = {"ben@mk.test"};
  house.tell(kAnn, m);
  house.turns(10);
  assert_int_equal(house.heard_of(kLookup, lookup::Route::kType), 0);
  assert_int_equal(house.heard_of(kAnn, user::Deliver::kType), 2);
  const auto kept = house.last<user::Deliver>(kAnn);
  assert_true(kept.envelope == (EnvelopeId{kId, 60'000}));
  assert_true(kept.via == std::vector<std::string>{"ann ann@mk.test"});
}

struct Session : House {
  Enqueue enqueue;
  explicit Session(const SpoolDirectory& directory) : House(directory) {
    wire(kSmtpd);
    wire(kAuth);
    enqueue.session = 5;
    enqueue.message = kId;
    enqueue.facts.sender = "sender@far.test";
    enqueue.recipients = {{"one@mk.test", {}}, {"two@mk.test", {}}};
    enqueue.protocol = Protocol::kEsmtps;
  }
  // Of the second recipient nothing is known now: it is asked about again at once.
  lookup::SessionFacts asked_again() {
    const std::string body = "Subject: x\r\n\r\nhello\r\n";
    enqueue.size = body.size();
    enqueue.content = make_memory_file(body).value_or(Fd());
    tell(kSmtpd, enqueue);
    turns(6);
    const auto first = last<lookup::Route>(kLookup);
    Routed r = to(first.query, {"ann"});
    r.failures.push_back({1, true, "4.3.0", "not now"});
    tell(kLookup, r);
    turns(20);
    assert_int_equal(last<Enqueued>(kSmtpd).code, 250);
    const auto again = last<lookup::Route>(kLookup);
    assert_int_equal(again.query, first.query + 1);
    assert_text(again.recipients.at(0), "two@mk.test");
    return again.facts;
  }
};

void the_session_is_not_forgotten(void**) {
  SpoolDirectory directory;
  Session s(directory);
  s.enqueue.facts.source = "192.0.2.7";
  s.enqueue.facts.name_state = lookup::NameState::kConfirmed;
  s.enqueue.facts.name = "mail.far.test";
  s.enqueue.facts.helo = "helo.far.test";
  s.enqueue.facts.tag = "world";
  s.enqueue.facts.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
  const auto f = s.asked_again();
  assert_text(f.source, "192.0.2.7");
  assert_true(f.name_state == lookup::NameState::kConfirmed);
  assert_text(f.name, "mail.far.test");
  assert_text(f.helo, "helo.far.test");
  assert_text(f.tag, "world");
  assert_text(f.tls, "TLSv1.3 TLS_AES_256_GCM_SHA384");
  assert_text(f.account, "");
  assert_text(f.user, "");
  assert_text(f.sender, "sender@far.test");
}

void a_local_user_is_not_forgotten(void**) {
  SpoolDirectory directory;
  Session s(directory);
  Vouch v;
  v.ticket_high = s.enqueue.ticket_high = 7;
  v.ticket_low = s.enqueue.ticket_low = 8;
  v.account = "bob";
  v.user = "bob";
  v.until = now_unix() + 100;
  s.tell(kAuth, v);
  s.turns(6);
  s.enqueue.facts.source = "local";
  const auto f = s.asked_again();
  assert_text(f.source, "local");
  assert_text(f.account, "bob");
  assert_text(f.user, "bob");
  assert_text(f.tls, "");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(several_in_one_turn),
                              unit_test(no_number_comes_again),
                              unit_test(a_number_that_is_taken_is_not_given),
                              unit_test(copies_have_an_end),
                              unit_test(the_session_is_not_forgotten),
                              unit_test(a_local_user_is_not_forgotten)};
  return run_unit_tests(tests);
}
