// The extensions that a session offers: one table makes the answer to EHLO and decides which parameters are taken, and
// what they ask for becomes the queue's options. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/smtp/command.h"
#include "queue/messages.h"
#include "smtpd/listen/messages.h"

namespace mailkeep::receive {

// What decides about the offers. A submission is for accounts, LMTP for other servers of ours: they may steer the
// queue. Strangers on port 25 may not: no DELIVERBY, FUTURERELEASE or MT-PRIORITY for them.
struct Terms {
  const smtpd::Config& config;
  bool is_lmtp = false;
  bool is_submission = false;
  bool has_tls = false;
  bool offers_tls = false;
  bool logged_in = false;
  bool offers_xclient = false;
  int64_t now = 0;  // unix seconds
};

// The lines of the answer to EHLO or LHLO behind the host name.
std::vector<std::string> ehlo_lines(const Terms& terms);

struct Refusal {
  int code = 0;
  std::string enhanced;
  std::string text;
};
// Of the parameters alone: not offered, or beyond what the offer says.
std::optional<Refusal> refuse_mail(const Terms& terms, const smtp::MailArgs& args);
std::optional<Refusal> refuse_rcpt(const Terms& terms, const smtp::RcptArgs& args, bool smtputf8);

queue::MailOptions mail_options(const smtp::MailParams& params, int64_t now);
queue::RcptOptions rcpt_options(const smtp::RcptParams& params);

}  // namespace mailkeep::receive
