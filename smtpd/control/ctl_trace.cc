// mailkeepctl trace: a message's whole life over all processes. All of it is what the queue remembers: the session that
// brought a message, where it was routed and by which rule, each attempt and its end; what smtpd, lookup or the queue
// did not take. A `user` process says its uid with each delivery; those of the others are the parent's, as they are
// now.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <cstdio>
#include <map>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "smtpd/control/ctl_ask.h"

namespace mailkeep::ctl {

namespace {

using Uids = std::map<std::string, uint32_t>;  // by role

Uids uids_of(const control::client::Status& status) {
  Uids out;
  for (const auto& p : status.report.processes) {
    if (p.role != "user") out[p.role] = p.uid;
  }
  return out;
}

std::string_view protocol_name(queue::Protocol p) {
  switch (p) {
    case queue::Protocol::kSmtp: return "SMTP";
    case queue::Protocol::kEsmtp:
    case queue::Protocol::kEsmtps: return "ESMTP";
    case queue::Protocol::kEsmtpsa: return "submission";
    case queue::Protocol::kLmtp: return "LMTP";
    case queue::Protocol::kInternal: return "itself";
  }
  return "";
}

std::string_view judge_name(queue::Judge by) {
  switch (by) {
    case queue::Judge::kSmtpd: return "smtpd";
    case queue::Judge::kLmtpd: return "lmtpd";
    case queue::Judge::kLookup: return "lookup";
    case queue::Judge::kFilter: return "filter";
    case queue::Judge::kQueue: return "queue";
  }
  return "";
}

// Who it was that put it off or gave it up.
std::string process_of(const queue::Life& l, const queue::Attempt& a) {
  using queue::How;
  const bool is_attempt =
      a.how == How::kDeferred || a.how == How::kStored || a.how == How::kRelayed || a.how == How::kFailed;
  if (!is_attempt || a.text.starts_with("delivery time expired") || a.text.starts_with("The administrator"))
    return "queue";
  if (l.relay) return "relay";
  return a.uid == queue::kNoUid ? "queue" : "user";
}

class Teller {
 public:
  Teller(Session& s, Uids uids) : s_(s), uids_(std::move(uids)) {}

  void tell(const queue::Life& l) {
    id_ = message_name(l.id);
    head("<" + l.sender + "> to <" + l.recipient + ">  " + l.message_id);
    tell_arrival(l);
    for (const queue::Attempt& a : l.tries) {
      const std::string process = process_of(l, a);
      say(a.at, process, std::string(name_of(a.how)), attempt_words(a), process == "user" ? a.uid : uid_of(process));
    }
    if (l.report != 0) say(l.ended, "queue", "reported", "to its sender, by message " + hex64(l.report));
    if (l.ended != 0) return;
    const int64_t now = now_unix();
    say(now, "queue", l.state, (l.next_try > now ? "next attempt " + time_text(l.next_try) + "; " : "") + l.trouble);
  }

  void tell(const queue::Refusal& r) {
    id_ = r.message == 0 ? std::string() : hex64(r.message);
    std::string to;
    for (const std::string& one : r.recipients) to += (to.empty() ? "<" : ", <") + one + ">";
    head("<" + r.sender + ">" + (to.empty() ? "" : " to " + to));
    const std::string process = r.by == queue::Judge::kLmtpd ? "lmtpd" : "smtpd";
    say(r.at, process, "heard",
        client(r.source, r.helo, r.name, r.tls, r.session) + (r.account.empty() ? "" : ", logged in as " + r.account));
    const std::string words =
        std::to_string(r.code) + " " + r.enhanced + " " + r.text + (r.rule.empty() ? "" : ", rule " + r.rule);
    say(r.at, std::string(judge_name(r.by)), r.code < 300 ? "discarded" : r.code < 500 ? "put off" : "refused", words);
  }

  size_t count() const { return count_; }

 private:
  uint32_t uid_of(const std::string& process) const {
    const auto it = uids_.find(process);
    return it == uids_.end() ? queue::kNoUid : it->second;
  }

  static std::string client(const std::string& source, const std::string& helo, const std::string& name,
                            const std::string& tls, uint64_t session) {
    std::string out = "from " + source;
    if (!name.empty()) out += " " + name;
    if (!helo.empty()) out += " (" + helo + ")";
    return out + ", " + (tls.empty() ? "no TLS" : tls) + ", session " + hex64(session);
  }

  void tell_arrival(const queue::Life& l) {
    const bool is_own = l.protocol == queue::Protocol::kInternal;
    const std::string door = l.protocol == queue::Protocol::kLmtp ? "lmtpd" : "smtpd";
    if (is_own) say(l.arrived, "queue", "made", "a report of this server");
    if (!is_own)
      say(l.arrived, door, "taken",
          std::string(protocol_name(l.protocol)) + " " + client(l.source, l.helo, "", l.tls, l.session));
    if (!l.owner.empty()) say(l.arrived, "auth", "vouched", "for account " + l.owner);
    std::string way = (l.original == l.recipient || l.original.empty() ? "" : "<" + l.original + "> as ") + "<" +
                      l.recipient + "> to ";
    way += l.relay ? "another host" + (l.action.empty() ? std::string() : ", action " + l.action)
                   : "account " + (l.account.empty() ? "none yet" : l.account);
    say(l.arrived, "lookup", "routed", way + (l.rule.empty() ? "" : ", rule " + l.rule));
    say(l.arrived, "queue", "queued", std::to_string(l.size) + " bytes");
  }

  void head(const std::string& text) {
    ++count_;
    if (!s_.json)
      out_quickly((id_.empty() ? std::string("never queued") : id_) + "  " + safe_for_terminal(text) + "\n");
  }

  void say(int64_t at, const std::string& process, const std::string& decision, const std::string& reason) {
    say(at, process, decision, reason, uid_of(process));
  }
  void say(int64_t at, const std::string& process, const std::string& decision, const std::string& reason,
           uint32_t uid) {
    const Moment m{id_, at, process, uid, decision, reason};
    out_quickly(s_.json ? moment_json(m) : moment_text(m));
  }

  Session& s_;
  const Uids uids_;
  std::string id_;
  size_t count_ = 0;
};

}  // namespace

int trace(Session& s, Arguments arguments) {
  queue::FindLives find;
  if (const auto name = parse_message_name(arguments[0])) {
    find.selection.message = name->message;
    find.selection.number = name->number;
  } else if (arguments[0].empty() || arguments[0].size() > kMaxAddress) {
    fprintf(stderr, "mailkeepctl: trace wants a message id, a Message-ID or an address\n");
    return kUsage;
  } else {
    find.any = arguments[0];
  }
  int code = kDone;
  const auto status = ask<control::client::Status>(s, control::client::AskStatus{}, code);
  if (!status) return code;
  Teller teller(s, uids_of(*status));
  for (const queue::Past past : {queue::Past::kRefused, queue::Past::kFinished, queue::Past::kWaiting}) {
    find.past = past;
    const bool is_good = ask_past(s, find, code, [&](queue::Lives&& some) {
      for (const auto& life : some.lives) teller.tell(life);
      for (const auto& refusal : some.refusals) teller.tell(refusal);
    });
    if (!is_good) return code;
  }
  fflush(stdout);
  return teller.count() > 0 ? kDone : refused(s, "nothing is remembered of " + std::string(arguments[0]));
}

}  // namespace mailkeep::ctl
