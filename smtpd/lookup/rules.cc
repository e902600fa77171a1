// First match wins.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/rules.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/conf/accounts.h"

namespace mailkeep::lookup {
namespace {

const TableIndex* find_table(const Ruleset& rules, const std::string& name) {
  const auto it = rules.tables.find(name);
  return it == rules.tables.end() ? nullptr : &it->second;
}

// The conditions of rules, of one session and recipient.
class Question {
 public:
  Question(const Ruleset& rules, const Facts& facts, const smtp::Mailbox& recipient)
      : rules_(rules), facts_(facts), recipient_(recipient), domain_(recipient.canonical_domain()) {}
  bool fits(const conf::Match& m) { return holds(m.from) && holds(m.target) && all_hold(m.tests); }
  bool all_hold(const std::vector<conf::Condition>& tests) {
    return std::all_of(tests.begin(), tests.end(), [this](const auto& c) { return holds(c); });
  }
  // What a rule says of the recipient alone.
  bool fits_recipient(const conf::Match& m) {
    const auto holds_of_it = [this](const conf::Condition& c) {
      return c.subject != conf::Subject::rcpt_to || holds(c);
    };
    return holds(m.target) && std::all_of(m.tests.begin(), m.tests.end(), holds_of_it);
  }
  bool is_undecided = false;

 private:
  bool holds(const conf::Condition& c) { return (c.regex ? matches(c) : is_so(c)) != c.negated && !is_undecided; }
  bool is_so(const conf::Condition& c) const;
  bool matches(const conf::Condition& c);
  std::optional<std::string> subject_of(const conf::Condition& c) const;
  bool in_list(const conf::Condition& c, std::string_view key) const;
  bool in_networks(const conf::Condition& c) const;
  bool in_domains(const conf::Condition& c, std::string_view domain) const;
  bool in_mailboxes(const conf::Condition& c, const smtp::Mailbox& mailbox) const;

  const Ruleset& rules_;
  const Facts& facts_;
  const smtp::Mailbox& recipient_;
  const std::string domain_;
  std::optional<pattern::Budget> budget_;  // from the first regular expression on
};

// A table that is asked but not there says no to everything: the parser has made sure that there is none such.
bool Question::in_list(const conf::Condition& c, std::string_view key) const {
  if (c.table.empty()) return equals_nocase(c.value, key);
  const TableIndex* t = find_table(rules_, c.table);
  return t != nullptr && t->has(key);
}

bool Question::in_networks(const conf::Condition& c) const {
  if (!facts_.source) return false;
  if (c.table.empty()) {
    const auto network = conf::parse_network(c.value);
    return network && network->contains(*facts_.source);
  }
  const TableIndex* t = find_table(rules_, c.table);
  return t != nullptr && t->has_address(*facts_.source);
}

bool Question::in_domains(const conf::Condition& c, std::string_view domain) const {
  if (c.table.empty()) return domain_matches(c.value, domain);
  const TableIndex* t = find_table(rules_, c.table);
  return t != nullptr && t->has_domain(domain);
}

bool Question::in_mailboxes(const conf::Condition& c, const smtp::Mailbox& mailbox) const {
  const std::string domain = mailbox.canonical_domain();
  if (c.table.empty()) return mailbox_matches(c.value, mailbox.local, domain);
  const TableIndex* t = find_table(rules_, c.table);
  return t != nullptr && t->has_mailbox(mailbox.local, domain);
}

bool Question::is_so(const conf::Condition& c) const {
  const bool asks_for_any = c.value.empty() && c.table.empty();
  switch (c.subject) {
    case conf::Subject::any: return true;
    case conf::Subject::local: return facts_.is_local();
    case conf::Subject::socket: return facts_.is_socket();
    case conf::Subject::src: return in_networks(c);
    case conf::Subject::rdns: return !facts_.name.empty() && (asks_for_any || in_domains(c, facts_.name));
    case conf::Subject::auth: return !facts_.account.empty() && (asks_for_any || in_list(c, facts_.account));
    case conf::Subject::mail_from: return facts_.sender ? in_mailboxes(c, *facts_.sender) : in_list(c, "<>");
    case conf::Subject::helo: return in_list(c, facts_.helo);
    case conf::Subject::tag: return in_list(c, facts_.tag);
    case conf::Subject::tls: return facts_.tls;
    case conf::Subject::ours: return rules_.is_local_domain(domain_);
    case conf::Subject::domain: return in_domains(c, domain_);
    case conf::Subject::rcpt_to: return in_mailboxes(c, recipient_);
  }
  return false;
}

// What a regular expression is held against; none: there is nothing that could match.
std::optional<std::string> Question::subject_of(const conf::Condition& c) const {
  const auto if_any = [](const std::string& text) { return text.empty() ? std::nullopt : std::optional(text); };
  switch (c.subject) {
    case conf::Subject::src: return facts_.source ? if_any(facts_.source_text) : std::nullopt;
    case conf::Subject::rdns: return if_any(facts_.name);
    case conf::Subject::auth: return if_any(facts_.account);
    case conf::Subject::mail_from:
      return facts_.sender ? facts_.sender->local + "@" + facts_.sender->canonical_domain() : "";
    case conf::Subject::helo: return facts_.helo;
    case conf::Subject::tag: return facts_.tag;
    case conf::Subject::domain: return domain_;
    case conf::Subject::rcpt_to: return recipient_.local + "@" + domain_;
    default: return {};
  }
}

bool Question::matches(const conf::Condition& c) {
  const auto patterns = rules_.patterns.find(c.table);
  const auto subject = subject_of(c);
  if (!subject || patterns == rules_.patterns.end()) return false;
  if (!budget_) budget_.emplace();
  const auto outcome = patterns->second.match(*subject, *budget_);
  if (outcome == pattern::Outcome::kTooMuch) is_undecided = true;
  return outcome == pattern::Outcome::kYes;
}

}  // namespace

AccountSet::AccountSet(const std::vector<std::string>& names) {
  names_.reserve(names.size());
  for (const auto& name : names) names_.emplace(name, true);
  if (!names.empty()) first_ = names.front();
}

bool AccountSet::has(const std::string& name) const {
  if (!conf::is_account_name(name)) return false;
  return find_ ? find_(name) : names_.count(name) != 0;
}

bool Ruleset::is_local_domain(std::string_view domain) const {
  if (equals_nocase(domain, hostname) || equals_nocase(domain, "localhost")) return true;
  return std::any_of(domains.begin(), domains.end(), [&](const std::string& d) { return equals_nocase(d, domain); });
}

bool Ruleset::take_failure() const {
  bool out = false;
  for (const auto& [name, table] : tables) out = table.take_failure() || out;
  for (const auto& [name, table] : aliases) out = table.take_failure() || out;
  return out;
}

const std::string& Ruleset::real_domain(const std::string& domain) const {
  const auto it = domain_aliases.find(domain);
  return it == domain_aliases.end() ? domain : it->second;
}

bool Facts::is_local() const {
  static const auto kLoopback4 = conf::parse_network("127.0.0.0/8");
  static const auto kLoopback6 = conf::parse_network("::1");
  return !source || kLoopback4->contains(*source) || kLoopback6->contains(*source);
}

FirstMatch first_match(const Ruleset& rules, const Facts& facts, const smtp::Mailbox& recipient) {
  Question question(rules, facts, recipient);
  for (const auto& m : rules.matches) {
    const bool fits = question.fits(m);
    if (question.is_undecided) return {nullptr, true};
    if (fits) return {&m, false};
  }
  return {};
}

std::optional<bool> all_hold(const Ruleset& rules, const Facts& facts, const smtp::Mailbox& recipient,
                             const std::vector<conf::Condition>& tests) {
  Question question(rules, facts, recipient);
  const bool out = question.all_hold(tests);
  return question.is_undecided ? std::nullopt : std::optional(out);
}

const conf::Match* delivering_match(const Ruleset& rules, const smtp::Mailbox& recipient) {
  const Facts nobody;
  Question question(rules, nobody, recipient);
  const auto it = std::find_if(rules.matches.begin(), rules.matches.end(), [&](const conf::Match& m) {
    if (m.reject || !question.fits_recipient(m)) return false;
    const auto action = rules.actions.find(m.action);
    return action != rules.actions.end() && conf::delivers(action->second.kind);
  });
  return it == rules.matches.end() ? nullptr : &*it;
}

}  // namespace mailkeep::lookup
