// mailq and newaliases: what an operator asks of the control socket; who may not, is told so.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <optional>
#include <set>

#include "lib/base/text.h"
#include "lib/conf/aliases.h"
#include "lib/conf/parse.h"
#include "lib/conf/read.h"
#include "lib/conf/sockets.h"
#include "lib/imsg/channel.h"
#include "smtpd/control/client_messages.h"
#include "smtpd/sendmail/sendmail.h"

namespace mailkeep::sendmail {

namespace {

// The answer A to `request`; when there is none, Error says why.
template <class A, class M>
Result<A> ask(int fd, const M& request) {
  imsg::Encoder e;
  M::fields(e, request);
  if (auto sent = imsg::write_frame(fd, M::kType, e.bytes(), e.fds()); !sent) return sent.error();
  auto frame = imsg::read_frame(fd);
  if (!frame) return frame.error();
  control::client::Refused refused;
  if (frame->type == control::client::Refused::kType && imsg::decode(frame->body, frame->fds, refused))
    return Error(refused.text, EPERM);
  A answer;
  if (frame->type != A::kType || !imsg::decode(frame->body, frame->fds, answer))
    return Error("an answer of another version?", EPROTO);
  return answer;
}

int complain_of(const Arguments& a, const Error& why) {
  const bool may_not = why.code == EACCES || why.code == EPERM;
  return complain(a, may_not ? EX_NOPERM : EX_TEMPFAIL,
                  (may_not ? "this user may not ask that: " : "the server cannot be asked: ") + why.text);
}

struct Waiting {
  queue::QueueItem first;
  bool is_active = false;
  bool is_held = false;
  std::vector<std::pair<std::string, std::string>> recipients;  // with the last error
};

std::string entry_text(uint64_t id, const Waiting& w) {
  char when[32] = "";
  const time_t arrived = w.first.arrived;
  struct tm parts {};
  localtime_r(&arrived, &parts);
  strftime(when, sizeof when, "%a %b %e %H:%M:%S", &parts);
  char head[128];
  snprintf(head, sizeof head, "%s%c %8llu %s  ", hex64(id).c_str(),
           w.is_active ? '*'
           : w.is_held ? '!'
                       : ' ',
           static_cast<unsigned long long>(w.first.size), when);
  std::string out = head + (w.first.sender.empty() ? "MAILER-DAEMON" : printable(w.first.sender)) + "\n";
  for (const auto& [to, error] : w.recipients) {
    if (!error.empty()) out += "    (" + printable(error) + ")\n";
    out += std::string(46, ' ') + printable(to) + "\n";
  }
  return out + "\n";
}

Status list(int fd, std::map<uint64_t, Waiting>& out) {
  control::client::AskQueueSelect request;  // of all there is, a list
  do {
    auto answer = ask<queue::QueueSelected>(fd, request);
    if (!answer) return answer.error();
    if (!answer->error.empty()) return Error(answer->error);
    if (answer->next == request.ask.after && !answer->next.empty())
      return Error("the listing does not advance", EPROTO);
    request.ask.after = answer->next;
    for (auto& item : answer->items) {
      Waiting& w = out[item.envelope.message];
      if (item.state == "delivering" || item.state == "stored") w.is_active = true;
      if (item.state == "held" || item.state == "quarantined") w.is_held = true;
      w.recipients.emplace_back(item.recipient, item.last_error);
      if (w.recipients.size() == 1) w.first = std::move(item);
    }
  } while (!request.ask.after.empty());
  return {};
}

// The tables of aliases that are files: how many aliases each has, or what is wrong with it.
int check_tables(const Arguments& a, const conf::Config& config) {
  const conf::ReadFile read = [](const std::string& path) { return conf::read_file(path, conf::kMaxAliasesFile); };
  std::set<std::string> seen;
  int code = EX_OK;
  for (const auto& action : config.actions) {
    const conf::Table* table = config.table(action.alias_table);
    if (table == nullptr || table->kind != conf::TableKind::file || !seen.insert(table->path).second) continue;
    const auto text = read(table->path);
    if (!text) {
      code = complain(a, EX_NOINPUT, text.error().text);
      continue;
    }
    const auto aliases = conf::parse_aliases(*text, table->path, read);
    if (!aliases) {
      code = complain(a, EX_DATAERR, aliases.error().text);
      continue;
    }
    printf("%s: %zu aliases\n", table->path.c_str(), aliases->size());
  }
  fflush(stdout);
  return code;
}

}  // namespace

int list_queue(const Arguments& a) {
  const auto socket = conf::connect_to(conf::find_control_socket(a.config));
  if (!socket) return complain_of(a, socket.error());
  std::map<uint64_t, Waiting> all;
  if (auto listed = list(socket->get(), all); !listed) return complain_of(a, listed.error());
  if (all.empty()) {
    puts("Mail queue is empty");
    return EX_OK;
  }
  std::string out = "-Queue ID-       --Size-- ---Arrival Time--- --Sender/Recipient------\n";
  uint64_t bytes = 0;
  for (const auto& [id, waiting] : all) {
    out += entry_text(id, waiting);
    bytes += waiting.first.size;
  }
  out += "-- " + std::to_string((bytes + 1023) / 1024) + " Kbytes in " + std::to_string(all.size()) + " Request" +
         (all.size() == 1 ? "" : "s") + ".\n";
  fwrite(out.data(), 1, out.size(), stdout);
  fflush(stdout);
  return EX_OK;
}

// All that waits is tried now.
int run_queue(const Arguments& a) {
  const auto socket = conf::connect_to(conf::find_control_socket(a.config));
  if (!socket) return complain_of(a, socket.error());
  control::client::AskQueueSelect request;
  request.ask.verb = queue::QueueVerb::kRetry;
  request.ask.selection.all = true;
  do {
    const auto answer = ask<queue::QueueSelected>(socket->get(), request);
    if (!answer) return complain_of(a, answer.error());
    if (!answer->error.empty()) return complain(a, EX_UNAVAILABLE, answer->error);
    if (answer->next == request.ask.after) break;
    request.ask.after = answer->next;
  } while (!request.ask.after.empty());
  return EX_OK;
}

// A file with an error changes nothing: the server goes on with what it has.
int check_aliases(const Arguments& a) {
  const auto config = conf::parse_file(a.config);
  if (!config) return complain(a, EX_CONFIG, config.error().text);
  if (const int code = check_tables(a, *config); code != EX_OK) return code;
  const auto socket = conf::connect_to(config->control_path());
  if (!socket && (socket.error().code == ENOENT || socket.error().code == ECONNREFUSED)) {
    return complain(a, EX_OK, "the mail server is not running; it reads the aliases when it starts");
  }
  if (!socket) return complain_of(a, socket.error());
  const auto answer = ask<control::Reloaded>(socket->get(), control::client::AskReload{});
  if (!answer) return complain_of(a, answer.error());
  if (!answer->ok) return complain(a, EX_CONFIG, answer->text + "\nnothing was changed");
  return EX_OK;
}

}  // namespace mailkeep::sendmail
