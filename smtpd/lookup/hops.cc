// Where mail for a domain goes: see hops.h.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/hops.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/conf/network.h"

namespace mailkeep::lookup {
namespace {

using dns::Answer;
using dns::State;
using dns::Type;

constexpr size_t kProblem = 400;  // bytes of a text for people; below kMaxReplyText

std::string clip(std::string_view text) { return printable(text, kProblem); }
std::string quoted(const std::string& name) { return "'" + clip(name) + "'"; }

// An address that no other host can have.
bool is_nobodys(const std::string& address) {
  static const auto none = {conf::parse_network("0.0.0.0/8"), conf::parse_network("224.0.0.0/3"),
                            conf::parse_network("::/128"), conf::parse_network("ff00::/8")};
  const auto a = conf::parse_address(address);
  return !a || std::any_of(none.begin(), none.end(), [&](const auto& n) { return n->contains(*a); });
}

}  // namespace

std::optional<Family> parse_family(std::string_view name) {
  const auto names = split(kFamilyNames, ' ');
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return {};
  return static_cast<Family>(found - names.begin());
}

std::vector<std::string> order_addresses(const std::vector<std::string>& v6, const std::vector<std::string>& v4,
                                         Family family) {
  std::vector<std::string> out;
  const auto append = [&out](const std::vector<std::string>& more) { out.insert(out.end(), more.begin(), more.end()); };
  switch (family) {
    case Family::kV6: append(v6); break;
    case Family::kV4: append(v4); break;
    case Family::kV6First: append(v6), append(v4); break;
    case Family::kV4First: append(v4), append(v6); break;
    case Family::kAlternate:
      for (size_t i = 0; i < std::max(v6.size(), v4.size()); i++) {
        if (i < v6.size()) out.push_back(v6[i]);
        if (i < v4.size()) out.push_back(v4[i]);
      }
  }
  if (out.size() > kMaxHopAddresses) out.resize(kMaxHopAddresses);
  return out;
}

// --- questions --------------------------------------------------------------------------------------

void Finder::find(imsg::PeerId from, const FindHops& question) {
  const uint64_t id = ++last_id_;
  Find& f = finds_[id];
  f.id = id;
  f.from = from;
  f.question = question;
  f.question.name = lower(question.name);
  f.hops.query = question.query;
  if (!f.question.name.empty() && f.question.name.back() == '.') f.question.name.pop_back();
  if (source_ == nullptr || finds_.size() > kMaxFinds) {
    end(f, HopsState::kTemporary,
        source_ == nullptr ? "starting up, try again" : "too many domains are looked up at once");
    return conclude(id);
  }
  if (f.question.name.empty()) {
    end(f, HopsState::kNoDomain, "the domain has no name");
    return conclude(id);
  }
  f.patience = std::make_unique<event::Timer>(loop_, [this, id] { conclude(id); });
  f.patience->set(kFindPatience);
  if (!question.is_host) return ask(f, 0, f.question.name, Type::kMx, &Finder::on_mx);
  add_host(f, f.question.name, 0);
  ask_addresses(f);
}

void Finder::forget(imsg::PeerId peer) {
  std::erase_if(finds_, [peer](const auto& entry) { return entry.second.from == peer; });
}

// Beyond its budget a question's queries fail at once.
void Finder::ask(Find& find, size_t host, const std::string& name, Type type, Step step) {
  if (find.queries >= kMaxFindQueries)
    return (this->*step)(find, host, dns::failed("too many DNS queries for one domain"));
  find.queries++;
  find.open++;
  source_->ask(name, type, [this, id = find.id, host, step](const Answer& answer) {
    const auto it = finds_.find(id);
    if (it == finds_.end()) return;
    it->second.open--;
    (this->*step)(it->second, host, answer);
    if (it->second.is_ended || it->second.open == 0) conclude(id);
  });
}

void Finder::end(Find& find, HopsState state, std::string text) {
  find.is_ended = true;
  find.hops.state = state;
  find.hops.text = clip(text);
  find.hops.hops.clear();
}

void Finder::add_host(Find& find, const std::string& name, uint16_t preference) {
  find.hops.hops.emplace_back();
  find.hops.hops.back().name = name;
  find.hops.hops.back().preference = preference;
  find.hosts.emplace_back();
}

// --- MX ---------------------------------------------------------------------------------------------

void Finder::on_mx(Find& find, size_t, const Answer& answer) {
  const std::string& domain = find.question.name;
  find.hops.secure = answer.secure;
  switch (answer.state) {
    case State::kFailed:
      return end(find, HopsState::kTemporary, "looking for the mail hosts of " + quoted(domain) + ": " + answer.why);
    case State::kNoDomain: return end(find, HopsState::kNoDomain, "the domain " + quoted(domain) + " does not exist");
    case State::kNoData:
      find.hops.implicit_mx = true;
      if (equals_nocase(domain, own_name(find))) return end_loop(find);
      add_host(find, domain, 0);
      break;
    case State::kData:
      if (!take_mx(find, answer.mx)) return;
  }
  ask_addresses(find);
}

// False: that was the end.
bool Finder::take_mx(Find& find, std::vector<dns::Mx> records) {
  std::erase_if(records, [](const dns::Mx& mx) { return mx.host.empty(); });
  if (records.empty()) {
    end(find, HopsState::kNullMx, "the domain " + quoted(find.question.name) + " takes no mail (null MX)");
    return false;
  }
  std::shuffle(records.begin(), records.end(), random_);
  std::stable_sort(records.begin(), records.end(),
                   [](const auto& a, const auto& b) { return a.preference < b.preference; });
  // RFC 5321 5.1: where we are an MX ourselves, only better ones are of use.
  const auto ours = std::find_if(records.begin(), records.end(), [&](const auto& mx) {
    return equals_nocase(mx.host, own_name(find)) || equals_nocase(mx.host, config_.hostname);
  });
  if (ours != records.end()) {
    const uint16_t limit = ours->preference;
    std::erase_if(records, [limit](const auto& mx) { return mx.preference >= limit; });
    if (records.empty()) return end_loop(find), false;
  }
  for (const auto& mx : records) {
    const auto& hops = find.hops.hops;
    const bool is_known = std::any_of(hops.begin(), hops.end(), [&](const Hop& h) { return h.name == mx.host; });
    if (!is_known && hops.size() < kMaxHops && mx.host.size() <= kMaxDomain) add_host(find, mx.host, mx.preference);
  }
  if (find.hops.hops.empty())
    end(find, HopsState::kNoDomain, "the mail hosts of " + quoted(find.question.name) + " have no usable names");
  return !find.hops.hops.empty();
}

void Finder::end_loop(Find& find) {
  end(find, HopsState::kLoop,
      "mail for " + quoted(find.question.name) + " loops back to this server, which does not take it");
}

// --- addresses --------------------------------------------------------------------------------------

void Finder::ask_addresses(Find& find) {
  for (auto& host : find.hosts) host.open = config_.family == Family::kV4 || config_.family == Family::kV6 ? 1 : 2;
  for (size_t i = 0; i < find.hosts.size(); i++) {
    if (config_.family != Family::kV4) ask(find, i, find.hops.hops[i].name, Type::kAaaa, &Finder::on_address);
    if (config_.family != Family::kV6) ask(find, i, find.hops.hops[i].name, Type::kA, &Finder::on_address);
  }
}

void Finder::on_address(Find& find, size_t index, const Answer& answer) {
  HostState& host = find.hosts[index];
  if (answer.is_alias && answer.state != State::kFailed) {
    host.has_alias = true;
    host.canonical = answer.canonical;
  }
  if (answer.state == State::kFailed) {
    host.is_temporary = true;
    find.hops.hops[index].problem = clip(answer.why);
  }
  if (answer.state == State::kData) {
    host.all_secure = host.all_secure && answer.secure;
    for (const auto& address : answer.addresses) {
      if (!is_nobodys(address)) (address.find(':') != address.npos ? host.v6 : host.v4).push_back(address);
    }
  }
  if (--host.open == 0) on_addresses_known(find, index);
}

void Finder::set_addresses(Find& find, size_t index) {
  HostState& host = find.hosts[index];
  Hop& hop = find.hops.hops[index];
  host.open = 0;
  std::shuffle(host.v6.begin(), host.v6.end(), random_);
  std::shuffle(host.v4.begin(), host.v4.end(), random_);
  hop.addresses = order_addresses(host.v6, host.v4, config_.family);
  hop.secure = !hop.addresses.empty() && host.all_secure;
  if (!hop.addresses.empty()) {
    hop.problem.clear();
  } else if (hop.problem.empty()) {
    hop.problem = config_.family == Family::kV4   ? "no IPv4 address"
                  : config_.family == Family::kV6 ? "no IPv6 address"
                                                  : "no address";
  }
}

void Finder::on_addresses_known(Find& find, size_t index) {
  set_addresses(find, index);
  HostState& host = find.hosts[index];
  Hop& hop = find.hops.hops[index];
  if (find.question.is_host) find.hops.secure = hop.secure;
  if (hop.addresses.empty()) return;
  if (hop.secure && find.hops.secure) {
    if (host.has_alias) host.tlsa_bases.push_back(host.canonical);
    host.tlsa_bases.push_back(hop.name);
    return ask_tlsa(find, index);
  }
  // RFC 7672 2.2.2: an alias may be secure though what it points to is not.
  if (host.has_alias && (find.hops.secure || find.question.is_host))
    ask(find, index, hop.name, Type::kCname, &Finder::on_alias);
}

void Finder::on_alias(Find& find, size_t index, const Answer& answer) {
  if (answer.state == State::kFailed) return on_tlsa(find, index, answer);
  if (answer.state != State::kData || !answer.secure) return;
  find.hosts[index].tlsa_bases.push_back(find.hops.hops[index].name);
  ask_tlsa(find, index);
}

// --- TLSA -------------------------------------------------------------------------------------------

void Finder::ask_tlsa(Find& find, size_t index) {
  HostState& host = find.hosts[index];
  if (host.tlsa_bases.empty()) return;
  const std::string base = std::move(host.tlsa_bases.front());
  host.tlsa_bases.pop_front();
  host.awaits_tlsa = true;
  find.hops.hops[index].tlsa_base = base;
  ask(find, index, "_" + std::to_string(find.question.port) + "._tcp." + base, Type::kTlsa, &Finder::on_tlsa);
}

// RFC 7672 2.1.1 and 2.1.3: what fails here must not be taken for "none", or whoever spoils an answer gets plaintext.
void Finder::on_tlsa(Find& find, size_t index, const Answer& answer) {
  Hop& hop = find.hops.hops[index];
  find.hosts[index].awaits_tlsa = false;
  if (answer.state == State::kFailed) {
    hop.tlsa_state = TlsaState::kFailed;
    hop.problem = clip("its TLSA records: " + answer.why);
    return;
  }
  if (answer.state != State::kData || !answer.secure) return ask_tlsa(find, index);
  hop.tlsa_state = TlsaState::kSecure;
  for (const auto& t : answer.tlsa) {
    if (hop.tlsa.size() == kMaxTlsa) break;
    Tlsa& out = hop.tlsa.emplace_back();
    out.usage = t.usage;
    out.selector = t.selector;
    out.matching = t.matching;
    out.data = t.data;
  }
}

// --- the answer -------------------------------------------------------------------------------------

bool Finder::is_own(const Hop& hop, uint16_t port) const {
  return std::any_of(config_.own.begin(), config_.own.end(), [&](const Endpoint& own) {
    const auto ours = conf::parse_address(own.address);
    return own.port == port && ours &&
           std::any_of(hop.addresses.begin(), hop.addresses.end(), [&](const std::string& address) {
             const auto theirs = conf::parse_address(address);
             return theirs && *theirs == *ours;
           });
  });
}

// RFC 5321 5.1 again, by address. True: nothing is left.
bool Finder::drop_ourselves(Find& find) {
  auto& hops = find.hops.hops;
  std::optional<uint32_t> limit;
  for (const Hop& hop : hops) {
    if (is_own(hop, find.question.port) && (!limit || hop.preference < *limit)) limit = hop.preference;
  }
  if (!limit) return false;
  // find.hosts no longer lies beside find.hops.hops from here on.
  std::erase_if(hops, [&limit](const Hop& hop) { return hop.preference >= *limit; });
  return hops.empty();
}

// When every query has been answered, or the time is over: then with what there is.
void Finder::conclude(uint64_t id) {
  const auto it = finds_.find(id);
  if (it == finds_.end()) return;
  Find& f = it->second;
  if (!f.is_ended) decide(f);
  const imsg::PeerId from = f.from;
  const Hops hops = std::move(f.hops);
  finds_.erase(it);
  done_(from, hops);
}

void Finder::decide(Find& f) {
  constexpr char kLate[] = "the DNS did not answer in time";
  const std::string subject = (f.question.is_host ? "the host " : "the domain ") + quoted(f.question.name);
  if (f.hosts.empty())
    return end(f, HopsState::kTemporary, "looking for the mail hosts of " + quoted(f.question.name) + ": " + kLate);
  bool is_temporary = false;
  for (size_t i = 0; i < f.hosts.size(); i++) {
    if (f.hosts[i].open != 0) {
      f.hosts[i].is_temporary = true;
      f.hosts[i].all_secure = false;
      f.hops.hops[i].problem = kLate;
      set_addresses(f, i);
    }
    if (f.hosts[i].awaits_tlsa) on_tlsa(f, i, dns::failed(kLate));
    is_temporary = is_temporary || f.hosts[i].is_temporary;
  }
  if (!f.question.is_host && drop_ourselves(f)) return end_loop(f);
  const auto& hops = f.hops.hops;
  if (std::any_of(hops.begin(), hops.end(), [](const Hop& h) { return !h.addresses.empty(); })) return;
  std::string text = f.question.is_host || f.hops.implicit_mx ? subject + " has neither MX nor address"
                                                              : "no mail host of " + subject + " has an address";
  if (f.question.is_host) text = subject + ": " + hops.front().problem;
  if (is_temporary) text = "no address of a mail host of " + subject + " could be had: " + hops.front().problem;
  end(f, is_temporary ? HopsState::kTemporary : HopsState::kNoDomain, text);
}

}  // namespace mailkeep::lookup
