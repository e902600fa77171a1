// Who is told what, on the queue's real object: NOTIFY, strangers, null senders, delays, deliveries, expansions; and
// mail whose sender wants it later or not at all after a time.
// SPDX-License-Identifier: ISC
#include "regress/unit/queue_house.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

constexpr uint64_t kId = 0x6540000012345678;
constexpr imsg::PeerId kUser{Role::kUser, 7};

struct Post : House {
  Enqueue enqueue;

  explicit Post(
      const SpoolDirectory& directory, const std::function<void(Config&)>& change = [](Config&) {})
      : House(directory, change) {
    wire(kSmtpd);
    enqueue.session = 5;
    enqueue.message = kId;
    enqueue.facts.source = "127.0.0.1";
    enqueue.facts.sender = "ann@mk.test";
    enqueue.protocol = Protocol::kEsmtp;
    enqueue.recipients = {{"bob@mk.test", {}}};
  }
  // Takes it in, to these accounts or, with '@', addresses elsewhere.
  uint16_t post(std::vector<std::string> to) {
    const std::string body = "Subject: x\r\nMessage-ID: <m@c.test>\r\n\r\nhello\r\n";
    enqueue.size = body.size();
    enqueue.content = make_memory_file(body).value_or(Fd());
    tell(kSmtpd, enqueue);
    turns(6);
    route(to);
    turns(6);
    return last<Enqueued>(kSmtpd).code;
  }
  // Answers lookup's last question.
  void route(const std::vector<std::string>& to) {
    Routed r;
    r.query = last<lookup::Route>(kLookup).query;
    for (const std::string& t : to) {
      Delivery& d = r.deliveries.emplace_back();
      d.relay = t.find('@') != t.npos;
      d.account = d.relay ? "" : t;
      d.address = d.relay ? t : t + "@mk.test";
    }
    if (to.empty()) {
      RouteFailure& f = r.failures.emplace_back();
      f.enhanced = "5.1.1";
      f.text = "nobody";
    }
    tell(kLookup, r);
    turns(12);
  }
  void answer(relay::Outcome outcome, uint16_t code, const std::string& status, bool dsn = false) {
    const auto t = last<relay::Transfer>(kRelay);
    relay::Transferred a;
    a.transfer = t.transfer;
    a.host = "mx.y.test [192.0.2.9]:25";
    a.dsn = dsn;
    for (const auto& r : t.recipients) a.results.push_back({r.number, outcome, code, status, "said so"});
    tell(kRelay, a);
    turns(12);
  }
  int routes() { return heard_of(kLookup, lookup::Route::kType); }
  // The report that waits for its route is in the queue, with that reader, and says that.
  void expect_report(int routes_before, const std::string& reader, std::initializer_list<const char*> says) {
    turns(10);
    assert_int_equal(routes(), routes_before + 1);
    assert_text(last<lookup::Route>(kLookup).recipients.at(0), reader);
    const auto items = ask(QueueVerb::kList, {}).items;
    const auto at = std::find_if(items.begin(), items.end(),
                                 [&](const QueueItem& i) { return i.sender.empty() && i.recipient == reader; });
    assert_true(at != items.end());
    const uint64_t id = at->envelope.message;
    route({reader.substr(0, reader.find('@'))});
    Selection s;
    s.message = id;
    assert_int_equal(ask(QueueVerb::kHold, s).changed, 1);
    SelectQueue find;
    find.selection.message = id;
    for (const char* text : says) {
      find.selection.subject = text;
      tell(kControl, find);
      turns(8);
      assert_int_equal(last<QueueSelected>(kControl).matched, 1);
    }
    assert_int_equal(ask(QueueVerb::kDrop, s).changed, 1);
  }
};

void a_failure_unless_never(void**) {
  for (const uint8_t notify : {uint8_t{0}, kNotifyFailure, kNotifyNever, kNotifySuccess}) {
    SpoolDirectory directory;
    Post p(directory);
    p.wire(kRelay);
    p.enqueue.recipients[0].options.notify = notify;
    assert_int_equal(p.post({"bob@y.test"}), 250);
    const int before = p.routes();
    p.answer(relay::Outcome::kPermanent, 550, "5.1.1");
    if (notify == 0 || notify == kNotifyFailure) {
      p.expect_report(before, "ann@mk.test", {"Undelivered mail"});
    } else {
      assert_int_equal(p.routes(), before);
    }
    assert_int_equal(p.ask(QueueVerb::kList, {}).total, 0);
  }
}

void strangers_get_none(void**) {
  for (const Strangers who : {Strangers::kNone, Strangers::kPostmaster, Strangers::kSender}) {
    SpoolDirectory directory;
    Post p(directory, [who](Config& c) { c.strangers = who; });
    p.wire(kRelay);
    p.enqueue.facts.source = "192.0.2.1";
    p.enqueue.facts.sender = "forged@victim.test";
    p.enqueue.recipients[0].options.notify = kNotifyFailure | kNotifySuccess;
    assert_int_equal(p.post({"bob@y.test"}), 250);
    int before = p.routes();
    p.answer(relay::Outcome::kPermanent, 550, "5.7.1");
    if (who == Strangers::kNone) assert_int_equal(p.routes(), before);
    if (who == Strangers::kPostmaster) p.expect_report(before, "postmaster@mk.test", {"Undelivered mail"});
    if (who == Strangers::kSender) p.expect_report(before, "forged@victim.test", {"Undelivered mail"});
    assert_int_equal(p.ask(QueueVerb::kList, {}).total, 0);
    // What went well is nobody's business but the sender's.
    p.enqueue.message = kId + 1;
    assert_int_equal(p.post({"bob@y.test"}), 250);
    before = p.routes();
    p.answer(relay::Outcome::kDelivered, 250, "2.0.0");
    if (who == Strangers::kSender) {
      p.expect_report(before, "forged@victim.test", {"Delivered mail"});
    } else {
      assert_int_equal(p.routes(), before);
    }
  }
}

void bounces_do_not_bounce(void**) {
  SpoolDirectory directory;
  Post p(directory);
  p.wire(kRelay);
  p.enqueue.facts.sender = "";
  assert_int_equal(p.post({"bob@y.test"}), 250);
  const int before = p.routes();
  p.answer(relay::Outcome::kPermanent, 550, "5.1.1");
  assert_int_equal(p.routes(), before);
  assert_int_equal(p.ask(QueueVerb::kList, {}).total, 0);
  // A report to a sender who does not exist ends there.
  p.enqueue.message = kId + 1;
  p.enqueue.facts.sender = "ghost@mk.test";
  assert_int_equal(p.post({"bob@y.test"}), 250);
  p.answer(relay::Outcome::kPermanent, 550, "5.1.1");
  assert_text(p.last<lookup::Route>(kLookup).recipients.at(0), "ghost@mk.test");
  p.route({});
  p.turns(10);
  assert_int_equal(p.ask(QueueVerb::kList, {}).total, 0);
}

void success_is_told(void**) {
  for (const bool dsn : {false, true}) {
    SpoolDirectory directory;
    Post p(directory);
    p.wire(kRelay);
    p.enqueue.recipients[0].options.notify = kNotifySuccess;
    assert_int_equal(p.post({"bob@y.test"}), 250);
    const int before = p.routes();
    p.answer(relay::Outcome::kDelivered, 250, "2.0.0", dsn);
    if (dsn) {
      assert_int_equal(p.routes(), before);  // the next hop tells
    } else {
      p.expect_report(before, "ann@mk.test", {"Delivered mail"});
    }
  }
  SpoolDirectory directory;
  Post p(directory);
  p.enqueue.recipients[0].options.notify = kNotifySuccess;
  assert_int_equal(p.post({"bob"}), 250);
  p.wire(kUser, "bob");
  p.turns(6);
  Stored s;
  s.envelope = {kId, 0};
  s.sequence = 1;
  p.tell(kUser, s);
  p.turns(6);
  const int before = p.routes();
  Durable d;
  d.sequence = 1;
  p.tell(kUser, d);
  p.expect_report(before, "ann@mk.test", {"Delivered mail"});
  assert_int_equal(p.ask(QueueVerb::kList, {}).total, 0);
}

void an_expansion_is_told(void**) {
  SpoolDirectory directory;
  Post p(directory);
  p.enqueue.recipients[0].options.notify = kNotifySuccess;
  const int before = p.routes();
  assert_int_equal(p.post({"bob", "carol"}), 250);
  p.expect_report(before + 1, "ann@mk.test", {"Delivered mail"});
}

void not_before_its_time(void**) {
  SpoolDirectory directory;
  Post p(directory);
  p.wire(kRelay);
  p.enqueue.options.hold_until = now_unix() + 1000;
  assert_int_equal(p.post({"bob@y.test", "bob"}), 250);
  p.turns(10);
  assert_int_equal(p.heard_of(kRelay, relay::Transfer::kType), 0);
  assert_int_equal(p.heard_of({Role::kParent, 0}, NeedUser::kType), 0);
  assert_text(p.states(), "future future ");
  Selection all;
  all.all = true;
  assert_int_equal(p.ask(QueueVerb::kRetry, all).changed, 0);
  assert_int_equal(p.ask(QueueVerb::kRelease, all).changed, 2);
  for (int n = 0; n < 100 && p.heard_of(kRelay, relay::Transfer::kType) == 0; ++n) {
    usleep(30 * 1000);
    p.turns(4);
  }
  assert_int_equal(p.heard_of(kRelay, relay::Transfer::kType), 1);
}

// RFC 2852: returned, or told of, when its time is over.
void deliver_by(void**) {
  for (const DeliverBy mode : {DeliverBy::kReturn, DeliverBy::kNotify}) {
    SpoolDirectory directory;
    Post p(directory);
    p.wire(kRelay);
    p.enqueue.options.by_mode = mode;
    p.enqueue.options.deliver_by = now_unix() + 1;
    assert_int_equal(p.post({"bob@y.test"}), 250);
    sleep(2);
    const int before = p.routes();
    p.answer(relay::Outcome::kTemporary, 450, "4.2.1");
    p.expect_report(before, "ann@mk.test", {mode == DeliverBy::kReturn ? "Undelivered mail" : "Delayed mail"});
    assert_int_equal(p.ask(QueueVerb::kList, {}).total, mode == DeliverBy::kReturn ? 0 : 1);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(a_failure_unless_never),
                              unit_test(strangers_get_none),
                              unit_test(bounces_do_not_bounce),
                              unit_test(success_is_told),
                              unit_test(an_expansion_is_told),
                              unit_test(not_before_its_time),
                              unit_test(deliver_by)};
  return run_unit_tests(tests);
}
