// Delivery status notifications. See bounce.h.
// SPDX-License-Identifier: ISC
#include "queue/bounce.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/rfc5322/date.h"
#include "lib/smtp/cause.h"
#include "lib/smtp/command.h"

namespace mailkeep::queue {

namespace {

// What strangers said becomes printable on one line: in ASCII, or with `global` in UTF-8 as it came.
std::string plain(std::string_view text, bool global = false) {
  std::string out;
  for (const char c : text.substr(0, kMaxErrorText))
    out += (c >= ' ' && c < 127) || (global && static_cast<unsigned char>(c) >= 128) ? c : ' ';
  return out;
}

bool has_high_bytes(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 128; });
}

// utf-8-addr-xtext (RFC 6533 3): what is not ASCII as \x{C3A4}, by code point.
std::string escaped_utf8(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (c < 128) {
      out += c > ' ' && c < 127 ? text[i] : ' ';
      ++i;
      continue;
    }
    uint32_t point = n == 1 ? c : c & (0x7fU >> n);
    for (size_t k = 1; k < n && i + k < text.size(); ++k)
      point = point << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3fU);
    std::string digits;
    for (; point != 0 || digits.size() < 2; point >>= 4) digits.insert(digits.begin(), kDigits[point & 15]);
    out += "\\x{" + digits + "}";
    i += n;
  }
  return out;
}

// "rfc822; a@b.test" or "utf-8; …", as fields of a report have it.
std::string typed_address(std::string_view address, bool global) {
  if (!has_high_bytes(address)) return "rfc822; " + plain(address);
  return "utf-8; " + (global ? plain(address, true) : escaped_utf8(address));
}

// ORCPT: type ";" xtext. Empty: it cannot be read.
std::string original_recipient(std::string_view orcpt, bool global) {
  const size_t semicolon = orcpt.find(';');
  if (semicolon == orcpt.npos || semicolon == 0) return {};
  const auto address = smtp::decode_xtext(orcpt.substr(semicolon + 1));
  if (!address || address->empty()) return {};
  if (equals_nocase(orcpt.substr(0, semicolon), "rfc822")) return typed_address(*address, global);
  return plain(orcpt.substr(0, semicolon)) + "; " + (global ? plain(*address, true) : escaped_utf8(*address));
}

// Folded after `width` columns at spaces; each line begins with `indent`.
std::string folded(std::string_view text, std::string_view indent, size_t width = 72) {
  std::string out(indent);
  size_t column = indent.size();
  for (const std::string_view word : split(text, ' ')) {
    if (word.empty()) continue;
    if (column > indent.size() && column + word.size() + 1 > width) {
      out.append("\r\n").append(indent);
      column = indent.size();
    }
    if (column > indent.size()) out += ' ', ++column;
    out += word;
    column += word.size();
  }
  return out + "\r\n";
}

std::string_view header_of(std::string_view original) {
  original = original.substr(0, kMaxBounceHeader);
  if (original.starts_with("\r\n")) return {};
  const size_t end = original.find("\r\n\r\n");
  return end == std::string_view::npos ? original : original.substr(0, end + 2);
}

std::string boundary_for(uint64_t id, std::string_view original) {
  std::string boundary = "=_report_" + hex64(id);
  for (int n = 0; original.find(boundary) != std::string_view::npos; ++n) boundary += std::to_string(n);
  return boundary;
}

std::string_view action_word(Action action) {
  switch (action) {
    case Action::kFailed: return "failed";
    case Action::kDelayed: return "delayed";
    case Action::kDelivered: return "delivered";
    case Action::kRelayed: return "relayed";
    case Action::kExpanded: return "expanded";
  }
  return "";
}

std::string_view heading(Action action) {
  switch (action) {
    case Action::kFailed: return "Your message could not be delivered to";
    case Action::kDelayed: return "Your message waits, and is still being tried, for";
    case Action::kDelivered: return "Your message has been delivered, as you wanted to be told, to";
    case Action::kRelayed: return "Your message has been passed on to a server that confirms no delivery, for";
    case Action::kExpanded: return "Your message has been passed on to the members of";
  }
  return "";
}

void put_advice(std::string& out, const Notice& n) {
  // An expired one's status is our own; what was said last stands in the text.
  const size_t last = n.text.find("last: ");
  const smtp::Cause cause = last == n.text.npos ? smtp::classify_words(n.text)
                                                : smtp::classify_words(std::string_view(n.text).substr(last + 6));
  if (const auto advice = smtp::advice(cause == smtp::Cause::kUnclear ? smtp::classify(0, n.status, "") : cause);
      !advice.empty()) {
    out += folded("What to do: " + std::string(advice), "    ");
  }
}

std::string ending(const BounceFacts& facts, Action action) {
  std::string out;
  if (action == Action::kFailed)
    out = "\r\nNothing more will be tried. What you sent follows below, so that you can\r\nsend it again.";
  if (action == Action::kDelayed) out = "\r\nThere is nothing that you must do: do not send it again.";
  if (out.empty()) return out;
  if (!facts.postmaster.empty()) out += " If you need help, write to\r\n<" + plain(facts.postmaster) + ">.";
  return out + "\r\n";
}

std::string text_part(const BounceFacts& facts, const std::vector<Notice>& notices, bool global) {
  std::string out = std::string("Content-Type: text/plain; charset=") + (global ? "utf-8" : "us-ascii") + "\r\n";
  if (global) out += "Content-Transfer-Encoding: 8bit\r\n";
  out += "\r\nThis is the mail server " + facts.hostname + ".\r\n";
  for (const Action action :
       {Action::kFailed, Action::kDelayed, Action::kDelivered, Action::kRelayed, Action::kExpanded}) {
    const auto of = [action](const Notice& n) { return n.action == action; };
    const auto count = std::count_if(notices.begin(), notices.end(), of);
    if (count == 0) continue;
    out += "\r\n" + std::string(heading(action)) + (count == 1 ? " this recipient:\r\n" : " these recipients:\r\n");
    for (const Notice& n : notices) {
      if (!of(n)) continue;
      out += "\r\n  <" + plain(n.original, global) + ">\r\n";
      if (!n.text.empty()) {
        out += folded((n.remote.empty() ? "Reason: " : plain(n.remote) + " answered: ") + plain(n.text, global) + " (" +
                          plain(n.status) + ")",
                      "    ");
      }
      if (action == Action::kFailed) put_advice(out, n);
      if (n.retry_until != 0) out += folded("It is tried until " + rfc5322::format_date(n.retry_until), "    ");
    }
    out += ending(facts, action);
  }
  return out;
}

std::string status_part(const BounceFacts& facts, const Message& message, const std::vector<Notice>& notices,
                        bool global) {
  std::string out = global ? "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                           : "Content-Type: message/delivery-status\r\n\r\n";
  if (const auto id = smtp::decode_xtext(message.options.envid); id && !id->empty()) {
    out += "Original-Envelope-Id: " + plain(*id) + "\r\n";
  }
  out += "Reporting-MTA: dns; " + facts.hostname + "\r\n";
  out += "X-Queue-Id: " + hex64(message.id) + "\r\n";
  if (message.received != 0) out += "Arrival-Date: " + rfc5322::format_date(message.received) + "\r\n";
  for (const Notice& n : notices) {
    out += "\r\n";
    if (const std::string as_asked = original_recipient(n.orcpt, global); !as_asked.empty()) {
      out += "Original-Recipient: " + as_asked + "\r\n";
    } else if (!n.original.empty()) {
      out += "Original-Recipient: " + typed_address(n.original, global) + "\r\n";
    }
    out += "Final-Recipient: " + typed_address(n.recipient.empty() ? n.original : n.recipient, global) + "\r\n";
    out += "Action: " + std::string(action_word(n.action)) + "\r\nStatus: " + plain(n.status) + "\r\n";
    // RFC 3464 2.3.5: a name, here without the address.
    if (!n.remote.empty()) out += "Remote-MTA: dns; " + plain(n.remote.substr(0, n.remote.find(' '))) + "\r\n";
    if (!n.text.empty()) {
      const std::string diagnostic =
          (!n.remote.empty() ? "Diagnostic-Code: smtp; " : "Diagnostic-Code: X-Mailkeep; ") + plain(n.text, global);
      out += folded(diagnostic, " ").substr(1);
    }
    out += "Last-Attempt-Date: " + rfc5322::format_date(facts.now) + "\r\n";
    if (n.retry_until != 0) out += "Will-Retry-Until: " + rfc5322::format_date(n.retry_until) + "\r\n";
  }
  return out;
}

// RFC 3461 4.3: RET is about failures; of what was not lost the header is enough.
bool is_returned_whole(const BounceFacts& facts, const Message& message, const std::vector<Notice>& notices,
                       std::string_view original) {
  const bool failed =
      std::any_of(notices.begin(), notices.end(), [](const Notice& n) { return n.action == Action::kFailed; });
  return failed && message.options.ret != Ret::kHeaders && message.size <= facts.max_original &&
         original.size() == message.size;
}

std::string original_part(bool whole, std::string_view original, bool global) {
  const std::string_view text = whole ? original : header_of(original);
  std::string out = global ? (whole ? "Content-Type: message/global\r\n" : "Content-Type: message/global-headers\r\n")
                           : (whole ? "Content-Type: message/rfc822\r\n" : "Content-Type: text/rfc822-headers\r\n");
  if (has_high_bytes(text)) out += "Content-Transfer-Encoding: 8bit\r\n";
  out.append("\r\n").append(text);
  if (!text.empty() && !text.ends_with("\r\n")) out += "\r\n";
  return out;
}

std::string_view subject_for(const std::vector<Notice>& notices) {
  const auto any = [&](Action action) {
    return std::any_of(notices.begin(), notices.end(), [action](const Notice& n) { return n.action == action; });
  };
  if (any(Action::kFailed)) return "Undelivered mail returned to sender";
  return any(Action::kDelayed) ? "Delayed mail: it is still being tried" : "Delivered mail: as you wanted to be told";
}

}  // namespace

bool may_bounce(const Message& message) { return !message.sender.empty() && !message.is_bounce; }

bool wants(const RcptOptions& options, Action action) {
  if ((options.notify & kNotifyNever) != 0) return false;
  const uint8_t said = options.notify == 0 ? kNotifyFailure | kNotifyDelay : options.notify;
  switch (action) {
    case Action::kFailed: return (said & kNotifyFailure) != 0;
    case Action::kDelayed: return (said & kNotifyDelay) != 0;
    default: return (said & kNotifySuccess) != 0;
  }
}

bool is_from_stranger(const Message& m) {
  const bool smtp = m.protocol == Protocol::kSmtp || m.protocol == Protocol::kEsmtp || m.protocol == Protocol::kEsmtps;
  return smtp && m.account.empty() && m.source != "local" && m.source != "::1" && !m.source.starts_with("127.");
}

bool is_global(const Message& message) { return message.options.smtputf8 || has_high_bytes(message.sender); }

std::string make_bounce(const BounceFacts& facts, const Message& message, const std::vector<Notice>& notices,
                        std::string_view original) {
  const bool global = is_global(message);
  const std::string boundary = boundary_for(facts.id, original);
  const std::string returned = original_part(is_returned_whole(facts, message, notices, original), original, global);
  std::string out;
  out += "From: Mail Delivery System <MAILER-DAEMON@" + facts.hostname + ">\r\n";
  out += "To: <" + plain(facts.to.empty() ? message.sender : facts.to, global) + ">\r\n";
  out += "Subject: " + std::string(subject_for(notices)) + "\r\n";
  out += "Date: " + rfc5322::format_date(facts.now) + "\r\n";
  out += "Message-ID: <" + hex64(facts.id) + "@" + facts.hostname + ">\r\n";
  out += "Auto-Submitted: auto-replied\r\n";  // RFC 3834 5
  out += "MIME-Version: 1.0\r\n";
  out += "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"" + boundary + "\"\r\n";
  if (global || has_high_bytes(returned)) out += "Content-Transfer-Encoding: 8bit\r\n";
  out += "\r\nThis is a report in MIME format.\r\n";
  for (const std::string& part :
       {text_part(facts, notices, global), status_part(facts, message, notices, global), returned}) {
    out += "\r\n--" + boundary + "\r\n" + part;
  }
  return out + "\r\n--" + boundary + "--\r\n";
}

}  // namespace mailkeep::queue
