// What a recipient comes to: the rule that decides, then the expansion.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/expand.h"

#include <algorithm>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "smtpd/lookup/expansion.h"

namespace mailkeep::lookup {
namespace {

bool is_duty(const smtp::Mailbox& recipient) {
  return equals_nocase(recipient.local, "postmaster") || equals_nocase(recipient.local, "abuse");
}

Verdict deliver(const Ruleset& rules, const conf::Action& action, const smtp::Mailbox& recipient) {
  Expansion expansion(rules);
  const bool known = expansion.add(recipient, action);
  if (expansion.too_much)
    return verdict(451, "4.3.5", "the alias of this recipient expands to too much, try again later");
  if (expansion.found.empty()) {
    if (expansion.looped)
      return verdict(451, "4.3.5", "the alias of this recipient leads in a circle, try again later");
    if (is_duty(recipient))
      return verdict(451, "4.3.5", "no account for " + lower(recipient.local) + ", try again later");
    return verdict(550, "5.1.1", "no such user here: check the address");
  }
  if (!known) fatal("lookup: destinations of an unknown recipient");
  const auto stays = [](const Destination& d) { return !d.leaves(); };
  if (action.only == conf::Only::forwarded && std::any_of(expansion.found.begin(), expansion.found.end(), stays)) {
    return verdict(550, "5.1.1", "no such address to forward to: check the address");
  }
  Verdict out = verdict(250, "2.1.5", "recipient ok");
  out.destinations = std::move(expansion.found);
  for (Destination& d : out.destinations) d.is_forwarded = d.leaves();
  return out;
}

// A sender that was rewritten here: on to the first one, whatever the rules say of other hosts.
Verdict send_back(const Ruleset& rules, const smtp::Mailbox& recipient) {
  const auto first = srs::reverse(rules.srs, recipient, now_unix());
  if (!first) return verdict(550, "5.1.1", first.error().text);
  Verdict out = verdict(250, "2.1.5", "recipient ok");
  out.destinations.push_back({"", "", first->text(), "", ""});
  return out;
}

// RFC 5321 4.5.1: a server that takes mail for a domain takes its postmaster's.
const conf::Action* any_delivering(const Ruleset& rules) {
  const conf::Action* out = nullptr;
  for (const auto& [name, action] : rules.actions) {
    if (conf::delivers(action.kind)) out = &action;
  }
  return out;
}

Verdict carry_out(const Ruleset& rules, const conf::Action& action, const smtp::Mailbox& to) {
  if (conf::delivers(action.kind)) return deliver(rules, action, to);
  Verdict out = verdict(250, "2.1.5", "recipient ok");
  if (action.kind == conf::ActionKind::discard) {
    out.is_discarded = true;
  } else {
    out.destinations.push_back({"", "", to.text(), action.name, ""});
  }
  return out;
}

Verdict judge(const Ruleset& rules, const Facts& facts, const smtp::Mailbox& recipient) {
  smtp::Mailbox to = recipient;
  if (to.domain.empty()) to.domain = rules.domains.empty() ? rules.hostname : rules.domains.front();
  if (const std::string domain = to.canonical_domain(); rules.real_domain(domain) != domain)
    to.domain = rules.real_domain(domain);
  const FirstMatch first = first_match(rules, facts, to);
  if (first.is_undecided)
    return verdict(451, "4.3.5", "a rule of this server cannot be decided for this mail, try again later");
  const conf::Match* match = first.match;
  if (match != nullptr && match->reject) {
    Verdict no = verdict(
        match->reject_code, match->reject_status,
        match->reject_text.empty() ? "refused by the rules of this server: ask its administrator" : match->reject_text);
    no.rule = match->position.file;
    return no;
  }
  if (srs::is_rewritten(rules.srs, to)) return send_back(rules, to);
  const conf::Action* action = nullptr;
  if (match != nullptr) {
    const auto it = rules.actions.find(match->action);
    if (it == rules.actions.end()) fatal("lookup: a rule without its action");
    action = &it->second;
  }
  const bool is_postmaster = equals_nocase(to.local, "postmaster") && rules.is_local_domain(to.canonical_domain());
  if (action == nullptr && is_postmaster) action = any_delivering(rules);
  if (action == nullptr)
    return verdict(550, "5.7.1", "relaying denied: not a recipient of this server, log in to send elsewhere");
  Verdict out = carry_out(rules, *action, to);
  out.ttl = static_cast<uint32_t>(action->ttl.count());
  if (match != nullptr) out.rule = match->position.file;
  return out;
}

}  // namespace

Verdict verdict(unsigned code, std::string enhanced, std::string text) {
  Verdict out;
  out.code = code;
  out.enhanced = std::move(enhanced);
  out.text = std::move(text);
  return out;
}

Verdict decide(const Ruleset& rules, const Facts& facts, const smtp::Mailbox& recipient) {
  Verdict out = judge(rules, facts, recipient);
  return rules.take_failure() ? verdict(451, "4.3.5", "a table of this server cannot be read now, try again later")
                              : out;
}

Verdict decide_forward(const Ruleset& rules, const smtp::Mailbox& address) {
  smtp::Mailbox to = address;
  if (const std::string domain = to.canonical_domain(); rules.real_domain(domain) != domain)
    to.domain = rules.real_domain(domain);
  Verdict out;
  if (const conf::Match* match = delivering_match(rules, to)) {
    out = deliver(rules, rules.actions.at(match->action), to);
  } else {
    out = verdict(250, "2.1.5", "recipient ok");
    out.destinations.push_back({"", "", to.text(), "", ""});
    out.destinations.back().is_forwarded = true;
  }
  return rules.take_failure() ? verdict(451, "4.3.5", "a table of this server cannot be read now, try again later")
                              : out;
}

std::string sender_of(const Ruleset& rules, const Destination& d, const std::string& sender) {
  if (sender.empty() || !d.owner.empty()) return sender.empty() ? "" : d.owner;
  const auto action = rules.actions.find(d.action);
  const bool rewrites = d.is_relay() && (d.is_forwarded || (action != rules.actions.end() && action->second.srs));
  const auto mailbox = smtp::parse_mailbox(sender);
  if (!rewrites || !rules.srs.is_on() || !mailbox || rules.is_local_domain(mailbox->canonical_domain())) return "";
  const auto out = srs::rewrite(rules.srs, *mailbox, now_unix());
  return out ? out->text() : "";
}

std::vector<Destination> expand(const Ruleset& rules, const smtp::Mailbox& mailbox, const conf::Action& action) {
  Expansion expansion(rules);
  expansion.add(mailbox, action);
  return std::move(expansion.found);
}

std::string account_named(const Ruleset& rules, const smtp::Mailbox& mailbox) {
  Expansion expansion(rules);
  return expansion.add_named(mailbox) ? expansion.found.front().account : "";
}

}  // namespace mailkeep::lookup
