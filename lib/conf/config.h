// The configuration as an immutable model of named parts: what mailkeep.conf(5) says, resolved and checked.
//
// conf::parse_file (parse.h) makes it; the parent owns it, sends each worker its slice, and replaces it whole at
// a reload. mailkeepctl reads it for the control socket's path. Plain values only: no descriptor, no pointer, nothing
// that a TLS, database or MIME library would have to know. Names of tables, pki and actions are resolved: whatever
// a rule names exists. Trust: the file is root's own, but it is parsed as if it were not.
//
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"

namespace mailkeep::conf {

// Where something stands; lines and columns count from 1. file empty: not from a file (a default).
struct Position {
  std::string file;
  uint32_t line = 0;
  uint32_t column = 0;
};
std::string to_string(const Position& position);  // "file:line:column"

struct Pki {
  std::string name;
  std::string cert;  // paths
  std::string key;
  Position position;
};

// A list { a, b } has empty values; a mapping { k = v } has none empty.
struct TableEntry {
  std::string key;
  std::string value;
};
enum class TableKind : uint8_t { inline_entries, file, db };
struct Table {
  std::string name;
  TableKind kind = TableKind::inline_entries;
  std::string path;                 // kinds file and db
  std::vector<TableEntry> entries;  // kind inline_entries
  Position position;
};

// All of one domain's addresses mean the same names at another.
struct DomainAlias {
  std::string name;  // lower case; one of Config::domains
  std::string of;    // lower case
  Position position;
};

// local: what sendmail speaks, on a Unix socket; the kernel says who it is.
enum class Protocol : uint8_t { smtp, submission, submissions, imap, imaps, sieve, lmtp, local };
constexpr int kProtocols = 8;
std::string_view protocol_name(Protocol protocol);
uint16_t default_port(Protocol protocol);  // 25 587 465 143 993 4190 24; 0: none
// TLS from the first byte.
constexpr bool is_implicit_tls(Protocol p) { return p == Protocol::submissions || p == Protocol::imaps; }

enum class ListenOn : uint8_t {
  all,        // every address, IPv4 and IPv6
  address,    // where: one IPv4 or IPv6 address
  interface,  // where: a name such as "wg0"; its addresses are looked up at start and at reload
  socket,     // where: the path of a Unix socket
};
// Whose address a listener treats apart: a table or one literal, and what came of it.
struct Sources {
  std::string table;
  std::vector<std::string> networks;  // "192.0.2.1", "2001:db8::/32"; of a table in a file only once it has been read
  bool any() const { return !table.empty() || !networks.empty(); }
};
struct Listener {
  ListenOn on = ListenOn::all;
  std::string where;
  uint16_t port = 0;  // 0 for a socket
  Protocol protocol = Protocol::smtp;
  std::vector<std::string> pki;  // names; the first is the default, the others are chosen by SNI
  bool plaintext_ok = false;     // imap, sieve: login without TLS from loopback
  std::string tag;               // for `match tag`
  Sources trust;                 // smtp, submission, submissions: no limits, no pause before the greeting
  Sources proxy;                 // and lmtp: they speak the PROXY protocol
  Sources xclient;               // they may say XCLIENT
  std::vector<std::string>
      filters;        // in the order to ask; of smtp, submission, submissions, lmtp. No chains: what they stand for
  Position position;  // of the protocol's word
};

enum class AuthKind : uint8_t { none, system, table };
struct Auth {
  AuthKind kind = AuthKind::none;
  std::string table;
  Position position;
};

struct Resolver {
  std::string address;  // numeric
  uint16_t port = 53;
};

// How senders of forwarded mail are rewritten (lib/srs).
struct Srs {
  std::vector<std::string> keys;  // the first signs, all are taken back; empty: senders stay
  Seconds ttl{21 * 86400};
};

constexpr size_t kMaxSrsKeys = 8;
constexpr size_t kMaxResolvers = 8;

struct UidRange {
  uint32_t first = 0;
  uint32_t last = 0;  // inclusive
};

enum class ActionKind : uint8_t { deliver, relay, discard, lmtp, maildir, mbox };
// To accounts, after aliases, in whatever form.
constexpr bool delivers(ActionKind kind) { return kind != ActionKind::relay && kind != ActionKind::discard; }
// Into files of the account's own.
constexpr bool is_place(ActionKind kind) { return kind == ActionKind::maildir || kind == ActionKind::mbox; }
// By the relay process.
constexpr bool relays(ActionKind kind) { return kind == ActionKind::relay || kind == ActionKind::lmtp; }
// Which recipients an action that delivers takes.
enum class Only : uint8_t {
  all,
  expanded,   // expand-only: those that an alias or virtual entry names
  forwarded,  // forward-only: those whose aliases lead to other hosts, and nowhere else
};
// How much TLS a relay action asks for at least.
enum class RelayTls : uint8_t {
  none,     // plaintext, even where TLS is offered
  may,      // where it is offered, with any certificate
  encrypt,  // always, with any certificate
  verify,   // always, with a certificate for the host's name by a trusted authority
};
// An entry of the administrator's list (tls-policy).
struct TlsRule {
  std::string pattern;  // a domain in lower case, or "*." and one
  RelayTls tls = RelayTls::verify;
  std::vector<std::string> names;         // verify: of which the certificate must have one; empty: the host's
  std::vector<std::string> fingerprints;  // SHA-256, binary; then the certificate or its key is one of them
};
// A group of receivers, told by their MX hosts. What it does not say stays as shipped, smtpd/relay/providers.h.
struct Provider {
  std::string name;
  std::vector<std::string> suffixes;  // of MX hosts' names
  uint32_t connections = 0;           // at once; 0: any number
  uint32_t rate = 0;                  // messages a minute; 0: any number
  Position position;
};
// A host to send by: smtp://[label@]host[:port], smtp+tls:// (STARTTLS or nothing), smtps:// (TLS from the first byte).
struct RelayHost {
  std::string host;  // a name in lower case or a numeric address, IPv6 without brackets; lmtp: or a socket's path
  uint16_t port = 25;
  bool implicit_tls = false;  // smtps
  bool require_tls = false;   // smtp+tls
  std::string label;          // whose credentials; empty: no AUTH
  Position position;
};
struct Action {
  std::string name;
  ActionKind kind = ActionKind::deliver;
  // actions that deliver; tables: empty for none
  Only only = Only::all;
  std::string alias_table;
  std::string virtual_table;  // addresses that exist, and whom they mean
  std::string userbase;       // accounts that this action may deliver to
  std::string user;           // the account that gets all of its mail
  Seconds ttl{0};             // how long its mail is tried; 0: queue-lifetime
  Position position;
  std::string path;           // maildir, mbox: path_template.h
  bool forward_file = false;  // deliver, maildir, mbox: the account's ~/.forward counts
  bool junk = false;          // maildir: what is marked as spam goes to its folder Junk
  bool rcpt_to = false;       // lmtp: recipients are named by their addresses, not by their accounts
  // relay only, but for hosts
  std::vector<RelayHost> hosts;  // in the order to try; empty: by MX. lmtp: the one server
  std::string credentials;       // the table of `label user:password`; empty: none
  RelayTls tls = RelayTls::may;
  std::string helo;                  // empty: the hostname
  std::vector<std::string> sources;  // numeric addresses
  uint32_t warm_up = 0;              // recipients of one provider on the first day; 0: no such limit
  bool backup = false;               // we are an MX of less preference: only to better ones
  std::string backup_name;           // as which host; empty: the hostname
  bool srs = false;                  // senders are rewritten of all mail, not only of what aliases forward
};

// What a condition of a rule is about.
enum class Subject : uint8_t {
  any,        // from any, for any
  local,      // from local: a Unix socket or a loopback address
  socket,     // from socket: a Unix socket
  src,        // src <table> | address | address/prefix
  rdns,       // rdns [<table> | name]: the client's name, by its address and back
  auth,       // auth [<accounts> | name]: the session has logged in [as one of these]
  mail_from,  // mail-from <table> | address | @domain | "<>"
  helo,       // helo <table> | name
  tag,        // tag name: the listener's
  tls,        // tls: the session is encrypted
  ours,       // for local: every `domain` of this file, hostname and localhost
  domain,     // for domain <table> | name ; "*.name" and ".name" take subdomains
  rcpt_to,    // rcpt-to <table> | address | @domain
};
// A literal value or a table's name, never both; neither where the subject alone says all.
struct Condition {
  Subject subject = Subject::any;
  bool negated = false;
  bool regex = false;  // the table's keys are patterns (lib/pattern)
  std::string value;
  std::string table;
};
struct Match {
  Condition from;
  Condition target;
  std::vector<Condition> tests;
  bool reject = false;
  std::string action;  // a name, when not reject
  uint16_t reject_code = 550;
  std::string reject_status = "5.7.1";  // RFC 3463
  std::string reject_text;              // may be empty
  Position position;
};

// When a filter is asked.
enum class Phase : uint8_t {
  connect,
  helo,
  ehlo,
  mail_from,
  rcpt_to,
  data,
  commit
};  // ehlo: LHLO too; data: DATA, or the first BDAT
constexpr int kPhases = 7;
std::string_view phase_name(Phase phase);

// What a filter does with what fits it.
enum class Decision : uint8_t {
  reject,      // this answer, and the session goes on; at connect it ends
  disconnect,  // this answer, and the session ends
  junk,        // marked as spam; later filters are asked
  bypass,      // no later filter of this phase is asked
};
struct Filter {
  std::string name;
  std::vector<std::string> chain;  // names of others; then it has nothing else
  Phase phase = Phase::connect;
  std::vector<Condition> tests;  // all must hold
  Decision decision = Decision::reject;
  uint16_t code = 550;
  std::string status = "5.7.1";  // RFC 3463
  std::string text;
  Position position;
};

// How senders of submissions are written to the world.
struct Canonical {
  std::string table;                    // "a@b.test" or "@b.test" = "c@d.test" or "@d.test"; empty: none
  std::vector<std::string> masquerade;  // domains in lower case: what is below one becomes it
  std::vector<std::string> except;      // local parts that masquerade leaves alone, in lower case
  bool any() const { return !table.empty() || !masquerade.empty(); }
};

// The scalar options; names, types, ranges, defaults and help are the rows of options.cc.
struct Options {
  std::string state;  // all that the server writes
  std::string spool;  // "" = state/spool, and so on: use Config's functions
  std::string mail;
  std::string run;
  std::string control;   // the control socket; "" = run/mailkeep.sock
  std::string hostname;  // "" = the machine's own
  std::string log_level;
  std::string reports_to_strangers;  // none, postmaster, sender
  std::string postmaster;            // an account or address; "" = see smtpd/lookup/expand.h
  std::string tls_authorities;       // PEM file; "" = the system's
  std::string mta_sts;               // on, off
  std::string tls_learn;             // off, suggest, enforce
  std::string subaddress_separator;
  std::string address_family;    // a choice; smtpd/lookup/hops.h
  std::string dnssec;            // auto, on, off
  std::string dnssec_anchor;     // path of the trust anchors; "" = the system's of the root, or the built-in ones
  std::string dnssec_insecure;   // domains between spaces
  std::string dsn;               // all, trusted: to whom DSN is offered
  std::string local_submission;  // on, off
  std::string local_from;        // mark, refuse
  std::string trusted_users;     // system users between spaces

  uint64_t message_size = 0;  // bytes
  uint64_t max_recipients = 0;
  uint64_t max_sessions = 0;
  uint64_t max_sessions_per_source = 0;
  uint64_t max_sessions_per_network = 0;
  uint64_t max_messages_per_session = 0;  // 0 none, as in the next three
  uint64_t max_recipients_per_session = 0;
  uint64_t queue_history_entries = 0;
  uint64_t max_messages_per_hour = 0;
  uint64_t max_recipients_per_hour = 0;
  uint64_t max_errors = 0;
  uint64_t max_received = 0;
  uint64_t max_idle_users = 0;
  uint64_t smtpd_workers = 0;
  uint64_t tls_workers = 0;
  uint64_t worker_uids = 0;  // base; 0: the named system users
  uint64_t bounce_size = 0;  // bytes of the original that a bounce returns; 0 headers only

  Seconds smtp_idle_timeout{0};
  Seconds smtp_busy_timeout{0};
  Seconds error_delay{0};  // 0: none
  Seconds greet_pause{0};  // 0: none
  Seconds max_hold{0};     // of FUTURERELEASE; 0: not offered
  Seconds min_deliver_by{0};
  Seconds imap_idle_timeout{0};
  Seconds imap_login_timeout{0};
  Seconds user_idle{0};
  Seconds queue_lifetime{0};
  Seconds queue_first_retry{0};
  Seconds queue_max_retry{0};
  Seconds queue_probe{0};
  Seconds queue_history{0};
  Seconds queue_delay_warning{0};
  Seconds tls_report_interval{0};
};

struct Config {
  Options options;
  std::vector<std::string> domains;  // lower case, in the file's order; the first qualifies bare names
  std::vector<DomainAlias> domain_aliases;
  std::vector<Pki> pki;
  std::vector<Table> tables;
  std::vector<Listener> listeners;
  Auth auth;
  std::vector<Provider> providers;
  std::string tls_policy;           // the table of the administrator's TLS policies; "" none
  std::vector<Resolver> resolvers;  // empty: the system's
  Srs srs;
  Canonical canonical;
  std::optional<UidRange> uid_range;
  std::vector<Filter> filters;
  std::vector<Action> actions;
  std::vector<Match> matches;  // in the file's order: the first that fits decides

  const Table* table(std::string_view name) const;
  const Pki* find_pki(std::string_view name) const;
  const Action* action(std::string_view name) const;
  const Filter* filter(std::string_view name) const;
  // Whether a listener, an action or a rule uses that protocol.
  bool speaks(Protocol protocol) const;

  std::string spool_path() const;
  std::string mail_path() const;
  std::string run_path() const;
  std::string control_path() const;
  std::string submit_path() const;  // of the local listener that is there without being named
};

}  // namespace mailkeep::conf
