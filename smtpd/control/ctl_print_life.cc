// What mailkeepctl prints of mail's life: each attempt of an envelope, each decision about a message. See ctl.h.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/text.h"
#include "lib/smtp/cause.h"
#include "smtpd/control/ctl_json.h"

namespace mailkeep::ctl {

namespace {

// Why another host, or a mailbox, did not take it.
std::string_view cause_of(const queue::Attempt& a) {
  if (a.how != queue::How::kDeferred && a.how != queue::How::kFailed) return "";
  const smtp::Cause cause = smtp::classify_words(a.text);
  return cause == smtp::Cause::kUnclear ? "" : smtp::cause_name(cause);
}

std::string attempt_text(const queue::Attempt& a) {
  return "    " + time_text(a.at) + "  " + std::string(name_of(a.how)) + "  " + safe_for_terminal(attempt_words(a)) +
         "\n";
}

Json attempt_json(const queue::Attempt& a) {
  Json o = object();
  put(o, "time", number(a.at));
  put(o, "outcome", text(name_of(a.how)));
  if (!a.host.empty()) put(o, "host", text(utf8_or_escaped(a.host)));
  if (!a.tls.empty()) put(o, "tls", text(utf8_or_escaped(a.tls)));
  if (a.uid != queue::kNoUid) put(o, "uid", number(static_cast<uint64_t>(a.uid)));
  if (const auto cause = cause_of(a); !cause.empty()) put(o, "cause", text(cause));
  put(o, "text", text(utf8_or_escaped(a.text)));
  return o;
}

std::string_view state_of(const queue::Life& l) {
  return l.ended == 0 ? std::string_view(l.state) : l.tries.empty() ? "" : name_of(l.tries.back().how);
}

// Attempts that are not kept: each failed, and the last one of a finished envelope is among those that are.
uint64_t left_out(const queue::Life& l) {
  const auto failed = static_cast<uint64_t>(
      std::count_if(l.tries.begin(), l.tries.end(), [](const auto& a) { return a.how == queue::How::kDeferred; }));
  return l.attempts > failed ? l.attempts - failed : 0;
}

}  // namespace

std::string attempt_words(const queue::Attempt& a) {
  std::string out = a.host.empty() ? "" : a.host + (a.tls.empty() ? ", no TLS: " : ", " + a.tls + ": ");
  out += a.text;
  if (const auto cause = cause_of(a); !cause.empty()) out += " [" + std::string(cause) + "]";
  return out;
}

std::string life_text(const queue::Life& l) {
  std::string out = message_name(l.id) + "  <" + safe_for_terminal(l.sender) + "> to <" +
                    safe_for_terminal(l.recipient) + ">  " + safe_for_terminal(state_of(l)) + "\n";
  for (size_t i = 0; i < l.tries.size(); ++i) {
    if (i + 1 == l.tries.size() && left_out(l) > 0)
      out += "    and " + std::to_string(left_out(l)) + " attempts that are not kept\n";
    out += attempt_text(l.tries[i]);
  }
  if (l.report != 0) out += "    its sender was told by " + hex64(l.report) + "\n";
  return out;
}

std::string life_json(const queue::Life& l) {
  Json o = object();
  put(o, "id", text(hex64(l.id.message)));
  put(o, "number", number(static_cast<uint64_t>(l.id.number)));
  put(o, "message_id", text(utf8_or_escaped(l.message_id)));
  put(o, "sender", text(utf8_or_escaped(l.sender)));
  put(o, "recipient", text(utf8_or_escaped(l.recipient)));
  put(o, "original", text(utf8_or_escaped(l.original)));
  put(o, "account", text(utf8_or_escaped(l.account)));
  put(o, "owner", text(utf8_or_escaped(l.owner)));
  put(o, "kind", text(l.relay ? "relay" : "local"));
  put(o, "action", text(utf8_or_escaped(l.action)));
  put(o, "rule", text(utf8_or_escaped(l.rule)));
  put(o, "source", text(utf8_or_escaped(l.source)));
  put(o, "helo", text(utf8_or_escaped(l.helo)));
  put(o, "client_tls", text(utf8_or_escaped(l.tls)));
  put(o, "session", text(hex64(l.session)));
  put(o, "size", number(l.size));
  put(o, "arrived", number(l.arrived));
  if (l.ended != 0) put(o, "ended", number(l.ended));
  put(o, "state", text(utf8_or_escaped(state_of(l))));
  put(o, "failed_attempts", number(static_cast<uint64_t>(l.attempts)));
  if (l.report != 0) put(o, "report", text(hex64(l.report)));
  Json attempts = array();
  for (const auto& a : l.tries) push(attempts, attempt_json(a));
  put(o, "attempts", std::move(attempts));
  return line_of(o);
}

std::string moment_json(const Moment& m) {
  Json o = object();
  put(o, "id", text(m.id));
  put(o, "time", number(m.at));
  put(o, "process", text(m.process));
  if (m.uid != queue::kNoUid) put(o, "uid", number(static_cast<uint64_t>(m.uid)));
  put(o, "decision", text(m.decision));
  put(o, "reason", text(utf8_or_escaped(m.reason)));
  return line_of(o);
}

std::string moment_text(const Moment& m) {
  std::string line = "  " + time_text(m.at) + "  " + m.process;
  const auto column = [&line](size_t at) { line.resize(std::max(line.size() + 1, at), ' '); };
  column(32);
  line += m.uid == queue::kNoUid ? "-" : std::to_string(m.uid);
  column(40);
  line += safe_for_terminal(m.decision);
  column(53);
  return line + safe_for_terminal(m.reason) + "\n";
}

}  // namespace mailkeep::ctl
