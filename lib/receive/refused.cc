// What is not taken is told to the queue, which remembers it for mailkeepctl trace. What the queue refuses itself it
// knows. See session.h.
// SPDX-License-Identifier: ISC
#include "lib/base/text.h"
#include "lib/receive/server.h"
#include "lib/receive/session.h"

namespace mailkeep::receive {

queue::Judge Session::itself() const { return is_lmtp() ? queue::Judge::kLmtpd : queue::Judge::kSmtpd; }

void Session::note_refusal(queue::Judge by, std::string sender, std::vector<std::string> recipients, const Refusal& why,
                           std::string rule) {
  queue::Refusal m;
  m.by = by;
  m.session = id_;
  if (transaction_) m.message = transaction_->message;
  m.source = peer_.address;
  m.name = client_name_;
  m.helo = client_helo();
  m.tls = tls_text();
  if (login_) m.account = login_->account;
  m.sender = std::move(sender);
  m.recipients = std::move(recipients);
  m.rule = std::move(rule);
  m.code = static_cast<uint16_t>(why.code);
  m.enhanced = why.enhanced;
  m.text = printable(why.text, kMaxReplyText - 4);
  server_.ask_queue(m);  // none there: then nobody remembers it
}

std::vector<std::string> Session::recipients_named() const {
  std::vector<std::string> out;
  for (const auto& r : transaction_->recipients) {
    if (out.size() < queue::kMaxRefused) out.push_back(r.address);
  }
  return out;
}

std::string Session::tls_text() const {
  return tls_ ? (tls_->version + " " + tls_->cipher).substr(0, queue::kMaxTlsText) : std::string();
}

// For the trouble that the transaction is in.
void Session::refuse_data() {
  const Transaction& t = *transaction_;
  const Refusal why{t.trouble, t.trouble_enhanced, t.trouble_text};
  note_refusal(itself(), t.sender, recipients_named(), why);
  answer_data(why.code, why.enhanced, why.text);
}

}  // namespace mailkeep::receive
