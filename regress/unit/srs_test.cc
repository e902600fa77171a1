// lib/srs: there and back, by rotated keys, over two hosts, and what is not taken back.
// SPDX-License-Identifier: ISC
#include "lib/srs/srs.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::srs;

namespace {

constexpr int64_t kNow = 20'000LL * 86400 + 5;
const Settings kOurs{{"new secret", "old secret"}, "mk.test", 21};

std::string there(const Settings& s, const std::string& local, const std::string& domain, int64_t now = kNow) {
  const auto out = rewrite(s, {local, domain}, now);
  return out ? out->text() : "too long";
}
std::string back(const Settings& s, const std::string& address, int64_t now = kNow) {
  const auto parsed = smtp::parse_mailbox(address);
  assert_true(parsed && is_rewritten(s, *parsed));
  const auto out = reverse(s, *parsed, now);
  return out ? out->text() : out.error().text;
}
const std::string kBad = "not an address that was rewritten here";
const std::string kOld = "this address was rewritten too long ago";

}  // namespace

static void there_and_back(void**) {
  const std::string address = there(kOurs, "Joe.User", "Far.TEST");
  assert_int_equal(address.find("SRS0="), 0);
  assert_text(address.substr(11), "=ra=far.test=Joe.User@mk.test");  // 20000 mod 1024 = 544 = 17 * 32
  assert_text(back(kOurs, address), "Joe.User@far.test");
  std::string shouted = address;
  for (char& c : shouted) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  assert_text(back(kOurs, shouted), "JOE.USER@FAR.TEST");
  assert_text(back(kOurs, there(kOurs, "a=b=c", "far.test")), "a=b=c@far.test");
  assert_text(back(kOurs, there(kOurs, "a b", "far.test")), "\"a b\"@far.test");
  assert_text(there(kOurs, std::string(50, 'x'), "far.test"), "too long");
}

static void keys_rotate(void**) {
  const Settings before{{"old secret"}, "mk.test", 21}, without{{"new secret"}, "mk.test", 21};
  const std::string address = there(before, "joe", "far.test");
  assert_text(back(kOurs, address), "joe@far.test");
  assert_text(back(without, address), kBad);
  assert_true(address != there(kOurs, "joe", "far.test"));
}

static void forged(void**) {
  const std::string address = there(kOurs, "joe", "far.test");
  for (size_t i = 5; i < address.find('@'); i++) {
    std::string other = address;
    other[i] = other[i] == 'x' ? 'y' : 'x';
    const std::string got = back(kOurs, other);
    if (got != kBad) fail_msg("%s became %s", other.c_str(), got.c_str());
  }
  for (const char* wrong : {"SRS0=@mk.test", "SRS0=x@mk.test", "SRS0=aaaaaa=ra=far.test@mk.test",
                            "SRS1=aaaaaa=far.test==x@mk.test", "SRS0=aaaaaa=@mk.test"}) {
    const auto parsed = smtp::parse_mailbox(wrong);
    if (parsed) assert_false(reverse(kOurs, *parsed, kNow).has_value());
  }
  assert_false(is_rewritten(kOurs, {"SRS0=aaaaaa=ra=far.test=joe", "other.test"}));
  assert_false(is_rewritten(kOurs, {"SRS2=aaaaaa", "mk.test"}));
  assert_false(is_rewritten(kOurs, {"srs", "mk.test"}));
  assert_false(is_rewritten({{}, "mk.test", 21}, {"SRS0=aaaaaa=ra=far.test=joe", "mk.test"}));
}

static void ages(void**) {
  const std::string address = there(kOurs, "joe", "far.test");
  assert_text(back(kOurs, address, kNow + 21 * 86400), "joe@far.test");
  assert_text(back(kOurs, address, kNow + 22 * 86400), kOld);
  assert_text(back(kOurs, address, kNow - 86400), "joe@far.test");
  assert_text(back(kOurs, address, kNow - 3 * 86400), kOld);
  // The day's number begins anew.
  const int64_t turn = 1024LL * 20 * 86400;
  assert_text(back(kOurs, there(kOurs, "joe", "far.test", turn - 86400), turn + 86400), "joe@far.test");
}

// A chain of forwarders: each rewrites at its own name, and the way back is never longer than one hop more.
static void over_hosts(void**) {
  const Settings first{{"one"}, "one.test", 21}, third{{"three"}, "three.test", 21};
  const std::string at_first = there(first, "joe", "far.test");
  const size_t at = at_first.find('@');
  const std::string at_second = there(kOurs, at_first.substr(0, at), "one.test");
  assert_int_equal(at_second.find("SRS1="), 0);
  assert_text(back(kOurs, at_second), at_first);
  const std::string at_third = there(third, at_second.substr(0, at_second.find('@')), "mk.test");
  assert_text(back(third, at_third), at_first);
  assert_text(back(first, at_first), "joe@far.test");
}

// What was made of a stranger's sender is no SRS0 of ours: he would have chosen its day, and where it leads, himself.
static void levels_are_apart(void**) {
  for (const char* local :
       {"SRS1=x=ra=far.test=joe", "SRS1=x=ra==far.test=joe", "SRS0=far.test=joe", "SRS0+far.test=joe"}) {
    for (const char* domain : {"ra", "evil.test"}) {
      const auto made = rewrite(kOurs, {local, domain}, kNow);
      assert_true(made.has_value());
      smtp::Mailbox other = *made;
      other.local[3] = other.local[3] == '1' ? '0' : '1';
      const auto got = reverse(kOurs, other, kNow);
      if (got) fail_msg("%s became %s", other.text().c_str(), got->text().c_str());
    }
  }
}

// Only what looks as if another host had made it is cut short; all else is a local part as any other.
static void what_only_begins_like_srs1(void**) {
  for (const char* local : {"SRS1=x=ra=far.test=joe", "SRS1=x==aaaaaa=ra=far.test=joe", "SRS1=x=-a-=aaaaaa",
                            "SRS1=x=far.test=", "SRS1=x"}) {
    const std::string address = there(kOurs, local, "far.test");
    if (!address.starts_with("SRS0=")) fail_msg("%s became %s", local, address.c_str());
    assert_text(back(kOurs, address), std::string(local) + "@far.test");
  }
  for (const char* local :
       {"SRS1=x=one.test==aaaaaa=ra=far.test=joe", "SRS1+x=one.test=+aaaaaa=ra=far.test=joe", "SRS1-x=one.test=-a"}) {
    const std::string address = there(kOurs, local, "far.test");
    if (!address.starts_with("SRS1=")) fail_msg("%s became %s", local, address.c_str());
    assert_true(back(kOurs, address).ends_with("@one.test"));
  }
}

int main() {
  const CMUnitTest tests[] = {unit_test(there_and_back),
                              unit_test(keys_rotate),
                              unit_test(forged),
                              unit_test(ages),
                              unit_test(over_hosts),
                              unit_test(levels_are_apart),
                              unit_test(what_only_begins_like_srs1)};
  return run_unit_tests(tests);
}
