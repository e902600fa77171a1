// The verbs of mailkeepctl: what each asks, and how its answer ends.
// SPDX-License-Identifier: ISC
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "smtpd/control/ctl.h"

namespace mailkeep::ctl {

namespace {

using Arguments = std::span<const std::string_view>;
using imsg::BlockingFrame;

void out(const std::string& text) {
  fwrite(text.data(), 1, text.size(), stdout);
  fflush(stdout);
}

int unreachable(std::string_view why) {
  fprintf(stderr, "mailkeepctl: the server went away: %s\n", std::string(why).c_str());
  return kUnreachable;
}

int refused(Session& s, std::string_view why) {
  if (s.json) out(done_json(false, why));
  fprintf(stderr, "mailkeepctl: %s\n", safe_for_terminal(why).c_str());
  return kRefused;
}

template <class M>
Status send(Session& s, const M& message) {
  imsg::Encoder e;
  M::fields(e, message);
  return imsg::write_frame(s.fd, M::kType, e.bytes(), e.fds());
}

// The answer A to `request`; when there is none, `code` is how the program ends and all has been said.
template <class A, class M>
std::optional<A> ask(Session& s, const M& request, int& code) {
  auto frame = [&]() -> Result<BlockingFrame> {
    if (auto sent = send(s, request); !sent) return sent.error();
    return imsg::read_frame(s.fd);
  }();
  if (!frame) {
    code = unreachable(frame.error().text);
    return {};
  }
  if (frame->type == control::client::Refused::kType) {
    control::client::Refused r;
    code = imsg::decode(frame->body, frame->fds, r) ? refused(s, r.text) : unreachable("a malformed answer");
    return {};
  }
  A answer;
  if (frame->type != A::kType || !imsg::decode(frame->body, frame->fds, answer)) {
    code = unreachable("an answer of another version?");
    return {};
  }
  return answer;
}

int status(Session& s, Arguments) {
  int code = kDone;
  const auto answer = ask<control::client::Status>(s, control::client::AskStatus{}, code);
  if (!answer) return code;
  out(s.json ? status_json(*answer) : status_text(*answer, now_unix()));
  return kDone;
}

int reload(Session& s, Arguments) {
  int code = kDone;
  const auto answer = ask<control::Reloaded>(s, control::client::AskReload{}, code);
  if (!answer) return code;
  if (s.json) out(done_json(answer->ok, answer->text));
  if (!answer->ok) {
    fprintf(stderr, "%s\nmailkeepctl: nothing was changed\n", safe_for_terminal(answer->text).c_str());
    return kRefused;
  }
  if (!s.json) out("reloaded\n");
  return kDone;
}

int queue_list(Session& s, Arguments) {
  control::client::AskQueueList request;
  std::vector<queue::QueueItem> all;
  uint64_t total = 0;
  const int64_t now = now_unix();
  bool first = true;
  do {
    int code = kDone;
    auto answer = ask<queue::QueueList>(s, request, code);
    if (!answer) return code;
    if (answer->next == request.after && !answer->next.empty()) return unreachable("the listing does not advance");
    total = answer->total;
    request.after = answer->next;
    if (s.json) {
      for (auto& item : answer->items) all.push_back(std::move(item));
      continue;
    }
    std::string text = first && !answer->items.empty() ? queue_text_head() : "";
    first = false;
    for (const auto& item : answer->items) text += queue_text(item, now);
    out(text);
  } while (!request.after.empty());
  out(s.json ? queue_json(all, total) : std::to_string(total) + " in the queue\n");
  return kDone;
}

int bad_name(std::string_view text) {
  fprintf(stderr, "mailkeepctl: %s is no message id: 16 hexadecimal digits, then perhaps .NUMBER\n", printable(text).c_str());
  return kUsage;
}

// The whole of a descriptor that can be read from 0.
Result<std::string> read_all(int fd) {
  std::string text;
  char chunk[64 * 1024];
  for (;;) {
    const ssize_t n = ::pread(fd, chunk, sizeof chunk, static_cast<off_t>(text.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("read the message");
    if (n == 0) return text;
    text.append(chunk, static_cast<size_t>(n));
  }
}

int queue_show(Session& s, Arguments arguments) {
  const auto name = parse_message_name(arguments[0]);
  if (!name) return bad_name(arguments[0]);
  control::client::AskQueueShow request;
  request.message = name->message;
  int code = kDone;
  auto answer = ask<queue::MessageShown>(s, request, code);
  if (!answer) return code;
  if (!answer->found) return refused(s, "not in the queue: " + std::string(arguments[0]));
  std::string content;
  if (answer->content) {
    auto read = read_all(answer->content.get());
    if (!read) return refused(s, read.error().text);
    content = std::move(*read);
  }
  if (s.json) {
    out(shown_json(answer->items, content));
    return kDone;
  }
  std::string text = queue_text_head();
  for (const auto& item : answer->items) text += queue_text(item, now_unix());
  if (isatty(STDOUT_FILENO) == 1) {
    std::erase(content, '\r');
    content = safe_for_terminal(content);
  }
  out(text + "\n" + content);
  return kDone;
}

int queue_remove(Session& s, Arguments arguments) {
  const auto name = parse_message_name(arguments[0]);
  if (!name) return bad_name(arguments[0]);
  control::client::AskQueueRemove request;
  request.message = name->message;
  request.number = name->number;
  int code = kDone;
  const auto answer = ask<queue::MessageRemoved>(s, request, code);
  if (!answer) return code;
  if (answer->removed == 0) return refused(s, "not in the queue, or being delivered: " + std::string(arguments[0]));
  out(s.json ? removed_json(answer->removed) : "removed " + std::to_string(answer->removed) + "\n");
  return kDone;
}

int show_hops(Session& s, std::string_view name, bool is_host) {
  const bool is_ascii = std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (name.empty() || name.size() > kMaxDomain || !is_ascii) {
    fprintf(stderr, "mailkeepctl: %s is no domain name in ASCII (an international one in its xn-- form)\n", printable(name).c_str());
    return kUsage;
  }
  control::client::AskHops request;
  request.name = name;
  request.is_host = is_host;
  int code = kDone;
  const auto answer = ask<lookup::Hops>(s, request, code);
  if (!answer) return code;
  out(s.json ? hops_json(name, *answer) : hops_text(name, *answer));
  return answer->state == lookup::HopsState::kFound ? kDone : kRefused;
}

int dns(Session& s, Arguments arguments) { return show_hops(s, arguments[0], false); }
int dns_host(Session& s, Arguments arguments) { return show_hops(s, arguments[0], true); }

int follow_log(Session& s, Arguments) {
  if (auto sent = send(s, control::client::AskFollow{}); !sent) return unreachable(sent.error().text);
  for (;;) {
    auto frame = imsg::read_frame(s.fd);
    if (!frame) return unreachable(frame.error().text);
    control::client::Event event;
    control::client::Missed missed;
    control::client::Refused no;
    if (frame->type == control::client::Event::kType && imsg::decode(frame->body, frame->fds, event)) {
      out(s.json ? event_json(event.text) : event.text + "\n");
    } else if (frame->type == control::client::Missed::kType && imsg::decode(frame->body, frame->fds, missed)) {
      fprintf(stderr, "mailkeepctl: too slow, %llu lines are missing here\n", static_cast<unsigned long long>(missed.lines));
    } else if (frame->type == control::client::Refused::kType && imsg::decode(frame->body, frame->fds, no)) {
      return refused(s, no.text);
    } else {
      return unreachable("an answer of another version?");
    }
    if (ferror(stdout) != 0) return kDone;  // whoever read has left
  }
}

constexpr Verb kVerbs[] = {
    {"status", "", 0, 0, status, "processes, sessions, length of the queue"},
    {"reload", "", 0, 0, reload, "read configuration, certificates and tables again"},
    {"queue list", "", 0, 0, queue_list, "what waits, and why"},
    {"queue show", "ID", 1, 1, queue_show, "one message, with its envelopes"},
    {"queue remove", "ID[.NUMBER]", 1, 1, queue_remove, "drop a message, or one of its envelopes; no bounce"},
    {"dns host", "NAME", 1, 1, dns_host, "a host's addresses and TLSA records, as mail finds them"},
    {"dns", "DOMAIN", 1, 1, dns, "the hosts that take a domain's mail, in the order they are tried"},
    {"log", "", 0, 0, follow_log, "follow the events of all processes"},
};

}  // namespace

std::span<const Verb> all_verbs() { return kVerbs; }

}  // namespace mailkeep::ctl
