// Selections. See ctl_select.h.
// SPDX-License-Identifier: ISC
#include "smtpd/control/ctl_select.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/conf/options.h"
#include "smtpd/control/ctl.h"

namespace mailkeep::ctl {

namespace {

using queue::Selection;

constexpr std::string_view kStates[] = {
    "waiting", "delivering", "stored", "failing", "held",     "quarantined",
    "future",  "relayed",    "failed", "dropped", "discarded"};  // the last ones are history's
constexpr uint64_t kLongest = 100ULL * 366 * 86400;              // seconds; more is a mistake
constexpr uint64_t kLargest = 1ULL << 50;

Status set_text(std::string& field, std::string_view name, std::string_view value, size_t max) {
  if (value.empty() || value.size() > max)
    return Error(std::string(name) + "= wants 1 to " + std::to_string(max) + " bytes");
  field = value;
  return {};
}

// <alice@example.org> is alice@example.org.
std::string_view bare(std::string_view address) {
  return address.size() > 2 && address.front() == '<' && address.back() == '>' ? address.substr(1, address.size() - 2)
                                                                               : address;
}

Status set_age(int64_t& field, std::string_view name, std::string_view value, int64_t now) {
  const auto age = conf::parse_duration(value);
  if (!age || *age > kLongest)
    return Error(std::string(name) + "= wants a time such as 90m or 1d12h, not " + printable(value));
  field = std::max<int64_t>(now - static_cast<int64_t>(*age), 1);
  return {};
}

Status set_size(uint64_t& field, std::string_view name, std::string_view value) {
  const auto size = conf::parse_size(value);
  if (!size || *size == 0 || *size > kLargest)
    return Error(std::string(name) + "= wants a size such as 500K or 10M, not " + printable(value));
  field = *size;
  return {};
}

Status set_state(std::string& field, std::string_view value) {
  if (std::find(std::begin(kStates), std::end(kStates), value) == std::end(kStates)) {
    return Error(
        "state= wants waiting, delivering, stored, failing, held, quarantined or future; of history stored, relayed, "
        "failed, dropped or discarded; not " +
        printable(value));
  }
  field = value;
  return {};
}

Status set_condition(Selection& s, std::string_view name, std::string_view value, int64_t now) {
  if (name == "sender") return set_text(s.sender, name, bare(value), kMaxAddress);
  if (name == "recipient") return set_text(s.recipient, name, bare(value), kMaxAddress);
  if (name == "domain") return set_text(s.domain, name, value.starts_with('@') ? value.substr(1) : value, kMaxDomain);
  if (name == "account") return set_text(s.account, name, value, kMaxAccount);
  if (name == "subject") return set_text(s.subject, name, value, 200);
  if (name == "state") return set_state(s.state, value);
  if (name == "older") return set_age(s.before, name, value, now);
  if (name == "younger") return set_age(s.since, name, value, now);
  if (name == "larger") return set_size(s.larger, name, value);
  if (name == "smaller") return set_size(s.smaller, name, value);
  return Error("no such condition: " + printable(name) +
               "= (sender, recipient, domain, account, subject, state, older, younger, larger or smaller)");
}

}  // namespace

Result<std::vector<Selection>> parse_selections(std::span<const std::string_view> words, int64_t now) {
  std::vector<Selection> ids;
  Selection s;
  for (const std::string_view word : words) {
    const size_t equals = word.find('=');
    if (equals != word.npos) {
      if (Status set = set_condition(s, word.substr(0, equals), word.substr(equals + 1), now); !set) return set.error();
    } else if (word == "all") {
      s.all = true;
    } else if (const auto name = parse_message_name(word)) {
      Selection& one = ids.emplace_back();
      one.message = name->message;
      one.number = name->number;
    } else {
      return Error(printable(word) + " is no message id, no condition such as sender=ADDRESS, and not all");
    }
  }
  const bool conditions = s != Selection();
  if (conditions && !ids.empty()) return Error("message ids or conditions, not both");
  if (s.all && words.size() > 1) return Error("all stands alone");
  if (!conditions && ids.empty()) return Error("nothing is selected: name message ids, conditions, or all");
  if (ids.empty()) ids.push_back(std::move(s));
  return ids;
}

}  // namespace mailkeep::ctl
