// Messages and envelopes as the spool keeps them, and the one form of their records and keys on disk.
//
//   record:  u32 length of payload · u32 CRC-32C of payload · payload
//   payload: u8 kind and version · the fields, as lib/imsg's codec writes them; of a body: u64 message id · its bytes
//   message id: u64, seconds since 1970 << 32 | random, shown as 16 hexadecimal digits
//   envelope id: message id and a number within the message, shown as ID.NUMBER
//
// A record says what it is and of which message, so that it can be put where it belongs when nothing else can be read.
// A key's numbers are big endian, so that byte order is number order.
// DESIGN section 4. Process: queue. Trusts nothing of a record that its checksum does not confirm.
// SPDX-License-Identifier: ISC
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/limits.h"
#include "lib/base/result.h"
#include "queue/messages.h"

namespace mailkeep::queue {

constexpr size_t kMaxErrorText = 1024;  // the last answer that a bounce will cite
constexpr size_t kMaxMessageId = 250;   // of the header's field as much as is kept

struct EnvelopeIdHash {
  size_t operator()(const EnvelopeId& id) const { return id.message * 0x9e3779b97f4a7c15U + id.number; }
};

std::string show(const EnvelopeId& id);
// "ID" alone has no number.
struct ParsedId {
  uint64_t message = 0;
  std::optional<uint32_t> number;
};
std::optional<ParsedId> parse_id(std::string_view text);

struct Message {
  uint64_t id = 0;
  std::string sender;   // without angle brackets; empty is the null path
  std::string account;  // who submitted it, vouched for by auth; empty for mail from the world
  std::string user;     // of a local submission, the system user
  std::string source;   // the client's address
  int64_t received = 0;
  uint64_t size = 0;  // of the body, in bytes
  uint32_t recipients = 0;
  uint32_t next_number = 0;  // of an envelope that is made for it later: no number is ever used twice
  bool in_file = false;      // the body is a file of the spool, not a record
  bool is_bounce = false;
  uint32_t checksum = 0;  // CRC-32C of a body that is a file; a body that is a record has that record's
  MailOptions options;
  uint64_t session = 0;  // that brought it
  std::string helo;      // what its client called itself
  lookup::NameState name_state = lookup::NameState::kUnasked;
  std::string client_name;  // by its address, when kConfirmed
  std::string tag;          // the listener's
  std::string tls;          // with it: version and cipher; empty: none
  Protocol protocol = Protocol::kInternal;
  std::string message_id;  // the field of its header, for those who look for it

  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.id);
    c.text(m.sender, kMaxAddress);
    c.text(m.account, kMaxAccount);
    c.text(m.user, kMaxAccount);
    c.text(m.source, 64);
    c.i64(m.received);
    c.num(m.size);
    c.num(m.recipients);
    c.num(m.next_number);
    c.flag(m.in_file);
    c.flag(m.is_bounce);
    c.num(m.checksum);
    c.part(m.options);
    c.num(m.session);
    c.text(m.helo, kMaxHostname);
    c.choice(m.name_state, lookup::NameState::kConfirmed);
    c.text(m.client_name, kMaxHostname);
    c.text(m.tag, kMaxTag);
    c.text(m.tls, kMaxTlsText);
    c.choice(m.protocol, Protocol::kInternal);
    c.text(m.message_id, kMaxMessageId);
  }
};

enum class Kind : uint8_t { kLocal, kRelay };
// Why it is not tried: an operator said so, or it has brought a process down too often.
enum class Hold : uint8_t { kNone, kOperator, kQuarantine };

struct Envelope {
  EnvelopeId id;
  Kind kind = Kind::kLocal;
  std::string recipient;  // the address as routed
  std::string original;   // the address as given in RCPT
  // Whose mailbox, for kLocal; for kRelay what an LMTP server is told instead of `recipient`, if not empty.
  std::string account;
  std::string detail;  // subaddress
  // The configuration's: for kRelay by which way, for kLocal into which Maildir or mbox file, or after which .forward;
  // empty: the mailbox.
  std::string action;
  std::string sender;              // of this copy; empty: the message's
  bool reports_to_sender = false;  // reports about it go to `sender`, not to the message's
  RcptOptions options;
  uint32_t attempts = 0;
  int64_t next_try = 0;  // seconds since 1970
  int64_t expiry = 0;    // given up at the first failure after this
  std::string last_error;
  Hold hold = Hold::kNone;
  std::string rule;              // that sends it there, "mailkeep.conf:12"; empty: none
  int64_t priority = 0;          // of its message
  std::vector<std::string> via;  // whose .forward it has passed, in that order: "account address"
  int64_t warn_at = 0;           // seconds since 1970: its sender is told that it waits; 0: not, or not again

  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.id.message);
    c.num(m.id.number);
    c.choice(m.kind, Kind::kRelay);
    c.text(m.recipient, kMaxAddress);
    c.text(m.original, kMaxAddress);
    c.text(m.account, kMaxAccount);
    c.text(m.detail, kMaxLocalPart);
    c.text(m.action, kMaxTag);
    c.text(m.sender, kMaxAddress);
    c.flag(m.reports_to_sender);
    c.part(m.options);
    c.num(m.attempts);
    c.i64(m.next_try);
    c.i64(m.expiry);
    c.text(m.last_error, kMaxErrorText);
    c.choice(m.hold, Hold::kQuarantine);
    c.i64(m.warn_at);
    c.i64(m.priority);
    c.text(m.rule, kMaxRule);
    c.texts(m.via, kMaxForwards, kMaxAccount + 1 + kMaxAddress);
  }
};

// One of the things that happened to an envelope that waits.
struct PastAttempt {
  EnvelopeId id;
  uint32_t number = 0;
  Attempt attempt;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.part(m.id);
    c.num(m.number);
    c.part(m.attempt);
  }
};

// What is behind the last @, or nothing.
std::string_view domain_of(std::string_view address);
// Where it goes: the account for local delivery, the recipient's domain for relaying; in lower case.
std::string destination(const Envelope& envelope);

// Puts what lookup said of its way into an envelope that is to be queued.
void direct(Envelope& envelope, const Delivery& delivery);

std::string encode(const Message& message);
std::string encode(const Envelope& envelope);
// EBADMSG: wrong length, checksum, version or field.
Result<Message> decode_message(std::string_view record);
Result<Envelope> decode_envelope(std::string_view record);

std::string encode(const Life& life);
std::string encode(const PastAttempt& attempt);
std::string encode(const Refusal& refusal);
Result<Life> decode_life(std::string_view record);
Result<PastAttempt> decode_attempt(std::string_view record);
Result<Refusal> decode_refusal(std::string_view record);

// A body of at most kSmallMessage bytes as a record of the same frame.
std::string encode_body(uint64_t id, std::string_view body);
Result<std::string_view> decode_body(uint64_t id, std::string_view record);

enum class Record : uint8_t { kMessage, kEnvelope, kBody, kLife, kAttempt, kRefusal };
// What a record is, by itself, and the key that it belongs under. None: it is no valid record.
struct Identity {
  Record record;
  std::string key;
};
std::optional<Identity> identify(std::string_view record);
// How long the record is that begins here; 0: none does.
size_t record_length(std::string_view bytes);

// Keys.
std::string message_key(uint64_t id);
std::string envelope_key(const EnvelopeId& id);
std::optional<EnvelopeId> parse_envelope_key(std::string_view key);
std::string number_key(uint64_t number);  // of what is finished or refused
uint64_t parse_number_key(std::string_view key);
std::string attempt_key(const EnvelopeId& id, uint32_t number);

// A place in the order of next tries. Also the key of the index of what is due.
struct DuePoint {
  int64_t time = 0;
  EnvelopeId id;
  auto operator<=>(const DuePoint&) const = default;
};
// The first byte of both indexes: those who look for what is due never meet what is held.
enum class Lane : uint8_t { kLocal, kRelay, kHeld };
inline Lane lane_of(Kind kind) { return kind == Kind::kLocal ? Lane::kLocal : Lane::kRelay; }
inline Lane lane_of(const Envelope& e) { return e.hold != Hold::kNone ? Lane::kHeld : lane_of(e.kind); }
std::string due_key(Lane lane, const DuePoint& point);
std::string due_key(const Envelope& envelope);
std::string destination_prefix(Lane lane, std::string_view destination);
std::string destination_key(const Envelope& envelope);
// Of a due key, or of a destination key: both end with the point.
std::optional<DuePoint> parse_point(std::string_view key);

}  // namespace mailkeep::queue
