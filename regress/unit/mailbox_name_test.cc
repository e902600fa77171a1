// lib/text/mailbox_name.h: modified UTF-7.
// SPDX-License-Identifier: ISC
#include "lib/text/mailbox_name.h"

#include "regress/unit/unit.h"

using namespace mailkeep::text;

static void both_ways(void**) {
  const char* pairs[][2] = {
      {"INBOX", "INBOX"},
      {"", ""},
      {"a&-b", "a&b"},
      {"Entw&APw-rfe", "Entw\xc3\xbcrfe"},
      {"&AOQ-", "\xc3\xa4"},
      {"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"},
      {"&2D3eAA-", "\xf0\x9f\x98\x80"},
      {"&AOQ-&-", "\xc3\xa4&"},
  };
  for (const auto& pair : pairs) {
    assert_text(mailbox_name_to_utf8(pair[0]).value(), pair[1]);
    assert_text(mailbox_name_from_utf8(pair[1]).value(), pair[0]);
  }
}

static void one_spelling_only(void**) {
  for (const char* bad :
       {"&", "&AOQ", "&AGE-" /* a */, "&AOQ-&AOQ-", "&AOR-" /* bits */, "&AO-", "&2D0-", "&3gA-", "&3gDYPQ-", "&A-",
        "&AOQ=-", "&/////-", "\xc3\xa4", "a\x01", "a\r\n", "&AAA-", "&AA0-", "&*-"}) {
    assert_false(mailbox_name_to_utf8(bad).has_value());
  }
  for (const char* bad : {"\xff", "\xed\xa0\x80", "a\nb", "a\rb"})
    assert_false(mailbox_name_from_utf8(bad).has_value());
  assert_false(mailbox_name_to_utf8(std::string(kMaxMailboxName + 1, 'a')).has_value());
  assert_false(mailbox_name_from_utf8(std::string(kMaxMailboxName + 1, 'a')).has_value());
  assert_false(mailbox_name_from_utf8(std::string_view("a\0b", 3)).has_value());
}

// Whatever decodes has exactly that one spelling: every 1-byte change of good names either fails or round-trips.
static void mutated(void**) {
  for (const std::string_view good : {"Entw&APw-rfe", "&U,BTFw-/&ZeVnLIqe-", "&2D3eAA-&-x"}) {
    for (size_t i = 0; i < good.size(); ++i) {
      for (int c = 0; c < 256; ++c) {
        std::string name(good);
        name[i] = static_cast<char>(c);
        const auto utf8 = mailbox_name_to_utf8(name);
        if (!utf8) continue;
        assert_text(mailbox_name_from_utf8(*utf8).value(), name);
      }
    }
  }
}

int main() {
  const CMUnitTest tests[] = {unit_test(both_ways), unit_test(one_spelling_only), unit_test(mutated)};
  return run_unit_tests(tests);
}
