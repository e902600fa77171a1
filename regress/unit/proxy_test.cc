// lib/receive: the PROXY protocol and XCLIENT, as text and as sessions.
// SPDX-License-Identifier: ISC
#include "lib/receive/proxy_header.h"
#include "lib/receive/xclient.h"

#include "regress/unit/receive_fixture.h"

using receive::parse_proxy_header;
using receive::parse_xclient;

static const std::string kV2("\r\n\r\n\0\r\nQUIT\n", 12);

static std::string v2(unsigned char command, unsigned char family, const std::string& rest) {
  std::string out = kV2;
  out += static_cast<char>(command);
  out += static_cast<char>(family);
  out += static_cast<char>(rest.size() >> 8);
  out += static_cast<char>(rest.size() & 255);
  return out + rest;
}

static std::string bytes(std::initializer_list<int> list) {
  std::string out;
  for (const int b : list) out += static_cast<char>(b);
  return out;
}

static const std::string kFour = bytes({192, 0, 2, 7, 127, 0, 0, 1, 0x12, 0x34, 0, 25});

struct Good {
  std::string text;
  const char* source;  // "": local
  int port;
};

static void good_headers(void**) {
  const std::string six =
      std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16) + std::string(15, '\0') + "\1" + bytes({0, 1, 0, 25});
  const Good table[] = {
      {"PROXY TCP4 192.0.2.7 198.51.100.1 4660 25\r\n", "192.0.2.7", 4660},
      {"PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n", "2001:db8::7", 1},
      {"PROXY TCP6 2001:0DB8:0:0:0:0:0:7 ::1 0 0\r\n", "2001:db8::7", 0},
      {"PROXY UNKNOWN\r\n", "", 0},
      {"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "", 0},
      {v2(0x21, 0x11, kFour), "192.0.2.7", 0x1234},
      {v2(0x21, 0x21, six), "2001:db8::1", 1},
      {v2(0x21, 0x11, kFour + bytes({4, 0, 2, 'x', 'y', 3, 0, 0})), "192.0.2.7", 0x1234},
      {v2(0x20, 0x00, ""), "", 0},
      {v2(0x20, 0x11, kFour), "", 0},
      {v2(0x21, 0x00, "whatever"), "", 0},
  };
  for (const Good& row : table) {
    // Read as the server does: never a byte behind the header, and done exactly at its end.
    const std::string stream = row.text + "EHLO x\r\n";
    size_t have = 0;
    for (;;) {
      const auto h = parse_proxy_header(stream.substr(0, have));
      if (!h) fail_msg("%s: %s", row.text.c_str(), h.error().text.c_str());
      if (h->wanted == 0) {
        assert_int_equal(have, row.text.size());
        assert_text(h->source, row.source);
        assert_int_equal(h->is_local, *row.source == '\0');
        assert_int_equal(h->source_port, row.port);
        break;
      }
      have += h->wanted;
      assert_true(have <= row.text.size());
    }
    for (size_t cut = 0; cut < row.text.size(); cut++) {  // and wherever it is cut, more is wanted
      const auto h = parse_proxy_header(row.text.substr(0, cut));
      assert_true(h.has_value() && h->wanted > 0 && cut + h->wanted <= row.text.size());
    }
  }
}

static void bad_headers(void**) {
  const std::string table[] = {
      "EHLO client.test\r\n",
      "proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
      "PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n",
      "PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n",
      "PROXY TCP4 2001:db8::7 198.51.100.1 1 2\r\n",
      "PROXY TCP6 192.0.2.7 ::1 1 2\r\n",
      "PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n",
      "PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n",
      "PROXY TCP4 192.0.2.7 198.51.100.1 -1 2\r\n",
      "PROXY TCP4 192.0.2.7  198.51.100.1 1 2\r\n",
      "PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n",
      "PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n",
      "PROXY TCP4 192.0.2.007 198.51.100.1 1 2\r\n",
      "PROXY " + std::string(200, 'x'),
      "PROXY UNKNOWN " + std::string(200, 'x') + "\r\n",
      v2(0x11, 0x11, kFour),
      v2(0x22, 0x11, kFour),
      v2(0x21, 0x12, kFour),
      v2(0x21, 0x31, std::string(216, 'x')),
      v2(0x21, 0x11, kFour.substr(0, 11)),
      v2(0x21, 0x11, kFour + bytes({4, 0, 9, 'x'})),
      v2(0x21, 0x11, kFour + bytes({4})),
      v2(0x21, 0x21, kFour),
      kV2 + bytes({0x21, 0x11, 255, 255}),
  };
  for (const auto& text : table) {
    if (parse_proxy_header(text)) fail_msg("taken: %s", text.c_str());
  }
}

static void xclient_arguments(void**) {
  using State = receive::Said::State;
  const auto all = *parse_xclient(
      "NAME=A.Test. ADDR=192.0.2.7 PORT=1 PROTO=esmtp HELO=a+20(b)+3D LOGIN=a DESTADDR=IPV6:::1 DESTPORT=25");
  const std::pair<const receive::Said*, const char*> known[] = {
      {&all.name, "a.test"}, {&all.address, "192.0.2.7"}, {&all.port, "1"},          {&all.proto, "ESMTP"},
      {&all.helo, "a??b?="}, {&all.login, "a"},           {&all.destination, "::1"}, {&all.destination_port, "25"}};
  for (const auto& [said, value] : known) {
    assert_true(said->is_known());
    assert_text(said->value, value);
  }
  assert_text(parse_xclient("addr=ipv6:2001:DB8::7")->address.value, "2001:db8::7");
  const auto none = *parse_xclient("NAME=[TempUnavail] ADDR=[UNAVAILABLE] LOGIN=[TEMPUNAVAIL] HELO=+5BUNAVAILABLE+5D");
  assert_true(none.name.state == State::kTemporarily && none.address.state == State::kUnavailable);
  assert_true(none.login.state == State::kTemporarily && none.helo.state == State::kUnavailable);
  assert_true(none.port.state == State::kNothing && none.address.value.empty());
  assert_true(parse_xclient("HELO=" + std::string(255, 'a')).has_value());
  assert_false(parse_xclient("HELO=" + std::string(256, 'a')).has_value());
  for (const char* bad : {"",
                          "ADDR",
                          "ADDR=",
                          "ADDR=x",
                          "ADDR=2001:db8::7",
                          "ADDR=192.0.2.7 ADDR=192.0.2.8",
                          "ADDR=[UNAVAILABLE] addr=192.0.2.8",
                          "FOO=1",
                          "PORT=65536",
                          "PORT=",
                          "PROTO=HTTP",
                          "NAME=a..b",
                          "NAME=",
                          "HELO=",
                          "HELO=a+0D+0Ab",
                          "HELO=+C3+A4",
                          "HELO=+0",
                          "ADDR=192.0.2.7+00",
                          "NAME=+",
                          "DESTADDR=x"}) {
    if (parse_xclient(bad)) fail_msg("taken: %s", bad);
  }
}

static void the_named_client_counts(void**) {
  House h;
  h.proxies = {"127.0.0.0/8"};
  assert_text(h.configure(), "");
  Client c = h.dial();
  h.expect_silence(c);
  h.say(c, "PROXY TCP4 192.0.2.7 198.51.100.1 1 25\r\nEHLO client.test\r\n");
  h.answer_names();
  h.expect(c, "220");
  h.hear(c);
  c.heard.clear();
  h.say(c, "MAIL FROM:<a@b.test>\r\nRCPT TO:<a@mk.test>\r\n");
  assert_text(h.asked().facts.source, "192.0.2.7");
  Client bare = h.dial();
  h.say(bare, "EHLO client.test\r\n");
  h.hear(bare);
  assert_true(bare.ended);
  assert_text(bare.heard, "");
  Client health = h.dial();
  h.say(health, v2(0x20, 0, ""));
  h.expect(health, "220");
}

// The handshake begins behind the header, untouched.
static void proxy_before_tls(void**) {
  House h(smtpd::Protocol::kSubmissions, {"mx"});
  h.proxies = {"127.0.0.1"};
  assert_text(h.configure(), "");
  Client c = h.dial();
  h.say(c, v2(0x21, 0x11, kFour) + "\x16\x03\x01 hello");
  const auto serve = get<tls::Serve>(h.tls.get());
  char first[20] = "";
  assert_int_equal(recv(serve.client.get(), first, sizeof first, MSG_DONTWAIT), 9);
  assert_int_equal(first[0], 0x16);
}

static void nobody_else_may(void**) {
  House h;
  h.proxies = {"192.0.2.1"};
  assert_text(h.configure(), "");
  Client c = h.greeted();
  h.say(c, "XCLIENT ADDR=192.0.2.7\r\nPROXY TCP4 192.0.2.7 198.51.100.1 1 25\r\n");
  h.expect(c, "550 5.7.0");
  h.expect(c, "500 5.5.1");
}

static void xclient_starts_anew(void**) {
  House h;
  h.xclients = {"127.0.0.1"};
  assert_text(h.configure(), "");
  Client c = h.dial();
  h.say(c, "EHLO client.test\r\n");
  assert_true(h.hear(c).find("XCLIENT NAME ADDR") != std::string::npos);
  assert_true(c.heard.find("LOGIN") == std::string::npos);
  c.heard.clear();
  h.say(c,
        "XCLIENT ADDR=192.0.2.7 LOGIN=alice\r\nXCLIENT ADDR=x\r\nXCLIENT ADDR=192.0.2.7 HELO=a.test\r\nMAIL "
        "FROM:<a@b.test>\r\n");
  assert_true(has_frame(h.lookup.get()));  // the client that is named now is asked about
  h.answer_names();
  for (const char* reply : {"550 5.7.1", "501 5.5.4", "220 mx.mk.test", "503 5.5.1"}) h.expect(c, reply);
  h.say(c, "EHLO other.test\r\nMAIL FROM:<a@b.test>\r\nXCLIENT ADDR=192.0.2.8\r\nRCPT TO:<a@mk.test>\r\n");
  const auto q = h.asked();
  assert_text(q.facts.source, "192.0.2.7");
  assert_text(q.facts.helo, "a.test");
  assert_text(q.facts.account, "");
}

// What the front end says of its client holds in rules, filters and the Received field, not what it says of itself.
static void xclient_says_who_it_is(void**) {
  House h;
  h.xclients = {"127.0.0.1"};
  assert_text(h.configure(), "");
  Client c = h.greeted();
  const auto facts = [&](const std::string& said, const std::string& hello = "EHLO front.test") {
    h.say(c, "XCLIENT " + said + "\r\n");
    if (said.find("ADDR") != std::string::npos && said.find("NAME") == std::string::npos) h.answer_names();
    h.expect(c, "220 mx.mk.test");
    h.say(c, hello + "\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<a@mk.test>\r\n");
    const auto q = h.asked();
    h.verdict(q);
    h.hear(c);
    c.heard.clear();
    return q.facts;
  };
  const auto received = [&] {
    h.say(c, "DATA\r\nx\r\n.\r\n");
    h.expect(c, "354");
    auto m = h.submitted();
    h.enqueued(m);
    h.expect(c, "250 2.0.0");
    const std::string content = read_all(m.content.get());
    return std::make_pair(content.substr(0, content.find("\r\n\tid")), std::move(m));
  };
  auto f = facts("ADDR=192.0.2.7 NAME=Client.Test HELO=[192.0.2.7] PROTO=SMTP PORT=1234");
  assert_text(f.source, "192.0.2.7");
  assert_text(f.name, "client.test");
  assert_true(f.name_state == lookup::NameState::kConfirmed);
  assert_text(f.helo, "[192.0.2.7]");
  auto [text, enqueue] = received();
  assert_text(text, "Received: from [192.0.2.7] (client.test [192.0.2.7])\r\n\tby mx.mk.test with SMTP");
  assert_true(enqueue.protocol == queue::Protocol::kSmtp);
  assert_text(enqueue.facts.helo, "[192.0.2.7]");
  // More of the same client, said later.
  f = facts("NAME=[TEMPUNAVAIL] PROTO=ESMTP", "HELO front.test");
  assert_text(f.source, "192.0.2.7");
  assert_text(f.helo, "[192.0.2.7]");
  assert_text(f.name, "");
  assert_true(f.name_state == lookup::NameState::kFailed);
  assert_text(received().first, "Received: from [192.0.2.7] (unknown [192.0.2.7])\r\n\tby mx.mk.test with ESMTP");
  f = facts("NAME=[UNAVAILABLE] HELO=[UNAVAILABLE]");
  assert_true(f.name_state == lookup::NameState::kNone);
  assert_text(f.helo, "front.test");
  static_cast<void>(received());
  // Of another client what was said of the last one does not hold.
  static_cast<void>(facts("HELO=old.test PROTO=SMTP NAME=old.test"));
  static_cast<void>(received());
  f = facts("ADDR=192.0.2.8");
  assert_text(f.source, "192.0.2.8");
  assert_text(f.helo, "front.test");
  assert_text(f.name, "");
  assert_text(received().first, "Received: from front.test (unknown [192.0.2.8])\r\n\tby mx.mk.test with ESMTP");
}

// Its errors and its messages are not the next client's.
static void xclient_counts_anew(void**) {
  House h;
  h.xclients = {"127.0.0.1"};
  h.config.max_errors = 3;
  h.config.max_messages_per_session = 1;
  assert_text(h.configure(), "");
  Client c = h.greeted();
  for (int i = 0; i < 3; i++) {
    h.say(c, "FOO\r\nFOO\r\n");
    h.expect(c, "500");
    h.expect(c, "500");
    h.begin(c);
    h.say(c, "DATA\r\nx\r\n.\r\n");
    h.expect(c, "354");
    h.enqueued(h.submitted());
    h.expect(c, "250 2.0.0");
    h.say(c, "XCLIENT NAME=client.test\r\nEHLO x.test\r\n");
    h.expect(c, "220");
    h.hear(c);
    c.heard.clear();
  }
  h.say(c, "FOO\r\nFOO\r\nFOO\r\n");
  for (const char* reply : {"500", "500", "500", "421 4.7.0"}) h.expect(c, reply);
}

// A front end that does not know for whom it speaks is not to be taken for its client, whom the rules may trust.
static void an_unknown_client_is_turned_away(void**) {
  House h;
  h.xclients = {"127.0.0.1"};
  assert_text(h.configure(), "");
  for (const char* state : {"[UNAVAILABLE]", "[tempunavail]"}) {
    Client c = h.greeted();
    h.say(c, "XCLIENT NAME=[UNAVAILABLE] ADDR=" + std::string(state) + "\r\nEHLO x.test\r\nMAIL FROM:<a@b.test>\r\n");
    h.expect(c, "421 4.7.0");
    h.hear(c);
    assert_true(c.ended);
    assert_text(c.heard, "");
  }
}

static void expn_is_no_xclient(void**) {
  House h;
  h.xclients = {"127.0.0.1"};
  assert_text(h.configure(), "");
  Client c = h.greeted();
  h.say(c, "EXPN ADDR=192.0.2.7\r\nETRN x.test\r\n");
  h.expect(c, "502 5.5.1");
  h.expect(c, "502 5.5.1");
}

int main() {
  log::set_level(log::Level::kError);
  const CMUnitTest tests[] = {unit_test(good_headers),        unit_test(bad_headers),
                              unit_test(xclient_arguments),   unit_test(the_named_client_counts),
                              unit_test(proxy_before_tls),    unit_test(nobody_else_may),
                              unit_test(xclient_starts_anew), unit_test(xclient_says_who_it_is),
                              unit_test(xclient_counts_anew), unit_test(an_unknown_client_is_turned_away),
                              unit_test(expn_is_no_xclient)};
  return run_unit_tests(tests);
}
