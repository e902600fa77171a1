// smtpd/relay/sts.h and http.h: TXT records, policies and answers of web servers as they come, and the book of policies
// in time.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/sts.h"

#include "regress/unit/unit.h"
#include "smtpd/relay/http.h"

using namespace mailkeep;
using namespace mailkeep::relay;

namespace {

void texts(void**) {
  const struct {
    std::vector<std::string> texts;
    const char* id;  // "": none
  } rows[] = {
      {{"v=STSv1; id=20160831085700Z;"}, "20160831085700Z"},
      {{"v=STSv1;id=1"}, "1"},
      {{"other", "v=STSv1 ; id = a1 ; x=y;"}, "a1"},
      {{}, ""},
      {{"v=STSv1"}, ""},
      {{"v=STSv1; id="}, ""},
      {{"v=STSv1; id=a b"}, ""},
      {{"v=STSv1; id=a-b"}, ""},
      {{"v=STSv1; id=" + std::string(33, 'a')}, ""},
      {{"id=1; v=STSv1"}, ""},
      {{"v=STSv2; id=1"}, ""},
      {{"v=stsv1; id=1"}, ""},
      {{"v=STSv1; id=1", "v=STSv1; id=2"}, ""},  // RFC 8461 3.1: as none
      {{"v=STSv1; id=1", "v=STSv1"}, ""},
  };
  for (const auto& r : rows) assert_text(parse_sts_texts(r.texts).value_or(""), r.id);
}

const std::string kPolicy =
    "version: STSv1\r\nmode: enforce\r\nmx: mx.X.test\nmx: *.y.test\r\nmax_age: 604800\r\nnew: word\r\n";

void policies(void**) {
  const auto p = parse_sts_policy(kPolicy);
  assert_true(p && p->policy.mode == StsMode::kEnforce && p->max_age == 604800);
  assert_true(p->policy.hosts == (std::vector<std::string>{"mx.x.test", "*.y.test"}));
  assert_true(parse_sts_policy("version: STSv1\nmode: none\nmax_age: 1").has_value());
  assert_int_equal(parse_sts_policy("version: STSv1\nmode: none\nmax_age: 99999999999")->max_age, kMaxAge);
  assert_true(parse_sts_policy("version:STSv1\nmode:testing\nmax_age:5\nmx:a\nmode: enforce")->policy.mode ==
              StsMode::kTesting);
  for (const std::string bad :
       {"", "version: STSv1", "mode: none\nmax_age: 1", "version: STSv1\nmode: none", "version: STSv1\nmax_age: 1",
        "version: STSv1\nmode: enforce\nmax_age: 1", "version: STSv2\nmode: none\nmax_age: 1",
        "version: STSv1\nmode: force\nmax_age: 1\nmx: a", "version: STSv1\nmode: none\nmax_age: -1",
        "version: STSv1\nmode: enforce\nmax_age: 1\nmx: a b", "version: STSv1\nmode: enforce\nmax_age: 1\nmx: *.*.a",
        "<html>\n", "version: STSv1\nmode: enforce\nmax_age: 1\nmx: .a"}) {
    assert_false(parse_sts_policy(bad).has_value());
  }
  std::string many = "version: STSv1\nmode: enforce\nmax_age: 1\n";
  for (size_t i = 0; i <= kMaxStsHosts; i++) many += "mx: a" + std::to_string(i) + "\n";
  assert_false(parse_sts_policy(many).has_value());
}

const std::string kHead = "HTTP/1.1 200 OK\r\nContent-Type: Text/Plain; charset=utf-8\r\n";

void answers(void**) {
  const struct {
    std::string bytes;
    const char* body;  // nullptr: an error
  } rows[] = {
      {kHead + "Content-Length: 5\r\n\r\nhello", "hello"},
      {kHead + "Content-Length: 0\r\n\r\n", ""},
      {kHead + "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", "hello"},
      {kHead + "Content-Length: 6\r\n\r\nhello", nullptr},
      {kHead + "Content-Length: x\r\n\r\nhello", nullptr},
      {kHead + "Content-Length: 5\r\nContent-Length: 4\r\n\r\nhello", nullptr},
      {kHead + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello", nullptr},
      {kHead + "Content-Length: 65537\r\n\r\n" + std::string(65537, 'x'), nullptr},
      {kHead + "\r\nuntil the end", nullptr},  // which anybody on the way could have made
      {kHead + "\r\n" + std::string(65537, 'x'), nullptr},
      {kHead + "Transfer-Encoding: gzip\r\n\r\nx", nullptr},
      {kHead + "Content-Encoding: gzip\r\n\r\nx", nullptr},
      {kHead + "Transfer-Encoding: chunked\r\n\r\n3\r\nhello", nullptr},
      {kHead + "Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n", nullptr},
      {kHead + "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n", nullptr},
      {kHead + "Transfer-Encoding: chunked\r\n\r\n\r\n", nullptr},
      {kHead + " folded\r\n\r\n", nullptr},
      {"HTTP/1.1 20 OK\r\n\r\n", nullptr},
      {"HTTP/2 200\r\n\r\n", nullptr},
      {"220 smtp\r\n\r\n", nullptr},
      {"", nullptr},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(kMaxHttpHead, 'x') + "\r\n\r\n", nullptr},
  };
  for (const auto& r : rows) {
    const auto got = parse_http(r.bytes, true);
    assert_true(got.has_value());
    if (got->has_value() != (r.body != nullptr)) fail_msg("%.60s", r.bytes.c_str());
    if (r.body != nullptr) {
      assert_text((*got)->body, r.body);
      assert_text((*got)->type, "text/plain");
      assert_int_equal((*got)->status, 200);
    }
    // With every byte that comes either more is needed, or it is decided, as it is in the end.
    for (size_t n = 0; n < std::min<size_t>(r.bytes.size(), 400); n++) {
      const auto part = parse_http(std::string_view(r.bytes).substr(0, n), false);
      if (part && r.body != nullptr && *part) assert_text((**part).body, r.body);
      if (part && r.body != nullptr) assert_true(part->has_value());
    }
  }
  assert_int_equal((*parse_http("HTTP/1.0 301 Moved\r\nLocation: x\r\n\r\n", true))->status, 301);
}

// Of a POST the status alone counts, once the head is whole; interim answers are none.
void http_status(void**) {
  struct Row {
    std::string bytes;
    int status;  // 0: an error, whatever may come
  };
  const Row rows[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 200},
      {"HTTP/1.1 201 Created\r\n\r\n", 201},
      {"HTTP/1.1 204\r\nServer: x\r\n\r\n", 204},
      {"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n", 202},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 500 No\r\n\r\n", 500},
      {"HTTP/1.0 404 Not Found\r\n\r\n", 404},
      {"HTTP/1.1 200 OK\r\n", 0},
      {"HTTP/1.1 100 Continue\r\n\r\n", 0},
      {"HTTP/1.1 100 Continue\r\n\r\nhello\r\n\r\n", 0},
      {"HTTP/1.1 099 What\r\n\r\n", 0},
      {"220 smtp\r\n\r\n", 0},
      {"", 0},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(kMaxHttpHead, 'x') + "\r\n\r\n", 0},
  };
  for (const auto& r : rows) {
    const auto got = parse_http_status(r.bytes, true);
    assert_true(got.has_value());
    if (got->has_value() != (r.status != 0)) fail_msg("%.60s", r.bytes.c_str());
    if (r.status != 0) assert_int_equal(**got, r.status);
    for (size_t n = 0; n < std::min<size_t>(r.bytes.size(), 400); n++) {
      const auto part = parse_http_status(std::string_view(r.bytes).substr(0, n), false);
      if (part && *part) assert_int_equal(**part, r.status);
      if (part && r.status != 0) assert_true(part->has_value());
    }
  }
}

void requests(void**) {
  HttpRequest get;
  get.host = "mta-sts.x.test";
  get.path = "/a?b";
  get.accept = "text/plain";
  assert_text(write_http(get),
              "GET /a?b HTTP/1.1\r\nHost: mta-sts.x.test\r\nUser-Agent: Mailkeep\r\nAccept: text/plain\r\nConnection: "
              "close\r\n\r\n");
  HttpRequest post;
  post.host = "r.test";
  post.port = 8443;
  post.path = "/";
  post.is_post = true;
  post.type = "application/tlsrpt+gzip";
  post.body = std::string("\x1f\x8b\0z", 4);
  const std::string head =
      "POST / HTTP/1.1\r\nHost: r.test:8443\r\nUser-Agent: Mailkeep\r\nContent-Type: application/tlsrpt+gzip\r\n"
      "Content-Length: 4\r\nConnection: close\r\n\r\n";
  assert_true(write_http(post) == head + post.body);
}

// Answers by hand what the book asks for.
struct House {
  House()
      : book({.recall = [this](const std::string& d) { log += " recall:" + d; },
              .look = [this](const std::string& d) { log += " look:" + d; },
              .fetch = [this](const std::string& d) { log += " fetch:" + d; },
              .keep = [this](const StsRecord& r) { kept = r, log += " keep"; },
              .known = [this](const std::string& d) { log += " known:" + d; }}) {}
  std::string took() { return std::exchange(log, {}); }
  // A domain that is new to us, with such a policy.
  void learn(const std::string& domain, int64_t now, const std::string& policy = kPolicy) {
    assert_false(book.ready(domain, now));
    book.recalled(domain, {}, now);
    book.looked(domain, false, {"v=STSv1; id=1"}, now);
    book.fetched(domain, policy, now);
    took();
  }
  std::string log;
  StsRecord kept;
  StsBook book;
};

constexpr int64_t kNow = 1'700'000'000;

void a_new_domain(void**) {
  House h;
  assert_false(h.book.ready("d", kNow));
  assert_text(h.took(), " recall:d");
  assert_false(h.book.ready("d", kNow));  // another message for it
  h.book.recalled("d", {}, kNow);
  assert_text(h.took(), " look:d");
  h.book.looked("d", false, {"v=STSv1; id=1"}, kNow);
  assert_text(h.took(), " fetch:d");
  assert_false(h.book.ready("d", kNow));
  h.book.fetched("d", kPolicy, kNow);
  assert_text(h.took(), " keep known:d");
  assert_true(h.book.ready("d", kNow));
  assert_true(h.book.policy("d", kNow)->mode == StsMode::kEnforce);
  assert_int_equal(h.kept.expires, kNow + 604800);
  assert_text(h.took(), "");
}

void none(void**) {
  House h;
  h.book.ready("d", kNow);
  h.book.recalled("d", {}, kNow);
  h.book.looked("d", false, {}, kNow);
  assert_text(h.took(), " recall:d look:d known:d");
  assert_true(h.book.ready("d", kNow + 1));
  assert_null(h.book.policy("d", kNow));
  assert_text(h.took(), "");
  assert_false(h.book.ready("d", kNow + kLookAgain));  // it may have one by now
  assert_text(h.took(), " look:d");
}

void what_fails_leaves_it_as_it_was(void**) {
  House h;
  h.learn("d", kNow);
  // The record goes, or cannot be had: the policy holds until max_age.
  assert_true(h.book.ready("d", kNow + kLookAgain));
  assert_text(h.took(), " look:d");
  h.book.looked("d", true, {}, kNow + kLookAgain);
  assert_non_null(h.book.policy("d", kNow + kLookAgain));
  assert_true(h.book.ready("d", kNow + 2 * kLookAgain));
  h.book.looked("d", false, {}, kNow + 2 * kLookAgain);
  assert_non_null(h.book.policy("d", kNow + 2 * kLookAgain));
  // A new id, but no policy behind it.
  assert_true(h.book.ready("d", kNow + 3 * kLookAgain));
  h.book.looked("d", false, {"v=STSv1; id=2"}, kNow + 3 * kLookAgain);
  h.took();
  h.book.fetched("d", Error("404"), kNow + 3 * kLookAgain);
  assert_text(h.took(), " known:d");
  assert_non_null(h.book.policy("d", kNow + 3 * kLookAgain));
  h.book.ready("d", kNow + 4 * kLookAgain);
  h.book.looked("d", false, {"v=STSv1; id=2"}, kNow + 4 * kLookAgain);
  h.took();
  h.book.fetched("d", std::string("version: STSv1\nmode: none\nmax_age: 60\n"), kNow + 4 * kLookAgain);
  assert_true(h.book.policy("d", kNow + 4 * kLookAgain)->mode == StsMode::kNone);
  assert_null(h.book.policy("d", kNow + 4 * kLookAgain + 60));
  // After max_age a policy that cannot be had is none.
  House old;
  old.learn("d", kNow);
  assert_null(old.book.policy("d", kNow + 604800));
}

void fetches_are_not_repeated_at_once(void**) {
  House h;
  h.book.ready("d", kNow);
  h.book.recalled("d", {}, kNow);
  h.book.looked("d", false, {"v=STSv1; id=1"}, kNow);
  h.book.fetched("d", std::string("<html>"), kNow);
  h.took();
  assert_true(h.book.ready("d", kNow + 10));
  assert_null(h.book.policy("d", kNow + 10));
  assert_text(h.took(), "");
  assert_true(h.book.describe("d", kNow).find("its policy has") != std::string::npos);
}

void from_the_disk(void**) {
  House h;
  h.learn("d", kNow);
  House again;
  again.book.ready("d", kNow + 100);
  again.took();
  again.book.recalled("d", h.kept, kNow + 100);
  assert_text(again.took(), " look:d known:d");  // mail goes on at once
  assert_true(again.book.ready("d", kNow + 100));
  again.book.looked("d", false, {"v=STSv1; id=1"}, kNow + 100);
  assert_text(again.took(), " known:d");  // nothing new
  // Of another domain, or old.
  House wrong;
  wrong.book.ready("e", kNow);
  wrong.book.recalled("e", h.kept, kNow);
  assert_null(wrong.book.policy("e", kNow));
  House late;
  late.book.ready("d", kNow + 604800);
  late.book.recalled("d", h.kept, kNow + 604800);
  assert_false(late.book.ready("d", kNow + 604800));
}

void looked_after(void**) {
  House h;
  h.learn("d", kNow);
  h.book.refresh(kNow + kRefetch - 1);
  assert_text(h.took(), "");
  h.book.refresh(kNow + kRefetch);
  assert_text(h.took(), " look:d");
  h.book.looked("d", false, {"v=STSv1; id=1"}, kNow + kRefetch);
  assert_text(h.took(), " fetch:d");  // the same id, but a day old
  h.book.fetched("d", kPolicy, kNow + kRefetch);
  assert_int_equal(h.kept.expires, kNow + kRefetch + 604800);
}

void strays(void**) {
  House h;
  h.book.recalled("x", {}, kNow);
  h.book.looked("x", false, {"v=STSv1; id=1"}, kNow);
  h.book.fetched("x", kPolicy, kNow);
  assert_text(h.took(), "");
  h.learn("d", kNow);
  h.book.fetched("d", std::string("version: STSv1\nmode: none\nmax_age: 60\n"), kNow);
  assert_true(h.book.policy("d", kNow)->mode == StsMode::kEnforce);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(texts),
                              unit_test(policies),
                              unit_test(answers),
                              unit_test(http_status),
                              unit_test(requests),
                              unit_test(a_new_domain),
                              unit_test(none),
                              unit_test(what_fails_leaves_it_as_it_was),
                              unit_test(fetches_are_not_repeated_at_once),
                              unit_test(from_the_disk),
                              unit_test(looked_after),
                              unit_test(strays)};
  return run_unit_tests(tests);
}
