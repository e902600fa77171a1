// smtpd/tls: key pairs checked and chosen by SNI, and the pump, against a real libtls client over a socketpair.
// SPDX-License-Identifier: ISC
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cstring>

#include "smtpd/tls/connection.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using event::Loop;
using tls::Connection;

static std::string g_dir;

static void make_certificate(const std::string& name) {
  const std::string command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout " +
                              g_dir + "/" + name + ".key -out " + g_dir + "/" + name + ".pem -subj /CN=" + name +
                              " -addext subjectAltName=DNS:" + name + " 2>/dev/null";
  assert_int_equal(system(command.c_str()), 0);
}

static Result<tls::Pem> pem(const std::string& cert, const std::string& key) {
  const Fd c(open((g_dir + "/" + cert + ".pem").c_str(), O_RDONLY));
  const Fd k(open((g_dir + "/" + key + ".key").c_str(), O_RDONLY));
  return tls::read_pem(cert, c, k);
}

static int setup(void**) {
  char dir[] = "/tmp/mailkeep-tls-XXXXXX";
  if (mkdtemp(dir) == nullptr) return -1;
  g_dir = dir;
  make_certificate("one.test");
  make_certificate("two.test");
  return 0;
}

static int teardown(void**) { return system(("rm -r " + g_dir).c_str()); }

static void keys_must_fit(void**) {
  tls::Keys keys;
  assert_true(keys.add(std::move(*pem("one.test", "one.test"))).has_value());
  auto mixed = pem("two.test", "one.test");
  assert_true(mixed.has_value());
  const auto bad = keys.add(std::move(*mixed));
  assert_false(bad.has_value());
  assert_non_null(strstr(bad.error().text.c_str(), "two.test"));
  assert_false(keys.add(std::move(*pem("one.test", "one.test"))).has_value());
  assert_false(pem("missing", "one.test").has_value());
  const Fd null(open("/dev/null", O_RDONLY));
  assert_false(tls::read_pem("x", null, null).has_value());
  assert_false(keys.context({"two.test"}).has_value());
  assert_false(keys.context({}).has_value());
  keys.complete();
  assert_true(keys.context({"one.test"}).has_value());
  assert_true(keys.context({"one.test", "one.test"}).has_value());
}

// A client, a connection of ours and the session's end of its plain socket, all in one loop.
struct Rig {
  Loop loop;
  Fd client;
  Fd plain;
  tls::TlsHandle c{tls_client()};
  std::unique_ptr<Connection> connection;
  Connection::Handshake shaken;
  std::string failure;
  bool ended = false;
  bool done = false;  // the client's handshake
  event::Timer tick{loop, [] {}};

  Rig(tls::Context context, const char* servername, bool handshake = true) {
    int a[2];
    int b[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b), 0);
    client.reset(a[0]);
    plain.reset(b[0]);
    connection = std::make_unique<Connection>(
        loop, std::move(context), Fd(a[1]), Fd(b[1]),
        Connection::Callbacks{.established = [this](const Connection::Handshake& h) { shaken = h; },
                              .failed = [this](const std::string& why) { failure = why; },
                              .ended =
                                  [this] {
                                    ended = true;
                                    connection.reset();
                                  }});
    tls_config* config = tls_config_new();
    tls_config_insecure_noverifycert(config);
    tls_config_insecure_noverifyname(config);
    assert_int_equal(tls_configure(c.get(), config), 0);
    tls_config_free(config);
    assert_int_equal(tls_connect_socket(c.get(), client.get(), servername), 0);
    if (!handshake) return;
    for (int i = 0; i < 1000; i++) {
      const int rc = done ? 0 : tls_handshake(c.get());
      done = rc == 0;
      turn();
      if (done && !shaken.version.empty()) return;
      assert_true(done || rc == TLS_WANT_POLLIN || rc == TLS_WANT_POLLOUT);
    }
    fail_msg("no handshake");
  }
  void turn() {
    tick.set(Millis(1));
    loop.turn();
  }
};

static tls::Keys two_keys() {
  tls::Keys keys;
  assert_true(keys.add(std::move(*pem("one.test", "one.test"))).has_value());
  assert_true(keys.add(std::move(*pem("two.test", "two.test"))).has_value());
  keys.complete();
  return keys;
}

static void sni_chooses(void**) {
  tls::Keys keys = two_keys();
  const struct {
    const char* asked;
    const char* got;
  } rows[] = {{"one.test", "one.test"}, {"two.test", "two.test"}, {"other.test", "two.test"}, {nullptr, "two.test"}};
  for (const auto& row : rows) {
    Rig rig(*keys.context({"two.test", "one.test"}), row.asked);
    assert_non_null(strstr(tls_peer_cert_subject(rig.c.get()), row.got));
    assert_text(rig.shaken.servername, row.asked == nullptr ? "" : row.asked);
    assert_text(rig.shaken.version, "TLSv1.3");
    assert_false(rig.shaken.cipher.empty());
  }
}

static void carries_much_both_ways(void**) {
  Rig rig(*two_keys().context({"one.test"}), "one.test");
  const size_t total = 3000000;
  std::string out;
  for (size_t i = 0; out.size() < total; i++) out += std::to_string(i) + ",";
  out.resize(total);
  std::string to_session;
  std::string to_client;
  size_t client_sent = 0;
  size_t session_sent = 0;
  char chunk[50000];
  for (int i = 0; i < 100000 && (to_session.size() < total || to_client.size() < total); i++) {
    if (client_sent < total) {
      const ssize_t n = tls_write(rig.c.get(), out.data() + client_sent, total - client_sent);
      if (n > 0) client_sent += static_cast<size_t>(n);
    }
    if (session_sent < total) {
      const ssize_t n = send(rig.plain.get(), out.data() + session_sent, total - session_sent, MSG_DONTWAIT);
      if (n > 0) session_sent += static_cast<size_t>(n);
    }
    ssize_t n = tls_read(rig.c.get(), chunk, sizeof chunk);
    if (n > 0) to_client.append(chunk, static_cast<size_t>(n));
    n = recv(rig.plain.get(), chunk, sizeof chunk, MSG_DONTWAIT);
    if (n > 0) to_session.append(chunk, static_cast<size_t>(n));
    rig.loop.turn(false);
  }
  assert_true(to_session == out);
  assert_true(to_client == out);
  assert_int_equal(rig.connection->bytes_in(), total);
  assert_int_equal(rig.connection->bytes_out(), total);
}

// A session that does not read stops the client: what lies between them is bounded.
static void a_slow_session_stops_the_client(void**) {
  Rig rig(*two_keys().context({"one.test"}), "one.test");
  const std::string block(16384, 'x');
  size_t sent = 0;
  for (int i = 0; i < 3000; i++) {
    const ssize_t n = tls_write(rig.c.get(), block.data(), block.size());
    if (n > 0) sent += static_cast<size_t>(n);
    rig.loop.turn(false);
  }
  assert_true(sent > 0);
  assert_true(sent < 4 * 1024 * 1024);
  const uint64_t stuck = rig.connection->bytes_in();
  rig.loop.turn(false);
  assert_int_equal(rig.connection->bytes_in(), stuck);
}

static void the_sessions_last_words_arrive(void**) {
  Rig rig(*two_keys().context({"one.test"}), "one.test");
  assert_int_equal(tls_write(rig.c.get(), "unread", 6), 6);
  const std::string bye(200000, 'b');
  size_t sent = 0;
  std::string got;
  char chunk[4096];
  ssize_t n = TLS_WANT_POLLIN;
  for (int i = 0; i < 100000 && n != 0; i++) {
    if (sent < bye.size()) {
      const ssize_t s = send(rig.plain.get(), bye.data() + sent, bye.size() - sent, MSG_DONTWAIT);
      if (s > 0) sent += static_cast<size_t>(s);
      if (sent == bye.size()) rig.plain.reset();
    }
    rig.loop.turn(false);
    n = tls_read(rig.c.get(), chunk, sizeof chunk);
    if (n > 0) got.append(chunk, static_cast<size_t>(n));
  }
  assert_int_equal(n, 0);  // close_notify, not a reset
  assert_true(got == bye);
  assert_false(rig.ended);
  rig.c.reset();
  rig.client.reset();
  for (int i = 0; i < 10 && !rig.ended; i++) rig.turn();
  assert_true(rig.ended);
}

// A client that says its last and hangs up without close_notify: the session gets all of it, then the end.
static void a_client_that_hangs_up(void**) {
  Rig rig(*two_keys().context({"one.test"}), "one.test");
  assert_int_equal(tls_write(rig.c.get(), "QUIT\r\n", 6), 6);
  shutdown(rig.client.get(), SHUT_WR);
  std::string got;
  char chunk[100];
  ssize_t n = -1;
  for (int i = 0; i < 100 && n != 0; i++) {
    rig.turn();
    n = recv(rig.plain.get(), chunk, sizeof chunk, MSG_DONTWAIT);
    if (n > 0) got.append(chunk, static_cast<size_t>(n));
  }
  assert_int_equal(n, 0);
  assert_text(got, "QUIT\r\n");
  assert_false(rig.ended);
  rig.plain.reset();
  for (int i = 0; i < 100 && !rig.ended; i++) rig.turn();
  rig.client.reset();
  for (int i = 0; i < 100 && !rig.ended; i++) rig.turn();
  assert_true(rig.ended);
}

static void no_tls_is_a_failure(void**) {
  Rig rig(*two_keys().context({"one.test"}), "one.test", false);
  assert_int_equal(send(rig.client.get(), "EHLO not tls\r\n", 14, 0), 14);
  for (int i = 0; i < 100 && rig.failure.empty(); i++) rig.turn();
  assert_false(rig.failure.empty());
}

// The keys of the generation are gone before the handshake began: the connection keeps its own context.
static void a_reload_while_a_handshake_runs(void**) {
  auto keys = std::make_unique<tls::Keys>(two_keys());
  Rig rig(*keys->context({"two.test", "one.test"}), "one.test", false);
  tls_handshake(rig.c.get());
  rig.turn();
  keys.reset();
  for (int i = 0; i < 1000 && rig.shaken.version.empty(); i++) {
    if (!rig.done) rig.done = tls_handshake(rig.c.get()) == 0;
    rig.turn();
  }
  assert_text(rig.shaken.servername, "one.test");
  assert_non_null(strstr(tls_peer_cert_subject(rig.c.get()), "one.test"));
}

int main() {
  const CMUnitTest tests[] = {unit_test(keys_must_fit),
                              unit_test(sni_chooses),
                              unit_test(carries_much_both_ways),
                              unit_test(a_slow_session_stops_the_client),
                              unit_test(the_sessions_last_words_arrive),
                              unit_test(a_client_that_hangs_up),
                              unit_test(no_tls_is_a_failure),
                              unit_test(a_reload_while_a_handshake_runs)};
  return cmocka_run_group_tests(tests, setup, teardown);
}
