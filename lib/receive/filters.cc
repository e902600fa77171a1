// The filters of a session's listener, which lookup asks: after each step of the client's, before its answer.
// In phase rcpt-to they are part of lookup's verdict about the recipient.
// SPDX-License-Identifier: ISC
#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/receive/server.h"
#include "lib/receive/session.h"

namespace mailkeep::receive {

using conf::Phase;

// True: the session waits, and on_phase_verdict goes on.
bool Session::ask_filters(Phase phase) {
  if ((phases_ & 1U << static_cast<unsigned>(phase)) == 0) return false;
  phase_ = phase;
  phase_query_ = 0;
  waiting_ = Waiting::kFilter;
  if (!name_asked_) send_phase();
  return true;
}

void Session::send_phase() {
  lookup::CheckPhase m;
  m.session = id_;
  m.query = phase_query_ = next_query_++;
  m.listener = listener_;
  m.phase = static_cast<uint16_t>(phase_);
  m.facts = facts();
  if (!server_.ask_lookup(m)) on_lookup_down();
}

void Session::on_phase_verdict(lookup::PhaseVerdict&& m) {
  if (waiting_ != Waiting::kFilter || m.query != phase_query_) return;
  waiting_ = Waiting::kNothing;
  const lookup::Filtered& f = m.filtered;
  if (!f.name.empty()) note_filtered(conf::phase_name(phase_), f);
  if (f.is_junk)
    (phase_ == Phase::connect ? connect_is_junk_ : transaction_ ? transaction_->is_junk : hello_is_junk_) = true;
  if (f.code == 0) {
    go_on_after(phase_);
  } else {
    refuse_in(phase_, f);
    if (f.disconnects) end();
  }
  work();
}

void Session::note_filtered(std::string_view phase, const lookup::Filtered& f) const {
  auto line = log::info("filter");
  line.kv("session", hex64(id_)).kv("phase", phase).kv("filter", f.name);
  if (transaction_) line.kv("msg", hex64(transaction_->message)).kv("from", transaction_->sender);
  line.kv("decision", f.disconnects ? "disconnect" : f.code != 0 ? "reject" : f.is_junk ? "junk" : "bypass");
  if (f.code != 0) line.kv("code", std::to_string(f.code)).kv("text", f.text);
}

std::string Session::filter_rule(const lookup::Filtered& f) { return f.name.empty() ? "" : "filter " + f.name; }

void Session::go_on_after(Phase phase) {
  switch (phase) {
    case Phase::connect: return greet();
    case Phase::helo:
    case Phase::ehlo: return say_hello();
    case Phase::mail_from: return accept_sender();
    case Phase::data: return chunk_ ? begin_chunk() : begin_data();
    case Phase::commit: return hand_over();
    case Phase::rcpt_to: return;
  }
}

// What the step would have made is taken back. The octets of a chunk are read before its answer, unless the session
// ends.
void Session::refuse_in(Phase phase, const lookup::Filtered& f) {
  if (phase == Phase::commit) {
    set_trouble(f.code, f.enhanced, f.text);
    return hand_over();
  }
  if (phase == Phase::connect) {
    reply(f.code, f.enhanced, f.text);
    return end();
  }
  if (transaction_)
    note_refusal(queue::Judge::kLookup, transaction_->sender, recipients_named(), {f.code, f.enhanced, f.text},
                 filter_rule(f));
  if (phase == Phase::helo || phase == Phase::ehlo) helo_.clear();
  reset();
  if (chunk_ && !f.disconnects) {
    chunk_->refusal = Refusal{f.code, f.enhanced, f.text};
  } else if (f.code >= 500) {
    bad(f.code, f.enhanced, f.text);
  } else {
    reply(f.code, f.enhanced, f.text);
  }
}

}  // namespace mailkeep::receive
