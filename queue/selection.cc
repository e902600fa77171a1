// Selections. See selection.h.
// SPDX-License-Identifier: ISC
#include "queue/selection.h"

#include "lib/base/text.h"
#include "lib/rfc5322/header.h"
#include "lib/text/casefold.h"
#include "lib/text/encoded_word.h"
#include "queue/search_index.h"

namespace mailkeep::queue {

namespace {

constexpr size_t kMaxSubject = 4096;  // bytes that are searched
constexpr rfc5322::HeaderLimits kHeaderLimits{1000, 64 * 1024, 8 * 1024};

bool is_address(std::string_view wanted, std::string_view address) {
  if (wanted == "<>") return address.empty();
  if (wanted.starts_with('@')) return equals_nocase(wanted.substr(1), domain_of(address));
  return equals_nocase(wanted, address);
}

// The rows of the index that lead to all that it matches, the fewest; empty: none do.
std::string rows_of(const Selection& s) {
  const auto is_domain = [](std::string_view address) { return address.starts_with('@'); };
  if (!s.sender.empty() && !is_domain(s.sender))
    return search_prefix(Found::kSender, s.sender == "<>" ? std::string_view() : s.sender);
  if (!s.account.empty()) return search_prefix(Found::kAccount, s.account);
  if (!s.recipient.empty()) return search_prefix(Found::kRecipientDomain, domain_of(s.recipient));
  if (!s.domain.empty()) return search_prefix(Found::kRecipientDomain, s.domain);
  if (!s.sender.empty()) return search_prefix(Found::kSenderDomain, domain_of(s.sender));
  return {};
}

bool is_state(std::string_view wanted, std::string_view state) {
  return wanted == state || (wanted == "held" && state == "quarantined");
}

}  // namespace

bool is_empty(const Selection& selection) { return selection == Selection(); }

Wanted wanted_of(const Selection& s) {
  const auto address = [](const std::string& a) { return Needle(a == "<>" || a == "@" ? std::string_view() : a); };
  Wanted out;
  out.envelope = address(s.recipient);
  if (out.envelope.empty() && !s.domain.empty()) out.envelope = Needle("@" + s.domain);
  out.message = address(s.sender);
  out.either = Needle(s.account);
  out.row = rows_of(s);
  return out;
}

bool may_match(const Selection& s, const Envelope& e) {
  if (s.message != 0 && (s.message != e.id.message || (s.number != UINT32_MAX && s.number != e.id.number)))
    return false;
  if (!s.recipient.empty() && !is_address(s.recipient, e.recipient) && !is_address(s.recipient, e.original))
    return false;
  if (!s.domain.empty() && !equals_nocase(s.domain, domain_of(e.recipient))) return false;
  const bool is_held = e.hold != Hold::kNone;
  return !((s.state == "held" || s.state == "quarantined") && !is_held) && !(is_held && s.state == "waiting");
}

bool matches(const Selection& s, const Envelope& e, const Message& m, std::string_view state,
             const std::function<std::string()>& subject) {
  if (!s.sender.empty() && !is_address(s.sender, m.sender)) return false;
  if (!s.account.empty() && !equals_nocase(s.account, m.account) && !equals_nocase(s.account, e.account)) return false;
  if (s.before != 0 && m.received >= s.before) return false;
  if (s.since != 0 && m.received < s.since) return false;
  if (s.larger != 0 && m.size <= s.larger) return false;
  if (s.smaller != 0 && m.size >= s.smaller) return false;
  if (!s.state.empty() && !is_state(s.state, state)) return false;
  return s.subject.empty() || text::contains_folded(subject(), text::casefold(s.subject));
}

std::string subject_of(std::string_view head) {
  return text::decode_words(rfc5322::parse_header(head, kHeaderLimits).text("Subject"), kMaxSubject);
}

std::string message_id_of(std::string_view head) {
  const std::string id = rfc5322::parse_header(head, kHeaderLimits).text("Message-ID");
  return printable(id, kMaxMessageId - 4).substr(0, kMaxMessageId);
}

}  // namespace mailkeep::queue
