// How much TLS a host must show: see policy.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/policy.h"

#include <algorithm>

#include "lib/base/text.h"

namespace mailkeep::relay {
namespace {

constexpr size_t kSha256 = 32, kSha512 = 64;

bool is_usable(const lookup::Tlsa& t) {
  if (t.usage != 2 && t.usage != 3) return false;  // RFC 7672 3.1.3: 0 and 1 are of no use for SMTP
  if (t.selector > 1) return false;
  return (t.matching == 0 && !t.data.empty()) || (t.matching == 1 && t.data.size() == kSha256) ||
         (t.matching == 2 && t.data.size() == kSha512);
}

void need_name(TlsPolicy& p, std::vector<std::string> names) {
  p.tls = Tls::kVerify;
  p.check = tls::Check::kAuthority;
  p.names = std::move(names);
}

void by_rule(const PolicyInput& in, Decision& out) {
  TlsPolicy& p = out.policy;
  p.authority = Authority::kList;
  p.reason = "entry " + in.rule->pattern;
  p.tls = in.rule->tls;
  if (!in.rule->fingerprints.empty()) {
    p.tls = Tls::kVerify;
    p.check = tls::Check::kAssociations;
    // Of the certificate or of its key: whichever the administrator wrote down.
    for (const std::string& digest : in.rule->fingerprints) {
      for (const uint8_t selector : {uint8_t{0}, uint8_t{1}}) p.associations.push_back({3, selector, 1, digest});
    }
    p.associations.resize(std::min(p.associations.size(), tls::kMaxAssociations));
  } else if (p.tls == Tls::kVerify) {
    need_name(p, in.rule->names.empty() ? std::vector<std::string>{in.host} : in.rule->names);
  }
}

// The action's own, or more where something else asks for it.
void by_action(const PolicyInput& in, TlsPolicy& p) {
  p.authority = Authority::kAction;
  p.reason = "tls of the action";
  p.tls = in.action;
  if (in.action == Tls::kVerify) need_name(p, {in.host});
}

// RFC 7672 3.2.2: the base domain of the records; the name before an alias; the domain, where it is known that this is
// its host.
std::vector<std::string> dane_names(const PolicyInput& in) {
  std::vector<std::string> out = {in.hop->tlsa_base.empty() ? in.hop->name : in.hop->tlsa_base};
  const auto add = [&](const std::string& name) {
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  };
  add(in.hop->name);
  if (in.by_mx && in.mx_secure) add(in.domain);
  return out;
}

void by_dane(const PolicyInput& in, Decision& out) {
  TlsPolicy& p = out.policy;
  const std::string base = in.hop->tlsa_base.empty() ? in.hop->name : in.hop->tlsa_base;
  p.associations = usable_associations(in.hop->tlsa);
  p.servername = base;  // RFC 7672 8.1
  if (p.associations.empty()) {
    if (in.action == Tls::kVerify) return by_action(in, p);
    p.tls = Tls::kEncrypt;  // RFC 7672 2.2
    p.reason = "TLSA records of " + base + ", none of them usable";
  } else {
    p.tls = Tls::kVerify;
    p.check = tls::Check::kAssociations;
    p.names = dane_names(in);
    p.reason = "TLSA records of " + base;
  }
  p.authority = Authority::kDane;
}

// False: it decides nothing.
bool by_sts(const PolicyInput& in, Decision& out) {
  if (in.sts == nullptr || !in.by_mx || in.sts->mode == StsMode::kNone) return false;
  TlsPolicy& p = out.policy;
  p.sts_testing = in.sts->mode == StsMode::kTesting;
  if (p.sts_testing) return false;
  need_name(p, {in.host});
  p.authority = Authority::kSts;
  p.reason = "MTA-STS policy of " + in.domain;
  if (!sts_matches(*in.sts, in.host)) {
    out.objection = Objection{false, "4.7.5", in.host + " is not a host of the MTA-STS policy of " + in.domain};
  }
  return true;
}

// RFC 8689 4.2.1.
void add_require_tls(const PolicyInput& in, Decision& out) {
  TlsPolicy& p = out.policy;
  if (p.tls != Tls::kVerify) {
    need_name(p, {in.host});
    p.associations.clear();
    p.authority = Authority::kMessage;
    p.reason = "REQUIRETLS of the message";
  }
  const bool is_authentic = !in.by_mx || in.mx_secure ||
                            (in.sts != nullptr && in.sts->mode != StsMode::kNone && sts_matches(*in.sts, in.host));
  if (!out.objection && !is_authentic) {
    out.objection = Objection{true, "5.7.10",
                              "the message asks for REQUIRETLS, and neither DNSSEC nor MTA-STS says that " + in.host +
                                  " takes the mail of " + in.domain};
  }
}

}  // namespace

bool sts_matches(const StsPolicy& policy, std::string_view host) {
  const size_t dot = host.find('.');
  const std::string low = lower(host);
  return std::any_of(policy.hosts.begin(), policy.hosts.end(), [&](const std::string& pattern) {
    if (!pattern.starts_with("*.")) return pattern == low;
    return dot != host.npos && dot > 0 && std::string_view(low).substr(dot + 1) == std::string_view(pattern).substr(2);
  });
}

std::vector<tls::Association> usable_associations(const std::vector<lookup::Tlsa>& records) {
  std::vector<tls::Association> out;
  const auto is_weaker = [&](const lookup::Tlsa& t) {
    return t.matching == 1 && std::any_of(records.begin(), records.end(), [&](const lookup::Tlsa& other) {
             return is_usable(other) && other.usage == t.usage && other.selector == t.selector && other.matching == 2;
           });
  };
  for (const auto& t : records) {
    if (is_usable(t) && !is_weaker(t) && out.size() < tls::kMaxAssociations)
      out.push_back({t.usage, t.selector, t.matching, t.data});
  }
  return out;
}

Decision decide_tls(const PolicyInput& in) {
  Decision out;
  out.policy.servername = in.host;
  if (in.rule != nullptr) {
    by_rule(in, out);
  } else if (in.hop != nullptr && in.hop->tlsa_state == lookup::TlsaState::kFailed) {
    out.policy.authority = Authority::kDane;
    out.policy.reason = "TLSA records of " + in.host + " could not be had";
    out.objection =
        Objection{false, "4.4.3",
                  in.host + ": " + (in.hop->problem.empty() ? "its TLSA records could not be had" : in.hop->problem)};
  } else if (in.hop != nullptr && in.hop->tlsa_state == lookup::TlsaState::kSecure) {
    by_dane(in, out);
  } else if (!by_sts(in, out)) {
    if (in.is_learned && in.action != Tls::kNone) {
      need_name(out.policy, {in.host});
      out.policy.authority = Authority::kLearned;
      out.policy.reason = "verified TLS of all earlier mail for " + in.domain;
    } else {
      by_action(in, out.policy);
    }
  }
  if (in.require_tls) add_require_tls(in, out);
  return out;
}

std::string_view authority_name(Authority a) {
  switch (a) {
    case Authority::kAction: return "action";
    case Authority::kList: return "tls-policy";
    case Authority::kDane: return "DANE";
    case Authority::kSts: return "MTA-STS";
    case Authority::kLearned: return "learned";
    case Authority::kMessage: return "REQUIRETLS";
  }
  return "";
}

std::string describe(const TlsPolicy& p) {
  std::string out;
  switch (p.tls) {
    case Tls::kNone: out = "none"; break;
    case Tls::kMay: out = "may"; break;
    case Tls::kEncrypt: out = "encrypt"; break;
    case Tls::kVerify:
      out = p.authority == Authority::kList && p.check == tls::Check::kAssociations ? "fingerprint" : "verify";
      break;
  }
  return out + " by " + std::string(authority_name(p.authority)) + " (" + p.reason + ")";
}

void TlsList::add(TlsRule rule) {
  const std::string key = rule.pattern;
  rules_.insert_or_assign(key, std::move(rule));
}

const TlsRule* TlsList::find(const std::string& domain) const {
  if (const auto it = rules_.find(domain); it != rules_.end()) return &it->second;
  for (size_t dot = domain.find('.'); dot != domain.npos; dot = domain.find('.', dot + 1)) {
    if (const auto it = rules_.find("*" + domain.substr(dot)); it != rules_.end()) return &it->second;
  }
  return nullptr;
}

}  // namespace mailkeep::relay
