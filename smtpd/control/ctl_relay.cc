// What mailkeepctl prints of the relay process: TLS policies, and how mail fares with each provider.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/smtp/cause.h"
#include "smtpd/control/ctl_json.h"

namespace mailkeep::ctl {

namespace {

std::string_view name_of(const relay::Count& c) {
  return c.cause <= static_cast<uint8_t>(smtp::kLastCause) ? smtp::cause_name(static_cast<smtp::Cause>(c.cause))
                                                           : "other";
}

uint64_t total(const relay::Tally& t) { return t.accepted + t.deferred + t.rejected; }

// Of a hundred; empty where there is nothing to say.
std::string share(uint64_t part, uint64_t of) {
  return of == 0 ? std::string() : std::to_string(part * 100 / of) + "%";
}

// Whether more or less of it is taken than in the week before.
std::string trend(const relay::ProviderScore& p) {
  if (total(p.today) == 0 || total(p.before) == 0) return "";
  const auto now = static_cast<int64_t>(p.today.accepted * 100 / total(p.today));
  const auto then = static_cast<int64_t>(p.before.accepted * 100 / total(p.before));
  return now > then + 4 ? "better" : now + 4 < then ? "worse" : "steady";
}

std::vector<relay::Count> most_first(std::vector<relay::Count> causes) {
  std::stable_sort(causes.begin(), causes.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
  return causes;
}

Json tally_json(const relay::Tally& t) {
  Json o = object();
  put(o, "accepted", number(t.accepted));
  put(o, "deferred", number(t.deferred));
  put(o, "rejected", number(t.rejected));
  Json causes = object();
  for (const auto& c : t.causes) put(causes, std::string(name_of(c)), number(c.count));
  put(o, "causes", std::move(causes));
  return o;
}

}  // namespace

std::string delivery_text(const relay::DeliveryShown& shown) {
  if (shown.providers.empty()) return "nothing has been sent to other hosts in the last eight days\n";
  constexpr std::array<int, 8> kWidths = {12, -9, -9, -9, -6, -6, 8, -5};
  std::string out =
      columns<8>({"provider", "accepted", "deferred", "rejected", "today", "week", "trend", "open"}, kWidths);
  for (const auto& p : shown.providers) {
    out += columns<8>({safe_for_terminal(p.name), std::to_string(p.today.accepted), std::to_string(p.today.deferred),
                       std::to_string(p.today.rejected), share(p.today.accepted, total(p.today)),
                       share(p.before.accepted, total(p.before)), trend(p), std::to_string(p.open)},
                      kWidths);
    if (p.held > 0) out += "    held today, to be sent later: " + std::to_string(p.held) + "\n";
    if (!p.warm_up.empty()) out += "    warming up: " + safe_for_terminal(p.warm_up) + "\n";
    for (const auto& c : most_first(p.today.causes)) {
      out += "    " + std::to_string(c.count) + " " + std::string(name_of(c)) + ": ";
      out += c.cause <= static_cast<uint8_t>(smtp::kLastCause)
                 ? std::string(smtp::operator_advice(static_cast<smtp::Cause>(c.cause)))
                 : "";
      out += "\n";
    }
  }
  return out;
}

std::string delivery_json(const relay::DeliveryShown& shown) {
  Json all = array();
  for (const auto& p : shown.providers) {
    Json o = object();
    put(o, "provider", text(utf8_or_escaped(p.name)));
    put(o, "today", tally_json(p.today));
    put(o, "week_before", tally_json(p.before));
    put(o, "trend", text(trend(p)));
    put(o, "open", number(p.open));
    put(o, "held", number(p.held));
    put(o, "warm_up", text(utf8_or_escaped(p.warm_up)));
    push(all, std::move(o));
  }
  Json o = object();
  put(o, "providers", std::move(all));
  return line_of(o);
}

std::string tls_policy_text(std::string_view domain, const relay::TlsPolicyShown& s) {
  std::string out = safe_for_terminal(domain) + "\n";
  const auto row = [&out](const std::string& name, const std::string& words) {
    if (!words.empty()) out += columns<2>({"  " + name, safe_for_terminal(words)}, {12, 0});
  };
  row("tls-policy", s.list);
  row("MTA-STS", s.sts);
  row("learned", s.learned);
  row("action", s.action);
  if (!s.found) return out + safe_for_terminal(s.problem) + "\n";
  for (const auto& h : s.hosts) {
    out += safe_for_terminal(h.name) + ": " +
           (h.level.empty() ? "" : h.level + " by " + safe_for_terminal(h.source) + " (") +
           safe_for_terminal(h.reason) + (h.level.empty() ? "" : ")") + "\n";
    row("DANE", h.dane);
  }
  return out;
}

std::string tls_policy_json(std::string_view domain, const relay::TlsPolicyShown& s) {
  Json o = object();
  put(o, "domain", text(utf8_or_escaped(domain)));
  put(o, "found", truth(s.found));
  if (!s.problem.empty()) put(o, "problem", text(utf8_or_escaped(s.problem)));
  put(o, "tls_policy", text(utf8_or_escaped(s.list)));
  put(o, "mta_sts", text(utf8_or_escaped(s.sts)));
  put(o, "learned", text(utf8_or_escaped(s.learned)));
  put(o, "action", text(utf8_or_escaped(s.action)));
  Json hosts = array();
  for (const auto& h : s.hosts) {
    Json one = object();
    put(one, "name", text(utf8_or_escaped(h.name)));
    put(one, "level", text(utf8_or_escaped(h.level)));
    put(one, "source", text(utf8_or_escaped(h.source)));
    put(one, "reason", text(utf8_or_escaped(h.reason)));
    put(one, "dane", text(utf8_or_escaped(h.dane)));
    push(hosts, std::move(one));
  }
  put(o, "hosts", std::move(hosts));
  return line_of(o);
}

}  // namespace mailkeep::ctl
