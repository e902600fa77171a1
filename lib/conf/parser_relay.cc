// The first pass: what a relay action says. The words are those of OpenSMTPD's smtpd.conf(5) where it has them.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <array>

#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/conf/names.h"
#include "lib/conf/network.h"
#include "lib/conf/parser.h"

namespace mailkeep::conf {
namespace {

constexpr size_t kMaxRelayHosts = 16;
constexpr size_t kMaxSources = 16;
constexpr size_t kMaxProviders = 150;
constexpr size_t kMaxProviderSuffixes = 32;

struct Scheme {
  std::string_view prefix;
  uint16_t port;
  bool implicit_tls;
  bool require_tls;
};
constexpr std::array<Scheme, 3> kSchemes = {
    {{"smtp://", 25, false, false}, {"smtp+tls://", 25, false, true}, {"smtps://", 465, true, true}}};

const std::string kHost = "smtp://, smtp+tls:// or smtps://, then [label@]host[:port]";

// host / address / "[" address "]", then ":" port
bool parse_host_port(std::string_view text, RelayHost& out) {
  std::string_view port;
  if (text.rfind('[', 0) == 0) {
    const size_t end = text.find(']');
    if (end == text.npos) return false;
    out.host = lower(text.substr(1, end - 1));
    port = text.substr(end + 1);
    if (!parse_address(out.host)) return false;
  } else {
    const size_t colon = text.find(':');
    out.host = lower(text.substr(0, colon));
    port = colon == text.npos ? std::string_view() : text.substr(colon);
    if (!is_domain(out.host)) return false;
    const bool numeric = out.host.find_first_not_of("0123456789.") == std::string::npos;
    if (numeric && !parse_address(out.host)) return false;
  }
  if (port.empty()) return true;
  const auto number = port[0] == ':' ? parse_u64(port.substr(1), 65535) : std::nullopt;
  out.port = static_cast<uint16_t>(number.value_or(0));
  return out.port != 0;
}

std::optional<RelayHost> parse_relay_url(std::string_view text) {
  for (const Scheme& scheme : kSchemes) {
    if (text.rfind(scheme.prefix, 0) != 0) continue;
    RelayHost out;
    out.port = scheme.port;
    out.implicit_tls = scheme.implicit_tls;
    out.require_tls = scheme.require_tls;
    text.remove_prefix(scheme.prefix.size());
    if (const size_t at = text.find('@'); at != text.npos) {
      out.label = text.substr(0, at);
      if (!is_name(out.label)) return {};
      text.remove_prefix(at + 1);
    }
    if (!parse_host_port(text, out)) return {};
    return out;
  }
  return {};
}

bool is_relay_url(std::string_view text) { return parse_relay_url(text).has_value(); }
bool is_source_address(std::string_view text) { return parse_address(text).has_value(); }

std::optional<RelayTls> find_tls(const Token& token) {
  constexpr std::array<std::string_view, 4> kWords = {"none", "may", "encrypt", "verify"};
  for (size_t i = 0; i < kWords.size(); i++) {
    if (token.is(kWords[i])) return static_cast<RelayTls>(i);
  }
  return {};
}

}  // namespace

bool Parser::parse_relay(Action& out) {
  std::set<std::string> had;
  while (!peek().ends_statement()) {
    const Token word = peek();
    const bool is_source = word.is("source") || word.is("src");
    const bool known = is_source || word.is("host") || word.is("auth") || word.is("tls") || word.is("helo") ||
                       word.is("backup") || word.is("warm-up") || word.is("srs") || word.is("ttl");
    if (!known || !had.insert(is_source ? "source" : word.text).second) {
      return fail_here("host, auth, tls, helo, source, warm-up, backup, srs, ttl (each once) or end of line");
    }
    take();
    if (word.is("ttl") && !expect_ttl(out.ttl)) return false;
    if (word.is("srs")) out.srs = true;
    if (word.is("backup")) {
      out.backup = true;
      if (peek().is("mx") && (take(), !expect_host(out.backup_name))) return false;
    }
    if (word.is("host") && !parse_relay_hosts(out)) return false;
    if (word.is("auth") && !expect_table(out.credentials, RefKind::credential_table)) return false;
    if (is_source && !parse_relay_sources(out)) return false;
    if (word.is("warm-up") && !parse_number(out.warm_up, 10, 100'000, "recipients on the first day")) return false;
    if (word.is("tls")) {
      const auto tls = find_tls(peek());
      if (!tls) return fail_here("none, may, encrypt or verify");
      take();
      out.tls = *tls;
    }
    if (word.is("helo") && !expect_host(out.helo)) return false;
  }
  if (out.backup && !out.hosts.empty()) return fail_here("no host with backup, which goes by MX");
  return true;
}

// Of a server that takes LMTP: its port has no default (RFC 2033 5), and must not be SMTP's.
bool Parser::parse_lmtp(Action& out) {
  constexpr size_t kMaxSocketPath = 107;
  const Token at = peek();
  const std::string expected = "host:port (not 25), [address]:port or the path of a socket, of at most " +
                               std::to_string(kMaxSocketPath) + " bytes";
  RelayHost& host = out.hosts.emplace_back();
  host.position = position(at);
  host.port = 0;
  if (!at.is_value()) return fail_here(expected);
  if (at.text[0] == '/') {
    if (at.text.size() > kMaxSocketPath) return fail_here(expected);
    host.host = at.text;
  } else if (!parse_host_port(at.text, host) || host.port == 0 || host.port == 25) {
    return fail_here(expected);
  }
  take();
  return true;
}

bool Parser::expect_host(std::string& out) {
  if (!peek().is_value() || !is_domain(peek().text)) return fail_here("a domain name");
  out = take().text;
  return true;
}

bool Parser::parse_relay_hosts(Action& out) {
  const Token at = peek();
  std::vector<TableEntry> urls;
  if (at.is('{')) {
    if (!parse_entries(urls, is_relay_url, kHost)) return false;
  } else {
    if (!at.is_value() || !is_relay_url(at.text)) return fail_here(kHost);
    urls.push_back({take().text, ""});
  }
  if (urls.size() > kMaxRelayHosts) return fail(at, "at most " + std::to_string(kMaxRelayHosts) + " hosts");
  for (const TableEntry& url : urls) {
    out.hosts.push_back(*parse_relay_url(url.key));
    out.hosts.back().position = position(at);
  }
  return true;
}

bool Parser::parse_relay_sources(Action& out) {
  const Token at = peek();
  std::vector<TableEntry> list;
  if (at.is('{')) {
    if (!parse_entries(list, is_source_address, "an address")) return false;
  } else {
    if (!at.is_value() || !is_source_address(at.text)) return fail_here("an address of this machine");
    list.push_back({take().text, ""});
  }
  if (list.size() > kMaxSources) return fail(at, "at most " + std::to_string(kMaxSources) + " addresses");
  for (const TableEntry& e : list) out.sources.push_back(e.key);
  return true;
}

bool Parser::parse_number(uint32_t& out, uint32_t least, uint32_t most, const std::string& what) {
  const auto n = peek().is_value() ? parse_u64(peek().text, most) : std::nullopt;
  if (!n || *n < least)
    return fail_here("a number of " + what + " from " + std::to_string(least) + " to " + std::to_string(most));
  take();
  out = static_cast<uint32_t>(*n);
  return true;
}

bool Parser::parse_provider() {
  Provider out;
  const Token at = peek();
  out.position = position(at);
  if (!expect_name(out.name, "the provider's name")) return false;
  auto& all = draft_.config.providers;
  if (std::any_of(all.begin(), all.end(), [&](const Provider& p) { return p.name == out.name; }))
    return fail(at, "each provider once");
  if (all.size() >= kMaxProviders) return fail(at, "at most " + std::to_string(kMaxProviders) + " providers");
  std::set<std::string> had;
  while (!peek().ends_statement()) {
    const Token word = peek();
    const bool known = word.is("mx") || word.is("connections") || word.is("rate");
    if (!known || !had.insert(word.text).second) return fail_here("mx, connections, rate (each once) or end of line");
    take();
    if (word.is("connections") && !parse_number(out.connections, 1, 1000, "connections at once")) return false;
    if (word.is("rate") && !parse_number(out.rate, 1, 60'000, "messages a minute")) return false;
    if (!word.is("mx")) continue;
    const std::string expected = "the end of the names of its MX hosts, such as google.com";
    std::vector<TableEntry> list;
    if (peek().is('{')) {
      if (!parse_entries(list, is_domain, expected)) return false;
    } else {
      if (!peek().is_value() || !is_domain(peek().text)) return fail_here(expected);
      list.push_back({take().text, ""});
    }
    if (list.size() > kMaxProviderSuffixes)
      return fail(word, "at most " + std::to_string(kMaxProviderSuffixes) + " suffixes");
    for (const auto& e : list) out.suffixes.push_back(lower(e.key));
  }
  if (had.empty()) return fail(at, "mx, connections or rate behind the provider's name");
  all.push_back(std::move(out));
  return true;
}

bool Parser::parse_tls_policy(const Token& keyword) {
  return once("tls-policy", keyword) && parse_mapping(draft_.config.tls_policy, RefKind::tls_policy_table, keyword);
}

}  // namespace mailkeep::conf
