// What the parent tells lookup: its slice of the configuration.
// SPDX-License-Identifier: ISC
#pragma once

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

}  // namespace mailkeep::lookup
