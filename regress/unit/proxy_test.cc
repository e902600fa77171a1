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
  assert_text(*parse_xclient("NAME=a.test ADDR=192.0.2.7 PORT=1 PROTO=ESMTP HELO=a.test DESTADDR=IPV6:::1 DESTPORT=25")
                   ->address,
              "192.0.2.7");
  assert_text(*parse_xclient("addr=ipv6:2001:DB8::7")->address, "2001:db8::7");
  assert_false(parse_xclient("NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] LOGIN=[TEMPUNAVAIL]")->address.has_value());
  assert_false(parse_xclient("LOGIN=[UNAVAILABLE]")->names_login);
  assert_true(parse_xclient("LOGIN=alice")->names_login);
  for (const char* bad : {"", "ADDR", "ADDR=", "ADDR=x", "ADDR=2001:db8::7", "ADDR=192.0.2.7 ADDR=192.0.2.8", "FOO=1",
                          "PORT=65536", "PROTO=HTTP", "NAME=a..b", "HELO=a+0D+0Ab", "ADDR=192.0.2.7+00", "NAME=+"}) {
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
  assert_text(q.facts.helo, "other.test");
  assert_text(q.facts.account, "");
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
                              unit_test(xclient_starts_anew), unit_test(an_unknown_client_is_turned_away),
                              unit_test(expn_is_no_xclient)};
  return run_unit_tests(tests);
}
