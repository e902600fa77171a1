// The lookup process: its route table and handlers.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/lookup.h"

#include <fcntl.h>
#include <pwd.h>

#include <set>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/os/sandbox.h"
#include "smtpd/lookup/senders.h"

namespace mailkeep::lookup {
namespace {

using imsg::PeerId;
using imsg::Role;

// What one Routed may hold: its list's cap, and bytes well below imsg::kMaxMessage.
constexpr size_t kMaxRouted = 10'000;
constexpr size_t kMaxRoutedBytes = imsg::kMaxMessage - 128 * 1024;

// root reads its mail as somebody else: a process of uid 0 never opens a mailbox.
bool is_system_account(const std::string& name) {
  passwd entry{};
  passwd* found = nullptr;
  char buffer[16384];
  return ::getpwnam_r(name.c_str(), &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr && found->pw_uid != 0;
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos || slash == 0 ? "/" : path.substr(0, slash);
}

size_t weight(const std::vector<queue::Delivery>& deliveries) {
  size_t out = 0;
  for (const auto& d : deliveries) out += 20 + d.account.size() + d.detail.size() + d.address.size();
  return out;
}

}  // namespace

// Landlock wants to know where the tables are, which the first configuration tells; until it is entered only the parent
// has been heard. Tables come as descriptors: the directories are for what :include: names, and the system's users.
Status enter_sandbox(const Draft& first) {
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
  if (os::landlock_abi() == 0) log::warn("no-landlock").kv("text", "this kernel has none; lookup runs under its uid and seccomp alone");
  if (auto status = os::enter_landlock(allowed, false); !status) fatal("lookup: " + status.error().text);
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
  r.add<CheckRcpt>(Role::kSmtpd, &Lookup::on_check_rcpt);
  r.add<CheckRcpt>(Role::kLmtpd, &Lookup::on_check_rcpt);
  r.add<CheckSender>(Role::kSmtpd, &Lookup::on_check_sender);
  r.add<Route>(Role::kQueue, &Lookup::on_route);
  return r;
}

Lookup::Lookup(event::Loop& loop, Confine confine) : confine_(confine), worker_(loop, *this, routes()) {}

// --- configuration ---------------------------------------------------------------------------------

void Lookup::on_config(PeerId, Config&& m) {
  draft_ = Draft{};
  draft_.config = std::move(m);
}
void Lookup::on_table(PeerId, Table&& m) { draft_.tables.push_back(std::move(m)); }
void Lookup::on_accounts(PeerId, Accounts&& m) { draft_.accounts = std::move(m); }
void Lookup::on_action(PeerId, Action&& m) { draft_.actions.push_back(std::move(m)); }
void Lookup::on_match(PeerId, Match&& m) { draft_.matches.push_back(std::move(m)); }

Status Lookup::on_prepare(uint32_t generation) {
  if (confine_ != nullptr) {
    if (auto status = std::exchange(confine_, nullptr)(draft_); !status) return status;
  }
  if (draft_.config.generation != generation) return Error("lookup: no configuration of that generation");
  auto built = build_rules(draft_, is_system_account);
  draft_ = Draft{};
  if (!built) return built.error();
  next_ = std::move(*built);
  return {};
}

void Lookup::on_commit(uint32_t generation) {
  if (!next_) return;
  rules_ = std::move(next_);
  next_.reset();
  log::info("rules").kv("generation", generation).kv("rules", rules_->matches.size()).kv("tables", rules_->tables.size());
}

void Lookup::on_abort(uint32_t) {
  draft_ = Draft{};
  next_.reset();
}

// --- questions -------------------------------------------------------------------------------------

static Verdict ask(const Ruleset* rules, const Facts& facts, const std::string& recipient) {
  if (!rules) return {451, "4.3.0", "starting up, try again", {}};
  if (recipient.find('@') == recipient.npos && equals_nocase(recipient, "postmaster")) return decide(*rules, facts, {recipient, ""});
  const auto mailbox = smtp::parse_mailbox(recipient);
  if (!mailbox) return {553, "5.1.3", "not a mailbox", {}};
  return decide(*rules, facts, *mailbox);
}

void Lookup::on_check_rcpt(PeerId from, CheckRcpt&& m) {
  const Verdict verdict = ask(rules_ ? &*rules_ : nullptr, to_facts(m.facts), m.recipient);
  checked_++;
  if (!verdict.accepted()) refused_++;
  RcptVerdict answer;
  answer.session = m.session;
  answer.query = m.query;
  answer.code = static_cast<uint16_t>(verdict.code);
  answer.enhanced = verdict.enhanced;
  answer.text = verdict.text;
  worker_.send(from, answer);
}

void Lookup::on_check_sender(PeerId from, CheckSender&& m) {
  Verdict verdict = {250, "2.1.0", "sender ok", {}};
  if (!rules_) verdict = {451, "4.3.0", "starting up, try again", {}};
  for (const auto& address : m.addresses) {
    if (verdict.accepted()) verdict = check_sender(*rules_, m.account, address);
  }
  SenderVerdict answer;
  answer.session = m.session;
  answer.query = m.query;
  answer.code = static_cast<uint16_t>(verdict.code);
  answer.enhanced = verdict.enhanced;
  answer.text = verdict.text;
  worker_.send(from, answer);
}

queue::Routed answer_route(const Ruleset* rules, const Route& m) {
  const Facts facts = to_facts(m.facts);
  Verdict sender = {250, "", "", {}};
  if (rules != nullptr && m.check_sender) sender = check_sender(*rules, m.facts.account, m.facts.sender);
  queue::Routed answer;
  answer.query = m.query;
  size_t bytes = 0;
  for (uint32_t i = 0; i < m.recipients.size(); i++) {
    Verdict verdict = sender.accepted() ? ask(rules, facts, m.recipients[i]) : sender;
    std::vector<queue::Delivery> deliveries;
    for (auto& d : verdict.destinations) deliveries.push_back({i, d.is_relay(), d.account, d.detail, d.address, d.action});
    bytes += weight(deliveries);
    if (verdict.accepted() && (answer.deliveries.size() + deliveries.size() > kMaxRouted || bytes > kMaxRoutedBytes)) {
      bytes -= weight(deliveries);
      verdict = {451, "4.5.3", "the recipients of this message expand to too many", {}};
    }
    if (verdict.accepted()) {
      answer.deliveries.insert(answer.deliveries.end(), deliveries.begin(), deliveries.end());
    } else {
      answer.failures.push_back({i, verdict.code < 500, verdict.enhanced, verdict.text});
    }
  }
  return answer;
}

void Lookup::on_route(PeerId from, Route&& m) {
  const queue::Routed answer = answer_route(rules_ ? &*rules_ : nullptr, m);
  routed_ += answer.deliveries.size();
  worker_.send(from, answer);
}

std::vector<worker::Stat> Lookup::stats() {
  return {{"recipients-checked", checked_}, {"recipients-refused", refused_}, {"deliveries-routed", routed_}};
}

}  // namespace mailkeep::lookup
