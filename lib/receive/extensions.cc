// The EHLO table: see extensions.h.
// SPDX-License-Identifier: ISC
#include "lib/receive/extensions.h"

#include <algorithm>
#include <iterator>

#include "lib/base/calendar.h"
#include "lib/base/text.h"
#include "lib/receive/xclient.h"
#include "lib/sasl/exchange.h"

namespace mailkeep::receive {
namespace {

struct Extension {
  std::string_view keyword;
  bool (*is_offered)(const Terms& t);
  std::string (*arguments)(const Terms& t);  // nullptr: none
};

bool always(const Terms&) { return true; }
// Who may say when and how a message is sent: accounts, and servers on our trusted sockets.
bool to_trusted(const Terms& t) { return t.is_submission || t.is_lmtp; }
bool to_accounts(const Terms& t) { return t.is_submission && t.has_tls; }
bool with_tls(const Terms& t) { return t.has_tls; }
bool dsn(const Terms& t) { return t.config.offer_dsn || to_trusted(t); }
bool holding(const Terms& t) {
  return t.config.max_hold > 0 && to_trusted(t) && (t.is_lmtp || t.has_tls || t.logged_in);
}

constexpr Extension kExtensions[] = {
    {"PIPELINING", always, nullptr},                                                         // RFC 2920
    {"SIZE", always, [](const Terms& t) { return std::to_string(t.config.message_size); }},  // RFC 1870
    {"8BITMIME", always, nullptr},                                                           // RFC 6152
    {"CHUNKING", always, nullptr},                                                           // RFC 3030
    {"BINARYMIME", always, nullptr},                                                         // RFC 3030 3
    {"SMTPUTF8", always, nullptr},                                                           // RFC 6531
    {"DSN", dsn, nullptr},                                                                   // RFC 3461
    {"STARTTLS", [](const Terms& t) { return t.offers_tls; }, nullptr},                      // RFC 3207
    {"AUTH", [](const Terms& t) { return to_accounts(t) && !t.logged_in; },                  // RFC 4954
     [](const Terms&) { return std::string(sasl::kMechanisms); }},
    {"REQUIRETLS", with_tls, nullptr},                                                                  // RFC 8689
    {"DELIVERBY", to_trusted, [](const Terms& t) { return std::to_string(t.config.min_deliver_by); }},  // RFC 2852
    {"FUTURERELEASE", holding,                                                                          // RFC 4865 4
     [](const Terms& t) {
       return std::to_string(t.config.max_hold) + " " + format_rfc3339(t.now + t.config.max_hold);
     }},
    {"MT-PRIORITY", to_trusted, nullptr},  // RFC 6710
    {"XCLIENT", [](const Terms& t) { return t.offers_xclient; },
     [](const Terms&) { return std::string(kXclientAttributes); }},
    {"LIMITS", always,  // RFC 9422
     [](const Terms& t) {
       const std::string mails = t.config.max_messages_per_session == 0
                                     ? ""
                                     : "MAILMAX=" + std::to_string(t.config.max_messages_per_session) + " ";
       return mails + "RCPTMAX=" + std::to_string(t.config.max_recipients);
     }},
    {"ENHANCEDSTATUSCODES", always, nullptr},  // RFC 2034
    {"HELP", always, nullptr},                 // RFC 5321 4.1.1.8
};

// AUTH is offered until the login, its parameter of MAIL is taken behind it too (RFC 4954 5).
bool takes(const Terms& terms, std::string_view keyword) {
  if (keyword == "AUTH") return terms.is_submission;
  const auto it = std::find_if(std::begin(kExtensions), std::end(kExtensions),
                               [&](const Extension& e) { return e.keyword == keyword; });
  return it != std::end(kExtensions) && it->is_offered(terms);
}

std::optional<Refusal> not_offered(const Terms& terms, const std::vector<smtp::Need>& needs) {
  for (const auto& need : needs) {
    if (!takes(terms, need.extension))
      return Refusal{555, "5.5.4", "Parameter not offered here, leave it out: " + printable(need.param, 60)};
  }
  return {};
}

const Refusal kNeedsSmtputf8{553, "5.6.7", "Address with more than ASCII: say SMTPUTF8 with MAIL"};

}  // namespace

std::vector<std::string> ehlo_lines(const Terms& terms) {
  std::vector<std::string> out;
  for (const Extension& e : kExtensions) {
    if (e.is_offered(terms))
      out.push_back(std::string(e.keyword) + (e.arguments == nullptr ? "" : " " + e.arguments(terms)));
  }
  return out;
}

std::optional<Refusal> refuse_mail(const Terms& terms, const smtp::MailArgs& args) {
  const auto& p = args.params;
  const auto& config = terms.config;
  if (auto no = not_offered(terms, p.needs)) return no;
  if (args.path.is_international && !p.smtputf8) return kNeedsSmtputf8;
  if (p.size && *p.size > config.message_size) {
    return Refusal{552, "5.3.4",
                   "Message is larger than " + std::to_string(config.message_size) + " bytes: send a smaller one"};
  }
  const int64_t hold = p.hold_for ? *p.hold_for : p.hold_until ? *p.hold_until - terms.now : 0;
  if (hold > config.max_hold)
    return Refusal{501, "5.5.4", "A message is held for at most " + std::to_string(config.max_hold) + " seconds"};
  if (p.hold_until && hold <= 0) return Refusal{501, "5.5.4", "HOLDUNTIL is in the past: give a time to come"};
  if (p.by && !p.by->notifies && p.by->seconds < config.min_deliver_by) {
    return Refusal{555, "5.5.4", "BY wants at least " + std::to_string(config.min_deliver_by) + " seconds"};
  }
  return {};
}

std::optional<Refusal> refuse_rcpt(const Terms& terms, const smtp::RcptArgs& args, bool smtputf8) {
  if (auto no = not_offered(terms, args.params.needs)) return no;
  if ((args.path.is_international || args.params.is_international) && !smtputf8) return kNeedsSmtputf8;
  return {};
}

queue::MailOptions mail_options(const smtp::MailParams& p, int64_t now) {
  queue::MailOptions out;
  // A binary message is not binary any more when the queue gets it: see chunk_reader.h.
  if (p.body == smtp::Body::eight_bit || p.body == smtp::Body::binary) out.body = queue::Body::k8bit;
  out.smtputf8 = p.smtputf8;
  out.require_tls = p.require_tls;
  out.ret = p.ret == smtp::Ret::full      ? queue::Ret::kFull
            : p.ret == smtp::Ret::headers ? queue::Ret::kHeaders
                                          : queue::Ret::kUnset;
  out.envid = p.envid;
  out.hold_until = p.hold_for ? now + *p.hold_for : p.hold_until.value_or(0);
  if (p.by) {
    out.by_mode = p.by->notifies ? queue::DeliverBy::kNotify : queue::DeliverBy::kReturn;
    out.by_trace = p.by->traces;
    out.deliver_by = now + p.by->seconds;
  }
  out.priority = p.priority.value_or(0);
  return out;
}

queue::RcptOptions rcpt_options(const smtp::RcptParams& p) {
  queue::RcptOptions out;
  if (p.notify) {
    const auto bit = [](bool on, uint8_t value) { return on ? value : uint8_t{0}; };
    out.notify =
        static_cast<uint8_t>(bit(p.notify->never, queue::kNotifyNever) | bit(p.notify->success, queue::kNotifySuccess) |
                             bit(p.notify->failure, queue::kNotifyFailure) | bit(p.notify->delay, queue::kNotifyDelay));
  }
  out.orcpt = p.orcpt;
  return out;
}

}  // namespace mailkeep::receive
