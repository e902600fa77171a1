// The queue process among peers that say anything: see hostile.h. A message that was acknowledged before is still there
// afterwards, whole.
// SPDX-License-Identifier: ISC
#include "queue/content.h"
#include "queue/queue.h"

#include "regress/unit/hostile.h"
#include "regress/unit/spool_fixture.h"

using namespace mailkeep;
using imsg::Role;

namespace {

constexpr imsg::PeerId kSmtpd{Role::kSmtpd, 0}, kOther{Role::kSmtpd, 1}, kLookup{Role::kLookup, 0},
    kAlice{Role::kUser, 7}, kBob{Role::kUser, 8}, kAuth{Role::kAuth, 0}, kControl{Role::kControl, 0};
constexpr uint64_t kId = 0x6540000012345678;

struct House : hostile::Peerage {
  explicit House(const queue::SpoolDirectory& directory) {
    become_parent();
    role = std::make_unique<queue::Queue>(loop, directory.open());
    peers = std::make_unique<worker::Worker<queue::Queue>>(loop, *role, queue::Queue::routes());
    role->set_peers(peers.get());
    queue::Config config;
    config.generation = 1;
    config.hostname = "mx.mk.test";
    config.lifetime = 100000;
    config.message_size = 1000000;
    config.history = 100000;
    config.history_entries = 1000;
    config.postmaster = "postmaster@mk.test";
    tell_parent(config);
    commit(1);
    for (const imsg::PeerId peer : {kSmtpd, kOther, imsg::PeerId{Role::kLmtpd, 0}, kLookup, kAuth, kControl})
      wire(peer);
    wire(kAlice, "alice");
    wire(kBob, "bob");
  }
  static queue::Enqueue message(uint64_t id, const std::string& body = "Subject: x\r\n\r\nhello\r\n") {
    queue::Enqueue e;
    e.session = 5;
    e.message = id;
    e.facts.source = "192.0.2.1";
    e.facts.sender = "a@remote.test";
    e.recipients = {{"alice@mk.test", {}}};
    e.size = body.size();
    e.content = queue::make_memory_file(body).value_or(Fd());
    return e;
  }
  static queue::Delivery to(const std::string& account, uint32_t recipient = 0) {
    queue::Delivery d;
    d.recipient = recipient;
    d.account = account;
    d.address = account + "@mk.test";
    return d;
  }
  // Says where the message goes that lookup was asked about last.
  void route(std::vector<queue::Delivery> deliveries) {
    turns(20);
    queue::Routed r;
    r.query = last<lookup::Route>(kLookup).query;
    r.deliveries = std::move(deliveries);
    tell(kLookup, r);
    turns(20);
  }
  std::unique_ptr<queue::Queue> role;
  std::unique_ptr<worker::Worker<queue::Queue>> peers;
};

void be_attacked(const queue::SpoolDirectory& directory) {
  House house(directory);
  house.words = {"alice", "bob",   "alice@mk.test", "bob+x@mk.test",   "a@remote.test",      "127.0.0.1",
                 "local", "5.1.1", "4.3.0",         "mailbox is full", "6540000011111111.0", "mx.remote.test"};
  for (const imsg::PeerId peer : {kSmtpd, kOther, imsg::PeerId{Role::kLmtpd, 0}}) {
    house.row<queue::NeedSpoolFile>(peer);
    house.row<queue::DropSpoolFile>(peer);
    house.row<queue::Enqueue>(peer);
    house.row<queue::Refusal>(peer);
  }
  house.wire({Role::kRelay, 0});
  house.row<relay::Transferred>(Role::kRelay);
  house.row<queue::KeepNote>(Role::kRelay);
  house.row<queue::FindNote>(Role::kRelay);
  house.row<queue::SubmitReport>(Role::kRelay);
  house.row<queue::Vouch>(kAuth);
  house.row<queue::Routed>(kLookup);
  house.row<queue::Routed>(kLookup);
  for (const imsg::PeerId user : {kAlice, kBob}) {
    house.row<queue::Stored>(user);
    house.row<queue::Rejected>(user);
    house.row<queue::Forwarded>(user);
    house.row<queue::Durable>(user);
  }
  house.row<queue::SelectQueue>(Role::kControl);
  house.row<queue::ShowMessage>(Role::kControl);
  house.row<queue::FindLives>(Role::kControl);
  house.row<queue::ListDestinations>(Role::kControl);
  house.row<worker::StatsQuery>(Role::kControl);
  house.attack(120);
}

void anything_from_anybody(void**) {
  queue::SpoolDirectory directory;
  constexpr uint64_t kKept = 0x6540000011111111;
  const std::string body = "Subject: kept\r\n\r\nhello\r\n";
  {
    auto spool = directory.open();
    queue::Change change = queue::make_change(kKept, body, {"carol"}, 100);
    change.put.front().expiry = now_unix() + 100000;
    assert_true(queue::commit_one(*spool, std::move(change)));
  }
  be_attacked(directory);
  auto spool = directory.open();
  assert_text(spool->body(kKept)->value(), body);
  assert_text(spool->envelope({kKept, 0})->value().account, "carol");
}

// An smtpd that has been taken over says that auth has vouched for its client.
void nobody_claims_an_account(void**) {
  queue::SpoolDirectory directory;
  House house(directory);
  auto e = House::message(kId);
  e.facts.account = "alice";
  house.tell(kSmtpd, e);
  house.turns(4);
  assert_text(house.last<lookup::Route>(kLookup).facts.account, "");
}

void addresses_are_addresses(void**) {
  queue::SpoolDirectory directory;
  House house(directory);
  for (const char* lie : {"a@b.test>\r\nRCPT TO:<c@d.test", "a\n@b.test", "nonsense", "a@b.test\x7f"}) {
    for (const bool as_sender : {true, false}) {
      auto e = House::message(kId);
      (as_sender ? e.facts.sender : e.recipients.front().address) = lie;
      house.tell(kSmtpd, e);
      house.turns(4);
      assert_true(house.accused(kSmtpd));
      house.wire(kSmtpd);
    }
  }
  assert_int_equal(house.heard_of(kLookup, lookup::Route::kType), 0);
  auto e = House::message(kId);
  e.facts.sender = "\"a b>\"@[IPv6:2001:db8::1]";
  e.recipients = {{"Postmaster", {}}, {"alice@mk.test", {}}};
  house.tell(kSmtpd, e);
  house.turns(4);
  assert_false(house.accused(kSmtpd));
  assert_int_equal(house.heard_of(kLookup, lookup::Route::kType), 1);
}

// A route for a recipient that was not asked about.
void lookup_answers_what_was_asked(void**) {
  queue::SpoolDirectory directory;
  House house(directory);
  house.tell(kSmtpd, House::message(kId));
  house.route({House::to("alice", 1)});
  assert_true(house.accused(kLookup));
}

void a_user_speaks_for_itself(void**) {
  queue::SpoolDirectory directory;
  House house(directory);
  house.tell(kSmtpd, House::message(kId));
  house.route({House::to("bob")});
  assert_int_equal(house.last<queue::Enqueued>(kSmtpd).code, 250);
  assert_int_equal(house.heard_of(kBob, user::Deliver::kType), 1);
  queue::Stored s;
  s.envelope = {kId, 0};
  house.tell(kAlice, s);
  house.turns(4);
  assert_true(house.accused(kAlice));
  queue::SelectQueue list;
  house.tell(kControl, list);
  house.turns(4);
  assert_text(house.last<queue::QueueSelected>(kControl).items.at(0).state, "delivering");
}

// What is put down of its words is never more than a record holds, wherever an escaped byte falls.
void a_user_may_say_what_it_likes(void**) {
  queue::SpoolDirectory directory;
  House house(directory);
  for (size_t i = 0; i < 8; i++) {
    house.tell(kSmtpd, House::message(kId + i));
    house.route({House::to("bob")});
    queue::Rejected r;
    r.envelope = {kId + i, 0};
    r.temporary = true;
    r.enhanced = "4.0.0";
    r.text = std::string(463 + i, 'x') + std::string(480 - 463 - i, '\xff');
    house.tell(kBob, r);
    house.turns(6);
    queue::FindLives find;
    find.past = queue::Past::kWaiting;
    find.selection.message = kId + i;
    house.tell(kControl, find);
    house.turns(6);
    assert_int_equal(house.last<queue::Lives>(kControl).lives.at(0).tries.size(), 1);
  }
}

// Two messages in one file, or another's id: the file stays with the message that was answered 250.
void one_file_one_message(void**) {
  queue::SpoolDirectory directory;
  House house(directory);
  queue::NeedSpoolFile need;
  need.message = kId;
  house.tell(kSmtpd, need);
  house.turns(4);
  const std::string path = directory.path + "/large/" + "6540000012345678";
  assert_int_equal(truncate(path.c_str(), 100000), 0);
  for (int twice = 0; twice < 2; twice++) {
    auto e = House::message(kId);
    e.content.reset();
    e.size = 100000;
    house.tell(kSmtpd, e);
  }
  house.turns(4);
  assert_int_equal(house.last<queue::Enqueued>(kSmtpd).code, 451);  // the second
  house.route({House::to("bob")});
  assert_int_equal(house.last<queue::Enqueued>(kSmtpd).code, 250);
  // The same id again: with a body, by another process, and as a file to drop.
  house.tell(kOther, House::message(kId));
  house.route({House::to("bob")});
  assert_int_equal(house.last<queue::Enqueued>(kOther).code, 451);
  for (const imsg::PeerId peer : {kSmtpd, kOther}) {
    house.tell(peer, need);
    queue::DropSpoolFile drop;
    drop.message = kId;
    house.tell(peer, drop);
    house.turns(4);
  }
  assert_int_equal(access(path.c_str(), F_OK), 0);
}

// A message with a body does not take away the file that another process is writing under that id.
void an_id_is_not_the_file(void**) {
  queue::SpoolDirectory directory;
  House house(directory);
  queue::NeedSpoolFile need;
  need.message = kId;
  house.tell(kOther, need);
  house.turns(4);
  auto bad = House::message(kId);
  bad.size++;
  house.tell(kSmtpd, bad);  // refused
  house.turns(4);
  assert_int_equal(house.last<queue::Enqueued>(kSmtpd).code, 451);
  const std::string path = directory.path + "/large/6540000012345678";
  assert_int_equal(access(path.c_str(), F_OK), 0);
  house.tell(kSmtpd, House::message(kId));  // taken
  house.route({House::to("alice")});
  assert_int_equal(house.last<queue::Enqueued>(kSmtpd).code, 250);
  assert_int_equal(access(path.c_str(), F_OK), 0);
  queue::DropSpoolFile drop;  // it is still its maker's, who lets it go
  drop.message = kId;
  house.tell(kOther, drop);
  house.turns(4);
  assert_int_not_equal(access(path.c_str(), F_OK), 0);
}

// One process gets spool files until its share is gone; the other still gets one.
void spool_files_are_shared_out(void**) {
  queue::SpoolDirectory directory;
  House house(directory);
  unsigned got = 0;
  for (; got < 4096; got++) {
    queue::NeedSpoolFile need;
    need.message = kId + got;
    house.tell(kSmtpd, need);
    house.turns(3);
    if (!house.last_had_descriptor(kSmtpd, queue::SpoolFile::kType)) break;
  }
  assert_in_range(got, 50, 2000);
  queue::NeedSpoolFile need;
  need.message = kId - 1;
  house.tell(kOther, need);
  house.turns(4);
  assert_true(house.last_had_descriptor(kOther, queue::SpoolFile::kType));
}

// What waits for its route is bounded.
void waiting_messages_are_bounded(void**) {
  queue::SpoolDirectory directory;
  House house(directory);
  const std::string body(60000, 'x');
  unsigned taken = 0;
  for (; taken < 5000 && house.heard_of(kSmtpd, queue::Enqueued::kType) == 0; taken++) {
    house.tell(kSmtpd, House::message(kId + taken, body));
    house.turns(2);
  }
  assert_int_equal(house.last<queue::Enqueued>(kSmtpd).code, 451);
  assert_in_range(taken, 1000, 3000);
  house.tell(kOther, House::message(kId - 1, body));
  house.turns(4);
  assert_int_equal(house.heard_of(kOther, queue::Enqueued::kType), 0);  // it waits, as it should
}

// The largest answers there are.
void the_most_there_can_be(void**) {
  queue::SpoolDirectory directory;
  House house(directory);
  auto e = House::message(kId);
  e.recipients.clear();
  std::vector<queue::Delivery> deliveries;
  const std::string domain = std::string(60, 'd') + "." + std::string(60, 'd') + "." + std::string(60, 'd') + ".test";
  for (uint32_t i = 0; i < kMaxRecipients; i++) {
    e.recipients.push_back({std::string(60, 'a') + "@" + domain, {}});
    queue::Delivery& d = deliveries.emplace_back(House::to(std::string(kMaxAccount - 5, 'b') + std::to_string(i), i));
    d.address = e.recipients.back().address;
  }
  e.facts.sender = e.recipients.front().address;
  house.tell(kSmtpd, e);
  house.route(deliveries);
  assert_int_equal(house.last<queue::Enqueued>(kSmtpd).code, 250);
  for (uint32_t i = 0; i < kMaxRecipients; i++) {
    queue::UserFailed f;
    f.account = deliveries[i].account;
    f.text = std::string(1000, 'e');
    house.tell_parent(f);
    if (i % 50 == 0) house.turns(3);
  }
  house.turns(10);
  queue::ShowMessage show;
  show.message = kId;
  house.tell(kControl, show);
  house.turns(60);
  const auto shown = house.last<queue::MessageShown>(kControl);
  assert_true(shown.found);
  assert_in_range(shown.items.size(), 500, kMaxRecipients - 1);  // all of them are more than a frame holds

  house.tell(kSmtpd, House::message(kId + 1));
  house.route(std::vector<queue::Delivery>(10000, House::to("alice")));
  assert_int_equal(house.last<queue::Enqueued>(kSmtpd).code, 250);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(anything_from_anybody),      unit_test(nobody_claims_an_account),
                              unit_test(addresses_are_addresses),    unit_test(lookup_answers_what_was_asked),
                              unit_test(a_user_speaks_for_itself),   unit_test(a_user_may_say_what_it_likes),
                              unit_test(one_file_one_message),       unit_test(an_id_is_not_the_file),
                              unit_test(spool_files_are_shared_out), unit_test(waiting_messages_are_bounded),
                              unit_test(the_most_there_can_be)};
  return run_unit_tests(tests);
}
