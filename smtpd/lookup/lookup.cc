// The lookup process: its route table and handlers.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/lookup.h"

#include <bsd/stdlib.h>
#include <fcntl.h>
#include <pwd.h>

#include <set>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/os/sandbox.h"
#include "smtpd/lookup/filters.h"
#include "smtpd/lookup/senders.h"

namespace mailkeep::lookup {
namespace {

using imsg::PeerId;
using imsg::Role;

// What one Routed may hold: its list's cap, and bytes well below imsg::kMaxMessage.
constexpr size_t kMaxRouted = 10'000;
constexpr Seconds kRetirement = kFindPatience + Seconds(1);  // by then nobody waits for a replaced resolver
constexpr size_t kMaxRoutedBytes = imsg::kMaxMessage - 128 * 1024;

// root reads its mail as somebody else: a process of uid 0 never opens a mailbox.
bool is_system_account(const std::string& name) {
  passwd entry{};
  passwd* found = nullptr;
  char buffer[16384];
  return ::getpwnam_r(name.c_str(), &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr &&
         found->pw_uid != 0;
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos || slash == 0 ? "/" : path.substr(0, slash);
}

size_t weight(const std::vector<queue::Delivery>& deliveries) {
  size_t out = 0;
  for (const auto& d : deliveries)
    out += 40 + d.rule.size() + d.account.size() + d.detail.size() + d.address.size() + d.sender.size();
  return out;
}

std::vector<queue::Delivery> deliveries_of(const Ruleset& rules, const Verdict& verdict, uint32_t recipient,
                                           const std::string& sender) {
  std::vector<queue::Delivery> out;
  for (const auto& d : verdict.destinations) {
    queue::Delivery& delivery = out.emplace_back();
    delivery.recipient = recipient;
    delivery.relay = d.is_relay();
    delivery.account = d.account;
    delivery.detail = d.detail;
    delivery.address = d.address;
    delivery.action = d.action;
    delivery.ttl = verdict.ttl;
    delivery.rule = verdict.rule;
    delivery.sender = sender_of(rules, d, sender);
    delivery.reports_to_sender = !d.owner.empty() && !delivery.sender.empty();
  }
  return out;
}

}  // namespace

// Landlock wants to know where the tables are, which the first configuration tells; until it is entered only the parent
// has been heard. Tables come as descriptors: the directories are for what :include: names, and the system's users.
// TCP goes to the ports of the first configuration's DNS servers alone; UDP is not Landlock's business.
Status enter_sandbox(const Draft& first, const std::vector<dns::Server>& servers) {
  (void)is_system_account("nobody");  // loads what nsswitch.conf(5) wants while it can be read
  std::set<std::string> paths = {"/etc"};
  for (const auto& table : first.tables) {
    if (!table.path.empty()) paths.insert(directory_of(table.path));
  }
  std::vector<Fd> fds;
  std::vector<os::Allowed> allowed;
  for (const auto& path : paths) {
    Fd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd) {
      log::warn("table-directory").kv("path", path).kv("text", errno_error("open").text);
      continue;
    }
    allowed.push_back({fd.get(), false});
    fds.push_back(std::move(fd));
  }
  if (os::landlock_abi() == 0)
    log::warn("no-landlock").kv("text", "this kernel has none; lookup runs under its uid and seccomp alone");
  std::set<uint16_t> ports;
  for (const auto& s : servers) ports.insert(s.port);
  if (auto status = os::enter_landlock(allowed, false, {false, {ports.begin(), ports.end()}}); !status)
    fatal("lookup: " + status.error().text);
  if (auto status = os::enter_seccomp(os::Profile::kLookup); !status) fatal("lookup: " + status.error().text);
  return {};
}

imsg::Routes<Lookup> Lookup::routes() {
  imsg::Routes<Lookup> r;
  r.add<Config>(Role::kParent, &Lookup::on_config);
  r.add<Table>(Role::kParent, &Lookup::on_table);
  r.add<Accounts>(Role::kParent, &Lookup::on_accounts);
  r.add<Action>(Role::kParent, &Lookup::on_action);
  r.add<Match>(Role::kParent, &Lookup::on_match);
  r.add<Filter>(Role::kParent, &Lookup::on_filter);
  r.add<Chain>(Role::kParent, &Lookup::on_chain);
  for (const Role role : {Role::kSmtpd, Role::kLmtpd}) r.add<CheckPhase>(role, &Lookup::on_check_phase);
  r.add<CheckRcpt>(Role::kSmtpd, &Lookup::on_check_rcpt);
  r.add<CheckRcpt>(Role::kLmtpd, &Lookup::on_check_rcpt);
  r.add<CheckSender>(Role::kSmtpd, &Lookup::on_check_sender);
  r.add<Route>(Role::kQueue, &Lookup::on_route);
  r.add<ShowTable>(Role::kControl, &Lookup::on_show_table);
  r.add<FindName>(Role::kSmtpd, &Lookup::on_find_name);
  r.add<Dns>(Role::kParent, &Lookup::on_dns);
  for (const Role role : {Role::kRelay, Role::kControl}) r.add<FindHops>(role, &Lookup::on_find_hops);
  r.add<FindTexts>(Role::kRelay, &Lookup::on_find_texts);
  return r;
}

Lookup::Lookup(event::Loop& loop, Confine confine)
    : confine_(confine),
      loop_(loop),
      retire_(loop, [this] { retired_.clear(); }),
      finder_(
          loop, [this](PeerId to, const Hops& hops) { worker_.send(to, hops); },
          uint64_t{arc4random()} << 32 | arc4random()),
      names_(loop, [this](PeerId to, const ClientName& name) { worker_.send(to, name); }),
      worker_(loop, *this, routes()) {}

// --- configuration ---------------------------------------------------------------------------------

void Lookup::on_config(PeerId, Config&& m) {
  draft_ = Draft{};
  draft_.config = std::move(m);
  dns_draft_ = Dns{};
}
void Lookup::on_table(PeerId, Table&& m) { draft_.tables.push_back(std::move(m)); }
void Lookup::on_accounts(PeerId, Accounts&& m) { draft_.accounts = std::move(m); }
void Lookup::on_action(PeerId, Action&& m) { draft_.actions.push_back(std::move(m)); }
void Lookup::on_dns(PeerId, Dns&& m) { dns_draft_ = std::move(m); }
void Lookup::on_filter(PeerId, Filter&& m) { draft_.filters.push_back(std::move(m)); }
void Lookup::on_chain(PeerId, Chain&& m) { draft_.chains.push_back(std::move(m)); }
void Lookup::on_match(PeerId, Match&& m) { draft_.matches.push_back(std::move(m)); }

Status Lookup::on_prepare(uint32_t generation) {
  const bool is_complete = draft_.config.generation == generation && dns_draft_.generation == generation;
  if (!is_complete) return Error("lookup: no configuration of that generation");
  const auto dns = read_dns(dns_draft_, draft_.config.hostname);
  dns_draft_ = Dns{};
  if (!dns) return dns.error();
  if (confine_ != nullptr) {
    if (auto status = std::exchange(confine_, nullptr)(draft_, dns->resolver.engine.servers); !status) return status;
  }
  auto built = build_rules(draft_, is_system_account);
  draft_ = Draft{};
  if (!built) return built.error();
  if (auto status = prepare_resolver(dns->resolver); !status) return status;
  next_finder_ = dns->finder;
  next_ = std::move(*built);
  return {};
}

void Lookup::on_commit(uint32_t generation) {
  if (!next_) return;
  rules_ = std::move(next_);
  next_.reset();
  commit_resolver();
  log::info("rules")
      .kv("generation", generation)
      .kv("rules", rules_->matches.size())
      .kv("tables", rules_->tables.size());
}

void Lookup::on_abort(uint32_t) {
  draft_ = Draft{};
  dns_draft_ = Dns{};
  next_.reset();
  next_finder_.reset();
  next_resolver_.reset();
}

void Lookup::on_peer_down(PeerId peer) {
  finder_.forget(peer);
  names_.forget(peer);
}

// A resolver whose settings have not changed goes on, with what it remembers.
Status Lookup::prepare_resolver(const dns::Settings& settings) {
  next_resolver_.reset();
  if (resolver_ && resolver_->settings() == settings) return {};
  auto made = dns::Resolver::create(loop_, settings, [](bool validating, const std::string& why) {
    (validating ? log::info("dnssec") : log::warn("dnssec"))
        .kv("validating", validating ? "yes" : "no")
        .kv("text", why);
  });
  if (!made) return made.error();
  next_resolver_ = std::move(*made);
  return {};
}

void Lookup::commit_resolver() {
  if (next_finder_) finder_.set_config(std::move(*next_finder_));
  next_finder_.reset();
  if (!next_resolver_) return;
  if (resolver_ && !resolver_->is_idle()) {
    retired_.push_back(std::move(resolver_));
    retire_.set(kRetirement);
  }
  resolver_ = std::move(next_resolver_);
  finder_.set_source(resolver_.get());
  names_.set_source(resolver_.get());
}

// --- questions -------------------------------------------------------------------------------------

static Verdict ask(const Ruleset* rules, const Facts& facts, const std::string& recipient) {
  if (!rules) return verdict(451, "4.3.0", "starting up, try again");
  if (recipient.find('@') == recipient.npos && equals_nocase(recipient, "postmaster"))
    return decide(*rules, facts, {recipient, ""});
  const auto mailbox = smtp::parse_mailbox(recipient);
  if (!mailbox) return verdict(553, "5.1.3", "not a mailbox: check the address");
  return decide(*rules, facts, *mailbox);
}

void Lookup::on_check_rcpt(PeerId from, CheckRcpt&& m) {
  const Facts facts = to_facts(m.facts);
  RcptVerdict answer;
  if (rules_ && m.listener != 0) {
    const auto mailbox = smtp::parse_mailbox(m.recipient);
    answer.filtered = ask_filters(*rules_, m.listener, conf::Phase::rcpt_to, facts,
                                  mailbox ? *mailbox : smtp::Mailbox{m.recipient, ""});
  }
  const Filtered& f = answer.filtered;
  const Verdict verdict =
      f.code != 0 ? lookup::verdict(f.code, f.enhanced, f.text) : ask(rules_ ? &*rules_ : nullptr, facts, m.recipient);
  checked_++;
  if (!f.name.empty()) filtered_++;
  if (!verdict.accepted()) refused_++;
  answer.session = m.session;
  answer.query = m.query;
  answer.code = static_cast<uint16_t>(verdict.code);
  answer.enhanced = verdict.enhanced;
  answer.text = verdict.text;
  answer.rule = verdict.rule;
  worker_.send(from, answer);
}

void Lookup::on_check_phase(PeerId from, CheckPhase&& m) {
  PhaseVerdict answer;
  answer.session = m.session;
  answer.query = m.query;
  const bool is_known = m.phase <= static_cast<uint16_t>(conf::Phase::commit);
  if (rules_ && is_known)
    answer.filtered = ask_filters(*rules_, m.listener, static_cast<conf::Phase>(m.phase), to_facts(m.facts), {});
  if (!answer.filtered.name.empty()) filtered_++;
  worker_.send(from, answer);
}

void Lookup::on_check_sender(PeerId from, CheckSender&& m) {
  Verdict result = verdict(250, "2.1.0", "sender ok");
  if (!rules_) result = verdict(451, "4.3.0", "starting up, try again");
  SenderVerdict answer;
  for (const auto& address : m.addresses) {
    if (!result.accepted()) break;
    const auto written = canonical_sender(*rules_, address);
    if (!written) {
      log::error("canonical").kv("text", written.error().text);
      result = verdict(451, "4.3.5",
                       "the sender's address cannot be rewritten now, see this server's log and try again later");
    } else {
      answer.addresses.push_back(*written);
      if (!m.any_sender) result = check_sender(*rules_, m.account, *written, m.user);
    }
  }
  if (answer.addresses == m.addresses) answer.addresses.clear();
  answer.session = m.session;
  answer.query = m.query;
  answer.code = static_cast<uint16_t>(result.code);
  answer.enhanced = result.enhanced;
  answer.text = result.text;
  worker_.send(from, answer);
}

static Verdict ask_forward(const Ruleset* rules, const std::string& action, const std::string& address) {
  if (!rules) return verdict(451, "4.3.0", "starting up, try again");
  const auto it = rules->actions.find(action);
  if (it == rules->actions.end() || !it->second.forward_file)
    return verdict(550, "5.7.1", "no .forward counts for mail of this action, ask its postmaster");
  const auto mailbox = smtp::parse_mailbox(address);
  return mailbox ? decide_forward(*rules, *mailbox) : verdict(553, "5.1.3", "not a mailbox: check the address");
}

queue::Routed answer_route(const Ruleset* rules, const Route& m) {
  const Facts facts = to_facts(m.facts);
  Verdict sender = verdict(250, "2.1.0", "sender ok");
  if (rules != nullptr && m.check_sender) sender = check_sender(*rules, m.facts.account, m.facts.sender, m.facts.user);
  queue::Routed answer;
  answer.query = m.query;
  size_t bytes = 0;
  for (uint32_t i = 0; i < m.recipients.size(); i++) {
    Verdict result = !sender.accepted()          ? sender
                     : !m.forward_action.empty() ? ask_forward(rules, m.forward_action, m.recipients[i])
                                                 : ask(rules, facts, m.recipients[i]);
    std::vector<queue::Delivery> deliveries;
    if (rules != nullptr) deliveries = deliveries_of(*rules, result, i, m.facts.sender);
    bytes += weight(deliveries);
    if (result.accepted() && (answer.deliveries.size() + deliveries.size() > kMaxRouted || bytes > kMaxRoutedBytes)) {
      bytes -= weight(deliveries);
      result = verdict(451, "4.5.3", "the recipients of this message expand to too many, send to fewer");
    }
    if (!result.accepted()) {
      answer.failures.push_back({i, result.code < 500, result.enhanced, result.text});
    } else if (result.is_discarded) {
      answer.discarded.push_back({i});
    } else {
      answer.deliveries.insert(answer.deliveries.end(), deliveries.begin(), deliveries.end());
    }
  }
  return answer;
}

void Lookup::on_route(PeerId from, Route&& m) {
  const queue::Routed answer = answer_route(rules_ ? &*rules_ : nullptr, m);
  routed_ += answer.deliveries.size();
  worker_.send(from, answer);
}

void Lookup::on_show_table(PeerId from, ShowTable&& m) {
  TableShown answer;
  if (rules_) answer = show_table(*rules_, m);
  if (!rules_) answer.text = "starting up, try again";
  answer.query = m.query;
  worker_.send(from, answer);
}

void Lookup::on_find_name(PeerId from, FindName&& m) {
  found_++;
  names_.find(from, m);
}

void Lookup::on_find_hops(PeerId from, FindHops&& m) {
  found_++;
  finder_.find(from, m);
}

void Lookup::on_find_texts(PeerId from, FindTexts&& m) {
  Texts none;
  none.query = m.query;
  none.failed = true;
  if (!resolver_) return static_cast<void>(worker_.send(from, none));
  resolver_->ask(m.name, dns::Type::kTxt, [this, from, query = m.query](const dns::Answer& answer) {
    Texts out;
    out.query = query;
    out.failed = answer.state == dns::State::kFailed;
    for (const auto& text : answer.texts) {
      if (text.size() <= kMaxTextBytes && out.texts.size() < kMaxTexts) out.texts.push_back(text);
    }
    worker_.send(from, out);  // it may have gone
  });
}

std::vector<worker::Stat> Lookup::stats() {
  const auto dns = resolver_ ? resolver_->counts() : dns::Resolver::Counts{};
  return {{"recipients-checked", checked_}, {"recipients-refused", refused_}, {"filters-fitted", filtered_},
          {"deliveries-routed", routed_},   {"domains-looked-up", found_},    {"dns-queries", dns.asked},
          {"dns-failed", dns.failed},       {"dns-bogus", dns.bogus},         {"dns-timed-out", dns.timed_out}};
}

}  // namespace mailkeep::lookup
