// The rules: which `match` of the configuration decides about a recipient. First match wins; no match, no mail.
// Pure: a Ruleset and facts in, a rule out. Process: lookup. RFC 5321 3.6 (relaying).
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/conf/aliases.h"
#include "lib/conf/config.h"
#include "lib/conf/network.h"
#include "lib/smtp/address.h"
#include "lib/srs/srs.h"
#include "smtpd/lookup/tables.h"

namespace mailkeep::lookup {

// Which accounts exist: a list from the parent, or the system's users through a callback.
class AccountSet {
 public:
  using Find = std::function<bool(const std::string& name)>;
  AccountSet() = default;
  // In the table's order, names in lower case.
  explicit AccountSet(const std::vector<std::string>& names);
  explicit AccountSet(Find find) : find_(std::move(find)) {}

  // `name` in lower case. Names that no account can have are never looked up.
  bool has(const std::string& name) const;
  // The first of the list; "" when it is empty or not a list.
  const std::string& first() const { return first_; }

 private:
  std::unordered_map<std::string, bool> names_;
  std::string first_;
  Find find_;
};

// All that routing depends on, of one generation of the configuration; immutable once made.
struct Ruleset {
  std::string hostname;              // lower case
  std::vector<std::string> domains;  // lower case
  std::string postmaster;
  srs::Settings srs;
  conf::Canonical canonical;
  std::string subaddress_separators = "+";                      // any of these; empty: none
  std::unordered_map<std::string, std::string> domain_aliases;  // lower case, of Ruleset::domains
  std::map<std::string, conf::Action> actions;
  std::vector<conf::Match> matches;
  std::unordered_map<std::string, TableIndex> tables;     // those that rules ask
  std::unordered_map<std::string, PatternList> patterns;  // those that conditions with `regex` ask
  std::unordered_map<std::string, AliasTable> aliases;    // those that actions name, virtual ones too
  AccountSet accounts;
  std::unordered_map<uint32_t, std::vector<std::shared_ptr<const conf::Filter>>> chains;  // of listeners

  // A `domain` of the configuration, the host's own name or localhost.
  bool is_local_domain(std::string_view domain) const;
  // Whether a table could not be read since the last call: then nothing that was found counts.
  bool take_failure() const;
  // The domain that an alias domain stands for; another one itself. Of a canonical domain.
  const std::string& real_domain(const std::string& domain) const;
};

// What a rule may ask of a session.
struct Facts {
  std::optional<conf::Network> source;  // none: a Unix socket
  std::string source_text;
  std::string name;  // the client's, by its address and back; empty: unknown
  std::string helo;
  std::string tag;
  bool tls = false;
  std::string account;                  // vouched for by auth; empty: none
  std::optional<smtp::Mailbox> sender;  // none: <>
  bool is_socket() const { return !source.has_value(); }
  // A Unix socket or a loopback address.
  bool is_local() const;
};

struct FirstMatch {
  const conf::Match* match = nullptr;  // null: no rule fits
  bool is_undecided = false;  // a regular expression of a rule costs too much for these facts: no verdict at all
};
FirstMatch first_match(const Ruleset& rules, const Facts& facts, const smtp::Mailbox& recipient);
// Whether all of them hold; of no recipient when `recipient` is empty. None: a regular expression costs too much.
std::optional<bool> all_hold(const Ruleset& rules, const Facts& facts, const smtp::Mailbox& recipient,
                             const std::vector<conf::Condition>& tests);
// The first rule for that recipient that delivers, whoever sends: whether an alias's member stays here.
const conf::Match* delivering_match(const Ruleset& rules, const smtp::Mailbox& recipient);

}  // namespace mailkeep::lookup
