// smtpd/control/ctl.h: names of messages, log lines and what is printed of other people's bytes.
// SPDX-License-Identifier: ISC
#include "smtpd/control/ctl.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::ctl;

static void message_names(void**) {
  const auto whole = parse_message_name("00000000000000ff");
  assert_true(whole);
  assert_int_equal(whole->message, 255);
  assert_int_equal(whole->number, UINT32_MAX);
  const auto one = parse_message_name("00000000000000ff.3");
  assert_true(one);
  assert_int_equal(one->number, 3);
  for (const char* bad : {"", "ff", "00000000000000fg", "00000000000000ff.", "00000000000000ff.x",
                          "00000000000000ff.4294967295", "00000000000000ff.1.2", "-0000000000000ff"}) {
    assert_false(parse_message_name(bad));
  }
  queue::EnvelopeId id;
  id.message = 255;
  id.number = 3;
  assert_text(message_name(id), "00000000000000ff.3");
}

static void log_lines(void**) {
  assert_text(
      event_json("process=smtpd event=rcpt to=a@b text=\"it's \\\"x\\\" \\x0a\" code=250"),
      "{\"process\":\"smtpd\",\"event\":\"rcpt\",\"to\":\"a@b\",\"text\":\"it's \\\"x\\\" \\n\",\"code\":\"250\"}\n");
  assert_text(event_json("to=a to=b to=c"), "{\"to\":[\"a\",\"b\",\"c\"]}\n");
  assert_text(event_json("lost words =x"), "{\"text\":[\"lost\",\"words\",\"=\",\"x\"]}\n");
  assert_text(event_json(""), "{}\n");
  // Whatever is cut off or strange ends, and gives an object.
  const std::string line = "a=\"\\x4\\\" b=\"x\\x\" \"= c= =\"";
  for (size_t n = 0; n <= line.size(); n++) {
    const std::string out = event_json(std::string_view(line).substr(0, n));
    assert_true(out.size() >= 3 && out.front() == '{' && out.substr(out.size() - 2) == "}\n");
  }
}

static void bytes_are_made_safe(void**) {
  assert_text(safe_for_terminal("a\x1b[2Jb\n"), "a\\x1b[2Jb\n");
  // U+009B is as good as ESC [.
  assert_text(safe_for_terminal("a\xc2\x9b"
                                "2J\xc2\xa0\xc3\x9b"),
              "a\\xc2\\x9b"
              "2J\xc2\xa0\xc3\x9b");
  assert_text(safe_for_terminal("a\x9b"
                                "2J\xe2\x82\xac\xe2\x82"),
              "a\\x9b"
              "2J\xe2\x82\xac\\xe2\\x82");
  assert_text(done_json(false, "\xff\xc3\xa4\xc3"), "{\"ok\":false,\"text\":\"\\\\xff\xc3\xa4\\\\xc3\"}\n");
}

static void durations(void**) {
  assert_text(duration_text(-1), "-");
  assert_text(duration_text(59), "59s");
  assert_text(duration_text(61), "1m1s");
  assert_text(duration_text(3660), "1h1m");
  assert_text(duration_text(90000), "1d1h");
}

static void status_shows_sessions(void**) {
  control::client::Status s;
  s.report.version = "1";
  s.report.started = 100;
  s.report.processes.resize(2);
  s.report.processes[0].role = "smtpd";
  s.report.processes[0].pid = 7;
  s.report.processes[1].role = "user";
  s.report.processes[1].instance = 9;
  s.report.processes[1].account = "al\x1bice";
  s.report.processes[1].sessions = 3;
  s.counters.resize(1);
  s.counters[0].role = "smtpd";
  s.counters[0].values = {{"sessions", 42}};
  const std::string out = status_text(s, 160);
  assert_true(out.find("up 1m0s") != out.npos);
  assert_true(out.find("42") != out.npos);
  assert_true(out.find("al\\x1bice") != out.npos);
  assert_true(out.find("queue unknown") != out.npos);
  s.queue_known = true;
  s.queue_length = 5;
  const std::string json = status_json(s);
  assert_true(json.find("\"queue\":5") != json.npos);
  assert_true(json.find("\"counters\":{\"sessions\":42}") != json.npos);
  assert_true(json.find("\"sessions\":3") != json.npos);
}

int main() {
  const struct CMUnitTest tests[] = {unit_test(message_names), unit_test(log_lines), unit_test(bytes_are_made_safe),
                                     unit_test(durations), unit_test(status_shows_sessions)};
  return run_unit_tests(tests);
}
