// lib/rfc5322/address.h: address lists, with the examples of RFC 5322 appendix A and what the world writes.
// SPDX-License-Identifier: ISC
#include "lib/rfc5322/address.h"

#include "regress/unit/unit.h"

using namespace mailkeep::rfc5322;

// "name|route|local|domain" for each, groups as "{name" and "}", joined by ";".
static std::string show(std::string_view text) {
  std::string out;
  for (const Address& a : parse_address_list(text)) {
    if (!out.empty()) out += ";";
    if (a.kind == AddressKind::group_start) {
      out += "{" + a.name;
    } else if (a.kind == AddressKind::group_end) {
      out += "}";
    } else {
      out += a.name + "|" + a.route + "|" + a.local + "|" + a.domain;
    }
  }
  return out;
}

static void examples(void**) {
  const char* table[][2] = {
      {"", ""},
      {"John Doe <jdoe@machine.example>", "John Doe||jdoe|machine.example"},
      {"\"Joe Q. Public\" <john.q.public@example.com>", "Joe Q. Public||john.q.public|example.com"},
      {"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
       "Mary Smith||mary|x.test;||jdoe|example.org;Who?||one|y.test"},
      {"<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
       "||boss|nil.test;Giant; \"Big\" Box||sysservices|example.net"},
      {"A Group:Ed Jones <joe@where.test>,joe@where.test,John <jdoe@one.test>;",
       "{A Group;Ed Jones||joe|where.test;||joe|where.test;John||jdoe|one.test;}"},
      {"Undisclosed recipients:;", "{Undisclosed recipients;}"},
      {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete||pete|silly.test"},
      {"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", "{Hidden recipients;}"},
      {"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
       "Mary Smith|@node.test|mary|example.net;||jdoe|test.example"},
      {"<@a.test,@b.test:c@d.test>", "|@a.test,@b.test|c|d.test"},
      {"joe@x.test (Joe)", "Joe||joe|x.test"},
      {"Joe Q. Public <joe@x.test>", "Joe Q. Public||joe|x.test"},
      {"\"a b\"@x.test", "||a b|x.test"},
      {"user@[192.0.2.1]", "||user|[192.0.2.1]"},
      {"=?utf-8?q?J=C3=BCrgen?= <j@x.test>", "=?utf-8?q?J=C3=BCrgen?=||j|x.test"},
      {"J\xc3\xbcrgen <j@x.test>", "J\xc3\xbcrgen||j|x.test"},
  };
  for (const auto& row : table) assert_text(show(row[0]), row[1]);
}

static void damaged(void**) {
  const char* table[][2] = {
      {"root", "||root|"},
      {"a@b.test, c", "||a|b.test;||c|"},
      {"Joe <joe@x.test", "Joe||joe|x.test"},
      {"Joe <joe>", "Joe||joe|"},
      {"<>", "|||"},
      {"joe@x.test <joe@x.test>", "joe@x.test||joe|x.test"},
      {"A:a@b.test", "{A;||a|b.test;}"},
      {"\"open", "||open|"},
      {"(open", ""},
      {",,,", ""},
      {"a@b@c.test, d@e.test", "||a|b;||d|e.test"},
      {"<a@b.test> <c@d.test>", "||a|b.test;||c|d.test"},
  };
  for (const auto& row : table) assert_text(show(row[0]), row[1]);
}

static void bounded(void**) {
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "a@b.test,";
  assert_int_equal(parse_address_list(many).size(), 1000);
  assert_int_equal(parse_address_list(std::string(100000, '(')).size(), 0);
  assert_int_equal(parse_address_list("a@b.test, c@d.test", {1, 10}).size(), 1);
}

// Cut anywhere, or with any byte changed to one that means something: some result, and groups that close.
static void mutated(void**) {
  const std::string text = "A: \"x y\" <@r.test:a@b.test>, (c(d)) e@[1.2.3.4];, f\\ <g>";
  for (size_t i = 0; i <= text.size(); ++i) {
    for (const char c : std::string_view("<>@:;,()\"\\[]. \0", 15)) {
      std::string changed = text.substr(0, i) + c + (i < text.size() ? text.substr(i + 1) : "");
      int open = 0;
      for (const Address& a : parse_address_list(changed)) {
        if (a.kind == AddressKind::group_start) ++open;
        if (a.kind == AddressKind::group_end) --open;
        assert_true(open == 0 || open == 1);
      }
      assert_int_equal(open, 0);
    }
  }
}

static void writing(void**) {
  assert_text(quote_local_part("a.b"), "a.b");
  assert_text(quote_local_part("a..b"), "\"a..b\"");
  assert_text(quote_local_part("a\"b"), "\"a\\\"b\"");
  assert_text(format_phrase("Joe Public"), "Joe Public");
  assert_text(format_phrase("Joe Q. Public"), "\"Joe Q. Public\"");
  assert_text(format_phrase("J\xc3\xbcrgen"), "=?UTF-8?B?SsO8cmdlbg==?=");
  for (const char* text : {"Joe <a@b.test>", "\"J, D\" <\"a b\"@b.test>", "a@[1.2.3.4]"}) {
    const auto list = parse_address_list(text);
    assert_text(format_address(list[0]), text);
  }
}

int main() {
  const CMUnitTest tests[] = {unit_test(examples), unit_test(damaged), unit_test(bounded), unit_test(mutated),
                              unit_test(writing)};
  return run_unit_tests(tests);
}
