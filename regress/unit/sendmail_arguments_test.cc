// smtpd/sendmail: command lines as programs have written them for decades.
// SPDX-License-Identifier: ISC
#include "smtpd/sendmail/arguments.h"

#include "lib/base/text.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using sendmail::Arguments;
using sendmail::Mode;

// All that a line means, in one text.
static std::string meaning(const std::string& line, const char* program = "/usr/sbin/sendmail") {
  const auto words = line.empty() ? std::vector<std::string_view>() : split(line, ' ');
  const auto a = sendmail::parse_arguments(program, words);
  if (!a) return "error";
  constexpr const char* kModes[] = {"send", "smtp", "queue", "aliases", "run"};
  std::string out = kModes[static_cast<size_t>(a->mode)];
  if (a->from_header) out += " t";
  if (!a->dots) out += " i";
  if (a->has_sender) out += " f=" + a->sender;
  if (!a->full_name.empty()) out += " F=" + a->full_name;
  if (!a->notify.empty()) out += " N=" + a->notify;
  if (!a->ret.empty()) out += " R=" + a->ret;
  if (!a->envelope_id.empty()) out += " V=" + a->envelope_id;
  if (!a->config.empty()) out += " C=" + a->config;
  if (a->is_quiet) out += " quiet";
  if (a->is_verbose) out += " v";
  for (const auto& to : a->recipients) out += " " + to;
  return out;
}

static void lines(void**) {
  const struct {
    const char* line;
    const char* meaning;
  } rows[] = {
      {"", "send"},
      {"a@b.test", "send a@b.test"},
      {"-t -i", "send t i"},
      {"-ti", "send t i"},
      {"-t -oi", "send t i"},
      {"-i -FCronDaemon -B8BITMIME -oem root", "send i F=CronDaemon root"},          // Debian's cron
      {"-FCronDaemon -i -odi -oem -oi -t -f root", "send t i f=root F=CronDaemon"},  // cronie
      {"-oem -oi -f me@x.test -- a b", "send i f=me@x.test a b"},                    // mutt
      {"-fme@x.test a", "send f=me@x.test a"},
      {"-f  a", "send f= a"},
      {"-r me@x.test a", "send f=me@x.test a"},
      {"-bm -B 7BIT a", "send a"},
      {"-bs", "smtp"},
      {"-bp", "queue"},
      {"-bi", "aliases"},
      {"-I", "aliases"},
      {"-q", "run"},
      {"-q15m", "run"},
      {"-N never a", "send N=NEVER a"},
      {"-Nsuccess,delay -Rhdrs -V id=1 a", "send N=SUCCESS,DELAY R=HDRS V=id=1 a"},
      {"-O DeliveryMode=b -O IgnoreDots a", "send i a"},
      {"-G -U -Am -m -n -L tag -h 3 -d0.1 -X /dev/null -p ESMTP:localhost a", "send a"},
      {"-v -C /etc/x.conf a", "send C=/etc/x.conf v a"},
      {"-oeq a", "send quiet a"},
      {"-oee a", "send a"},
      {"- a", "send - a"},
      {"a -t", "send a -t"},
      {"-bd", "error"},
      {"-bD", "error"},
      {"-bv a", "error"},
      {"-bt", "error"},
      {"-f", "error"},
      {"-N sometimes a", "error"},
      {"-N never,delay a", "error"},
      {"-R some a", "error"},
      {"-y a", "error"},
      {"--help", "error"},
  };
  for (const auto& row : rows)
    assert_text(std::string(row.line) + ": " + meaning(row.line), std::string(row.line) + ": " + row.meaning);
}

static void names(void**) {
  assert_text(meaning("", "/usr/bin/mailq"), "queue");
  assert_text(meaning("", "newaliases"), "aliases");
  assert_text(meaning("-v", "mailq"), "queue v");
  const std::vector<std::string_view> daemon = {"-bd"};
  assert_true(sendmail::parse_arguments("sendmail", daemon).error().text.find("mailkeepd") != std::string::npos);
}

int main() {
  const CMUnitTest tests[] = {unit_test(lines), unit_test(names)};
  return run_unit_tests(tests);
}
