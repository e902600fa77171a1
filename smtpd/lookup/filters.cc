// Filters by phase: see filters.h.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/filters.h"

namespace mailkeep::lookup {
namespace {

Filtered refuse(const std::string& name, uint16_t code, const std::string& enhanced, const std::string& text) {
  Filtered out;
  out.name = name;
  out.code = code;
  out.enhanced = enhanced;
  out.text = text;
  return out;
}

}  // namespace

Filtered ask_filters(const Ruleset& rules, uint32_t listener, conf::Phase phase, const Facts& facts,
                     const smtp::Mailbox& recipient) {
  Filtered out;
  const auto chain = rules.chains.find(listener);
  if (chain == rules.chains.end()) return out;
  for (const auto& filter : chain->second) {
    if (filter->phase != phase) continue;
    const auto fits = all_hold(rules, facts, recipient, filter->tests);
    if (rules.take_failure())
      return refuse(filter->name, 451, "4.3.0", "a table of this server cannot be read now, try again later");
    if (!fits)
      return refuse(filter->name, 451, "4.3.5", "a filter of this server takes too long for this, try again later");
    if (!*fits) continue;
    out.name = filter->name;
    if (filter->decision == conf::Decision::bypass) break;
    if (filter->decision == conf::Decision::junk) {
      out.is_junk = true;
      continue;
    }
    const bool was_junk = out.is_junk;
    out = refuse(filter->name, filter->code, filter->status, filter->text);
    out.is_junk = was_junk;
    out.disconnects = filter->decision == conf::Decision::disconnect;
    break;
  }
  return out;
}

}  // namespace mailkeep::lookup
