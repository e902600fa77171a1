// lib/text/tags.h: the tags of TXT records.
// SPDX-License-Identifier: ISC
#include "lib/text/tags.h"

#include "regress/unit/unit.h"

using namespace mailkeep::text;

// "name=value|" of each.
static std::string told(const std::vector<Tag>& tags) {
  std::string out;
  for (const Tag& tag : tags) out += std::string(tag.name) + "=" + std::string(tag.value) + "|";
  return out;
}

static void lists(void**) {
  assert_text(told(parse_tags("v=STSv1; id=20260101;")), "v=STSv1|id=20260101|=|");
  assert_text(told(parse_tags(" v = DKIM1\t; p=a=b ")), "v=DKIM1|p=a=b|");
  assert_text(told(parse_tags("v=X;rua")), "v=X|rua=|");
  assert_text(told(parse_tags("=x;;")), "=x|=|=|");
  assert_text(told(parse_tags("")), "=|");
}

static void records(void**) {
  const std::vector<std::string> texts = {"v=spf1 -all", "", "id=1; v=STSv1", "v=STSv1; id=2", ";v=STSv1;id=3"};
  const auto tags = tags_of_record(texts, "STSv1");
  assert_true(tags.has_value());
  assert_text(told(*tags), "v=STSv1|id=2|");
  assert_false(tags_of_record(texts, "stsv1").has_value());  // RFC 8461 3.1: %s"STSv1"
  assert_false(tags_of_record({"v=A;a=1", "v=A;a=2"}, "A").has_value());
  assert_false(tags_of_record({}, "A").has_value());
}

int main() {
  const CMUnitTest tests[] = {unit_test(lists), unit_test(records)};
  return run_unit_tests(tests);
}
