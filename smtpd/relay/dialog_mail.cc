// Transactions of a client's session: MAIL, RCPT, DATA, the content and its answer. See dialog.h.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/text.h"
#include "lib/text/utf8.h"
#include "smtpd/relay/dialog.h"

namespace mailkeep::relay {

namespace {

Result result_of(uint32_t number, const Reply& reply) {
  Result out;
  out.number = number;
  out.outcome = reply.is_good()        ? Outcome::kDelivered
                : reply.is_permanent() ? Outcome::kPermanent
                                       : Outcome::kTemporary;
  out.code = reply.code;
  out.enhanced = reply.enhanced.empty() ? std::to_string(reply.code / 100) + ".0.0" : reply.enhanced;
  out.text = reply.text;
  return out;
}

Result refusal(std::string enhanced, std::string text) {
  Result out;
  out.outcome = Outcome::kPermanent;
  out.enhanced = std::move(enhanced);
  out.text = std::move(text);
  return out;
}

// What could break out of its command line.
bool is_safe(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; });
}

// Where it has been (Delivered-To), the last first: by that its loop is seen. What only SMTPUTF8 could carry is left
// out.
std::string head_of(const Transfer& t) {
  std::string out;
  for (const std::string& address : t.delivered_to) {
    if (text::is_ascii(address) && is_safe(address)) out.insert(0, "Delivered-To: " + address + "\r\n");
  }
  return out;
}

std::string notify_words(uint8_t notify) {
  if ((notify & queue::kNotifyNever) != 0) return "NEVER";
  std::string out;
  const auto add = [&](uint8_t bit, std::string_view word) {
    if ((notify & bit) != 0) out.append(out.empty() ? "" : ",").append(word);
  };
  add(queue::kNotifySuccess, "SUCCESS");
  add(queue::kNotifyFailure, "FAILURE");
  add(queue::kNotifyDelay, "DELAY");
  return out;
}

}  // namespace

Dialog::Step Dialog::ready() {
  state_ = State::kReady;
  return numbers_.empty() ? Step::kReady : Step::kDone;
}

// Why this server cannot take this message at all.
std::optional<Result> Dialog::objection(const Transfer& t, const Survey& survey) const {
  const auto& o = t.options;
  if (survey.bad_lines) return refusal("5.6.0", "the message has a CR or LF alone, or a NUL, which cannot be sent");
  if (o.body == queue::Body::kBinary)
    return refusal("5.6.3", "the message is binary, and this server does not relay such");
  if (o.smtputf8 && !offers_.smtputf8 && (survey.eight_bit_header || !text::is_ascii(t.sender))) {
    return refusal("5.6.7", "the message needs SMTPUTF8, which the receiving server does not offer");
  }
  if (seven_bit_ && !seven_bit_->problem.empty()) {
    return refusal("5.6.3", "the receiving server does not offer 8BITMIME, and the message cannot be sent in 7 bits: " +
                                seven_bit_->problem);
  }
  if (offers_.max_size != 0 && t.size > offers_.max_size) {
    return refusal("5.3.4", "the message has " + std::to_string(t.size) + " bytes, the receiving server takes " +
                                std::to_string(offers_.max_size));
  }
  if (!is_safe(t.sender)) return refusal("5.1.7", "the sender's address cannot be sent");
  return {};
}

std::string Dialog::mail_line(const Transfer& t, const Survey& survey) const {
  std::string out = "MAIL FROM:<" + t.sender + ">";
  const auto& o = t.options;
  if (offers_.size && !seven_bit_) out += " SIZE=" + std::to_string(t.size + head_of(t).size());
  if (survey.eight_bit && !seven_bit_) out += " BODY=8BITMIME";
  if (o.smtputf8 && offers_.smtputf8) out += " SMTPUTF8";
  if (o.require_tls && offers_.require_tls) out += " REQUIRETLS";
  if (offers_.dsn && o.ret != queue::Ret::kUnset) out += o.ret == queue::Ret::kFull ? " RET=FULL" : " RET=HDRS";
  if (offers_.dsn && !o.envid.empty() && is_safe(o.envid)) out += " ENVID=" + o.envid;
  if (offers_.priority && o.priority != 0) out += " MT-PRIORITY=" + std::to_string(o.priority);
  if (offers_.deliver_by && o.by_mode != queue::DeliverBy::kUnset) {
    const int64_t left = o.deliver_by - now_unix();
    const bool returns = o.by_mode == queue::DeliverBy::kReturn;
    if (left > 0 || !returns) out += " BY=" + std::to_string(left) + (returns ? ";R" : ";N") + (o.by_trace ? "T" : "");
  }
  return out;
}

std::string Dialog::rcpt_line(const queue::Recipient& r) const {
  std::string out = "RCPT TO:<" + r.address + ">";
  if (!offers_.dsn) return out;
  if (r.options.notify != 0) out += " NOTIFY=" + notify_words(r.options.notify);
  if (!r.options.orcpt.empty() && is_safe(r.options.orcpt) && (text::is_ascii(r.options.orcpt) || offers_.smtputf8))
    out += " ORCPT=" + r.options.orcpt;
  return out;
}

Dialog::Step Dialog::begin(const Transfer& t, const Survey& survey) {
  numbers_.clear();
  results_.assign(t.recipients.size(), std::nullopt);
  accepted_.clear();
  answered_ = 0;
  commands_.clear();
  expected_.clear();
  undecided_ = mail_taken_ = false;
  for (const Rcpt& r : t.recipients) numbers_.push_back(r.number);
  const bool stays_here = settings_.lmtp && settings_.loopback;
  if (t.options.require_tls && !t.sender.empty() && !stays_here && !(encrypted_ && offers_.require_tls)) {
    return fail({"5.7.30", "the message asks for REQUIRETLS, which the receiving server does not offer", 0,
                 true});  // another host may
  }
  seven_bit_.reset();
  if (survey.eight_bit && !offers_.eight_bit) {
    auto plan = plan_seven_bit(t.content.get(), t.size);
    if (!plan) return fail({"4.3.0", plan.error().text, 0});
    seven_bit_ = std::move(*plan);
  }
  const bool is_utf8 = t.options.smtputf8 && offers_.smtputf8;
  const auto why_not = objection(t, survey);
  for (size_t i = 0; i < t.recipients.size(); ++i) {
    const queue::Recipient& r = t.recipients[i].recipient;
    std::optional<Result> no = why_not;
    if (!no && !is_safe(r.address)) no = refusal("5.1.3", "the recipient's address cannot be sent");
    if (!no && !is_utf8 && !text::is_ascii(r.address)) no = refusal("5.6.7", "the recipient's address needs SMTPUTF8");
    if (no) {
      no->number = numbers_[i];
      results_[i] = std::move(no);
    } else {
      commands_.push_back({Verb::kRcpt, i, rcpt_line(r)});
    }
  }
  if (commands_.empty()) return Step::kDone;
  commands_.push_front({Verb::kMail, 0, mail_line(t, survey)});
  if (std::exchange(needs_reset_, false)) commands_.push_front({Verb::kRset, 0, "RSET"});
  content_ = seven_bit_ ? Content(t.content.get(), t.size, *seven_bit_) : Content(t.content.get(), t.size);
  const std::string head = head_of(t);
  content_.put_before(head);
  chunk_.reset();
  if (offers_.chunking && !seven_bit_) {  // how much comes of a conversion nobody knows
    chunk_ = head.size() + t.size + (survey.ends_line ? 0 : 2);
    content_.send_as_chunk();
  } else {
    commands_.push_back({Verb::kData, 0, "DATA"});
  }
  state_ = State::kEnvelope;
  send_commands();
  return Step::kWait;
}

// All at once where the server takes pipelines, else the next.
void Dialog::send_commands() {
  if (!expected_.empty()) return;
  do {
    send(commands_.front().line);
    expected_.push_back(std::move(commands_.front()));
    commands_.pop_front();
  } while (offers_.pipelining && !commands_.empty());
}

void Dialog::decide(size_t recipient, const Reply& reply) {
  if (!results_[recipient]) results_[recipient] = result_of(numbers_[recipient], reply);
}

void Dialog::decide_accepted(const Reply& reply) {
  for (const size_t i : accepted_) decide(i, reply);
}

Dialog::Step Dialog::envelope_reply(const Reply& reply) {
  const Command command = std::move(expected_.front());
  expected_.pop_front();
  if (reply.code == 421) return refuse("it ends the session", reply);
  if (command.verb == Verb::kData) return data_reply(reply);
  if (reply.code >= 300 && reply.code < 400) return refuse("an unexpected answer", reply);
  if (command.verb == Verb::kRset && !reply.is_good()) return refuse("RSET", reply);
  if (command.verb == Verb::kMail) {
    mail_taken_ = reply.is_good();
    for (size_t i = 0; !mail_taken_ && i < results_.size(); ++i) decide(i, reply);
    if (!mail_taken_) commands_.clear();
  }
  if (command.verb == Verb::kRcpt && mail_taken_) {
    if (reply.is_good()) {
      accepted_.push_back(command.recipient);
    } else {
      decide(command.recipient, reply);
    }
  }
  if (chunk_ && !accepted_.empty() && expected_.empty() && commands_.empty()) return send_chunk();
  const bool nobody = accepted_.empty() && commands_.size() == 1 && commands_.front().verb == Verb::kData;
  if (nobody) commands_.clear();
  if (expected_.empty() && commands_.empty()) {
    needs_reset_ = mail_taken_;
    return ready();
  }
  if (expected_.empty()) send_commands();
  return Step::kWait;
}

// Only once somebody has been accepted: the octets could not be taken back.
Dialog::Step Dialog::send_chunk() {
  send("BDAT " + std::to_string(*chunk_) + " LAST");
  state_ = State::kContent;
  return Step::kWait;
}

// RFC 2920 3.1: DATA that was taken although nobody was gets a lone dot, whose answer means nothing. With LMTP there
// would be none, and the server must not have taken it (RFC 2033 4.2).
Dialog::Step Dialog::data_reply(const Reply& reply) {
  if (settings_.lmtp && reply.code == 354 && accepted_.empty())
    return refuse("DATA was taken, though no recipient was", reply);
  if (reply.code == 354 && accepted_.empty()) {
    send(".");
    needs_reset_ = true;
    state_ = State::kEmpty;
    return Step::kWait;
  }
  if (reply.code == 354) {
    state_ = State::kContent;
    return Step::kWait;
  }
  if (reply.code < 400) return refuse("an unexpected answer to DATA", reply);
  decide_accepted(reply);
  needs_reset_ = mail_taken_;
  return ready();
}

// A refusal may come before the end of the content; then the connection cannot go on.
Dialog::Step Dialog::final_reply(const Reply& reply) {
  const bool early = state_ == State::kContent;
  if ((early && reply.code < 400) || (reply.code >= 300 && reply.code < 400))
    return refuse("an unexpected answer", reply);
  closing_ = closing_ || early || reply.code == 421;
  if (settings_.lmtp && !early) return next_final_reply(reply);
  decide_accepted(reply);
  return ready();
}

// One of LMTP: of the first recipient that has none yet.
Dialog::Step Dialog::next_final_reply(const Reply& reply) {
  decide(accepted_[answered_++], reply);
  if (answered_ == accepted_.size()) return ready();
  return reply.code == 421 ? refuse("it ends the session", reply) : Step::kWait;
}

Dialog::Step Dialog::send_content() {
  if (Status s = content_.append_to(out_); !s) return fail({"4.3.0", s.error().text, 0});
  if (content_.is_over()) state_ = State::kFinal;
  return Step::kWait;
}

}  // namespace mailkeep::relay
