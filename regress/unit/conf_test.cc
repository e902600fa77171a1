// lib/conf: mailkeep.conf(5) from text to model, and its errors to the letter.
// SPDX-License-Identifier: ISC
#include "lib/conf/lex.h"
#include "lib/conf/network.h"
#include "lib/conf/options.h"

#include <cstring>

#include "regress/unit/conf_fixture.h"

namespace {

const char* const kContract = R"(state   "/srv/t/state"                       # all that the server writes
control "/srv/t/mailkeep.sock"
hostname mx.mk.test
domain  mk.test
pki     mx cert "/srv/t/cert.pem" key "/srv/t/key.pem"
table   accounts file:/srv/t/accounts        # passwd(5) fields
table   aliases  file:/srv/t/aliases         # aliases(5)
uid-range 200000-299999                      # accounts without a uid
listen on 127.0.0.1 port 2525 smtp        pki mx
listen on 127.0.0.1 port 2587 submission  pki mx
listen on 127.0.0.1 port 2465 submissions pki mx
listen on 127.0.0.1 port 2143 imap        pki mx
listen on 127.0.0.1 port 2993 imaps       pki mx
listen on 127.0.0.1 port 2190 sieve       pki mx
listen on socket "/srv/t/lmtp.sock" lmtp
auth table <accounts>                        # or: auth system
resolver 127.0.0.1 port 2053                 # default: the system's
action in  deliver alias <aliases>
action out relay
match from any  for domain mk.test action in
match from auth for any            action out
)";

const char* const kDesign = R"(domain example.org
pki mail.example.org cert "/etc/mailkeep/tls/fullchain.pem" key "/etc/mailkeep/tls/key.pem"
table aliases file:/etc/aliases
listen on all smtp pki mail.example.org                      # port 25, STARTTLS
listen on all submissions pki mail.example.org               # 465
listen on wg0 imaps pki mail.example.org                     # 993, only inside the VPN
listen on wg0 sieve pki mail.example.org
auth system                                                  # PAM; or: auth table <passwd>
action in  deliver alias <aliases>
action out relay
match from any  for domain example.org action in
match from auth for any                action out
)";

}  // namespace

static void contract(void**) {
  assert_text(errors_of(kContract), "");
  const auto c = parse(kContract);
  assert_text(c->options.state, "/srv/t/state");
  assert_text(c->control_path(), "/srv/t/mailkeep.sock");
  assert_text(c->spool_path(), "/srv/t/state/spool");
  assert_text(c->options.hostname, "mx.mk.test");
  assert_int_equal(c->options.message_size, 50 * 1024 * 1024);
  assert_true(c->options.queue_lifetime == Seconds(4 * 86400));
  assert_text(c->options.subaddress_separator, "+");
  assert_int_equal(c->domains.size(), 1);
  assert_text(c->find_pki("mx")->key, "/srv/t/key.pem");
  assert_text(c->table("aliases")->path, "/srv/t/aliases");
  assert_int_equal(c->listeners.size(), 7);
  assert_int_equal(c->listeners[0].port, 2525);
  assert_true(c->listeners[0].protocol == Protocol::smtp && c->listeners[0].on == ListenOn::address);
  assert_text(c->listeners[0].pki.at(0), "mx");
  assert_true(c->listeners[6].on == ListenOn::socket && c->listeners[6].protocol == Protocol::lmtp);
  assert_text(c->auth.table, "accounts");
  assert_int_equal(c->resolvers.at(0).port, 2053);
  assert_int_equal(c->uid_range->last, 299999);
  assert_text(c->action("in")->alias_table, "aliases");
  assert_true(c->action("out")->kind == ActionKind::relay);
  assert_int_equal(c->matches.size(), 2);
  assert_true(c->matches[0].target.subject == Subject::domain);
  assert_text(c->matches[0].target.value, "mk.test");
  assert_true(c->matches[1].from.subject == Subject::auth);
}

static void design(void**) {
  const auto c = parse(kDesign);
  assert_true(c.has_value());
  assert_int_equal(c->listeners[0].port, 25);
  assert_int_equal(c->listeners[2].port, 993);
  assert_true(c->listeners[2].on == ListenOn::interface);
  assert_true(c->auth.kind == AuthKind::system);
  assert_text(c->control_path(), "/var/lib/mailkeep/run/mailkeep.sock");
}

// Every listener whose protocol is to come is named, with the place of its word.
static void unsupported(void**) {
  const auto found = check_supported(*parse(kContract));
  assert_int_equal(found.size(), 1);
  assert_text(found[0],
              "/etc/c:14:31: found 'sieve', which this version does not speak yet, expected one of smtp, submission, "
              "submissions, imap, imaps, lmtp, local");
  assert_true(check_supported(*parse(demo_config("/tmp/demo"))).empty());
}

static void order_is_free(void**) {
  assert_text(errors_of("match from any for domain <d> action in\naction in deliver alias <a>\nauth table <p>\n"
                        "table a file:\"/e/a b\"\ntable p file:/e/p\ntable d { a.test,\n *.b.test\n}\n"
                        "listen on all smtp pki x\npki x key /k\npki x cert /c\n"),
              "");
}

static void macros_lists_lines(void**) {
  const auto c = parse("lan = \"{ 10.0.0.0/8, 192.168.0.0/16 }\"\nport = 2525\nboth = \"port $port\"\n" + kBase +
                       "listen on 127.0.0.1 $both smtp \\\n  tag x\nmatch from src $lan for any tag x action in\n"
                       "table t { a = 1, \"b c\" = \"2 \\\"\" }  # comment \\\n still the comment\ninclude \"good\"\n");
  assert_true(c.has_value());
  assert_int_equal(c->listeners[0].port, 2525);
  assert_text(c->listeners[0].tag, "x");
  assert_int_equal(c->table(c->matches[0].from.table)->entries.size(), 2);
  assert_text(c->table("t")->entries[1].key, "b c");
  assert_text(c->table("t")->entries[1].value, "2 \"");
  assert_text(c->domains.at(0), "other.test");
}

static void errors_to_the_letter(void**) {
  const struct {
    std::string text, expected;
  } cases[] = {
      {"bogus 1\n",
       "/etc/c:1:1: found 'bogus', expected action, auth, canonical, domain, filter, include, listen, masquerade, "
       "match, pki, provider, resolver, srs, table, "
       "tls-policy, uid-range, the name of an option or a macro's name and '='"},
      {"domain\n", "/etc/c:1:7: found end of line, expected a domain name"},
      {"domain a..b", "/etc/c:1:8: found 'a..b', expected a domain name"},
      {"message-size 1X", "/etc/c:1:14: found '1X', expected a size from 64K to 2147483647"},
      {"log-level loud", "/etc/c:1:11: found 'loud', expected one of error warn info debug"},
      {"user-idle 30", "/etc/c:1:11: found '30', expected a time from 1s to 1d, such as 30s, 5m, 1h30m or 4d"},
      {"user-idle 5m\nuser-idle 5m", "/etc/c:2:1: found 'user-idle', expected user-idle only once"},
      {"listen on all port 0 smtp", "/etc/c:1:20: found '0', expected a port from 1 to 65535"},
      {"listen on all port 25",
       "/etc/c:1:22: found end of file, expected smtp, submission, submissions, imap, imaps, sieve, lmtp or local"},
      {"listen on 1.2.3.999 smtp", "/etc/c:1:11: found '1.2.3.999', expected all, socket, an address or an interface"},
      {"listen on all smtp pki x", "/etc/c:1:24: found 'x', expected a pki that the file declares"},
      {"listen on socket /s smtp", "/etc/c:1:21: found 'smtp', expected lmtp or local, the protocols of a socket"},
      {"listen on all local",
       "/etc/c:1:15: found 'local', expected a socket for local: the kernel says whose connection it is"},
      {"auth system\nlisten on all imap",
       "/etc/c:2:15: found 'imap', expected pki and a name, or plaintext-ok, without which nobody can log in"},
      {"listen on all smtp\nlisten on all smtp",
       "/etc/c:2:15: found 'smtp' on an address and port that are taken, expected others than those of /etc/c:1:15"},
      {"state \"/a",
       "/etc/c:1:7: found a string without its closing '\"', expected an absolute path of at most 4000 bytes"},
      {"state /a/../b", "/etc/c:1:7: found '/a/../b', expected an absolute path of at most 4000 bytes"},
      {"state $x", "/etc/c:1:7: found $x, which is not defined above, expected an absolute path of at most 4000 bytes"},
      {"table t { a, b = 1 }", "/etc/c:1:20: found '}', expected entries that are all values, or all key = value"},
      {"table t file:x", "/etc/c:1:9: found 'file:x', expected an absolute path after file:"},
      {"auth table <t>", "/etc/c:1:12: found <t>, expected a table that the file declares"},
      {"auth table <t", "/etc/c:1:12: found '<' without a name and '>', expected a table, as <name>"},
      {"uid-range 5-9", "/etc/c:1:11: found '5-9', expected two uids, such as 200000-299999, from 1000 on"},
      {"pki a cert /c", "/etc/c:1:5: found pki 'a' without key, expected cert and key for it"},
      {"action a deliver",
       "/etc/c:1:8: found action 'a' that delivers, but no accounts, expected auth system or auth table <name> in the "
       "file"},
      {kBase + "match for any action in",
       "/etc/c:3:15: found 'action', expected from any, local, auth, socket, src, rdns or mail-from: no rule means it "
       "by itself"},
      {kBase + "match from any action in",
       "/etc/c:3:16: found 'action', expected for any, local, domain or rcpt-to: no rule means it by itself"},
      {kBase + "match from any for any action out",
       "/etc/c:3:31: found 'out', expected an action that the file declares"},
      {kBase + "match from src 10.0.0.0/33 for any action in",
       "/etc/c:3:16: found '10.0.0.0/33', expected an address or a network, a table or a list"},
      {kBase + "table n { x }\nmatch from src <n> for any action in",
       "/etc/c:3:7: found 'x' in <n>, expected an address or a network"},
      {kBase + "match from tls for any action in",
       "/etc/c:3:12: found 'tls', expected any, local, auth, socket, src, rdns or mail-from"},
      {kBase + "match from any for any helo", "/etc/c:3:28: found end of file, expected a name, a table or a list"},
      {kBase + "match from any for any rdns regex \"a(\" action in",
       "/etc/c:3:35: found \"a(\", expected a regular expression (missing closing parenthesis at byte 3)"},
      {kBase + "table r { \"[b\" }\nmatch from src regex <r> for any action in",
       "/etc/c:3:7: found '[b' in <r>, expected a regular expression (missing terminating ] for character class at "
       "byte 3)"},
      {kBase + "match from any for any bogus action in",
       "/etc/c:3:24: found 'bogus', expected from or for (each once), auth, fcrdns, helo, mail-from, rcpt-to, rdns, "
       "src, tag, tls, action or reject"},
      {kBase + "match from any for any reject \"299 x\"",
       "/etc/c:3:31: found \"299 x\", expected a code of SMTP from 400 to 599, if one"},
      {kBase + "match from any for any reject \"550 5.7.1\"",
       "/etc/c:3:31: found \"550 5.7.1\", expected words, which the client gets to read"},
      {kBase + "match from any for any reject \"\"",
       "/etc/c:3:31: found \"\", expected words, which the client gets to read"},
      {kBase + "match from any for any reject \"550 4.1.1 x\"",
       "/etc/c:3:31: found \"550 4.1.1 x\", expected a status of RFC 3463 that begins as its code does"},
      {"action a bounce",
       "/etc/c:1:10: found 'bounce', expected deliver, maildir, mbox, lmtp, relay, discard, expand-only or "
       "forward-only"},
      {kBase + "action b deliver virtual", "/etc/c:3:25: found end of file, expected a table, as <name>"},
      {kBase + "action b deliver ttl 5", "/etc/c:3:22: found '5', expected a time from 1s to 30d, such as 4d"},
      {kBase + "action b deliver user a user b",
       "/etc/c:3:25: found 'user', expected forward-file, alias, virtual, userbase, user, ttl (each once) or end of "
       "line"},
      {"action b relay backup host smtp://x.test",
       "/etc/c:1:41: found end of file, expected no host with backup, which goes by MX"},
      {"domain a.test alias-of b.test",
       "/etc/c:1:8: found 'a.test' as an alias of 'b.test', expected a domain of this file that is no alias itself"},
      {"include nowhere", "/etc/c:1:9: found 'nowhere', expected a file that can be read (no such file)"},
      {"include more", "/etc/more:2:11: found 'nowhere/', expected all, socket, an address or an interface"},
      {"state /x y", "/etc/c:1:10: found 'y', expected end of line"},
      {std::string("state /x\0y", 10), "/etc/c:1:9: found '\\x00', expected end of line"},
  };
  for (const auto& c : cases) assert_text(errors_of(c.text), c.expected);
  assert_true(errors_of("include self").find("files included at most 8 deep") != std::string::npos);
}

// Each statement's error is told, ten at most; a bad list does not make its lines errors of their own.
static void domains_fit_into_a_message(void**) {
  std::string many = "domain {";
  for (int i = 0; i < 10000; i++) many += (i == 0 ? " d" : ", d") + std::to_string(i) + ".test";
  assert_text(errors_of(many + " }\n").substr(0, 30), errors_of("domain a.test\n").substr(0, 30));
  assert_text(errors_of(many + ", one.more }\n").substr(0, 76),
              "/etc/c:1:8: found '{', expected at most 10000 domains of 524288 bytes in all");
  std::string big;
  for (int i = 0; i < 2200; i++) {
    const std::string label(60, 'a');
    big += "domain " + label + "." + label + "." + label + "." + label + "." + std::to_string(i) + ".t\n";
  }
  assert_non_null(strstr(errors_of(big).c_str(), "expected at most 10000 domains of 524288 bytes in all"));
}

// What the parent sends on must have room in its message, or the parent would end at a `reload`.
static void lists_and_paths_are_bounded(void**) {
  std::string text = "pki p cert /c key /k\nlisten on 127.0.0.1 smtp pki { p";
  for (int i = 1; i < 16; i++) text += ", p";
  assert_null(strstr(errors_of(text + " }\n").c_str(), "at most 16 pki"));
  assert_non_null(strstr(errors_of(text + ", p }\n").c_str(), "expected at most 16 names"));
  const std::string path(4096, 'x');
  assert_non_null(strstr(errors_of("pki p cert /" + path + " key /k\n").c_str(), "expected an absolute path"));
}

static void several_errors(void**) {
  assert_text(errors_of("domain a..b\ntable t { a,\n b b,\n c }\nauth maybe\n"),
              "/etc/c:1:8: found 'a..b', expected a domain name\n"
              "/etc/c:3:4: found 'b', expected ',' or '}'\n"
              "/etc/c:5:6: found 'maybe', expected system or table");
  std::string many;
  for (int i = 0; i < 50; i++) many += "x\n";
  const std::string all = errors_of(many);
  assert_int_equal(std::count(all.begin(), all.end(), '\n'), kMaxErrors - 1);
}

// A file cut anywhere is a configuration or an error, never a crash; the errors name a place in it.
static void cut_at_every_byte(void**) {
  const std::string text = kContract;
  for (size_t i = 0; i < text.size(); i++) {
    const auto config = parse(std::string_view(text).substr(0, i));
    if (!config) assert_text(config.error().text.substr(0, 7), "/etc/c:");
  }
}

static void macro_bomb(void**) {
  std::string text = "m0 = \"a a a a a a a a a a\"\n";
  for (int i = 1; i < 20; i++) {
    const std::string last = "$m" + std::to_string(i - 1);
    text += "m" + std::to_string(i) + " = \"" + last + " " + last + " " + last + " " + last + "\"\n";
  }
  assert_true(errors_of(text).find("a value of at most 1000 words") != std::string::npos);
}

static void options_table(void**) {
  Options options;
  for (const Option& o : all_options()) {
    assert_true(find_option(o.name) == &o);
    assert_false(o.help.empty());
    if (o.initial.empty()) continue;
    assert_true(set_option(options, o, o.initial));
  }
  const Option& size = *find_option("message-size");
  assert_true(set_option(options, size, "1g") && options.message_size == 1ULL << 30);
  assert_false(set_option(options, size, "99999999999999999999T"));
  const Option& idle = *find_option("user-idle");
  assert_true(set_option(options, idle, "1h30m") && options.user_idle == Seconds(5400));
  for (const char* bad : {"", "5", "m", "30m1h", "5m5m", "-1s", "2d", "0s"})
    assert_false(set_option(options, idle, bad));
  const std::string mdoc = options_as_mdoc();
  assert_true(mdoc.find(".It Ic message-size Ar size\n") != std::string::npos);
  assert_true(mdoc.find(".It Ic log-level Cm error | warn") != std::string::npos);
}

static void networks(void**) {
  const struct {
    const char *net, *address;
    bool inside;
  } cases[] = {
      {"10.0.0.0/8", "10.255.0.1", true},
      {"10.0.0.0/8", "11.0.0.1", false},
      {"10.0.0.7/29", "10.0.0.1", true},
      {"0.0.0.0/0", "1.2.3.4", true},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"::/0", "2001:db8::1", true},
      {"2001:db8::/33", "2001:db8:7fff::", true},
      {"2001:db8::/33", "2001:db8:8000::", false},
      {"::1", "::1", true},
      {"127.0.0.1", "::ffff:127.0.0.1", true},
  };
  for (const auto& c : cases) assert_int_equal(parse_network(c.net)->contains(*parse_address(c.address)), c.inside);
  for (const char* bad : {"", "1.2.3", "1.2.3.4/33", "::/129", "1.2.3.4/", "/8", "x", "1.2.3.4 "})
    assert_false(parse_network(bad).has_value());
}

static void demo(void**) {
  const auto c = parse(demo_config("/tmp/a \"b\""));
  assert_true(c.has_value());
  assert_text(c->options.state, "/tmp/a \"b\"/state");
  assert_int_equal(c->listeners.size(), 3);
  assert_true(c->listeners[1].plaintext_ok);
  assert_true(c->options.worker_uids > 0);
}

int main() {
  const CMUnitTest tests[] = {unit_test(contract),
                              unit_test(design),
                              unit_test(unsupported),
                              unit_test(order_is_free),
                              unit_test(macros_lists_lines),
                              unit_test(errors_to_the_letter),
                              unit_test(domains_fit_into_a_message),
                              unit_test(lists_and_paths_are_bounded),
                              unit_test(several_errors),
                              unit_test(cut_at_every_byte),
                              unit_test(macro_bomb),
                              unit_test(options_table),
                              unit_test(networks),
                              unit_test(demo)};
  return run_unit_tests(tests);
}
