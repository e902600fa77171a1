// queue/envelope.h: records and keys.
// SPDX-License-Identifier: ISC
#include "queue/envelope.h"

#include <algorithm>
#include <vector>

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

Envelope sample() {
  Envelope e;
  e.id = {0x0102030405060708, 9};
  e.kind = Kind::kRelay;
  e.recipient = "Bob@Example.NET";
  e.original = "b@example.org";
  e.attempts = 3;
  e.next_try = 1000;
  e.expiry = 2000;
  e.last_error = "451 4.7.1 \r\n later";
  return e;
}

void records_come_back(void**) {
  const auto e = decode_envelope(encode(sample()));
  assert_true(e);
  assert_true(e->id == sample().id);
  assert_text(e->recipient, "Bob@Example.NET");
  assert_text(e->last_error, sample().last_error);
  assert_int_equal(e->attempts, 3);
  assert_true(e->expiry == 2000 && e->kind == Kind::kRelay);

  Message m;
  m.id = 7;
  m.sender = "a@b";
  m.account = "a";
  m.size = 1 << 20;
  m.in_file = true;
  const auto back = decode_message(encode(m));
  assert_true(back);
  assert_true(back->in_file && !back->is_bounce && back->size == m.size);
  const std::string body("\0\r\n", 3);
  const std::string record = encode_body(7, body);
  assert_true(decode_body(7, record).value() == body);
}

void every_damage_is_seen(void**) {
  const std::string record = encode(sample());
  for (size_t i = 0; i < record.size(); ++i) {
    assert_false(decode_envelope(record.substr(0, i)));
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = record;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      assert_int_equal(decode_envelope(bad).error().code, EBADMSG);
    }
  }
  assert_false(decode_envelope(record + "x"));
  assert_false(decode_message(record));
}

void keys_sort_as_numbers(void**) {
  const std::vector<DuePoint> points = {{1, {2, 3}}, {1, {2, 256}}, {1, {300, 0}}, {255, {1, 1}}, {256, {0, 0}}};
  std::vector<std::string> keys;
  for (const DuePoint& p : points) keys.push_back(due_key(Lane::kLocal, p));
  assert_true(std::is_sorted(keys.begin(), keys.end()));
  assert_true(keys.back() < due_key(Lane::kRelay, {0, {0, 0}}));
  for (size_t i = 0; i < keys.size(); ++i) assert_true(parse_point(keys[i]) == points[i]);
  assert_true(parse_envelope_key(envelope_key({5, 6})) == (EnvelopeId{5, 6}));
  assert_false(parse_envelope_key("short"));
  assert_false(parse_point("short"));
}

void destinations(void**) {
  Envelope e = sample();
  assert_text(destination(e), "example.net");
  assert_true(destination_key(e).starts_with(destination_prefix(Lane::kRelay, "example.net")));
  assert_false(destination_key(e).starts_with(destination_prefix(Lane::kRelay, "example.ne")));
  assert_true(parse_point(destination_key(e)) == (DuePoint{1000, e.id}));
  e.kind = Kind::kLocal;
  e.account = "Bob";
  assert_text(destination(e), "bob");
}

void ids_in_text(void**) {
  assert_text(show({0xab, 2}), "00000000000000ab.2");
  assert_true(parse_id("00000000000000ab.2")->number == 2U);
  assert_false(parse_id("ab")->number);
  for (const char* bad : {"", ".", "x", "ab.", "ab.x", "ab.4294967296", "ab.1.2"}) assert_false(parse_id(bad));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(records_come_back), unit_test(every_damage_is_seen),
                              unit_test(keys_sort_as_numbers), unit_test(destinations), unit_test(ids_in_text)};
  return run_unit_tests(tests);
}
