// Lies that show. See honest.h.
// SPDX-License-Identifier: ISC
#include "queue/honest.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/smtp/address.h"
#include "lib/text/utf8.h"

namespace mailkeep::queue {

namespace {

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 127; });
}

bool is_address(const std::string& text) {
  if (!is_printable(text)) return false;
  return !text::is_ascii(text) || equals_nocase(text, "postmaster") || smtp::parse_mailbox(text).has_value();
}

}  // namespace

std::string_view lie_in(const Enqueue& enqueue) {
  const lookup::SessionFacts& f = enqueue.facts;
  if (enqueue.protocol == Protocol::kInternal) return "a message that only the queue makes";
  if (!is_printable(f.source) || !is_printable(f.helo) || !is_printable(f.tag) || !is_printable(f.tls))
    return "facts of a session with bytes that none has";
  if (!f.sender.empty() && !is_address(f.sender)) return "a sender that is no address";
  if (!is_printable(enqueue.options.envid)) return "an ENVID with bytes that none has";
  for (const Recipient& r : enqueue.recipients) {
    if (!is_address(r.address)) return "a recipient that is no address";
    if (!is_printable(r.options.orcpt)) return "an ORCPT with bytes that none has";
  }
  return {};
}

std::string_view lie_in(const Refusal& r) {
  for (const std::string& text : {r.source, r.name, r.helo, r.tls, r.account, r.sender, r.rule, r.enhanced, r.text}) {
    if (!is_printable(text)) return "a refusal with bytes that none has";
  }
  if (!std::all_of(r.recipients.begin(), r.recipients.end(), is_printable)) return "a refusal of no address";
  return {};
}

std::string_view lie_in_report(const Enqueue& enqueue) {
  const bool is_good = std::all_of(enqueue.recipients.begin(), enqueue.recipients.end(),
                                   [](const Recipient& r) { return is_address(r.address); });
  return is_good ? std::string_view() : "a recipient that is no address";
}

std::string_view lie_in(const Forwarded& forwarded) {
  const auto& all = forwarded.addresses;
  if (all.empty()) return "forwarded to nobody";
  const bool is_good =
      std::all_of(all.begin(), all.end(), [](const std::string& a) { return is_address(a) && a.find('@') != a.npos; });
  return is_good ? std::string_view() : "forwarded to no address";
}

std::string_view lie_in(const Routed& routed, size_t asked) {
  for (const Delivery& d : routed.deliveries) {
    if (d.recipient >= asked) return "a delivery for a recipient that was not asked about";
    if (!is_printable(d.account) || !is_printable(d.detail) || !is_printable(d.address) || !is_printable(d.action) ||
        !is_printable(d.rule)) {
      return "a delivery with bytes that no address has";
    }
    if (!d.sender.empty() && !is_address(d.sender)) return "a delivery from no address";
    if (d.relay ? d.address.empty() : d.account.empty()) return "a delivery to nobody";
  }
  for (const Discarded& d : routed.discarded) {
    if (d.recipient >= asked) return "a recipient discarded that was not asked about";
  }
  for (const RouteFailure& f : routed.failures) {
    if (f.recipient >= asked) return "a failure of a recipient that was not asked about";
    if (!is_printable(f.enhanced) || !is_printable(f.text)) return "a reason with bytes that none has";
  }
  return {};
}

}  // namespace mailkeep::queue
