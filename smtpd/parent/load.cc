// From the file to a generation of the configuration: parse, check, accounts.
// SPDX-License-Identifier: ISC
#include <unistd.h>

#include "lib/conf/credentials.h"
#include "lib/conf/network.h"
#include "lib/conf/parse.h"
#include "lib/conf/tls_policy.h"
#include "smtpd/listen/messages.h"
#include "smtpd/parent/files.h"
#include "smtpd/parent/parent.h"

namespace mailkeep::parent {

namespace {

Result<std::map<std::string, conf::Credential>> credentials_of(const conf::Config& config, const std::string& name) {
  const conf::Table* table = config.table(name);
  if (table == nullptr) return std::map<std::string, conf::Credential>();
  if (table->kind == conf::TableKind::inline_entries) return conf::credentials_of(*table);
  const auto text = read_file(table->path, conf::kMaxCredentialsFile);
  if (!text) return Error(conf::to_string(table->position) + ": " + text.error().text);
  return conf::parse_credentials(*text, table->path);
}

constexpr size_t kMaxSourcesFile = 1024 * 1024;

// The addresses that a listener names by a table.
Status read_sources(const conf::Config& config, conf::Sources& sources) {
  const conf::Table* table = config.table(sources.table);
  if (table == nullptr) return {};
  if (table->kind == conf::TableKind::inline_entries) {
    for (const auto& entry : table->entries) sources.networks.push_back(entry.key);
    if (sources.networks.size() <= smtpd::kMaxSources) return {};
    return Error(conf::to_string(table->position) + ": found more, expected at most " +
                 std::to_string(smtpd::kMaxSources) + " addresses and networks");
  }
  const auto text = read_file(table->path, kMaxSourcesFile);
  if (!text) return Error(conf::to_string(table->position) + ": " + text.error().text);
  auto networks = conf::parse_networks(*text, table->path, smtpd::kMaxSources);
  if (!networks) return networks.error();
  sources.networks = std::move(*networks);
  return {};
}

Result<relay::Action> relay_action(const conf::Config& config, const conf::Action& action) {
  const auto credentials = credentials_of(config, action.credentials);
  if (!credentials) return credentials.error();
  relay::Action out;
  out.name = action.name;
  out.tls = static_cast<relay::Tls>(action.tls);
  out.helo = action.helo;
  out.sources = action.sources;
  out.warm_up = action.warm_up;
  out.own_name = action.backup_name;
  out.lmtp = action.kind == conf::ActionKind::lmtp;
  for (const conf::RelayHost& host : action.hosts) {
    relay::SmartHost& h = out.hosts.emplace_back();
    h.host = host.host;
    h.port = host.port;
    h.implicit_tls = host.implicit_tls;
    h.require_tls = host.require_tls;
    if (host.label.empty()) continue;
    const auto it = credentials->find(host.label);
    if (it == credentials->end()) {
      return Error(conf::to_string(host.position) + ": found '" + host.label + "@', expected a label of <" +
                   action.credentials + ">");
    }
    h.user = it->second.user;
    h.password = it->second.password;
  }
  return out;
}

// The one listener that is there without being named, as the control socket is: on this machine, who sends is known.
void add_local_listener(conf::Config& config) {
  if (config.options.local_submission == "off" || config.speaks(conf::Protocol::local)) return;
  conf::Listener l;
  l.on = conf::ListenOn::socket;
  l.where = config.submit_path();
  l.protocol = conf::Protocol::local;
  l.position.file = "local-submission";
  config.listeners.push_back(std::move(l));
}

mailkeep::Status check_places(const conf::Config& config) {
  const auto places = places_of(config);
  if (places.size() <= worker::kMaxPlaces) return {};
  const auto* action = config.action(places[worker::kMaxPlaces].action);
  return Error(conf::to_string(action->position) + ": found one more action that delivers here, expected at most " +
               std::to_string(worker::kMaxPlaces));
}

Result<std::vector<relay::Action>> relay_actions(const conf::Config& config) {
  std::vector<relay::Action> out;
  for (const conf::Action& action : config.actions) {
    if (!conf::relays(action.kind)) continue;
    if (out.size() == queue::kMaxRelayActions) {
      return Error(conf::to_string(action.position) + ": found one more relay action, expected at most " +
                   std::to_string(queue::kMaxRelayActions));
    }
    auto made = relay_action(config, action);
    if (!made) return made.error();
    out.push_back(std::move(*made));
  }
  return out;
}

Result<std::vector<relay::TlsRule>> tls_rules(const conf::Config& config) {
  const conf::Table* table = config.table(config.tls_policy);
  if (table == nullptr) return std::vector<relay::TlsRule>();
  std::vector<conf::TlsRule> rules;
  if (table->kind == conf::TableKind::inline_entries) {
    rules = conf::tls_rules_of(*table);
  } else {
    const auto text = read_file(table->path, conf::kMaxTlsPolicyFile);
    if (!text) return Error(conf::to_string(table->position) + ": " + text.error().text);
    auto parsed = conf::parse_tls_rules(*text, table->path);
    if (!parsed) return parsed.error();
    rules = std::move(*parsed);
  }
  std::vector<relay::TlsRule> out;
  for (auto& r : rules) {
    relay::TlsRule& to = out.emplace_back();
    to.pattern = std::move(r.pattern);
    to.tls = static_cast<relay::Tls>(r.tls);
    to.names = std::move(r.names);
    to.fingerprints = std::move(r.fingerprints);
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<Generation>> renew_tables(const Generation& g, uint32_t number, const std::string& table) {
  auto out = std::make_unique<Generation>();
  out->number = number;
  out->config = g.config;
  out->hostname = g.hostname;
  out->accounts = g.accounts;
  out->listeners = g.listeners;
  out->authorities = g.authorities;
  out->relay_actions = g.relay_actions;
  out->tls_rules = g.tls_rules;
  bool is_known = table.empty();
  for (const auto& t : g.config.tables) {
    if (!table.empty() && t.name != table) continue;
    const bool is_secret = t.name == g.config.auth.table || is_relays(g.config, t.name);
    if (is_secret && !table.empty())
      return Error("<" + table + "> is of accounts, credentials or TLS policies: these change with mailkeepctl reload");
    if (t.kind == conf::TableKind::inline_entries && !table.empty())
      return Error("<" + table + "> stands in the configuration: it changes with mailkeepctl reload");
    is_known = true;
    if (is_secret || t.kind != conf::TableKind::file) continue;
    auto fd = open_for_worker(t.path);
    if (!fd) return Error(conf::to_string(t.position) + ": " + fd.error().text);
    out->files[t.path] = std::move(*fd);
  }
  if (!is_known) return Error("the configuration has no table <" + table + ">");
  for (const auto& [path, fd] : g.files) {
    if (out->files.count(path) != 0) continue;
    auto copy = g.file(path);
    if (!copy) return copy.error();
    out->files[path] = std::move(*copy);
  }
  return out;
}

Result<std::unique_ptr<Generation>> load_generation(const Settings& settings, uint32_t number) {
  auto config = settings.demo_dir.empty()
                    ? conf::parse_file(settings.config_path)
                    : conf::parse_text(conf::demo_config(settings.demo_dir), settings.demo_dir + "/mailkeep.conf",
                                       [](const std::string& path) -> Result<std::string> {
                                         return Error(path + ": not read in a demo");
                                       });
  if (!config) return config.error();
  std::string findings;
  for (const auto& finding : conf::check_supported(*config)) findings += (findings.empty() ? "" : "\n") + finding;
  if (!findings.empty()) return Error(findings);
  auto out = std::make_unique<Generation>();
  out->number = number;
  out->config = std::move(*config);
  add_local_listener(out->config);
  out->hostname = out->config.options.hostname;
  if (out->hostname.empty()) {
    char name[256] = "";
    if (gethostname(name, sizeof name - 1) != 0) return errno_error("gethostname");
    out->hostname = name;
  }
  for (auto& l : out->config.listeners) {
    for (conf::Sources* sources : {&l.trust, &l.proxy, &l.xclient}) {
      if (auto read = read_sources(out->config, *sources); !read) return read.error();
    }
  }
  if (auto good = check_places(out->config); !good) return good.error();
  auto accounts = Accounts::load(out->config, out->config.options.state + "/uids");
  if (!accounts) return accounts.error();
  out->accounts = std::move(*accounts);
  if (auto opened = open_files(*out); !opened) return opened.error();
  auto relays = relay_actions(out->config);
  if (!relays) return relays.error();
  out->relay_actions = std::move(*relays);
  auto rules = tls_rules(out->config);
  if (!rules) return rules.error();
  out->tls_rules = std::move(*rules);
  return out;
}

}  // namespace mailkeep::parent
