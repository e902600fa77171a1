// smtpd/lookup: whose address is it? A table of accounts and addresses.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/lookup.h"
#include "smtpd/lookup/senders.h"

#include "regress/unit/lookup_fixture.h"

static const std::string kAliases =
    "team: ann, ben\n"
    "boss: ann\n"
    "chief: boss\n"  // through another alias
    "ann-lists: ann+lists\n"
    "cleo: ben\n"          // an account whose mail goes elsewhere
    "dora@mk.test: ben\n"  // an address that was given to another
    "info@other.test: ben\n"
    "far: joe@far.test\n"
    "loop1: loop2\nloop2: loop1\n"
    "self: \\self, ann\n"
    "postmaster: ben\n"
    "@shop.test: shop\n";  // a catch-all

static Ruleset rules() {
  return make_rules(kRules + "domain shop.test\ndomain bare.test\nmatch from local for domain shop.test action in\n",
                    kAliases, {"ann", "ben", "cleo", "dora", "info", "self", "shop", "eve@other.test", "eve", "c+d"});
}

static void addresses_and_accounts(void**) {
  const auto r = rules();
  const struct {
    const char *account, *address;
    bool good;
  } rows[] = {
      // its own address, at every domain
      {"ann", "ann@mk.test", true},
      {"ann", "ANN@MK.Test", true},
      {"ann", "ann@other.test", true},
      {"ann", "ann@bare.test", true},  // a domain of ours that no rule delivers
      {"ann", "ann@mx.mk.test", false},
      {"ann", "ann@localhost", false},
      {"ann", "ann@far.test", false},
      {"ann", "ben@mk.test", false},
      {"ann", "nobody@mk.test", false},
      {"", "ann@mk.test", false},
      {"nobody", "nobody@mk.test", false},  // an account that is gone
      // subaddresses
      {"ann", "ann+x@mk.test", true},
      {"ann", "ann+x+y@bare.test", true},
      {"ann", "+ann@mk.test", false},
      {"ann", "ben+ann@mk.test", false},
      {"c+d", "c+d@mk.test", true},
      // aliases
      {"ann", "team@mk.test", true},
      {"ben", "team+x@mk.test", true},
      {"cleo", "team@mk.test", false},
      {"ann", "boss@mk.test", true},
      {"ann", "chief@other.test", true},
      {"ben", "chief@mk.test", false},
      {"ann", "ann-lists@mk.test", true},
      {"ann", "chief@bare.test", false},  // aliases count where they deliver
      {"ann", "far@mk.test", false},
      {"ann", "loop1@mk.test", false},
      {"ann", "self@mk.test", true},
      {"self", "self@mk.test", true},
      {"ben", "postmaster@mk.test", true},
      {"ann", "postmaster@mk.test", false},
      // an account whose mail an alias sends elsewhere
      {"cleo", "cleo@mk.test", true},
      {"ben", "cleo@mk.test", true},
      {"ann", "cleo@mk.test", false},
      // an address that an alias gives to another account
      {"dora", "dora@mk.test", false},
      {"dora", "dora+x@mk.test", false},
      {"ben", "dora@mk.test", true},
      {"dora", "dora@other.test", true},
      {"info", "info@other.test", false},
      {"info", "info@mk.test", true},
      {"ben", "info@other.test", true},
      // the same name with and without a domain
      {"eve", "eve@mk.test", true},
      {"eve", "eve@other.test", false},
      {"eve@other.test", "eve@other.test", true},
      {"eve@other.test", "eve+x@other.test", true},
      {"eve@other.test", "eve@mk.test", false},
      // a catch-all, and what it does not catch
      {"shop", "anything@shop.test", true},
      {"shop", "ann@shop.test", false},
      {"ann", "ann@shop.test", true},
      {"shop", "anything@mk.test", false},
  };
  for (const auto& row : rows) {
    const bool good = check_sender(r, row.account, row.address).accepted();
    if (good != row.good) fail_msg("%s as %s: %d", row.account, row.address, good);
  }
}

static void the_refusal_names_the_address(void**) {
  const auto r = rules();
  const Verdict v = check_sender(r, "ann", "ben@mk.test");
  assert_int_equal(v.code, 550);
  assert_text(v.enhanced, "5.7.1");
  assert_text(v.text, "<ben@mk.test> does not belong to the account ann that has logged in: use one that does");
  assert_true(check_sender(r, "ann", "").accepted());
  // A system user is known by its own name at this host, with or without an account.
  assert_true(check_sender(r, "", "www-data@" + r.hostname, "www-data").accepted());
  assert_true(check_sender(r, "", "WWW-Data+x@" + r.hostname, "www-data").accepted());
  assert_true(check_sender(r, "ann", "unix-ann@" + r.hostname, "unix-ann").accepted());
  assert_false(check_sender(r, "", "www-data@mk.test", "www-data").accepted());
  assert_false(check_sender(r, "", "ann@" + r.hostname, "www-data").accepted());
  assert_false(check_sender(r, "", "@" + r.hostname, "").accepted());
  assert_true(check_sender(r, "", "Bob@" + r.hostname, "Bob").accepted());
  assert_false(check_sender(r, "", "bob@" + r.hostname, "Bob").accepted());  // another one's
  for (const char* bad : {"ann", "@mk.test", "ann@", "ann@mk.test@mk.test", "a b@mk.test", "ann@mk.test\r\nx"}) {
    const Verdict refused = check_sender(r, "ann", bad);
    assert_int_equal(refused.code, 550);
    assert_true(refused.text.find('\n') == std::string::npos);
  }
  const Verdict longest =
      check_sender(r, std::string(kMaxAccount, 'a'), std::string(kMaxAddress - 9, '\n') + "@far.test");
  assert_true(longest.text.size() <= kMaxReplyText);
}

// A ticket of ann's is no way to send as anybody else, whatever smtpd has told its client.
static void a_route_for_an_account_needs_its_sender(void**) {
  const auto r = rules();
  const struct {
    const char *account, *sender;
    bool checked, good;
  } rows[] = {
      {"ann", "ann@mk.test", true, true},
      {"ann", "chief+x@mk.test", true, true},
      {"ann", "", true, true},
      {"ann", "ben@mk.test", true, false},
      {"ann", "joe@far.test", true, false},
      {"ann", "ann", true, false},
      {"nobody", "ann@mk.test", true, false},
      {"", "joe@far.test", false, true},
      {"ann", "gone-alias@mk.test", false, true},  // routed again later: it was checked when it came
  };
  for (const auto& row : rows) {
    Route m;
    m.query = 7;
    m.facts.source = "192.0.2.1";
    m.facts.account = row.account;
    m.facts.sender = row.sender;
    m.check_sender = row.checked;
    m.recipients = {"ben@mk.test", "info@other.test"};
    const auto routed = answer_route(&r, m);
    assert_int_equal(routed.query, 7);
    assert_int_equal(routed.deliveries.size(), row.good ? 2 : 0);
    assert_int_equal(routed.failures.size(), row.good ? 0 : 2);
    for (const auto& f : routed.failures) {
      assert_text(f.enhanced, "5.7.1");
      assert_false(f.temporary);
      assert_true(f.text.find(row.sender) != std::string::npos);
    }
    const auto early = answer_route(nullptr, m);
    assert_int_equal(early.failures.size(), 2);
    assert_true(early.failures[0].temporary);
  }
}

static void written_to_the_world(void**) {
  const auto r =
      make_rules(kRules +
                     "canonical { \"ann@in.test\" = \"Ann.Other@mk.test\", \"@old.test\" = \"@new.test\", "
                     "\"x@new.test\" = \"y@new.test\", "
                     "\"deep@in.test\" = \"deep@h.mk.test\" }\nmasquerade { lab.mk.test, mk.test } except root\n",
                 "", {"ann"});
  const struct {
    const char *address, *written;
  } rows[] = {
      {"ann@in.test", "Ann.Other@mk.test"},
      {"ANN@In.Test", "Ann.Other@mk.test"},
      {"ben@in.test", "ben@in.test"},
      {"Ann+x@old.test", "Ann+x@new.test"},
      {"x@old.test", "x@new.test"},  // once, not on and on
      {"ann@host.mk.test", "ann@mk.test"},
      {"ann@a.b.mk.test", "ann@mk.test"},
      {"ann@h.lab.mk.test", "ann@lab.mk.test"},
      {"Root@host.mk.test", "Root@host.mk.test"},
      {"ann@mk.test", "ann@mk.test"},
      {"ann@notmk.test", "ann@notmk.test"},
      {"deep@in.test", "deep@mk.test"},
      {"ann", "ann"},
      {"", ""},
  };
  for (const auto& row : rows) assert_text(*canonical_sender(r, row.address), row.written);
  auto bad = make_rules(kRules + "canonical { \"a@b.test\" = \"c@d.test\" }\n", "", {});
  bad.tables.insert_or_assign(bad.canonical.table,
                              TableIndex(std::vector<conf::TableEntry>{{"a@b.test", "no address"}}));
  assert_text(canonical_sender(bad, "a@b.test").error().text,
              "the table of canonical addresses has what is none: no address");
}

int main() {
  const CMUnitTest tests[] = {unit_test(addresses_and_accounts), unit_test(written_to_the_world),
                              unit_test(the_refusal_names_the_address),
                              unit_test(a_route_for_an_account_needs_its_sender)};
  return run_unit_tests(tests);
}
