// What the lookup process receives: its slice of the configuration, and questions about recipients.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/clock.h"
#include "lib/base/limits.h"
#include "lib/imsg/codec.h"

namespace mailkeep::lookup {

struct DomainAlias {
  std::string name;
  std::string of;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.name, kMaxDomain);
    c.text(m.of, kMaxDomain);
  }
};

// From the parent. Its parts follow as Table, Action, Match messages of the same generation, then Prepare.
struct Config {
  static constexpr uint16_t kType = 300;
  uint32_t generation = 0;
  std::string hostname;
  std::vector<std::string> domains;
  std::vector<DomainAlias> domain_aliases;
  std::string postmaster;
  std::string subaddress_separator;
  std::vector<std::string> srs_keys;  // the first signs
  uint32_t srs_days = 0;              // how long what is rewritten is taken back
  std::string canonical;              // a table: how senders are rewritten; empty: none
  std::vector<std::string> masquerade;
  std::vector<std::string> masquerade_except;
  bool system_accounts = false;  // accounts are the system's users (getpwnam), not the parent's list
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.hostname, kMaxHostname);
    c.texts(m.domains, 10000, kMaxDomain);
    c.list(m.domain_aliases, 10000);
    c.text(m.postmaster, kMaxAddress);
    c.text(m.subaddress_separator, 8);
    c.texts(m.srs_keys, 8, 200);
    c.num(m.srs_days);
    c.text(m.canonical, kMaxTag);
    c.texts(m.masquerade, 1000, kMaxDomain);
    c.texts(m.masquerade_except, 1000, kMaxLocalPart);
    c.flag(m.system_accounts);
  }
};

// A table's content.
struct Table {
  static constexpr uint16_t kType = 301;
  uint32_t generation = 0;
  std::string name;
  std::string path;  // for error messages
  bool inline_entries = false;
  bool compiled = false;  // `path` is a table of lib/db, opened here
  Fd content;  // the file, or a memory file with lines "key\tvalue" for an inline table; none for a compiled one
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.name, kMaxTag);
    c.text(m.path, 4096);
    c.flag(m.inline_entries);
    c.flag(m.compiled);
    c.fd(m.content);
  }
};

// The accounts that exist, without their hashes.
struct Accounts {
  static constexpr uint16_t kType = 302;
  uint32_t generation = 0;
  Fd content;  // lines "name\tuid\tgid", no hashes
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.fd(m.content);
  }
};

struct Action {
  static constexpr uint16_t kType = 303;
  uint32_t generation = 0;
  std::string name;
  uint16_t kind = 0;  // conf::ActionKind
  uint16_t only = 0;  // conf::Only
  std::string alias_table;
  std::string virtual_table;
  std::string userbase;       // a table
  std::string user;           // an account
  uint32_t ttl = 0;           // seconds; 0: the queue's own
  bool srs = false;           // relay: senders of all its mail are rewritten
  bool rcpt_to = false;       // lmtp: recipients by their addresses
  bool forward_file = false;  // the account's process looks into ~/.forward
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.name, kMaxTag);
    c.num(m.kind);
    c.num(m.only);
    c.text(m.alias_table, kMaxTag);
    c.text(m.virtual_table, kMaxTag);
    c.text(m.userbase, kMaxTag);
    c.text(m.user, kMaxAccount);
    c.num(m.ttl);
    c.flag(m.srs);
    c.flag(m.rcpt_to);
    c.flag(m.forward_file);
  }
};

// One test of a rule.
struct Criterion {
  uint16_t subject = 0;  // conf::Subject
  bool negated = false;
  bool regex = false;
  std::string value;
  std::string table;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.subject);
    c.flag(m.negated);
    c.flag(m.regex);
    c.text(m.value, kMaxAddress);
    c.text(m.table, kMaxTag);
  }
};

constexpr size_t kMaxRule = 80;  // of a rule's place in words

// A rule; in the file's order.
struct Match {
  static constexpr uint16_t kType = 304;
  uint32_t generation = 0;
  Criterion from;
  Criterion target;
  std::vector<Criterion> tests;
  bool reject = false;
  std::string action;
  uint16_t reject_code = 0;
  std::string reject_status;
  std::string reject_text;
  std::string where;  // "mailkeep.conf:12"
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.part(m.from);
    c.part(m.target);
    c.list(m.tests, 32);
    c.flag(m.reject);
    c.text(m.action, kMaxTag);
    c.num(m.reject_code);
    c.text(m.reject_status, 16);
    c.text(m.reject_text, kMaxReplyText);
    c.text(m.where, kMaxRule);
  }
};

// A filter that is no chain; in the file's order.
struct Filter {
  static constexpr uint16_t kType = 306;
  uint32_t generation = 0;
  std::string name;
  uint16_t phase = 0;  // conf::Phase
  std::vector<Criterion> tests;
  uint16_t decision = 0;  // conf::Decision
  uint16_t code = 0;
  std::string status;
  std::string text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.name, kMaxTag);
    c.num(m.phase);
    c.list(m.tests, 32);
    c.num(m.decision);
    c.num(m.code);
    c.text(m.status, 16);
    c.text(m.text, kMaxReplyText);
  }
};

constexpr size_t kMaxChain = 100;

// The filters of a listener.
struct Chain {
  static constexpr uint16_t kType = 307;
  uint32_t generation = 0;
  uint32_t listener = 0;
  std::vector<std::string> filters;  // names, in the order to ask
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.num(m.listener);
    c.texts(m.filters, kMaxChain, kMaxTag);
  }
};

// An address of ours or of a DNS server.
struct Endpoint {
  std::string address;  // numeric
  uint16_t port = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.address, 64);
    c.num(m.port);
  }
};

constexpr size_t kMaxInsecure = 100;
constexpr size_t kMaxOwn = 1000;

// How the DNS is asked, and what of it is ours. Once a generation.
struct Dns {
  static constexpr uint16_t kType = 305;
  uint32_t generation = 0;
  std::vector<Endpoint> resolvers;  // empty: those of resolv_conf
  Fd resolv_conf;                   // the text of resolv.conf(5); none if it is not there
  Fd hosts;                         // hosts(5)
  Fd anchors;                       // DS or DNSKEY records of where trust begins; none: the root's that are built in
  std::string validation;           // "auto", "on", "off"
  std::vector<std::string> insecure_domains;
  std::string address_family;  // a word of kFamilyNames (hops.h)
  std::vector<Endpoint> own;   // where this server takes SMTP
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.list(m.resolvers, 16);
    c.fd(m.resolv_conf);
    c.fd(m.hosts);
    c.fd(m.anchors);
    c.text(m.validation, 16);
    c.texts(m.insecure_domains, kMaxInsecure, kMaxDomain);
    c.text(m.address_family, 16);
    c.list(m.own, kMaxOwn);
  }
};

// What is known of a client's name: PTR records of its address, and whether such a name leads back to the address.
enum class NameState : uint8_t { kUnasked, kFailed, kNone, kUnconfirmed, kConfirmed };

// What the rules may ask of a session.
struct SessionFacts {
  std::string source;  // the client's address in text, or "local" for a socket
  NameState name_state = NameState::kUnasked;
  std::string name;  // lower case, when kConfirmed; else empty
  std::string helo;
  std::string tag;  // the listener's
  bool tls = false;
  std::string account;  // vouched for by auth; empty: not authenticated
  std::string user;     // the system user of a local submission, vouched for by auth
  std::string sender;   // without brackets; empty: <>
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.source, 64);
    c.choice(m.name_state, NameState::kConfirmed);
    c.text(m.name, kMaxHostname);
    c.text(m.helo, kMaxHostname);
    c.text(m.tag, kMaxTag);
    c.flag(m.tls);
    c.text(m.account, kMaxAccount);
    c.text(m.user, kMaxAccount);
    c.text(m.sender, kMaxAddress);
  }
};

// From smtpd and lmtpd at RCPT; answered with smtpd's RcptVerdict.
struct CheckRcpt {
  static constexpr uint16_t kType = 310;
  uint64_t session = 0;
  uint32_t query = 0;     // echoed in the answer
  uint32_t listener = 0;  // whose filters are asked first, in phase rcpt-to; 0: none
  SessionFacts facts;
  std::string recipient;  // without brackets
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.query);
    c.num(m.listener);
    c.part(m.facts);
    c.text(m.recipient, kMaxAddress);
  }
};

// From smtpd and lmtpd: what do the filters of a listener say of a session? Not of phase rcpt-to. Answered with PhaseVerdict.
struct CheckPhase {
  static constexpr uint16_t kType = 319;
  uint64_t session = 0;
  uint32_t query = 0;  // echoed in the answer
  uint32_t listener = 0;
  uint16_t phase = 0;  // conf::Phase
  SessionFacts facts;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.query);
    c.num(m.listener);
    c.num(m.phase);
    c.part(m.facts);
  }
};

// From the queue, before it commits a message: where does each recipient go? Answered with queue's Routed.
struct Route {
  static constexpr uint16_t kType = 311;
  uint64_t query = 0;
  SessionFacts facts;
  bool check_sender =
      false;  // facts.sender must be one of facts.account's or facts.user's addresses, else every recipient fails
  bool is_forward = false;  // recipients are an account's .forward: they go where members of an alias would
  std::vector<std::string> recipients;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.part(m.facts);
    c.flag(m.check_sender);
    c.flag(m.is_forward);
    c.texts(m.recipients, kMaxRecipients, kMaxAddress);
  }
};

constexpr size_t kMaxSenders = 100;  // addresses in the From and Sender fields of a submission

// From smtpd: may that account write these addresses as the sender? Answered with SenderVerdict. This is for the client's
// sake: what counts is the queue's Route.
struct CheckSender {
  static constexpr uint16_t kType = 313;
  uint64_t session = 0;
  uint32_t query = 0;  // echoed in the answer
  std::string account;
  std::string user;         // of a local submission
  bool any_sender = false;  // they are not compared, only rewritten
  std::vector<std::string> addresses;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.query);
    c.text(m.account, kMaxAccount);
    c.text(m.user, kMaxAccount);
    c.flag(m.any_sender);
    c.texts(m.addresses, kMaxSenders, kMaxAddress);
  }
};

// Answer to CheckSender, received by smtpd.
struct SenderVerdict {
  static constexpr uint16_t kType = 323;
  uint64_t session = 0;
  uint32_t query = 0;
  uint16_t code = 0;  // 250, 550 or 451
  std::string enhanced;
  std::string text;
  std::vector<std::string> addresses;  // as they are to be written, in the order asked; empty: as they are
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.query);
    c.num(m.code);
    c.text(m.enhanced, 16);
    c.text(m.text, kMaxReplyText);
    c.texts(m.addresses, kMaxSenders, kMaxAddress);
  }
};

// What the filters of a phase came to.
struct Filtered {
  std::string name;   // of the filter that decided, or that marked last; empty: none fitted
  uint16_t code = 0;  // not 0: the SMTP reply that refuses
  bool disconnects = false;
  bool is_junk = false;
  std::string enhanced;
  std::string text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.name, kMaxTag);
    c.num(m.code);
    c.flag(m.disconnects);
    c.flag(m.is_junk);
    c.text(m.enhanced, 16);
    c.text(m.text, kMaxReplyText);
  }
};

// Answer to CheckPhase, received by smtpd and lmtpd.
struct PhaseVerdict {
  static constexpr uint16_t kType = 329;
  uint64_t session = 0;
  uint32_t query = 0;
  Filtered filtered;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.query);
    c.part(m.filtered);
  }
};

// Answer to CheckRcpt, received by smtpd and lmtpd.
struct RcptVerdict {
  static constexpr uint16_t kType = 320;
  uint64_t session = 0;
  uint32_t query = 0;
  uint16_t code = 0;     // 250, or the SMTP reply: 550, 451 ...
  std::string enhanced;  // "5.1.1"
  std::string text;
  Filtered filtered;  // where it refuses, the three above are its too
  std::string rule;   // that said so; empty: none did
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.query);
    c.num(m.code);
    c.text(m.enhanced, 16);
    c.text(m.text, kMaxReplyText);
    c.part(m.filtered);
    c.text(m.rule, kMaxRule);
  }
};

// --- what tables hold --------------------------------------------------------------------------------

constexpr size_t kMaxShown = 1000;  // entries of a table in one answer
constexpr size_t kMaxShownText = 300;

struct Entry {
  std::string key;
  std::string value;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.key, kMaxShownText);
    c.text(m.value, kMaxShownText);
  }
};

// From control: the tables (name empty), some of one, or what it has under `key`. Answered by TableShown.
struct ShowTable {
  static constexpr uint16_t kType = 315;
  uint64_t query = 0;
  std::string name;
  bool with_key = false;
  std::string key;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.text(m.name, kMaxTag);
    c.flag(m.with_key);
    c.text(m.key, kMaxAddress);
  }
};

struct TableShown {
  static constexpr uint16_t kType = 325;
  uint64_t query = 0;
  bool found = false;
  std::string text;  // for people, where not found
  uint64_t total = 0;
  std::vector<Entry> entries;  // long ones are cut
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.flag(m.found);
    c.text(m.text, kMaxReplyText);
    c.num(m.total);
    c.list(m.entries, kMaxShown);
  }
};

// --- who a client is --------------------------------------------------------------------------------

constexpr Seconds kNamePatience{5};

// From smtpd, at the start of a session: the name of the client at that address. Answered with ClientName, in kNamePatience
// at the latest.
struct FindName {
  static constexpr uint16_t kType = 314;
  uint64_t session = 0;
  std::string address;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.text(m.address, 64);
  }
};

struct ClientName {
  static constexpr uint16_t kType = 324;
  uint64_t session = 0;
  NameState state = NameState::kFailed;
  std::string name;  // lower case letters, digits, "-", "_" and "."; when kConfirmed
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.choice(m.state, NameState::kConfirmed);
    c.text(m.name, kMaxHostname);
  }
};

// --- where another host is (RFC 5321 5.1) -----------------------------------------------------------

constexpr size_t kMaxHops = 32;          // MX hosts that are tried
constexpr size_t kMaxHopAddresses = 16;  // of one host
constexpr size_t kMaxTlsa = 16;          // records of one host and port: all of all hops fit into one message

// From relay: the hosts that take mail for a domain, or with `is_host` the addresses of a host. Answered by Hops.
struct FindHops {
  static constexpr uint16_t kType = 312;
  uint64_t query = 0;
  std::string name;      // a domain or host name in A-labels; never an address literal
  bool is_host = false;  // no MX lookup
  uint16_t port = 25;    // for TLSA
  std::string own_name;  // what this server is called there as an MX; empty: its hostname
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.text(m.name, kMaxDomain);
    c.flag(m.is_host);
    c.num(m.port);
    c.text(m.own_name, kMaxDomain);
  }
};

constexpr size_t kMaxTexts = 20;
constexpr size_t kMaxTextBytes = 4000;  // of one record, its strings joined

// From relay: the TXT records of a name. Answered by Texts.
struct FindTexts {
  static constexpr uint16_t kType = 318;
  uint64_t query = 0;
  std::string name;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.text(m.name, kMaxDomain);
  }
};

// To relay.
struct Texts {
  static constexpr uint16_t kType = 328;
  uint64_t query = 0;
  bool failed = false;  // nobody knows: SERVFAIL, time-out, bogus signatures
  std::vector<std::string> texts;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.flag(m.failed);
    c.texts(m.texts, kMaxTexts, kMaxTextBytes);
  }
};

// RFC 6698 2.1.
struct Tlsa {
  uint8_t usage = 0;
  uint8_t selector = 0;
  uint8_t matching = 0;
  std::string data;  // binary
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.usage);
    c.num(m.selector);
    c.num(m.matching);
    c.text(m.data, 1024);
  }
};

enum class TlsaState : uint8_t {
  kNone,    // no records that count
  kSecure,  // validated; where none of `tlsa` is usable: TLS without a name (RFC 7672 2.2)
  kFailed,  // could not be had: do not go there now
};

struct Hop {
  std::string name;
  uint32_t preference = 0;
  std::vector<std::string> addresses;  // numeric, in the order to try
  bool secure = false;                 // name and addresses by DNSSEC; behind a secure alias TLSA may count without
  TlsaState tlsa_state = TlsaState::kNone;
  std::string tlsa_base;  // whose records they are: the name, or what it is an alias of (RFC 7672 2.2.3)
  std::vector<Tlsa> tlsa;
  std::string problem;  // why it has no addresses, or no TLSA; for people
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.name, kMaxDomain);
    c.num(m.preference);
    c.texts(m.addresses, kMaxHopAddresses, 64);
    c.flag(m.secure);
    c.choice(m.tlsa_state, TlsaState::kFailed);
    c.text(m.tlsa_base, kMaxDomain);
    c.list(m.tlsa, kMaxTlsa);
    c.text(m.problem, kMaxReplyText);
  }
};

enum class HopsState : uint8_t {
  kFound,
  kTemporary,  // SERVFAIL, time-out, bogus signatures: never taken for "no such domain"
  kNoDomain,   // NXDOMAIN, or neither MX nor address: 5.1.2
  kNullMx,     // RFC 7505: 5.1.10
  kLoop,       // we are its best MX, but do not take its mail: 5.4.6
};

// To relay.
struct Hops {
  static constexpr uint16_t kType = 322;
  uint64_t query = 0;
  HopsState state = HopsState::kFound;
  bool secure = false;       // the MX records by DNSSEC (is_host: the addresses)
  bool implicit_mx = false;  // no MX: the domain's own addresses
  std::vector<Hop> hops;     // by preference, equal ones shuffled; when kFound at least one has an address
  std::string text;          // for people, when not kFound
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.choice(m.state, HopsState::kLoop);
    c.flag(m.secure);
    c.flag(m.implicit_mx);
    c.list(m.hops, kMaxHops);
    c.text(m.text, kMaxReplyText);
  }
};

}  // namespace mailkeep::lookup
