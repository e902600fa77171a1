// What `mailkeepctl tls policy DOMAIN` is told: the decision for each host of the domain, and what each source says.
// See relay.h.
// SPDX-License-Identifier: ISC
#include "lib/base/text.h"
#include "smtpd/relay/relay.h"

namespace mailkeep::relay {

using imsg::PeerId;
using imsg::Role;

namespace {

constexpr std::string_view kLevels[] = {"none", "may", "encrypt", "verify"};

std::string clip(std::string_view text) { return std::string(text.substr(0, kMaxPolicyText)); }

std::string words_of(const TlsRule* rule) {
  if (rule == nullptr) return "no entry";
  std::string out = rule->pattern + " = " +
                    std::string(rule->fingerprints.empty() ? kLevels[static_cast<size_t>(rule->tls)] : "fingerprint");
  if (!rule->names.empty()) out += " match";
  for (const auto& name : rule->names) out += " " + name;
  for (const auto& digest : rule->fingerprints) out += " sha256:" + hex(digest);
  return clip(out);
}

std::string dane_of(const lookup::Hop& hop) {
  switch (hop.tlsa_state) {
    case lookup::TlsaState::kNone: return hop.secure ? "no TLSA records" : "not secured by DNSSEC";
    case lookup::TlsaState::kFailed: return "TLSA records could not be had: " + hop.problem;
    case lookup::TlsaState::kSecure: break;
  }
  std::string out = std::to_string(usable_associations(hop.tlsa).size()) + " of " + std::to_string(hop.tlsa.size()) +
                    " TLSA records usable:";
  for (const auto& t : hop.tlsa)
    out += " " + std::to_string(t.usage) + " " + std::to_string(t.selector) + " " + std::to_string(t.matching) + ",";
  out.pop_back();
  return out;
}

HostPolicy show_host(const lookup::Hop& hop, const Decision& d) {
  HostPolicy out;
  out.name = hop.name;
  out.dane = clip(dane_of(hop));
  out.source = authority_name(d.policy.authority);
  if (hop.addresses.empty()) {
    out.reason = clip("not used: " + (hop.problem.empty() ? "no address" : hop.problem));
  } else if (d.objection) {
    out.reason = clip("not used: " + d.objection->text);
  } else {
    const std::string words = describe(d.policy);
    out.level = words.substr(0, words.find(' '));
    out.reason = clip(d.policy.reason);
  }
  return out;
}

}  // namespace

void Relay::refuse_to_show(PeerId peer, uint32_t query, const std::string& why) {
  TlsPolicyShown none;
  none.query = query;
  none.problem = why;
  worker_.send(peer, none);
}

void Relay::on_show_tls_policy(PeerId peer, ShowTlsPolicy&& m) {
  lookup::FindHops q;
  q.query = ++last_id_;
  q.name = m.domain = lower(m.domain);
  const uint32_t query = m.query;
  recall_learned(m.domain);
  questions_[q.query] = {peer, std::move(m), {}};
  if (worker_.send_role(Role::kLookup, q)) return;
  questions_.erase(q.query);
  refuse_to_show(peer, query, "the lookup process is not there");
}

// True: the answer was to such a question.
bool Relay::show_hops(lookup::Hops& m) {
  auto node = questions_.extract(m.query);
  if (node.empty()) return false;
  Question& asked = node.mapped();
  const std::string domain = asked.question.domain;
  if (is_known(domain)) {
    show(asked, m);
  } else {
    asked.hops = std::move(m);
    awaiting_[domain].questions.push_back(std::move(asked));
  }
  return true;
}

void Relay::show(const Question& asked, const lookup::Hops& m) {
  const std::string& domain = asked.question.domain;
  TlsPolicyShown out;
  out.query = asked.question.query;
  const auto action = active_.actions.find(active_.first);
  const Tls least = action == active_.actions.end() ? Tls::kMay : action->second.tls;
  out.found = m.state == lookup::HopsState::kFound;
  out.problem = clip(m.text);
  PolicyInput in = policy_input(domain, true, least);
  in.mx_secure = m.secure;
  out.list = words_of(in.rule);
  out.sts = !active_.config.mta_sts ? "off (option mta-sts)"
            : in.rule != nullptr    ? "not asked: the list decides"
                                    : clip(sts_.describe(domain, now_unix()));
  out.learned = active_.config.learn == Learn::kOff ? "off (option tls-learn)" : clip(learned_.describe(domain));
  out.action = active_.first + " = " + std::string(kLevels[static_cast<size_t>(least)]);
  if (action != active_.actions.end() && !action->second.hosts.empty())
    out.action += ", by smart hosts: their names decide, not the domain";
  for (const auto& hop : m.hops) {
    in.hop = &hop;
    in.host = hop.name;
    out.hosts.push_back(show_host(hop, decide_tls(in)));
  }
  worker_.send(asked.from, out);
}

}  // namespace mailkeep::relay
