// Delivery status notifications. See bounce.h.
// SPDX-License-Identifier: ISC
#include "queue/bounce.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/rfc5322/date.h"
#include "lib/smtp/cause.h"

namespace mailkeep::queue {

namespace {

// What strangers said becomes printable ASCII on one line.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxErrorText)) out += c >= ' ' && c < 127 ? c : ' ';
  return out;
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

bool has_high_bytes(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > 127; });
}

std::string text_part(const BounceFacts& facts, const std::vector<Failure>& failures) {
  std::string out = "Content-Type: text/plain; charset=us-ascii\r\n\r\n";
  out += "This is the mail system at " + facts.hostname + ".\r\n\r\n";
  out += failures.size() == 1 ? "Your message could not be delivered to this recipient:\r\n"
                              : "Your message could not be delivered to these recipients:\r\n";
  for (const Failure& f : failures) {
    out += "\r\n  <" + plain(f.original) + ">\r\n";
    out += folded((f.remote.empty() ? "Reason: " : plain(f.remote) + " answered: ") + plain(f.text) + " (" + plain(f.status) + ")", "    ");
    // An expired one's status is our own; what was said last stands in the text.
    const size_t last = f.text.find("last: ");
    const smtp::Cause cause = last == f.text.npos ? smtp::classify_words(f.text) : smtp::classify_words(std::string_view(f.text).substr(last + 6));
    if (const auto advice = smtp::advice(cause == smtp::Cause::kUnclear ? smtp::classify(0, f.status, "") : cause); !advice.empty()) {
      out += folded("What to do: " + std::string(advice), "    ");
    }
  }
  out += "\r\nNothing more will be tried. What you sent follows below, so that you can\r\nsend it again.";
  if (!facts.postmaster.empty()) out += " If you need help, write to\r\n<" + plain(facts.postmaster) + ">.";
  return out + "\r\n";
}

std::string status_part(const BounceFacts& facts, const Message& message, const std::vector<Failure>& failures) {
  std::string out = "Content-Type: message/delivery-status\r\n\r\n";
  out += "Reporting-MTA: dns; " + facts.hostname + "\r\n";
  out += "X-Queue-Id: " + hex64(message.id) + "\r\n";
  if (message.received != 0) out += "Arrival-Date: " + rfc5322::format_date(message.received) + "\r\n";
  for (const Failure& f : failures) {
    out += "\r\n";
    if (!f.original.empty()) out += "Original-Recipient: rfc822; " + plain(f.original) + "\r\n";
    out += "Final-Recipient: rfc822; " + plain(f.recipient.empty() ? f.original : f.recipient) + "\r\n";
    out += "Action: failed\r\nStatus: " + plain(f.status) + "\r\n";
    // RFC 3464 2.3.5: a name, here without the address.
    if (!f.remote.empty()) out += "Remote-MTA: dns; " + plain(f.remote.substr(0, f.remote.find(' '))) + "\r\n";
    std::string diagnostic = (!f.remote.empty() ? "Diagnostic-Code: smtp; " : "Diagnostic-Code: X-Mailkeep; ") + plain(f.text);
    std::string lines = folded(diagnostic, " ");
    out += lines.substr(1);
    out += "Last-Attempt-Date: " + rfc5322::format_date(facts.now) + "\r\n";
  }
  return out;
}

std::string original_part(const BounceFacts& facts, const Message& message, std::string_view original) {
  const bool whole = message.size <= facts.max_original && original.size() == message.size;
  const std::string_view text = whole ? original : header_of(original);
  std::string out = whole ? "Content-Type: message/rfc822\r\n" : "Content-Type: text/rfc822-headers\r\n";
  if (has_high_bytes(text)) out += "Content-Transfer-Encoding: 8bit\r\n";
  out.append("\r\n").append(text);
  if (!text.empty() && !text.ends_with("\r\n")) out += "\r\n";
  return out;
}

}  // namespace

bool may_bounce(const Message& message) { return !message.sender.empty() && !message.is_bounce; }

std::string make_bounce(const BounceFacts& facts, const Message& message, const std::vector<Failure>& failures,
                        std::string_view original) {
  const std::string boundary = boundary_for(facts.id, original);
  const std::string returned = original_part(facts, message, original);
  std::string out;
  out += "From: Mail Delivery System <MAILER-DAEMON@" + facts.hostname + ">\r\n";
  out += "To: <" + plain(message.sender) + ">\r\n";
  out += "Subject: Undelivered mail returned to sender\r\n";
  out += "Date: " + rfc5322::format_date(facts.now) + "\r\n";
  out += "Message-ID: <" + hex64(facts.id) + "@" + facts.hostname + ">\r\n";
  out += "Auto-Submitted: auto-replied\r\n";  // RFC 3834 5
  out += "MIME-Version: 1.0\r\n";
  out += "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"" + boundary + "\"\r\n";
  if (has_high_bytes(returned)) out += "Content-Transfer-Encoding: 8bit\r\n";
  out += "\r\nThis is a report in MIME format.\r\n";
  for (const std::string& part : {text_part(facts, failures), status_part(facts, message, failures), returned}) {
    out += "\r\n--" + boundary + "\r\n" + part;
  }
  return out + "\r\n--" + boundary + "--\r\n";
}

}  // namespace mailkeep::queue
