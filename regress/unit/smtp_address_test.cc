// lib/smtp/address.h: RFC 5321 paths.
// SPDX-License-Identifier: ISC
#include "lib/smtp/address.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::smtp;

static void good(void**) {
  const char* table[][3] = {
      {"<a@b.test>", "a", "b.test"},
      {"<A.B+c@B.Test>", "A.B+c", "B.Test"},
      {"<\"a b\"@b.test>", "a b", "b.test"},
      {"<\"a\\\"\\\\\"@b>", "a\"\\", "b"},
      {"<@x.test,@y.test:a@b.test>", "a", "b.test"},
      {"<a@[192.0.2.1]>", "a", "[192.0.2.1]"},
      {"<a@[IPv6:2001:db8::1]>", "a", "[IPv6:2001:db8::1]"},
      {"<Postmaster>", "Postmaster", ""},
      {"<a@x_y.test>", "a", "x_y.test"},
      {"<!#$%&'*+-/=?^_`{|}~@b.test>", "!#$%&'*+-/=?^_`{|}~", "b.test"},
      {"<a@b.test.>", "a", "b.test."},
  };
  for (const auto& row : table) {
    const auto path = parse_path(row[0]);
    if (!path) fail_msg("%s: %s", row[0], path.error().text.c_str());
    assert_text(path->mailbox.local, row[1]);
    assert_text(path->mailbox.domain, row[2]);
    assert_false(path->is_null);
    assert_true(*parse_path(path->text()) == *path);
  }
  assert_true(parse_path("<>")->is_null);
  assert_text(parse_path("<>")->text(), "<>");
  assert_text(parse_path("<a@B.Test.>")->mailbox.canonical_domain(), "b.test");
  assert_text(parse_mailbox("a@b")->text(), "a@b");
}

static void bad(void**) {
  for (const char* text : {"",
                           "<",
                           "a@b",
                           "<a>",
                           "<a@>",
                           "<@b>",
                           "<a@b",
                           "<a@b> ",
                           "<a@b>x",
                           "<a..b@c>",
                           "<.a@b>",
                           "<a.@b>",
                           "<a b@c>",
                           "<a@b c>",
                           "<a@-b>",
                           "<a@b->",
                           "<a@b..c>",
                           "<\"a@b>",
                           "<\"\"@b>",
                           "<\"a\"b@c>",
                           "<a@[1.2.3]>",
                           "<a@[1.2.3.4>",
                           "<a@[IPv6:1.2.3.4]>",
                           "<a@[x:y]>",
                           "<a@b@c>",
                           "<a\xc3@b>",
                           "<a@\xc3>",
                           "<a\xc2\x80@b>",
                           "<a\xed\xa0\x80@b>",
                           "<a@b\xe2\x80\xae\xe2\x80\xad>",
                           "<\"a\nb\"@c>",
                           "<(x)a@b>",
                           "<@x a@b>",
                           "<@x:>",
                           "<a,b@c>",
                           "<postmaster@>",
                           "<<a@b>>"}) {
    if (parse_path(text)) fail_msg("taken: %s", text);
  }
  assert_false(parse_path(std::string_view("<a\0@b>", 6)).has_value());
  assert_false(parse_mailbox("a@b>").has_value());
}

// RFC 6531 3.3: local parts as they are, domains as A-labels.
static void international(void**) {
  const char* table[][3] = {
      {"<j\xc3\xb6rg@b\xc3\xbc"
       "cher.test>",
       "j\xc3\xb6rg", "xn--bcher-kva.test"},
      {"<a@B\xc3\x9c"
       "CHER.Test>",
       "a", "xn--bcher-kva.test"},
      {"<\"\xe7\x94\xa8 \xe6\x88\xb7\"@b.test>", "\xe7\x94\xa8 \xe6\x88\xb7", "b.test"},
      {"<a@\xe4\xbe\x8b\xe5\xad\x90\xe3\x80\x82\xe6\xb5\x8b\xe8\xaf\x95>", "a",
       "xn--fsqu00a.xn--0zwm56d"},  // U+3002 is a dot too
  };
  for (const auto& row : table) {
    const auto path = parse_path(row[0]);
    if (!path) fail_msg("%s: %s", row[0], path.error().text.c_str());
    assert_text(path->mailbox.local, row[1]);
    assert_text(path->mailbox.domain, row[2]);
    assert_true(path->is_international);
    assert_true(*parse_path(path->text()) == *path);
  }
  assert_false(parse_path("<a@xn--bcher-kva.test>")->is_international);
  assert_text(parse_mailbox("a@b\xc3\xbc"
                            "cher.test")
                  ->text(),
              "a@xn--bcher-kva.test");
}

static void limits(void**) {
  const std::string local(64, 'a');
  const std::string label(63, 'b');
  assert_true(parse_path("<" + local + "@b.test>").has_value());
  assert_false(parse_path("<a" + local + "@b.test>").has_value());
  assert_false(parse_path("<\"a" + local + "\"@b.test>").has_value());
  assert_true(parse_path("<a@" + label + ".test>").has_value());
  assert_false(parse_path("<a@b" + label + ".test>").has_value());
  const std::string domain = label + "." + label + "." + label;
  assert_true(parse_path("<" + std::string(62, 'a') + "@" + domain + ">").has_value());  // 256 with its brackets
  assert_false(parse_path("<" + local + "@" + domain + "." + label + ">").has_value());
}

static void subaddresses(void**) {
  assert_text(split_subaddress("user+detail").user, "user");
  assert_text(split_subaddress("user+a+b").detail, "a+b");
  assert_false(split_subaddress("user").has_detail);
  assert_false(split_subaddress("+user").has_detail);
  assert_true(split_subaddress("user+").has_detail);
  assert_text(split_subaddress("a-b", "-").user, "a");
  assert_false(split_subaddress("a+b", "").has_detail);
  assert_text(split_subaddress("a-b+c", "+-").user, "a");
  assert_text(split_subaddress("a+b-c", "+-").detail, "b-c");
}

// Whatever one byte is changed to: refused, or it comes back from its own text.
static void mutated(void**) {
  for (const std::string_view text : {"<@x.test:\"a b\"@b.test>", "<a.b@[IPv6:::1]>"}) {
    for (size_t i = 0; i < text.size(); ++i) {
      for (int c = 0; c < 256; ++c) {
        std::string changed(text);
        changed[i] = static_cast<char>(c);
        const auto path = parse_path(changed);
        if (path) assert_true(*parse_path(path->text()) == *path);
      }
      assert_false(parse_path(text.substr(0, i)).has_value());
    }
  }
}

int main() {
  const CMUnitTest tests[] = {unit_test(good),   unit_test(bad),          unit_test(international),
                              unit_test(limits), unit_test(subaddresses), unit_test(mutated)};
  return run_unit_tests(tests);
}
