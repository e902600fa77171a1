// The verbs about tables.
// SPDX-License-Identifier: ISC
#include <cstdio>

#include "lib/base/text.h"
#include "lib/conf/list.h"
#include "lib/conf/read.h"
#include "lib/db/constant_table.h"
#include "smtpd/control/ctl_ask.h"
#include "smtpd/control/ctl_json.h"

namespace mailkeep::ctl {

namespace {

std::string table_json(const lookup::TableShown& shown) {
  Json entries = object();
  for (const auto& e : shown.entries) put(entries, utf8_or_escaped(e.key), text(utf8_or_escaped(e.value)));
  Json all = object();
  put(all, "total", number(uint64_t{shown.total}));
  put(all, "entries", std::move(entries));
  return line_of(all);
}

int show(Session& s, const lookup::ShowTable& question) {
  control::client::AskTable request;
  request.ask = question;
  int code = kDone;
  const auto answer = ask<lookup::TableShown>(s, request, code);
  if (!answer) return code;
  if (!answer->found) {
    if (s.json) out(done_json(false, answer->text));
    fprintf(stderr, "mailkeepctl: %s\n", safe_for_terminal(answer->text).c_str());
    return kRefused;
  }
  if (s.json) return out(table_json(*answer)), kDone;
  for (const auto& e : answer->entries) out(safe_for_terminal(e.key + (e.value.empty() ? "" : "\t" + e.value)) + "\n");
  if (answer->total > answer->entries.size()) out("... of " + std::to_string(answer->total) + "\n");
  return kDone;
}

int failed(const std::string& why) {
  fprintf(stderr, "%s\n", safe_for_terminal(why).c_str());
  return kRefused;
}

}  // namespace

int table_reload(Session& s, Arguments arguments) {
  control::client::AskReload request;
  request.tables_only = true;
  if (!arguments.empty()) request.table = arguments[0].substr(0, kMaxTag);
  int code = kDone;
  const auto answer = ask<control::Reloaded>(s, request, code);
  if (!answer) return code;
  if (s.json) out(done_json(answer->ok, answer->text));
  if (!answer->ok) return failed(answer->text + "\nmailkeepctl: nothing was changed");
  if (!s.json) out("reloaded\n");
  return kDone;
}

int table_show(Session& s, Arguments arguments) {
  lookup::ShowTable question;
  if (!arguments.empty()) question.name = arguments[0].substr(0, kMaxTag);
  return show(s, question);
}

int table_lookup(Session& s, Arguments arguments) {
  lookup::ShowTable question;
  question.name = arguments[0].substr(0, kMaxTag);
  question.with_key = true;
  question.key = arguments[1].substr(0, kMaxAddress);
  return show(s, question);
}

// As whoever calls it; the server need not run.
int table_compile(Session&, Arguments arguments) {
  const std::string path(arguments[0]);
  const conf::ReadFile read = [](const std::string& file) { return conf::read_file(file, conf::kMaxTableFile); };
  const auto text = read(path);
  if (!text) return failed("mailkeepctl: " + text.error().text);
  const auto compiled = conf::compile_table(*text, path, read);
  if (!compiled) return failed(compiled.error().text);
  if (auto built = db::ConstantTable::build(path + ".db", compiled->form, compiled->entries); !built)
    return failed("mailkeepctl: " + built.error().text);
  out(path + ".db: " + std::to_string(compiled->entries.size()) + " keys, " + std::string(compiled->form) + "\n");
  return kDone;
}

}  // namespace mailkeep::ctl
