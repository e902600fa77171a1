// What the queue receives from smtpd and lmtpd (Enqueue, NeedSpoolFile), lookup (Routed), auth (Vouch), the parent (Config,
// UserFailed; a `user` channel comes as a Wire with its account), `user` (Stored, Rejected, Durable) and control; and what it
// answers. What relay answers is in smtpd/relay/messages.h.
// SPDX-License-Identifier: ISC
#pragma once

#include <compare>

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"
#include "smtpd/lookup/messages.h"

namespace mailkeep::queue {

constexpr size_t kMaxRelayActions = 200;
constexpr size_t kMaxTlsText = 100;  // a version and a cipher
constexpr size_t kMaxRule = lookup::kMaxRule;

// A relay action, as far as the queue must know it.
struct RelayAction {
  std::string name;
  bool one_way = false;  // by named hosts: all its mail is of one destination, whatever the domain
  bool lmtp = false;     // to mailboxes: never the way of mail that names no action
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.name, kMaxTag);
    c.flag(m.one_way);
    c.flag(m.lmtp);
  }
};

// Who gets the report of a failure, when the sender's client was neither local nor logged in.
enum class Strangers : uint8_t { kNone, kPostmaster, kSender };

struct Config {
  static constexpr uint16_t kType = 400;
  uint32_t generation = 0;
  std::string hostname;
  uint64_t message_size = 0;
  uint64_t lifetime = 0;     // seconds
  uint64_t first_retry = 0;  // seconds
  uint64_t max_retry = 0;    // seconds
  uint64_t warn_after = 0;   // seconds; 0 never
  uint64_t probe = 0;  // seconds between attempts to reach a host that does not answer, at most; 0: as other attempts
  Strangers strangers = Strangers::kPostmaster;
  uint64_t bounce_size = 0;  // bytes of the original in a bounce; 0 headers only
  std::string postmaster;
  uint64_t history = 0;  // seconds that finished envelopes are remembered; 0 not at all
  uint64_t history_entries = 0;
  std::vector<RelayAction> relays;  // the first also serves mail without an action: reports, members of aliases
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.list(m.relays, kMaxRelayActions);
    c.text(m.hostname, kMaxHostname);
    c.num(m.message_size);
    c.num(m.lifetime);
    c.num(m.first_retry);
    c.num(m.max_retry);
    c.num(m.warn_after);
    c.num(m.probe);
    c.choice(m.strangers, Strangers::kSender);
    c.num(m.bounce_size);
    c.text(m.postmaster, kMaxAddress);
    c.num(m.history);
    c.num(m.history_entries);
  }
};

// Names one delivery of one message, for ever: what makes a delivery exactly once.
struct EnvelopeId {
  uint64_t message = 0;
  uint32_t number = 0;
  auto operator<=>(const EnvelopeId&) const = default;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.message);
    c.num(m.number);
  }
};

enum class Protocol : uint8_t { kSmtp, kEsmtp, kEsmtps, kEsmtpsa, kLmtp, kInternal };

constexpr size_t kMaxEnvid = 100;  // RFC 3461 4.4, in xtext
constexpr size_t kMaxOrcpt = 500;  // RFC 3461 4.2, with its type, in xtext

enum class Body : uint8_t { k7bit, k8bit, kBinary };          // RFC 6152, RFC 3030
enum class Ret : uint8_t { kUnset, kFull, kHeaders };         // RFC 3461 4.3
enum class DeliverBy : uint8_t { kUnset, kReturn, kNotify };  // RFC 2852 by-mode

// What the parameters of MAIL asked for; goes with the message to the next hop.
struct MailOptions {
  Body body = Body::k7bit;
  bool smtputf8 = false;     // RFC 6531
  bool require_tls = false;  // RFC 8689
  Ret ret = Ret::kUnset;
  std::string envid;       // RFC 3461 4.4, xtext as given; empty: none
  int64_t hold_until = 0;  // RFC 4865, unix seconds; 0: now
  DeliverBy by_mode = DeliverBy::kUnset;
  bool by_trace = false;
  int64_t deliver_by = 0;  // unix seconds
  int64_t priority = 0;    // RFC 6710: -9 to 9
  bool junk = false;       // marked by a filter: delivered to the mailbox for junk
  bool operator==(const MailOptions&) const = default;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.choice(m.body, Body::kBinary);
    c.flag(m.smtputf8);
    c.flag(m.require_tls);
    c.choice(m.ret, Ret::kHeaders);
    c.text(m.envid, kMaxEnvid);
    c.i64(m.hold_until);
    c.choice(m.by_mode, DeliverBy::kNotify);
    c.flag(m.by_trace);
    c.i64(m.deliver_by);
    c.i64(m.priority);
    c.flag(m.junk);
  }
};

// NOTIFY of RCPT (RFC 3461 4.1); 0: not said, which means failure and delay.
constexpr uint8_t kNotifyNever = 1, kNotifySuccess = 2, kNotifyFailure = 4, kNotifyDelay = 8;

// What the parameters of RCPT asked for.
struct RcptOptions {
  uint8_t notify = 0;
  std::string orcpt;  // RFC 3461 4.2, "rfc822;xtext" as given; empty: none
  bool operator==(const RcptOptions&) const = default;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.notify);
    c.text(m.orcpt, kMaxOrcpt);
  }
};

struct Recipient {
  std::string address;  // without brackets
  RcptOptions options;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.address, kMaxAddress);
    c.part(m.options);
  }
};

// From auth: whoever presents this ticket in an Enqueue submits as that account, from that smtpd instance, until
// the time is over.
struct Vouch {
  static constexpr uint16_t kType = 480;
  uint64_t ticket_high = 0;
  uint64_t ticket_low = 0;
  std::string account;      // empty: a local user without one
  std::string user;         // the system user, of a local submission
  bool any_sender = false;  // it may send as anybody
  uint32_t smtpd = 0;       // the instance that may present it
  int64_t until = 0;        // unix seconds
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.ticket_high);
    c.num(m.ticket_low);
    c.text(m.account, kMaxAccount);
    c.text(m.user, kMaxAccount);
    c.flag(m.any_sender);
    c.num(m.smtpd);
    c.i64(m.until);
  }
};

// A whole message with its Received field, CRLF lines, no dot-stuffing. Answered by Enqueued: a 250 may be said only then.
struct Enqueue {
  static constexpr uint16_t kType = 410;
  uint64_t session = 0;
  uint64_t message = 0;  // the id that the sender chose and put in Received: seconds << 32 | random; refused if taken
  lookup::SessionFacts facts;  // its account and user count for nothing: the ticket says who submits
  uint64_t ticket_high = 0;    // of auth's Vouch; 0 and 0: mail from the world
  uint64_t ticket_low = 0;
  Protocol protocol = Protocol::kSmtp;
  std::string tls;  // version and cipher; empty: none
  MailOptions options;
  std::vector<Recipient> recipients;  // each accepted by CheckRcpt
  uint64_t size = 0;                  // bytes of content
  Fd content;  // a sealed memory file, at most kSmallMessage; absent: the spool file of NeedSpoolFile
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.message);
    c.part(m.facts);
    c.num(m.ticket_high);
    c.num(m.ticket_low);
    c.choice(m.protocol, Protocol::kInternal);
    c.text(m.tls, kMaxTlsText);
    c.part(m.options);
    c.list(m.recipients, kMaxRecipients);
    c.num(m.size);
    c.fd(m.content);
  }
};

// Whose word it was.
enum class Judge : uint8_t { kSmtpd, kLmtpd, kLookup, kFilter, kQueue };
constexpr size_t kMaxRefused = 20;  // recipients of a message that are named when it is refused

// From smtpd and lmtpd: a sender, a recipient or a message was not taken. Remembered for `trace`, as room allows; no answer.
struct Refusal {
  static constexpr uint16_t kType = 413;
  uint64_t number = 0;  // the queue's, as is the time
  int64_t at = 0;
  Judge by = Judge::kSmtpd;
  uint64_t session = 0;
  uint64_t message = 0;  // the id that it would have had; 0: none yet
  std::string source, name, helo, tls;
  std::string account;  // logged in, as smtpd says
  std::string sender;
  std::vector<std::string> recipients;  // some of them
  std::string rule;                     // of lookup, that said so
  uint16_t code = 0;                    // 250: taken, and thrown away as a rule says
  std::string enhanced, text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.number);
    c.i64(m.at);
    c.choice(m.by, Judge::kQueue);
    c.num(m.session);
    c.num(m.message);
    c.text(m.source, 64);
    c.text(m.name, kMaxHostname);
    c.text(m.helo, kMaxHostname);
    c.text(m.tls, kMaxTlsText);
    c.text(m.account, kMaxAccount);
    c.text(m.sender, kMaxAddress);
    c.texts(m.recipients, kMaxRefused, kMaxAddress);
    c.text(m.rule, kMaxRule);
    c.num(m.code);
    c.text(m.enhanced, 16);
    c.text(m.text, kMaxReplyText);
  }
};

// The message grew over kSmallMessage: make a spool file and hand it over (SpoolFile).
struct NeedSpoolFile {
  static constexpr uint16_t kType = 411;
  uint64_t session = 0;
  uint64_t message = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.message);
  }
};

// The transaction ended without Enqueue.
struct DropSpoolFile {
  static constexpr uint16_t kType = 412;
  uint64_t message = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.message);
  }
};

// To smtpd or lmtpd.
struct Enqueued {
  static constexpr uint16_t kType = 420;
  uint64_t session = 0;
  uint64_t message = 0;
  uint16_t code = 0;  // 250, 451, 452, 552 ...
  std::string enhanced;
  std::string text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.message);
    c.num(m.code);
    c.text(m.enhanced, 16);
    c.text(m.text, kMaxReplyText);
  }
};

// To smtpd or lmtpd.
struct SpoolFile {
  static constexpr uint16_t kType = 421;
  uint64_t session = 0;
  uint64_t message = 0;
  bool full = false;  // no space: answer 452 4.3.1
  Fd file;            // read and write, empty; absent: it failed
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.session);
    c.num(m.message);
    c.flag(m.full);
    c.fd(m.file);
  }
};

// Where one copy goes.
struct Delivery {
  uint32_t recipient = 0;  // index into Route's recipients
  bool relay = false;      // to another host; else local
  std::string account;     // local, or the name that an LMTP server is told
  std::string detail;      // subaddress; may be empty
  std::string address;     // Delivered-To, or the relay's target
  std::string
      action;  // relay: the action of the rule, which says by which way; local: that of a Maildir or an mbox file, or with .forward; empty: the mailbox
  std::string sender;              // of this copy, instead of the message's; empty: the message's
  bool reports_to_sender = false;  // `sender` also gets the reports; else they go to the message's
  uint32_t ttl = 0;                // seconds that it is tried; 0: the configuration's lifetime
  std::string rule;                // that said so, "mailkeep.conf:12"
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.recipient);
    c.flag(m.relay);
    c.text(m.account, kMaxAccount);
    c.text(m.detail, kMaxLocalPart);
    c.text(m.address, kMaxAddress);
    c.text(m.action, kMaxTag);
    c.text(m.sender, kMaxAddress);
    c.flag(m.reports_to_sender);
    c.num(m.ttl);
    c.text(m.rule, kMaxRule);
  }
};

// A recipient that goes nowhere.
struct RouteFailure {
  uint32_t recipient = 0;
  bool temporary = false;
  std::string enhanced;
  std::string text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.recipient);
    c.flag(m.temporary);
    c.text(m.enhanced, 16);
    c.text(m.text, kMaxReplyText);
  }
};

// A recipient whose mail is accepted and thrown away.
struct Discarded {
  uint32_t recipient = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.recipient);
  }
};

// From lookup.
struct Routed {
  static constexpr uint16_t kType = 430;
  uint64_t query = 0;
  std::vector<Delivery> deliveries;
  std::vector<RouteFailure> failures;
  std::vector<Discarded> discarded;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.list(m.deliveries, 10000);
    c.list(m.failures, kMaxRecipients);
    c.list(m.discarded, kMaxRecipients);
  }
};

// From the parent: no `user` process can be had for that account.
struct UserFailed {
  static constexpr uint16_t kType = 440;
  std::string account;
  bool permanent = false;  // no such account
  std::string text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.account, kMaxAccount);
    c.flag(m.permanent);
    c.text(m.text, 1000);
  }
};

constexpr uint32_t kNoUid = UINT32_MAX;

// From user: the message is in the mailbox.
struct Stored {
  static constexpr uint16_t kType = 450;
  EnvelopeId envelope;
  uint64_t sequence = 0;   // the journal's; durable when Durable reaches it
  bool duplicate = false;  // it was there already
  uint32_t uid = kNoUid;   // the process' own
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.envelope);
    c.num(m.sequence);
    c.flag(m.duplicate);
    c.num(m.uid);
  }
};

constexpr size_t kMaxForwards = 10;           // of one message, one account's .forward after another
constexpr size_t kMaxForwardAddresses = 100;  // of one

// From user: the account's .forward sends the message to these addresses instead, or `keep`: besides.
struct Forwarded {
  static constexpr uint16_t kType = 453;
  EnvelopeId envelope;
  std::vector<std::string> addresses;
  bool keep = false;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.envelope);
    c.texts(m.addresses, kMaxForwardAddresses, kMaxAddress);
    c.flag(m.keep);
  }
};

// From user: it could not be stored.
struct Rejected {
  static constexpr uint16_t kType = 451;
  EnvelopeId envelope;
  bool temporary = false;
  std::string enhanced;
  std::string text;
  uint32_t uid = kNoUid;  // the process' own
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.envelope);
    c.flag(m.temporary);
    c.text(m.enhanced, 16);
    c.text(m.text, kMaxReplyText);
    c.num(m.uid);
  }
};

// From user: everything up to this journal sequence number survives a power cut.
struct Durable {
  static constexpr uint16_t kType = 452;
  uint64_t sequence = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.sequence);
  }
};

// From the queue TO THE PARENT: wire me to that account's user process.
struct NeedUser {
  static constexpr uint16_t kType = 460;
  std::string account;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.account, kMaxAccount);
  }
};

// Which envelopes a command is about: those of which all that is set here is true. Addresses are compared without regard to
// case; "@domain" means all of that domain, and a sender "<>" the null path.
struct Selection {
  bool all = false;              // said in so many words: a command without any condition is refused
  uint64_t message = 0;          // 0: not asked
  uint32_t number = UINT32_MAX;  // with a message; UINT32_MAX: all its envelopes
  std::string sender;
  std::string recipient;
  std::string domain;    // of the recipient
  std::string account;   // that submitted it, or whose mailbox it is for
  std::string subject;   // part of it, in any case
  std::string state;     // as it is shown
  int64_t before = 0;    // arrived before; 0: not asked
  int64_t since = 0;     // arrived then or later
  uint64_t larger = 0;   // bytes, more than
  uint64_t smaller = 0;  // bytes, less than; 0: not asked
  bool operator==(const Selection&) const = default;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.flag(m.all);
    c.num(m.message);
    c.num(m.number);
    c.text(m.sender, kMaxAddress);
    c.text(m.recipient, kMaxAddress);
    c.text(m.domain, kMaxDomain);
    c.text(m.account, kMaxAccount);
    c.text(m.subject, 200);
    c.text(m.state, 16);
    c.i64(m.before);
    c.i64(m.since);
    c.num(m.larger);
    c.num(m.smaller);
  }
};

enum class QueueVerb : uint8_t { kList, kHold, kRelease, kRetry, kFail, kDrop, kReroute };

constexpr size_t kMaxQueueItems = 1000;  // of one answer

// From control: look at some of the queue, from `after` on, and do that to what is selected. It is asked again with the answer's
// `next` until that is empty: so the asker sets the pace, and mail goes on between two of them.
struct SelectQueue {
  static constexpr uint16_t kType = 470;
  uint32_t query = 0;
  QueueVerb verb = QueueVerb::kList;
  bool dry_run = false;  // only say what would be done
  Selection selection;
  std::string action;  // kReroute: the relay action
  std::string after;   // the last answer's next; empty: from the start
  uint32_t limit = 0;  // items at most; 0: as many as fit
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.choice(m.verb, QueueVerb::kReroute);
    c.flag(m.dry_run);
    c.part(m.selection);
    c.text(m.action, kMaxTag);
    c.text(m.after, 64);
    c.num(m.limit);
  }
};

struct QueueItem {
  EnvelopeId envelope;
  int64_t arrived = 0;   // unix seconds
  int64_t next_try = 0;  // unix seconds
  uint32_t attempts = 0;
  uint64_t size = 0;
  std::string sender;
  std::string recipient;
  std::string account;
  bool relay = false;
  std::string state;  // waiting, delivering, stored, failing, held, quarantined; future: its sender wants it to wait
  std::string last_error;
  std::string owner;   // the account that submitted it
  std::string action;  // relay: by which way
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.envelope);
    c.i64(m.arrived);
    c.i64(m.next_try);
    c.num(m.attempts);
    c.num(m.size);
    c.text(m.sender, kMaxAddress);
    c.text(m.recipient, kMaxAddress);
    c.text(m.account, kMaxAccount);
    c.flag(m.relay);
    c.text(m.state, 16);
    c.text(m.last_error, kMaxReplyText);
    c.text(m.owner, kMaxAccount);
    c.text(m.action, kMaxTag);
  }
};

// To control. What was changed is on disk.
struct QueueSelected {
  static constexpr uint16_t kType = 471;
  uint32_t query = 0;
  std::vector<QueueItem> items;  // of kList and of dry runs
  std::string next;              // empty: the end
  uint64_t total = 0;            // envelopes in the queue
  uint64_t matched = 0;          // selected, in this part
  uint64_t changed = 0;          // of them done, or to be done in a dry run
  uint64_t busy = 0;             // of them in a process' hands now: left alone
  std::string error;             // nothing more is done
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.list(m.items, kMaxQueueItems);
    c.text(m.next, 64);
    c.num(m.total);
    c.num(m.matched);
    c.num(m.changed);
    c.num(m.busy);
    c.text(m.error, 300);
  }
};

// What happened to an envelope: an attempt and how it went, an operator's word, its end.
enum class How : uint8_t {
  kDeferred,
  kStored,
  kRelayed,
  kFailed,
  kDropped,
  kDiscarded,  // attempts and ends
  kHeld,
  kReleased,
  kRerouted,
  kRetried,
  kQuarantined,  // done to it meanwhile
};

constexpr std::string_view name_of(How how) {
  constexpr std::string_view kNames[] = {"deferred", "stored",   "relayed",  "failed",  "dropped",    "discarded",
                                         "held",     "released", "rerouted", "retried", "quarantined"};
  return kNames[static_cast<size_t>(how)];
}

struct Attempt {
  int64_t at = 0;  // unix seconds
  How how = How::kDeferred;
  uint32_t uid = kNoUid;  // of the `user` process that did it, as it says; kNoUid: another
  std::string host;       // that answered; empty: none did
  std::string tls;        // with it, as relay tells it; empty: none
  std::string text;       // what was said
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.i64(m.at);
    c.choice(m.how, How::kQuarantined);
    c.num(m.uid);
    c.text(m.host, 400);
    c.text(m.tls, 200);
    c.text(m.text, kMaxReplyText);
  }
};

constexpr size_t kMaxTries = 100;           // of one envelope that are kept: the first ones, and the last
constexpr size_t kMaxTryBytes = 24 * 1024;  // of them

// One envelope's whole life, finished or not.
struct Life {
  uint64_t number = 0;  // of finished ones, in the order of their ends
  EnvelopeId id;
  bool relay = false;
  std::string sender, recipient;
  std::string original;  // as given in RCPT
  std::string account;   // whose mailbox
  std::string owner;     // who submitted it
  std::string action;
  std::string rule;  // that said so, "mailkeep.conf:12"; empty: none did
  std::string source, helo;
  std::string tls;  // of its client, "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty: none
  uint64_t session = 0;
  Protocol protocol = Protocol::kInternal;
  std::string message_id;
  uint64_t size = 0;
  int64_t arrived = 0;
  int64_t ended = 0;      // 0: it waits
  uint64_t report = 0;    // the message that told its sender; 0: none
  uint32_t attempts = 0;  // that failed
  std::string state;      // of those that wait, as it is listed
  std::string trouble;    // why they do
  int64_t next_try = 0;
  std::vector<Attempt> tries;  // of finished ones the last is how they ended
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.number);
    c.part(m.id);
    c.flag(m.relay);
    c.text(m.sender, kMaxAddress);
    c.text(m.recipient, kMaxAddress);
    c.text(m.original, kMaxAddress);
    c.text(m.account, kMaxAccount);
    c.text(m.owner, kMaxAccount);
    c.text(m.action, kMaxTag);
    c.text(m.rule, kMaxRule);
    c.text(m.source, 64);
    c.text(m.helo, kMaxHostname);
    c.text(m.tls, kMaxTlsText);
    c.num(m.session);
    c.choice(m.protocol, Protocol::kInternal);
    c.text(m.message_id, 250);
    c.num(m.size);
    c.i64(m.arrived);
    c.i64(m.ended);
    c.num(m.report);
    c.num(m.attempts);
    c.text(m.state, 16);
    c.text(m.trouble, kMaxReplyText);
    c.i64(m.next_try);
    c.list(m.tries, kMaxTries);
  }
};

// Which past is asked for: what waits and has one, what is finished, or what never was taken.
enum class Past : uint8_t { kWaiting, kFinished, kRefused };

// From control: some lives, from `after` on; asked again until there is no next.
struct FindLives {
  static constexpr uint16_t kType = 474;
  uint32_t query = 0;
  Past past = Past::kFinished;
  Selection selection;  // all set conditions; a subject is not kept
  std::string any;      // a Message-ID, or an address of the sender or a recipient; empty: not asked
  std::string after;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.choice(m.past, Past::kRefused);
    c.part(m.selection);
    c.text(m.any, kMaxAddress);
    c.text(m.after, 64);
  }
};

// To control.
struct Lives {
  static constexpr uint16_t kType = 475;
  uint32_t query = 0;
  std::vector<Life> lives;
  std::vector<Refusal> refusals;
  std::string next;
  std::string error;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.list(m.lives, 1000);
    c.list(m.refusals, 1000);
    c.text(m.next, 64);
    c.text(m.error, 300);
  }
};

// From control: where mail waits for, in parts.
struct ListDestinations {
  static constexpr uint16_t kType = 476;
  uint32_t query = 0;
  std::string after;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.text(m.after, 1000);
  }
};

// One destination, or a part of what waits for it: parts are added up.
struct DestinationStat {
  std::string name;  // a domain, a local account, or "action NAME"
  bool relay = false;
  uint64_t waiting = 0;
  uint64_t held = 0;
  int64_t oldest = 0;                               // when the oldest of them came
  uint64_t accepted = 0, deferred = 0, failed = 0;  // envelopes, since the queue's process started
  int64_t paused_until = 0;                         // it does not answer, and is tried then
  std::string last_reply;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.name, kMaxAddress);
    c.flag(m.relay);
    c.num(m.waiting);
    c.num(m.held);
    c.i64(m.oldest);
    c.num(m.accepted);
    c.num(m.deferred);
    c.num(m.failed);
    c.i64(m.paused_until);
    c.text(m.last_reply, kMaxReplyText);
  }
};

// To control.
struct Destinations {
  static constexpr uint16_t kType = 477;
  uint32_t query = 0;
  std::vector<DestinationStat> destinations;
  std::string next;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.list(m.destinations, 1000);
    c.text(m.next, 1000);
  }
};

// From control.
struct ShowMessage {
  static constexpr uint16_t kType = 472;
  uint32_t query = 0;
  uint64_t message = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.num(m.message);
  }
};

// To control.
struct MessageShown {
  static constexpr uint16_t kType = 473;
  uint32_t query = 0;
  bool found = false;
  std::vector<QueueItem> items;
  Fd content;  // read-only copy of the message
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.flag(m.found);
    c.list(m.items, 1000);
    c.fd(m.content);
  }
};

// --- what relay must remember -----------------------------------------------------------------------

constexpr size_t kMaxNoteName = 300;
constexpr size_t kMaxNoteValue = 60 * 1024;

// Of what a note is; relay alone knows what stands in it.
enum class NoteKind : uint8_t { kSts, kLearned, kScores, kTlsReport };

// From relay: keep this until then, over what was kept under that name; an empty value forgets it. Not answered; after a power cut
// the last seconds' may be gone.
struct KeepNote {
  static constexpr uint16_t kType = 485;
  NoteKind kind = NoteKind::kSts;
  std::string name;
  int64_t expires = 0;  // seconds since 1970
  std::string value;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.choice(m.kind, NoteKind::kTlsReport);
    c.text(m.name, kMaxNoteName);
    c.i64(m.expires);
    c.text(m.value, kMaxNoteValue);
  }
};

// From relay. Answered by NoteFound.
struct FindNote {
  static constexpr uint16_t kType = 486;
  NoteKind kind = NoteKind::kSts;
  std::string name;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.choice(m.kind, NoteKind::kTlsReport);
    c.text(m.name, kMaxNoteName);
  }
};

// Received by relay.
struct NoteFound {
  static constexpr uint16_t kType = 487;
  NoteKind kind = NoteKind::kSts;
  std::string name;
  bool found = false;
  std::string value;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.choice(m.kind, NoteKind::kTlsReport);
    c.text(m.name, kMaxNoteName);
    c.flag(m.found);
    c.text(m.value, kMaxNoteValue);
  }
};

// From relay: a report of its own making (RFC 8460), with the null sender. Not answered: it is kept, or logged as lost.
struct SubmitReport {
  static constexpr uint16_t kType = 488;
  std::vector<std::string> recipients;
  std::string text;  // the whole message, CRLF lines
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.texts(m.recipients, 4, kMaxAddress);
    c.text(m.text, kSmallMessage);
  }
};

}  // namespace mailkeep::queue
