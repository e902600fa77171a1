// The relay process' object: TLS reports are kept in notes, go out once whatever ends in between, and wait for who is
// away.
// SPDX-License-Identifier: ISC
#include "regress/unit/relay_house.h"

namespace {

constexpr uint32_t kEvery = 2;  // seconds

using Notes = std::map<std::string, std::string>;

// With the notes of the process before.
struct Office : House {
  explicit Office(Notes before = {}) : House(), notes(std::move(before)) {
    config.report_interval = kEvery;
    configure(relay::Tls::kEncrypt);
    assert_true(until([&] { return answer(), seen > 0; }));
  }
  // The queue's part. Of what a turn brings the last one is seen: there is one slot here, and its note follows "slots".
  void answer() {
    if (heard_of(kQueue, queue::FindNote::kType) > seen) {
      seen = heard_of(kQueue, queue::FindNote::kType);
      const auto m = last<queue::FindNote>(kQueue);
      queue::NoteFound found;
      found.kind = m.kind;
      found.name = m.name;
      found.found = notes.contains(m.name);
      if (found.found) found.value = notes[m.name];
      tell(kQueue, found);
      turns(6);
    }
    if (heard_of(kQueue, queue::KeepNote::kType) > kept) {
      kept = heard_of(kQueue, queue::KeepNote::kType);
      const auto m = last<queue::KeepNote>(kQueue);
      if (m.kind != queue::NoteKind::kTlsReport || m.name != "0") return;
      notes = {{"slots", "1"}, {"0", m.value}};
      is_durable = m.durable;
    }
  }
  // A session that fails for want of STARTTLS.
  void fail_once() {
    transfer(++number);
    tell(kLookup, hops({hop("a.test", 5, {"127.0.0.35"})}));
    const int want = static_cast<int>(number);
    assert_true(until([&] { return answer(), heard_of(kQueue, relay::Transferred::kType) >= want; }));
  }
  bool is_asked() { return answer(), heard_of(kLookup, lookup::FindTexts::kType) > texts; }
  void say_rua(const std::string& rua, bool failed = false) {
    ++texts;
    lookup::Texts m;
    m.query = last<lookup::FindTexts>(kLookup).query;
    m.failed = failed;
    if (!rua.empty()) m.texts = {"v=TLSRPTv1; rua=" + rua};
    tell(kLookup, m);
    turns(10);
    answer();
  }
  bool is_sent() { return answer(), reports() == 1; }
  int reports() { return heard_of(kQueue, queue::SubmitReport::kType); }
  std::string id() {
    const std::string all = last<queue::SubmitReport>(kQueue).text;
    const size_t at = all.find("Message-ID: ");
    return all.substr(at, all.find('\r', at) - at);
  }
  Notes notes;
  int seen = 0, kept = 0, texts = 0;
  uint64_t number = 0;
  bool is_durable = false;
};

void sent_once(void**) {
  if (geteuid() != 0) skip();  // port 25
  Host host("127.0.0.35", 25);
  Notes counted, sent;
  std::string id;
  {
    Office office;
    office.fail_once();
    assert_true(office.until([&] { return office.answer(), office.notes.contains("0"); }));
    assert_true(office.is_durable);
    counted = office.notes;
    assert_int_equal(office.reports(), 0);
  }
  {
    Office office(counted);  // the one before was killed
    assert_true(office.until([&] { return office.is_asked(); }));
    assert_text(office.last<lookup::FindTexts>(kLookup).name, "_smtp._tls.x.test");
    office.say_rua("mailto:r@x.test");
    assert_true(office.until([&] { return office.is_sent(); }));
    assert_true(office.is_durable);
    sent = office.notes;
    id = office.id();
    assert_true(office.until([&] { return office.answer(), office.notes["0"].empty(); }));  // it is done
  }
  {
    Office office(sent);  // that one was killed at once
    assert_true(office.until([&] { return office.is_asked(); }));
    office.say_rua("mailto:r@x.test");
    assert_true(office.until([&] { return office.answer(), office.notes["0"].empty(); }));
    assert_int_equal(office.reports(), 0);
  }
  Office office(counted);  // a report of the same counts is the same report
  assert_true(office.until([&] { return office.is_asked(); }));
  office.say_rua("mailto:r@x.test");
  assert_true(office.until([&] { return office.is_sent(); }));
  assert_text(office.id(), id);
}

// Nobody can say where it goes; then it is asked again.
void the_dns_fails(void**) {
  if (geteuid() != 0) skip();  // port 25
  Host host("127.0.0.35", 25);
  Office office;
  office.fail_once();
  assert_true(office.until([&] { return office.is_asked(); }));
  office.say_rua("", true);
  assert_true(office.until([&] { return office.is_asked(); }));
  office.say_rua("mailto:r@x.test");
  assert_true(office.until([&] { return office.is_sent(); }));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(sent_once), unit_test(the_dns_fails)};
  return run_unit_tests(tests);
}
