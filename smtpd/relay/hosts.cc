// Which hosts a transfer goes to: smart hosts in their order, or by MX (RFC 5321 5.1), and their addresses. See relay.h.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/text.h"
#include "lib/conf/network.h"
#include "lib/log/log.h"
#include "smtpd/relay/relay.h"

namespace mailkeep::relay {

using imsg::PeerId;
using imsg::Role;

namespace {

constexpr uint16_t kSmtpPort = 25;

// Of "[192.0.2.1]" or "[IPv6:2001:db8::1]" the address; empty: something else.
std::string literal_address(std::string_view domain) {
  if (domain.size() < 3 || domain.front() != '[' || domain.back() != ']') return {};
  domain = domain.substr(1, domain.size() - 2);
  if (starts_with_nocase(domain, "ipv6:")) domain.remove_prefix(5);
  return conf::parse_address(domain) ? std::string(domain) : std::string();
}

}  // namespace

// Error: the destination cannot be one.
Status Relay::plan(Job& job, const Action& action) {
  const Transfer& t = job.transfer;
  const Tls tls = t.options.require_tls ? Tls::kVerify : action.tls;
  job.helo = action.helo.empty() ? active_.config.hostname : action.helo;
  job.sources = action.sources;
  job.key = action.name + "\n" + (action.hosts.empty() ? t.domain : std::string()) + "\n" + std::to_string(static_cast<int>(tls));
  for (const SmartHost& h : action.hosts) {
    Plan& p = job.plans.emplace_back();
    p.name = h.host;
    if (conf::parse_address(h.host)) p.addresses = {h.host};
    p.port = h.port;
    p.implicit_tls = h.implicit_tls;
    p.tls = h.require_tls ? std::max(tls, Tls::kEncrypt) : tls;
    p.user = h.user;
    p.password = h.password;
  }
  if (!action.hosts.empty()) return {};
  Plan p;
  p.name = t.domain;
  p.tls = tls;
  if (!t.domain.empty() && t.domain[0] == '[') {
    p.addresses = {literal_address(t.domain)};
    if (p.addresses[0].empty()) return Error("no address literal: " + printable(t.domain, 100));
  } else if (t.domain.empty()) {
    return Error("an address without a domain");
  }
  job.plans.push_back(std::move(p));
  return {};
}

void Relay::resolve(Job& job, const std::string& name, bool is_host, uint16_t port) {
  lookup::FindHops m;
  m.query = job.query = ++last_id_;
  m.name = name;
  m.is_host = is_host;
  m.port = port;
  queries_[m.query] = job.id;
  if (worker_.send_role(Role::kLookup, m)) return;
  finish_all(job, Outcome::kTemporary, {"4.4.3", "the lookup process is not there", 0}, false);
}

void Relay::next_host(Job& job) {
  const bool too_many = job.sessions >= kMaxSessions || ++job.tried > kMaxHostsTried;
  if (job.plans.empty() || too_many) return finish(job, !job.reached);
  job.plan = std::move(job.plans.front());
  job.plans.pop_front();
  const Plan& p = job.plan;
  const auto action = active_.actions.find(job.transfer.action.empty() ? active_.first : job.transfer.action);
  if (p.addresses.empty()) {
    const bool smart = action != active_.actions.end() && !action->second.hosts.empty();
    return resolve(job, p.name, smart, smart ? p.port : kSmtpPort);
  }
  const uint64_t id = job.id;
  job.connector = std::make_unique<Connector>(
      loop_, p.addresses, p.port, job.sources,
      [this, id](Fd fd, const std::string& address, const std::string& text) { connected(id, std::move(fd), address, text); });
}

void Relay::connected(uint64_t job_id, Fd fd, const std::string& address, const std::string& text) {
  const auto it = jobs_.find(job_id);
  if (it == jobs_.end()) return;
  Job& job = *it->second;
  loop_.defer([dead = std::shared_ptr<Connector>(std::move(job.connector))] {});
  if (!fd) {
    job.host.clear();
    job.failure = {"4.4.1", job.plan.name + " " + text, 0};
    log::info("host-failed").kv("msg", hex64(job.transfer.message)).kv("host", job.plan.name).kv("tls", "").kv("code", 0).kv("text", text);
    return next_host(job);
  }
  ++counters_.connections;
  Host host;
  host.name = job.plan.name;
  host.address = address;
  host.port = job.plan.port;
  host.implicit_tls = job.plan.implicit_tls;
  host.settings = {job.helo,         job.plan.tls, job.plan.implicit_tls, job.plan.tls_failed, is_loopback(address),
                   job.plan.user, job.plan.password};
  const uint64_t id = ++last_id_;
  job.connection = id;
  Open& open = connections_[id];
  open.key = job.key;
  open.job = job.id;
  open.connection = std::make_unique<Connection>(loop_, id, std::move(host), std::move(fd), calls_of(id));
}

void Relay::on_hops(PeerId, lookup::Hops&& m) {
  const auto query = queries_.extract(m.query);
  const auto it = query.empty() ? jobs_.end() : jobs_.find(query.mapped());
  if (it == jobs_.end()) return;
  Job& job = *it->second;
  const auto action = active_.actions.find(job.transfer.action.empty() ? active_.first : job.transfer.action);
  const bool smart = action != active_.actions.end() && !action->second.hosts.empty();
  if (smart) {
    for (auto& hop : m.hops) {
      if (!hop.addresses.empty()) job.plan.addresses.insert(job.plan.addresses.end(), hop.addresses.begin(), hop.addresses.end());
    }
    if (m.state == lookup::HopsState::kFound && !job.plan.addresses.empty()) {
      job.plans.push_front(job.plan);
      return next_host(job);
    }
    job.failure = {"4.4.4", job.plan.name + ": " + (m.text.empty() ? "no address" : m.text), 0};
    return next_host(job);
  }
  switch (m.state) {
    case lookup::HopsState::kFound: return take_mx(job, std::move(m));
    case lookup::HopsState::kTemporary: return finish_all(job, Outcome::kTemporary, {"4.4.3", m.text, 0}, true);
    case lookup::HopsState::kNoDomain: return finish_all(job, Outcome::kPermanent, {"5.1.2", m.text, 0}, false);
    case lookup::HopsState::kNullMx: return finish_all(job, Outcome::kPermanent, {"5.1.10", m.text, 0}, false);
    case lookup::HopsState::kLoop: return finish_all(job, Outcome::kPermanent, {"5.4.6", m.text, 0}, false);
  }
}

// The hosts in their order; lookup has left out this server and those no better than it. Where TLSA records say that TLS is to be
// had, plaintext will not do (RFC 7672 2.2); where they could not be had, the host waits.
void Relay::take_mx(Job& job, lookup::Hops&& m) {
  for (auto& hop : m.hops) {
    if (hop.addresses.empty() || hop.tlsa_state == lookup::TlsaState::kFailed) {
      job.failure = {"4.4.3", hop.name + ": " + (hop.problem.empty() ? "no address" : hop.problem), 0};
      continue;
    }
    Plan& p = job.plans.emplace_back();
    p.name = hop.name;
    p.addresses = std::move(hop.addresses);
    p.tls = hop.tlsa_state == lookup::TlsaState::kSecure ? std::max(job.plan.tls, Tls::kEncrypt) : job.plan.tls;
  }
  next_host(job);
}

}  // namespace mailkeep::relay
