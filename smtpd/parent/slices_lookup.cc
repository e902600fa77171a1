// lookup's slice of the configuration: rules, actions, filters, tables, DNS. See slices.h.
// SPDX-License-Identifier: ISC
#include "smtpd/parent/slices_lookup.h"

#include <algorithm>

#include "lib/base/text.h"
#include "smtpd/lookup/messages.h"
#include "smtpd/parent/files.h"

namespace mailkeep::parent {

namespace {

// "mailkeep.conf:12", as a trace names a rule.
std::string place_of(const conf::Position& position) {
  const std::string line = ":" + std::to_string(position.line);
  return printable(position.file.substr(position.file.rfind('/') + 1)).substr(0, lookup::kMaxRule - line.size()) + line;
}

lookup::Criterion criterion(const conf::Condition& c) {
  lookup::Criterion out;
  out.subject = static_cast<uint16_t>(c.subject);
  out.negated = c.negated;
  out.regex = c.regex;
  out.value = c.value;
  out.table = c.table;
  return out;
}

// The accounts table is not among them, its hashes are auth's alone; nor credentials and TLS policies, which are
// relay's.
Status send_tables(imsg::Channel& to, const Generation& g) {
  for (const auto& t : g.config.tables) {
    if (g.config.auth.kind == conf::AuthKind::table && t.name == g.config.auth.table) continue;
    if (is_relays(g.config, t.name)) continue;
    lookup::Table out;
    out.generation = g.number;
    out.name = t.name;
    out.path = t.path;
    out.inline_entries = t.kind == conf::TableKind::inline_entries;
    out.compiled = t.kind == conf::TableKind::db;
    if (out.compiled) {
      // lookup opens it, as whoever it is: the file must be readable to all
    } else if (out.inline_entries) {
      std::string text;
      for (const auto& e : t.entries) text += e.key + "\t" + e.value + "\n";
      auto fd = memory_file("table", text);
      if (!fd) return fd.error();
      out.content = std::move(*fd);
    } else {
      auto fd = g.file(t.path);
      if (!fd) return fd.error();
      out.content = std::move(*fd);
    }
    to.send(out);
  }
  return {};
}

// Files of the system that need not be there.
Fd open_if_there(const char* path) {
  auto fd = open_for_worker(path);
  return fd ? std::move(*fd) : Fd();
}

Status send_dns(imsg::Channel& to, const Generation& g) {
  const auto& o = g.config.options;
  lookup::Dns m;
  m.generation = g.number;
  for (const auto& r : g.config.resolvers) {
    auto& out = m.resolvers.emplace_back();
    out.address = r.address;
    out.port = r.port;
  }
  m.resolv_conf = open_if_there("/etc/resolv.conf");
  m.hosts = open_if_there("/etc/hosts");
  m.validation = o.dnssec;
  if (o.dnssec_anchor.empty()) {
    m.anchors = open_if_there("/usr/share/dns/root.key");
  } else {
    auto fd = open_for_worker(o.dnssec_anchor);
    if (!fd) return Error("dnssec-anchor: " + fd.error().text);
    m.anchors = std::move(*fd);
    if (m.validation == "auto") m.validation = "on";
  }
  for (const auto domain : split(o.dnssec_insecure, ' ')) {
    if (domain.size() > kMaxDomain || m.insecure_domains.size() == lookup::kMaxInsecure) {
      return Error("dnssec-insecure: found '" + printable(domain, 60) + "', expected at most " +
                   std::to_string(lookup::kMaxInsecure) + " domains");
    }
    if (!domain.empty()) m.insecure_domains.emplace_back(domain);
  }
  m.address_family = o.address_family;
  const auto own = smtp_addresses(g.listeners);
  if (!own) return own.error();
  for (const auto& a : *own) {
    if (m.own.size() == lookup::kMaxOwn) break;
    auto& out = m.own.emplace_back();
    out.address = a.address;
    out.port = a.port;
  }
  to.send(m);
  return {};
}

void send_filters(imsg::Channel& to, const Generation& g) {
  for (const auto& filter : g.config.filters) {
    if (!filter.chain.empty()) continue;
    lookup::Filter out;
    out.generation = g.number;
    out.name = filter.name;
    out.phase = static_cast<uint16_t>(filter.phase);
    for (const auto& t : filter.tests) out.tests.push_back(criterion(t));
    out.decision = static_cast<uint16_t>(filter.decision);
    out.code = filter.code;
    out.status = filter.status;
    out.text = filter.text;
    to.send(out);
  }
  for (const auto& l : g.listeners) {
    if (l.config.filters.empty()) continue;
    lookup::Chain out;
    out.generation = g.number;
    out.listener = l.id;
    out.filters = l.config.filters;
    to.send(out);
  }
}

}  // namespace

Status send_lookup(imsg::Channel& to, const Generation& g) {
  lookup::Config m;
  m.generation = g.number;
  m.hostname = g.hostname;
  m.domains = g.config.domains;
  for (const auto& alias : g.config.domain_aliases) m.domain_aliases.push_back({alias.name, alias.of});
  m.postmaster = g.config.options.postmaster;
  m.subaddress_separator = g.config.options.subaddress_separator;
  m.system_accounts = g.accounts.is_system();
  m.canonical = g.config.canonical.table;
  m.masquerade = g.config.canonical.masquerade;
  m.masquerade_except = g.config.canonical.except;
  m.srs_keys = g.config.srs.keys;
  m.srs_days = static_cast<uint32_t>(std::max<int64_t>(1, g.config.srs.ttl.count() / 86400));
  to.send(m);
  if (auto done = send_dns(to, g); !done) return done;
  if (auto done = send_tables(to, g); !done) return done;
  if (!m.system_accounts) {
    lookup::Accounts a;
    a.generation = g.number;
    auto fd = g.accounts.as_memory_file();
    if (!fd) return fd.error();
    a.content = std::move(*fd);
    to.send(a);
  }
  for (const auto& action : g.config.actions) {
    lookup::Action out;
    out.generation = g.number;
    out.name = action.name;
    out.kind = static_cast<uint16_t>(action.kind);
    out.only = static_cast<uint16_t>(action.only);
    out.alias_table = action.alias_table;
    out.virtual_table = action.virtual_table;
    out.userbase = action.userbase;
    out.user = action.user;
    out.ttl = seconds(action.ttl);
    out.srs = action.srs;
    out.rcpt_to = action.rcpt_to;
    out.forward_file = action.forward_file;
    to.send(out);
  }
  for (const auto& match : g.config.matches) {
    lookup::Match out;
    out.generation = g.number;
    out.from = criterion(match.from);
    out.target = criterion(match.target);
    for (const auto& t : match.tests) out.tests.push_back(criterion(t));
    out.reject = match.reject;
    out.action = match.action;
    out.reject_code = match.reject_code;
    out.reject_status = match.reject_status;
    out.reject_text = match.reject_text;
    out.where = place_of(match.position);
    to.send(out);
  }
  send_filters(to, g);
  return {};
}

}  // namespace mailkeep::parent
