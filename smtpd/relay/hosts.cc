// Which hosts a transfer goes to: smart hosts in their order, or by MX (RFC 5321 5.1), and their addresses. See
// relay.h.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/text.h"
#include "lib/conf/network.h"
#include "lib/log/log.h"
#include "smtpd/parent/messages.h"
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

// Bounces are exempt (RFC 8689 4.2.1).
bool requires_tls(const Transfer& t) { return t.options.require_tls && !t.sender.empty(); }

}  // namespace

// Error: the destination cannot be one.
Status Relay::plan(Job& job, const Action& action) {
  const Transfer& t = job.transfer;
  job.action_tls = action.tls;
  job.smart = !action.hosts.empty();
  job.lmtp = action.lmtp;
  job.helo = action.helo.empty() ? active_.config.hostname : action.helo;
  job.sources = action.sources;
  job.own_name = action.own_name;
  job.generation = active_.config.generation;
  set_key(job);
  for (const SmartHost& h : action.hosts) {
    Plan p;
    p.name = h.host;
    p.is_socket = action.lmtp && h.host.starts_with('/');
    if (conf::parse_address(h.host)) p.addresses = {h.host};
    p.port = h.port;
    p.implicit_tls = h.implicit_tls;
    p.least = h.require_tls ? std::max(action.tls, Tls::kEncrypt) : action.tls;
    p.user = h.user;
    p.password = h.password;
    if (p.is_socket) p.policy.tls = Tls::kNone;
    if (p.is_socket || p.addresses.empty() || admit_host(job, p, nullptr, false)) job.plans.push_back(std::move(p));
  }
  if (job.smart) return {};
  Plan p;
  p.name = t.domain;
  p.least = action.tls;
  if (!t.domain.empty() && t.domain[0] == '[') {
    p.addresses = {literal_address(t.domain)};
    if (p.addresses[0].empty()) return Error("no address literal: " + printable(t.domain, 100));
    if (!admit_host(job, p, nullptr, false)) return {};
  } else if (t.domain.empty()) {
    return Error("an address without a domain");
  }
  job.plans.push_back(std::move(p));
  return {};
}

// What decides where a connection leads and what it must show: mail of another key never goes out on it.
void Relay::set_key(Job& job) const {
  const Transfer& t = job.transfer;
  job.key = std::to_string(job.generation) + "\n" + (t.action.empty() ? active_.first : t.action) + "\n" +
            (requires_tls(t) ? "!" : "") + "\n";
  if (job.smart) return;
  const PolicyInput in = policy_input(t.domain, true, job.action_tls);
  job.key += t.domain + "\n" + (in.sts == nullptr ? "" : sts_.identity(t.domain, now_unix())) + "\n" +
             (in.is_learned ? "learned" : "");
}

PolicyInput Relay::policy_input(const std::string& domain, bool by_mx, Tls least) const {
  PolicyInput in;
  in.domain = domain;
  in.by_mx = by_mx;
  in.action = least;
  in.rule = active_.tls_list.find(domain);
  in.is_learned = by_mx && active_.config.learn == Learn::kEnforce && learned_.is_learned(domain);
  if (by_mx && wants_sts(domain)) in.sts = sts_.policy(domain, now_unix());
  return in;
}

// Decides what the host must show. False: it is not to be used, and the job knows why.
bool Relay::admit_host(Job& job, Plan& plan, const lookup::Hop* hop, bool mx_secure) {
  const bool by_mx = !job.smart && hop != nullptr;
  PolicyInput in = policy_input(by_mx ? job.transfer.domain : plan.name, by_mx, plan.least);
  in.mx_secure = mx_secure;
  in.require_tls = requires_tls(job.transfer);
  in.hop = hop;
  in.host = plan.name;
  Decision d = decide_tls(in);
  plan.policy = std::move(d.policy);
  if (d.objection && by_mx) report_refused(job, plan.policy, plan.name, *d.objection);
  if (d.objection) object(job, *d.objection);
  return !d.objection;
}

void Relay::object(Job& job, const Objection& why) {
  (why.is_final ? job.objected : job.hopeful) = true;
  job.failure = {why.enhanced, why.text, 0};
  log::info("host-refused")
      .kv("msg", hex64(job.transfer.message))
      .kv("domain", job.transfer.domain)
      .kv("text", why.text);
}

void Relay::resolve(Job& job, const std::string& name, bool is_host, uint16_t port) {
  lookup::FindHops m;
  m.query = job.query = ++last_id_;
  m.name = name;
  m.is_host = is_host;
  m.port = port;
  m.own_name = job.own_name;
  queries_[m.query] = job.id;
  if (!is_host) recall_learned(name);
  if (!is_host && wants_sts(name)) sts_.ready(name, now_unix());  // beside the DNS
  if (worker_.send_role(Role::kLookup, m)) return;
  finish_all(job, Outcome::kTemporary, {"4.4.3", "the lookup process is not there", 0}, false);
}

void Relay::next_host(Job& job) {
  const bool too_many = job.sessions >= kMaxSessions || ++job.tried > kMaxHostsTried;
  if (job.plans.empty() || too_many) return finish(job, !job.reached);
  job.plan = std::move(job.plans.front());
  job.plans.pop_front();
  const Plan& p = job.plan;
  if (p.addresses.empty() && !p.is_socket) return resolve(job, p.name, job.smart, job.smart ? p.port : kSmtpPort);
  if (pass(job)) connect(job);
}

const Action* Relay::action_of(const Job& job) const {
  const auto it = active_.actions.find(job.transfer.action.empty() ? active_.first : job.transfer.action);
  return it == active_.actions.end() ? nullptr : &it->second;
}

void Relay::connect(Job& job) {
  const Plan& p = job.plan;
  if (p.is_socket) return open_socket(job);
  const uint64_t id = job.id;
  job.connector = std::make_unique<Connector>(loop_, p.addresses, p.port, job.sources,
                                              [this, id](Fd fd, const std::string& address, const std::string& text) {
                                                connected(id, std::move(fd), address, text);
                                              });
}

// Out of this process' reach: the parent connects, with no more rights than this process has.
void Relay::open_socket(Job& job) {
  parent::OpenSocket m;
  m.query = job.query = ++last_id_;
  m.action = job.transfer.action;
  queries_[m.query] = job.id;
  worker_.send_parent(m);
}

void Relay::on_socket_opened(PeerId, SocketOpened&& m) {
  const auto query = queries_.extract(m.query);
  if (!query.empty()) connected(query.mapped(), std::move(m.connection), "", m.text);
}

void Relay::connected(uint64_t job_id, Fd fd, const std::string& address, const std::string& text) {
  const auto it = jobs_.find(job_id);
  if (it == jobs_.end()) return;
  Job& job = *it->second;
  loop_.defer([dead = std::shared_ptr<Connector>(std::move(job.connector))] {});
  if (!fd) {
    give_back(job);
    job.host.clear();
    job.failure = {"4.4.1", job.plan.name + " " + text, 0};
    job.hopeful = true;
    log::info("host-failed")
        .kv("msg", hex64(job.transfer.message))
        .kv("host", job.plan.name)
        .kv("tls", "")
        .kv("code", 0)
        .kv("text", text);
    return next_host(job);
  }
  ++counters_.connections;
  Host host;
  host.name = job.plan.name;
  host.address = address;
  host.port = job.plan.port;
  host.implicit_tls = job.plan.implicit_tls;
  host.policy = job.plan.policy;
  host.settings = {.helo = job.helo,
                   .lmtp = job.lmtp,
                   .tls = host.policy.tls,
                   .tls_reason = describe(host.policy),
                   .encrypted = job.plan.implicit_tls,
                   .tls_failed = job.plan.tls_failed,
                   .loopback = job.plan.is_socket || is_loopback(address),
                   .user = job.plan.user,
                   .password = job.plan.password};
  const uint64_t id = ++last_id_;
  job.connection = id;
  Open& open = connections_[id];
  open.key = job.key;
  open.group = job.group;
  job.has_place = false;
  open.job = job.id;
  open.connection = std::make_unique<Connection>(loop_, id, std::move(host), std::move(fd), calls_of(id));
}

void Relay::on_hops(PeerId, lookup::Hops&& m) {
  if (show_hops(m) || fetch_hops(m)) return;
  const auto query = queries_.extract(m.query);
  const auto it = query.empty() ? jobs_.end() : jobs_.find(query.mapped());
  if (it == jobs_.end()) return;
  Job& job = *it->second;
  if (job.smart) return take_addresses(job, std::move(m));
  switch (m.state) {
    case lookup::HopsState::kFound: break;
    case lookup::HopsState::kTemporary: return finish_all(job, Outcome::kTemporary, {"4.4.3", m.text, 0}, true);
    case lookup::HopsState::kNoDomain: return finish_all(job, Outcome::kPermanent, {"5.1.2", m.text, 0}, false);
    case lookup::HopsState::kNullMx: return finish_all(job, Outcome::kPermanent, {"5.1.10", m.text, 0}, false);
    case lookup::HopsState::kLoop: return finish_all(job, Outcome::kPermanent, {"5.4.6", m.text, 0}, false);
  }
  job.hops = std::move(m);
  const std::string& domain = job.transfer.domain;
  if (is_known(domain)) return take_mx(job);
  awaiting_[domain].jobs.push_back(job.id);
}

// Whether all that decides about the domain's TLS is here. False: on_known() follows.
bool Relay::is_known(const std::string& domain) {
  const bool has_sts = !wants_sts(domain) || sts_.ready(domain, now_unix());
  return has_sts && !learned_recalls_.contains(domain);
}

// Of a smart host.
void Relay::take_addresses(Job& job, lookup::Hops&& m) {
  if (m.state != lookup::HopsState::kFound || m.hops.empty() || m.hops.front().addresses.empty()) {
    job.failure = {"4.4.4", job.plan.name + ": " + (m.text.empty() ? "no address" : m.text), 0};
    job.hopeful = true;
    return next_host(job);
  }
  job.plan.addresses = std::move(m.hops.front().addresses);
  Plan next = job.plan;
  if (admit_host(job, next, &m.hops.front(), m.secure)) job.plans.push_front(std::move(next));
  next_host(job);
}

// The hosts in their order; lookup has left out this server and those no better than it.
void Relay::take_mx(Job& job) {
  lookup::Hops m = std::move(job.hops);
  set_key(job);  // more is known than when it came
  for (auto& hop : m.hops) {
    if (hop.addresses.empty()) {
      job.failure = {"4.4.3", hop.name + ": " + (hop.problem.empty() ? "no address" : hop.problem), 0};
      job.hopeful = true;
      continue;
    }
    Plan p;
    p.name = hop.name;
    p.least = job.action_tls;
    if (!admit_host(job, p, &hop, m.secure)) continue;
    p.addresses = std::move(hop.addresses);
    job.plans.push_back(std::move(p));
  }
  next_host(job);
}

}  // namespace mailkeep::relay
