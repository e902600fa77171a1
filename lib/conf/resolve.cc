// The second pass: names are looked up, and what needs the whole file is checked.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <map>
#include <set>

#include "lib/base/text.h"
#include "lib/conf/credentials.h"
#include "lib/conf/names.h"
#include "lib/conf/network.h"
#include "lib/conf/parser.h"
#include "lib/conf/tls_policy.h"
#include "lib/pattern/pattern.h"

namespace mailkeep::conf {
namespace {

// What a key in an inline table must be for its use; "" when it is fine.
std::string expected_key(RefKind kind, const std::string& key) {
  if (kind == RefKind::network_table && !parse_network(key)) return "an address or a network";
  if (kind == RefKind::domain_table && !is_domain_pattern(key)) return "a domain name, or *. and one";
  if (kind == RefKind::address_table && key != "<>" && key.find('@') == key.npos)
    return "an address, or @ and a domain name";
  if (kind == RefKind::pattern_table) {
    const auto compiled = pattern::Pattern::compile(key);
    if (!compiled) return "a regular expression (" + compiled.error().text + ")";
  }
  return "";
}

void check_table(Draft& draft, const Reference& ref) {
  const Table* table = draft.config.table(ref.name);
  if (table == nullptr) {
    draft.errors.push_back(complaint(ref.position, "<" + ref.name + ">", "a table that the file declares"));
    return;
  }
  const bool is_loaded = ref.kind == RefKind::pattern_table || ref.kind == RefKind::credential_table;
  if (table->kind == TableKind::db && is_loaded) {
    draft.errors.push_back(complaint(ref.position, "<" + ref.name + ">, which is compiled", "a list or a file"));
    return;
  }
  for (const auto& entry : table->entries) {
    const std::string expected = expected_key(ref.kind, entry.key);
    if (!expected.empty()) {
      draft.errors.push_back(
          complaint(table->position, "'" + printable(entry.key, 60) + "' in <" + ref.name + ">", expected));
      return;
    }
    if (ref.kind == RefKind::credential_table && !is_credential(entry.value)) {
      draft.errors.push_back(complaint(table->position, "'" + printable(entry.key, 60) + "' in <" + ref.name + ">",
                                       "label = \"user:password\" in a table of credentials"));
      return;
    }
    if (ref.kind == RefKind::tls_policy_table && !parse_tls_rule(entry.key, entry.value)) {
      draft.errors.push_back(complaint(table->position,
                                       "'" + printable(entry.key, 60) + "' = '" + printable(entry.value, 60) + "'",
                                       "domain = policy: " + kTlsPolicyValue));
      return;
    }
    if (ref.kind == RefKind::canonical_table && !(is_rewriting(entry.key) && is_rewriting(entry.value))) {
      draft.errors.push_back(complaint(table->position,
                                       "'" + printable(entry.key, 60) + "' = '" + printable(entry.value, 60) + "'",
                                       "address = address, where either may be @ and a domain"));
      return;
    }
    if (ref.kind == RefKind::alias_table && entry.value.empty()) {
      draft.errors.push_back(complaint(table->position, "'" + printable(entry.key, 60) + "' in <" + ref.name + ">",
                                       "name = \"members\" in a table of aliases"));
      return;
    }
  }
}

void check_reference(Draft& draft, const Reference& ref) {
  if (ref.kind == RefKind::pki) {
    if (draft.config.find_pki(ref.name) == nullptr) {
      draft.errors.push_back(complaint(ref.position, "'" + ref.name + "'", "a pki that the file declares"));
    }
  } else if (ref.kind == RefKind::action) {
    if (draft.config.action(ref.name) == nullptr) {
      draft.errors.push_back(complaint(ref.position, "'" + ref.name + "'", "an action that the file declares"));
    }
  } else if (ref.kind == RefKind::filter) {
    if (draft.config.filter(ref.name) == nullptr) {
      draft.errors.push_back(complaint(ref.position, "'" + ref.name + "'", "a filter that the file declares"));
    }
  } else {
    check_table(draft, ref);
  }
}

// Chains hold filters, never chains: there are no circles, and a listener's list says all.
void check_chains(Draft& draft) {
  const auto is_chain = [&](const std::string& name) {
    const Filter* f = draft.config.filter(name);
    return f != nullptr && !f->chain.empty();
  };
  for (const Filter& filter : draft.config.filters) {
    const auto inner = std::find_if(filter.chain.begin(), filter.chain.end(), is_chain);
    if (inner != filter.chain.end()) {
      draft.errors.push_back(complaint(filter.position, "the chain '" + *inner + "' in the chain '" + filter.name + "'",
                                       "filters that are no chains"));
    }
  }
}

void unfold_chains(Draft& draft) {
  for (Listener& l : draft.config.listeners) {
    std::vector<std::string> all;
    for (const auto& name : l.filters) {
      const Filter* f = draft.config.filter(name);
      if (f == nullptr || f->chain.empty()) {
        all.push_back(name);
      } else {
        all.insert(all.end(), f->chain.begin(), f->chain.end());
      }
    }
    l.filters = std::move(all);
    if (l.filters.size() > kMaxListenerFilters) {
      draft.errors.push_back(complaint(
          l.position, std::to_string(l.filters.size()) + " filters",
          "at most " + std::to_string(kMaxListenerFilters) + " for a listener, chains counted as what they hold"));
    }
  }
}

void check_pki(Draft& draft) {
  for (const Pki& pki : draft.config.pki) {
    if (pki.cert.empty() || pki.key.empty()) {
      draft.errors.push_back(complaint(pki.position,
                                       "pki '" + pki.name + "' without " + (pki.cert.empty() ? "cert" : "key"),
                                       "cert and key for it"));
    }
  }
}

// What a listener of that protocol lacks or must not have; "" when it is fine.
std::string expected_of(const Listener& l, const Config& config) {
  const bool reads_mail =
      l.protocol == Protocol::imap || l.protocol == Protocol::imaps || l.protocol == Protocol::sieve;
  const bool submits = l.protocol == Protocol::submission || l.protocol == Protocol::submissions;
  const bool may_be_plain = l.protocol == Protocol::imap || l.protocol == Protocol::sieve;
  if (l.on == ListenOn::socket && l.protocol != Protocol::lmtp && l.protocol != Protocol::local)
    return "lmtp or local, the protocols of a socket";
  if (l.protocol == Protocol::local && l.on != ListenOn::socket)
    return "a socket for local: the kernel says whose connection it is";
  if (l.protocol == Protocol::local && !l.pki.empty()) return "no pki: a local socket has no TLS";
  if (l.on == ListenOn::socket && (l.proxy.any() || l.xclient.any()))
    return "no proxy or xclient on a socket, which has no addresses";
  if (l.trust.any() && l.protocol == Protocol::lmtp) return "no trust: all sources of lmtp are trusted";
  if (reads_mail && (l.trust.any() || l.proxy.any() || l.xclient.any()))
    return "smtp, submission, submissions or lmtp with trust, proxy or xclient";
  if (l.protocol == Protocol::lmtp && !l.pki.empty()) return "no pki: LMTP has no TLS";
  if (!l.filters.empty() && (reads_mail || l.protocol == Protocol::local))
    return "smtp, submission, submissions or lmtp with a filter";
  if (l.plaintext_ok && !may_be_plain) return "imap or sieve with plaintext-ok";
  if ((reads_mail || submits) && l.pki.empty() && !l.plaintext_ok) {
    return std::string("pki and a name") + (may_be_plain ? ", or plaintext-ok" : "") +
           ", without which nobody can log in";
  }
  if ((reads_mail || submits) && config.auth.kind == AuthKind::none)
    return "auth system or auth table <name> in the file";
  return "";
}

void check_listeners(Draft& draft) {
  std::map<std::string, const Listener*> taken;
  for (const Listener& l : draft.config.listeners) {
    const std::string name = "'" + std::string(protocol_name(l.protocol)) + "'";
    const std::string expected = expected_of(l, draft.config);
    if (!expected.empty()) draft.errors.push_back(complaint(l.position, name, expected));
    const std::string place = (l.on == ListenOn::all ? "all" : l.where) + " " + std::to_string(l.port);
    const auto [it, is_new] = taken.emplace(place, &l);
    if (!is_new) {
      draft.errors.push_back(complaint(l.position, name + " on an address and port that are taken",
                                       "others than those of " + to_string(it->second->position)));
    }
  }
}

// Labels need a table, a table needs labels, and those of an inline one are known now.
void check_credentials(Draft& draft, const Action& action) {
  const Table* table = draft.config.table(action.credentials);
  bool any = false;
  for (const RelayHost& host : action.hosts) {
    if (host.label.empty()) continue;
    any = true;
    const bool is_inline = table != nullptr && table->kind == TableKind::inline_entries;
    const bool known = is_inline && std::any_of(table->entries.begin(), table->entries.end(),
                                                [&](const TableEntry& e) { return e.key == host.label; });
    if (action.credentials.empty()) {
      draft.errors.push_back(
          complaint(host.position, "'" + host.label + "@' without credentials", "auth <table> in the action"));
    } else if (is_inline && !known) {
      draft.errors.push_back(
          complaint(host.position, "'" + host.label + "@'", "a label of <" + action.credentials + ">"));
    }
  }
  if (!any && !action.credentials.empty()) {
    draft.errors.push_back(complaint(action.position, "action '" + action.name + "' with credentials for no host",
                                     "a host with a label, such as smtps://label@name"));
  }
}

void check_domain_aliases(Draft& draft) {
  const auto& all = draft.config.domain_aliases;
  for (const DomainAlias& alias : all) {
    const auto& domains = draft.config.domains;
    const bool is_ours = std::find(domains.begin(), domains.end(), alias.of) != domains.end();
    const bool is_alias = std::any_of(all.begin(), all.end(), [&](const DomainAlias& a) { return a.name == alias.of; });
    if (is_ours && !is_alias) continue;
    draft.errors.push_back(complaint(alias.position, "'" + alias.name + "' as an alias of '" + alias.of + "'",
                                     "a domain of this file that is no alias itself"));
  }
}

void check_auth(Draft& draft) {
  const Auth& auth = draft.config.auth;
  const Table* table = draft.config.table(auth.table);
  if (auth.kind != AuthKind::table || table == nullptr || table->kind != TableKind::db) return;
  draft.errors.push_back(
      complaint(auth.position, "auth with <" + auth.table + ">, which is compiled", "a table of accounts in a file"));
}

void check_actions(Draft& draft) {
  for (const Action& action : draft.config.actions) {
    const bool needs_accounts = delivers(action.kind) && (action.kind != ActionKind::lmtp || action.userbase.empty());
    if (needs_accounts && draft.config.auth.kind == AuthKind::none) {
      draft.errors.push_back(complaint(action.position, "action '" + action.name + "' that delivers, but no accounts",
                                       "auth system or auth table <name> in the file"));
    }
    check_credentials(draft, action);
  }
}

}  // namespace

void resolve(Draft& draft) {
  std::set<std::pair<RefKind, std::string>> done;
  for (const Reference& ref : draft.references) {
    if (draft.errors.size() >= kMaxErrors) return;
    const size_t before = draft.errors.size();
    if (!done.contains({ref.kind, ref.name})) check_reference(draft, ref);
    if (draft.errors.size() == before) done.emplace(ref.kind, ref.name);
  }
  check_pki(draft);
  check_chains(draft);
  unfold_chains(draft);
  check_listeners(draft);
  check_domain_aliases(draft);
  check_auth(draft);
  check_actions(draft);
}

}  // namespace mailkeep::conf
