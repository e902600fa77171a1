// lib/sasl: PLAIN messages, whole and broken.
// SPDX-License-Identifier: ISC
#include "lib/sasl/plain.h"

#include "lib/text/base64.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace std::string_literals;

static void takes_the_examples_of_the_rfc(void**) {
  // RFC 4616 section 4.
  auto tim = sasl::parse_plain("\0tim\0tanstaaftanstaaf"s);
  assert_true(tim.has_value());
  assert_text(tim->authzid, "");
  assert_text(tim->authcid, "tim");
  assert_text(tim->password, "tanstaaftanstaaf");
  auto kurt = sasl::parse_plain("Ursel\0Kurt\0xipj3plmq"s);
  assert_true(kurt.has_value());
  assert_text(kurt->authzid, "Ursel");
  assert_text(kurt->authcid, "Kurt");
}

static void refuses_what_is_not_plain(void**) {
  const std::string bad[] = {""s,
                             "tim"s,
                             "\0tim"s,
                             "\0\0x"s,
                             "\0tim\0"s,
                             "\0tim\0a\0b"s,
                             "\0tim\0a\0"s,
                             "\0"s + std::string(kMaxAddress + 1, 'u') + "\0p"s,
                             std::string(kMaxAddress + 1, 'u') + "\0u\0p"s,
                             "\0u\0"s + std::string(kMaxPassword + 1, 'p')};
  for (const auto& message : bad) {
    assert_false(sasl::parse_plain(message).has_value());
    assert_false(sasl::decode_plain(text::base64_encode(message)).has_value());
  }
}

static void takes_what_just_fits(void**) {
  const std::string name(kMaxAddress, 'u');
  const std::string message = name + '\0' + name + '\0' + std::string(kMaxPassword, 'p');
  const std::string carried = text::base64_encode(message);
  assert_true(carried.size() <= sasl::kMaxPlain);
  auto plain = sasl::decode_plain(carried);
  assert_true(plain.has_value());
  assert_int_equal(plain->password.size(), kMaxPassword);
}

static void decodes_base64(void**) {
  auto plain = sasl::decode_plain("AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
  assert_true(plain.has_value());
  assert_text(plain->password, "tanstaaftanstaaf");
  for (const char* bad : {"=", "", "*", "AHRpbQB0YW5zdGFhZnRhbnN0YWF", "AHRp bQB0YW5zdGFhZnRhbnN0YWFm"}) {
    assert_false(sasl::decode_plain(bad).has_value());
  }
  assert_false(sasl::decode_plain(std::string(sasl::kMaxPlain + 4, 'A')).has_value());
}

static void an_error_tells_no_secret(void**) {
  const auto error = sasl::parse_plain("\0tim\0hunter2\0"s);
  assert_false(error.has_value());
  assert_true(error.error().text.find("hunter2") == std::string::npos);
}

static void wipes(void**) {
  std::string secret = "hunter2-is-longer-than-a-small-string";
  const char* where = secret.data();
  sasl::wipe(secret);
  assert_true(secret.empty());
  assert_true(where == secret.data());
}

int main() {
  const CMUnitTest tests[] = {unit_test(takes_the_examples_of_the_rfc), unit_test(refuses_what_is_not_plain),
                              unit_test(takes_what_just_fits),          unit_test(decodes_base64),
                              unit_test(an_error_tells_no_secret),      unit_test(wipes)};
  return run_unit_tests(tests);
}
