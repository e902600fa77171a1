// lib/dns: messages as they come off the wire, whole, cut and lying; resolv.conf and hosts.
// SPDX-License-Identifier: ISC
#include "lib/dns/reader.h"
#include "lib/dns/system.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::dns;

namespace {

std::string u16(unsigned n) { return {static_cast<char>(n >> 8), static_cast<char>(n)}; }
std::string wire_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const size_t n = std::min(name.find('.'), name.size());
    out += static_cast<char>(n) + std::string(name.substr(0, n));
    name.remove_prefix(std::min(n + 1, name.size()));
  }
  return out + '\0';
}
std::string header(unsigned code, unsigned answers) {
  return u16(7) + u16(0x8180 | code) + u16(1) + u16(answers) + u16(0) + u16(0);
}
std::string question(std::string_view name, unsigned type) { return wire_name(name) + u16(type) + u16(1); }
std::string record(const std::string& owner, unsigned type, const std::string& rdata) {
  return owner + u16(type) + u16(1) + std::string("\0\0\0\x3c", 4) + u16(static_cast<unsigned>(rdata.size())) + rdata;
}
const std::string kPointer = "\xc0\x0c";  // to the question's name

std::string mx_message() {
  return header(0, 3) + question("Plain.Test", 15) + record(kPointer, 15, u16(10) + std::string("\x03mx1") + kPointer) +
         record(kPointer, 15, u16(20) + wire_name("mx2.other.test")) +
         record(wire_name("plain.test"), 15, u16(0) + std::string(1, '\0'));
}

void reads_mx(void**) {
  const auto a = read_answer(mx_message(), Type::kMx);
  assert_true(a);
  assert_true(a->state == State::kData && !a->secure && !a->is_alias);
  assert_text(a->canonical, "plain.test");
  assert_int_equal(a->mx.size(), 3);
  assert_int_equal(a->mx[0].preference, 10);
  assert_text(a->mx[0].host, "mx1.plain.test");
  assert_text(a->mx[1].host, "mx2.other.test");
  assert_text(a->mx[2].host, "");
}

void every_cut_is_an_error(void**) {
  const std::string whole = mx_message();
  for (size_t n = 0; n < whole.size(); n++) assert_false(read_answer(std::string_view(whole).substr(0, n), Type::kMx));
}

void follows_aliases(void**) {
  const std::string m = header(0, 3) + question("a.test", 1) + record(kPointer, 5, wire_name("b.test")) +
                        record(wire_name("b.test"), 5, wire_name("C.test")) +
                        record(wire_name("c.test"), 1, "\x7f\x01\x02\x03");
  const auto a = read_answer(m, Type::kA);
  assert_true(a && a->is_alias && a->state == State::kData);
  assert_text(a->canonical, "c.test");
  assert_int_equal(a->addresses.size(), 1);
  assert_text(a->addresses[0], "127.1.2.3");
}

// A record of another name in the answer is none: it was not asked for.
void other_names_are_ignored(void**) {
  const auto a =
      read_answer(header(0, 1) + question("a.test", 1) + record(wire_name("b.test"), 1, "\x7f\x01\x02\x03"), Type::kA);
  assert_true(a && a->state == State::kNoData && a->addresses.empty());
}

void tells_states_apart(void**) {
  assert_true(read_answer(header(0, 0) + question("a.test", 1), Type::kA)->state == State::kNoData);
  assert_true(read_answer(header(3, 0) + question("a.test", 1), Type::kA)->state == State::kNoDomain);
  assert_false(read_answer(header(2, 0) + question("a.test", 1), Type::kA));
  assert_false(read_answer(header(5, 0) + question("a.test", 1), Type::kA));
  const auto dangling =
      read_answer(header(3, 1) + question("a.test", 1) + record(kPointer, 5, wire_name("b.test")), Type::kA);
  assert_true(dangling && dangling->state == State::kNoDomain && dangling->is_alias);
}

void bad_pointers_end(void**) {
  // To itself, forwards, and two that point at each other.
  assert_false(read_answer(header(0, 1) + question("a.test", 1) + record("\xc0\x18", 1, "\x7f\x01\x02\x03"), Type::kA));
  assert_false(read_answer(header(0, 1) + question("a.test", 1) + record("\xc0\xff", 1, "\x7f\x01\x02\x03"), Type::kA));
  assert_false(read_answer(header(0, 1) + std::string("\xc0\x0c", 2) + u16(1) + u16(1), Type::kA));
}

void names_are_made_safe(void**) {
  const std::string host = std::string("\x06m\nx .1", 7) + std::string(1, '\0');
  const auto a = read_answer(header(0, 1) + question("a.test", 15) + record(kPointer, 15, u16(1) + host), Type::kMx);
  assert_true(a);
  assert_text(a->mx[0].host, "m\\010x\\032\\0461");
}

void records_are_capped(void**) {
  std::string m = header(0, 1000) + question("a.test", 1);
  for (unsigned i = 0; i < 1000; i++) m += record(kPointer, 1, std::string("\x0a\0", 2) + u16(i));
  const auto a = read_answer(m, Type::kA);
  assert_true(a);
  assert_int_equal(a->addresses.size(), kMaxRecords);
  assert_false(read_answer(header(0, 5000) + question("a.test", 1), Type::kA));
}

void reads_tlsa_and_txt(void**) {
  const std::string data(32, '\xab');
  const auto t =
      read_answer(header(0, 3) + question("_25._tcp.a.test", 52) + record(kPointer, 52, "\x03\x01\x01" + data) +
                      record(kPointer, 52, "\x03\x01") + record(kPointer, 52, "\x03\x01\x01" + std::string(2000, 'x')),
                  Type::kTlsa);
  assert_true(t && t->state == State::kData);
  assert_int_equal(t->tlsa.size(), 1);
  assert_int_equal(t->tlsa[0].usage, 3);
  assert_true(t->tlsa[0].data == data);
  const auto x = read_answer(header(0, 2) + question("a.test", 16) +
                                 record(kPointer, 16,
                                        "\x02"
                                        "ab"
                                        "\x01"
                                        "c") +
                                 record(kPointer, 16,
                                        "\x09"
                                        "ab"),
                             Type::kTxt);
  assert_true(x);
  assert_int_equal(x->texts.size(), 1);
  assert_text(x->texts[0], "abc");
}

void reads_resolv_conf(void**) {
  const auto s = read_resolv_conf(
      "# here\nsearch example.org\nnameserver 192.0.2.53 # first\nnameserver\t2001:db8::53\nnameserver "
      "fe80::1%eth0\nnameserver x\n");
  assert_int_equal(s.size(), 2);
  assert_text(s[0].address, "192.0.2.53");
  assert_int_equal(s[0].port, 53);
  assert_text(s[1].address, "2001:db8::53");
  assert_text(read_resolv_conf("").at(0).address, "127.0.0.1");
}

void hosts_decide_local_names_alone(void**) {
  const auto h = read_hosts(
      "127.0.0.1 localhost\n192.0.2.1 Smart gmail.com mail.example.org\n::1 localhost smart # x\nnonsense smart\n");
  assert_int_equal(h.size(), 2);
  assert_int_equal(h.at("localhost").size(), 2);
  assert_int_equal(h.at("smart").size(), 2);
  assert_int_equal(read_hosts("").at("localhost").size(), 2);
  assert_true(is_local_name("smart") && is_local_name("a.b.localhost"));
  assert_false(is_local_name("example.org") || is_local_name("notlocalhost.org"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(reads_mx),
                              unit_test(every_cut_is_an_error),
                              unit_test(follows_aliases),
                              unit_test(other_names_are_ignored),
                              unit_test(tells_states_apart),
                              unit_test(bad_pointers_end),
                              unit_test(names_are_made_safe),
                              unit_test(records_are_capped),
                              unit_test(reads_tlsa_and_txt),
                              unit_test(reads_resolv_conf),
                              unit_test(hosts_decide_local_names_alone)};
  return run_unit_tests(tests);
}
