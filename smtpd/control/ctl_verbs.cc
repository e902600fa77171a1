// The verbs of mailkeepctl: what each asks, and how its answer ends.
// SPDX-License-Identifier: ISC
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "smtpd/control/ctl_ask.h"

namespace mailkeep::ctl {

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

namespace {

constexpr size_t kMostWords = 100;  // of a selection

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

// Said on standard error when it is none.
bool is_name_in_ascii(std::string_view name) {
  const bool is_ascii = std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (name.empty() || name.size() > kMaxDomain || !is_ascii) {
    fprintf(stderr, "mailkeepctl: %s is no domain name in ASCII (an international one in its xn-- form)\n",
            printable(name).c_str());
    return false;
  }
  return true;
}

int show_hops(Session& s, std::string_view name, bool is_host) {
  if (!is_name_in_ascii(name)) return kUsage;
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

int report_delivery(Session& s, Arguments) {
  int code = kDone;
  const auto answer = ask<relay::DeliveryShown>(s, control::client::AskDelivery{}, code);
  if (!answer) return code;
  out(s.json ? delivery_json(*answer) : delivery_text(*answer));
  return kDone;
}

int tls_policy(Session& s, Arguments arguments) {
  if (!is_name_in_ascii(arguments[0])) return kUsage;
  control::client::AskTlsPolicy request;
  request.domain = arguments[0];
  int code = kDone;
  const auto answer = ask<relay::TlsPolicyShown>(s, request, code);
  if (!answer) return code;
  out(s.json ? tls_policy_json(arguments[0], *answer) : tls_policy_text(arguments[0], *answer));
  return answer->found ? kDone : kRefused;
}

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
      fprintf(stderr, "mailkeepctl: too slow, %llu lines are missing here\n",
              static_cast<unsigned long long>(missed.lines));
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
    {"queue list", "[SELECTION]", 0, kMostWords, queue_list, "what waits, and why"},
    {"queue find", "SELECTION", 1, kMostWords, queue_list, "the same"},
    {"queue show", "ID", 1, 1, queue_show, "one message, with its envelopes"},
    {"queue cat", "ID", 1, 1, queue_cat, "one message, as it is"},
    {"queue hold", "[-n] SELECTION", 1, kMostWords, queue_hold, "keep from being tried"},
    {"queue release", "[-n] SELECTION", 1, kMostWords, queue_release, "end hold, and try now"},
    {"queue retry", "[-n] SELECTION", 1, kMostWords, queue_retry, "try now"},
    {"queue fail", "[-n] SELECTION", 1, kMostWords, queue_fail, "give up, and tell the senders"},
    {"queue drop", "[-n] SELECTION", 1, kMostWords, queue_drop, "give up, and tell nobody"},
    {"queue remove", "[-n] SELECTION", 1, kMostWords, queue_drop, "the same"},
    {"queue reroute", "[-n] ACTION SELECTION", 2, kMostWords, queue_reroute, "send by another relay action"},
    {"queue history", "[SELECTION]", 0, kMostWords, queue_history, "what became of finished mail, with every attempt"},
    {"queue stats", "", 0, 0, queue_stats, "what waits for each destination, and how it fares"},
    {"trace", "ID|MESSAGE-ID|ADDRESS", 1, 1, trace, "the whole life of a message, or of an address' mail"},
    {"table reload", "[NAME]", 0, 1, table_reload, "read the files of tables again, or of one"},
    {"table show", "[NAME]", 0, 1, table_show, "the tables that rules ask, or what is in one"},
    {"table lookup", "NAME KEY", 2, 2, table_lookup, "what a table says of a key"},
    {"table compile", "FILE", 1, 1, table_compile, "make FILE.db of a list or aliases, for table NAME db:FILE.db",
     true},
    {"dns host", "NAME", 1, 1, dns_host, "a host's addresses and TLSA records, as mail finds them"},
    {"dns", "DOMAIN", 1, 1, dns, "the hosts that take a domain's mail, in the order they are tried"},
    {"report delivery", "", 0, 0, report_delivery, "what became of mail to other hosts, by provider and cause"},
    {"tls policy", "DOMAIN", 1, 1, tls_policy, "how much TLS mail for a domain needs, by which source, and why"},
    {"log", "", 0, 0, follow_log, "follow the events of all processes"},
};

}  // namespace

std::span<const Verb> all_verbs() { return kVerbs; }

}  // namespace mailkeep::ctl
