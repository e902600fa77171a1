// queue/selection.h: which envelopes a selection means.
// SPDX-License-Identifier: ISC
#include "queue/selection.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

struct Mail {
  Envelope e;
  Message m;
  std::string state = "waiting";
  Mail() {
    e.id = {255, 2};
    e.kind = Kind::kRelay;
    e.recipient = "Carol@Example.net";
    e.original = "list@mk.test";
    m.id = 255;
    m.sender = "alice@mk.test";
    m.account = "alice";
    m.received = 1000;
    m.size = 5000;
  }
  bool is_in(const Selection& s) const {
    const bool is = may_match(s, e) && matches(s, e, m, state, [] {
                      return subject_of(
                          "To: x@y.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from\r\n here\r\n\r\nSubject: no\r\n");
                    });
    if (is) {  // then nothing of it may be missing in the records
      const Wanted wanted = wanted_of(s);
      assert_true(wanted.envelope.is_in(encode(e)));
      assert_true(wanted.message.is_in(encode(m)));
      assert_true(wanted.either.is_in(encode(e)) || wanted.either.is_in(encode(m)));
    }
    return is;
  }
};

template <class T>
bool selects(const Mail& mail, T Selection::*field, const T& value) {
  Selection s;
  s.*field = value;
  return mail.is_in(s);
}

void addresses(void**) {
  const Mail mail;
  const auto text = [&](std::string Selection::*field, const char* value) {
    return selects(mail, field, std::string(value));
  };
  assert_true(text(&Selection::sender, "ALICE@mk.test") && text(&Selection::sender, "@MK.test"));
  assert_false(text(&Selection::sender, "lice@mk.test") || text(&Selection::sender, "@k.test") ||
               text(&Selection::sender, "<>"));
  assert_true(text(&Selection::recipient, "carol@example.NET") && text(&Selection::recipient, "list@mk.test"));
  assert_true(text(&Selection::recipient, "@example.net") && text(&Selection::domain, "EXAMPLE.net"));
  assert_false(text(&Selection::domain, "mk.test") || text(&Selection::recipient, "dave@example.net"));
  assert_true(text(&Selection::account, "Alice"));
  assert_false(text(&Selection::account, "carol"));
  Mail local = mail;
  local.m.account = local.m.sender = "";
  local.e.account = "carol";
  assert_true(selects(local, &Selection::account, std::string("carol")) &&
              selects(local, &Selection::sender, std::string("<>")));
  assert_false(selects(local, &Selection::sender, std::string("@mk.test")));
}

void numbers(void**) {
  const Mail mail;
  assert_true(selects(mail, &Selection::message, uint64_t{255}));
  assert_false(selects(mail, &Selection::message, uint64_t{254}));
  Selection one;
  one.message = 255;
  one.number = 3;
  assert_false(mail.is_in(one));
  one.number = 2;
  assert_true(mail.is_in(one));
  assert_true(selects(mail, &Selection::before, int64_t{1001}) && selects(mail, &Selection::since, int64_t{1000}));
  assert_false(selects(mail, &Selection::before, int64_t{1000}) || selects(mail, &Selection::since, int64_t{1001}));
  assert_true(selects(mail, &Selection::larger, uint64_t{4999}) && selects(mail, &Selection::smaller, uint64_t{5001}));
  assert_false(selects(mail, &Selection::larger, uint64_t{5000}) || selects(mail, &Selection::smaller, uint64_t{5000}));
}

void states(void**) {
  Mail mail;
  const auto state = [&](const char* value) { return selects(mail, &Selection::state, std::string(value)); };
  assert_true(state("waiting"));
  assert_false(state("held") || state("delivering"));
  mail.e.hold = Hold::kQuarantine;
  mail.state = "quarantined";
  assert_true(state("held") && state("quarantined"));
  assert_false(state("waiting"));
  mail.e.hold = Hold::kOperator;
  mail.state = "held";
  assert_true(state("held"));
  assert_false(state("quarantined"));
}

void subjects(void**) {
  const Mail mail;
  for (const char* good : {"grüße FROM here", "GRÜSSE", "here"})
    assert_true(selects(mail, &Selection::subject, std::string(good)));
  for (const char* bad : {"no", "x@y.test", "gruesse"})
    assert_false(selects(mail, &Selection::subject, std::string(bad)));
  assert_text(message_id_of("Message-ID:  <a\x01@b>\r\n\r\n"), "<a\\x01@b>");
  assert_in_range(message_id_of("Message-Id: " + std::string(5000, '\x02') + "\r\n\r\n").size(), kMaxMessageId - 4,
                  kMaxMessageId);  // an escape is not cut
  assert_text(message_id_of("no header"), "");
}

void nothing_and_everything(void**) {
  const Mail mail;
  assert_true(is_empty(Selection()));
  Selection all;
  all.all = true;
  assert_false(is_empty(all));
  assert_true(mail.is_in(all));
  assert_true(mail.is_in(Selection()));  // of a list; who commands asks is_empty()
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(addresses), unit_test(numbers), unit_test(states), unit_test(subjects),
                              unit_test(nothing_and_everything)};
  return run_unit_tests(tests);
}
