// Records and keys of the spool. See envelope.h.
// SPDX-License-Identifier: ISC
#include "queue/envelope.h"

#include <algorithm>

#include "lib/base/crc32c.h"
#include "lib/base/text.h"
#include "lib/imsg/codec.h"

namespace mailkeep::queue {

namespace {

// Kind in the upper half, version in the lower.
constexpr uint8_t kMessageKind = 0x17;
constexpr uint8_t kEnvelopeKind = 0x27;
constexpr uint8_t kBodyKind = 0x33;
constexpr uint8_t kLifeKind = 0x41;
constexpr uint8_t kAttemptKind = 0x51;
constexpr uint8_t kRefusalKind = 0x61;
constexpr size_t kHead = 8;
constexpr size_t kMostPayload = kSmallMessage + 16;  // a body's; other records are smaller

template <class T>
std::string big_endian(T value) {
  std::string out(sizeof(T), '\0');
  for (size_t i = sizeof(T); i-- > 0; value = static_cast<T>(value >> 8)) out[i] = static_cast<char>(value & 0xff);
  return out;
}

uint64_t from_big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

uint32_t little_u32(std::string_view bytes) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::string frame(std::string_view start, std::string_view rest) {
  imsg::Encoder head;
  head.num(static_cast<uint32_t>(start.size() + rest.size()));
  head.num(crc32c(rest, crc32c(start)));
  std::string out;
  out.reserve(kHead + start.size() + rest.size());
  out.append(head.bytes()).append(start).append(rest);
  return out;
}

Result<std::string_view> unframe(uint8_t kind, std::string_view record) {
  if (record.size() < kHead + 1) return Error("record is cut short", EBADMSG);
  const std::string_view payload = record.substr(kHead);
  if (little_u32(record) != payload.size()) return Error("record has a wrong length", EBADMSG);
  if (little_u32(record.substr(4)) != crc32c(payload)) return Error("record has a wrong checksum", EBADMSG);
  if (static_cast<uint8_t>(payload[0]) != kind) return Error("record is of another kind or version", EBADMSG);
  return payload.substr(1);
}

template <class T>
std::string encode_fields(uint8_t kind, const T& value) {
  imsg::Encoder fields;
  T::fields(fields, value);
  return frame(std::string(1, static_cast<char>(kind)), fields.bytes());
}

template <class T>
Result<T> decode_fields(uint8_t kind, std::string_view record) {
  const Result<std::string_view> payload = unframe(kind, record);
  if (!payload) return payload.error();
  T value;
  std::deque<Fd> none;
  if (!imsg::decode(*payload, none, value)) return Error("record has a bad field", EBADMSG);
  return value;
}

}  // namespace

std::string show(const EnvelopeId& id) { return hex64(id.message) + "." + std::to_string(id.number); }

std::optional<ParsedId> parse_id(std::string_view text) {
  const size_t dot = text.find('.');
  const auto message = parse_hex64(text.substr(0, dot));
  if (!message) return std::nullopt;
  if (dot == std::string_view::npos) return ParsedId{*message, std::nullopt};
  const auto number = parse_u64(text.substr(dot + 1), UINT32_MAX);
  if (!number) return std::nullopt;
  return ParsedId{*message, static_cast<uint32_t>(*number)};
}

std::string_view domain_of(std::string_view address) {
  const size_t at = address.rfind('@');
  return at == address.npos ? std::string_view() : address.substr(at + 1);
}

std::string destination(const Envelope& envelope) {
  if (envelope.kind == Kind::kLocal) return lower(envelope.account);
  return lower(domain_of(envelope.recipient));
}

void direct(Envelope& envelope, const Delivery& delivery) {
  envelope.kind = delivery.relay ? Kind::kRelay : Kind::kLocal;
  envelope.account = delivery.account;
  envelope.action = delivery.action;
  envelope.detail = delivery.detail;
  envelope.rule = delivery.rule;
  envelope.sender = delivery.sender;
  envelope.reports_to_sender = delivery.reports_to_sender && !delivery.sender.empty();
  if (!delivery.address.empty()) envelope.recipient = delivery.address;
}

std::string encode(const Message& message) { return encode_fields(kMessageKind, message); }
std::string encode(const Envelope& envelope) { return encode_fields(kEnvelopeKind, envelope); }
Result<Message> decode_message(std::string_view record) { return decode_fields<Message>(kMessageKind, record); }
Result<Envelope> decode_envelope(std::string_view record) { return decode_fields<Envelope>(kEnvelopeKind, record); }

std::string encode(const Life& life) { return encode_fields(kLifeKind, life); }
std::string encode(const PastAttempt& attempt) { return encode_fields(kAttemptKind, attempt); }
std::string encode(const Refusal& refusal) { return encode_fields(kRefusalKind, refusal); }
Result<Life> decode_life(std::string_view record) { return decode_fields<Life>(kLifeKind, record); }
Result<PastAttempt> decode_attempt(std::string_view record) { return decode_fields<PastAttempt>(kAttemptKind, record); }
Result<Refusal> decode_refusal(std::string_view record) { return decode_fields<Refusal>(kRefusalKind, record); }

std::string encode_body(uint64_t id, std::string_view body) {
  return frame(std::string(1, static_cast<char>(kBodyKind)) + message_key(id), body);
}

Result<std::string_view> decode_body(uint64_t id, std::string_view record) {
  const Result<std::string_view> payload = unframe(kBodyKind, record);
  if (!payload) return payload.error();
  const std::string key = message_key(id);
  if (!payload->starts_with(key)) return Error("record of another message", EBADMSG);
  return payload->substr(key.size());
}

size_t record_length(std::string_view bytes) {
  if (bytes.size() <= kHead) return 0;
  const auto kind = static_cast<uint8_t>(bytes[kHead]);
  constexpr uint8_t kKinds[] = {kMessageKind, kEnvelopeKind, kBodyKind, kLifeKind, kAttemptKind, kRefusalKind};
  if (std::find(std::begin(kKinds), std::end(kKinds), kind) == std::end(kKinds)) return 0;
  const size_t size = little_u32(bytes);
  if (size == 0 || size > kMostPayload || size > bytes.size() - kHead) return 0;
  return little_u32(bytes.substr(4)) == crc32c(bytes.substr(kHead, size)) ? kHead + size : 0;
}

std::optional<Identity> identify(std::string_view record) {
  if (record_length(record) != record.size() || record.empty()) return std::nullopt;
  if (const auto message = decode_message(record)) return Identity{Record::kMessage, message_key(message->id)};
  if (const auto envelope = decode_envelope(record)) return Identity{Record::kEnvelope, envelope_key(envelope->id)};
  if (const auto life = decode_life(record)) return Identity{Record::kLife, number_key(life->number)};
  if (const auto past = decode_attempt(record)) return Identity{Record::kAttempt, attempt_key(past->id, past->number)};
  if (const auto refusal = decode_refusal(record)) return Identity{Record::kRefusal, number_key(refusal->number)};
  constexpr size_t kKey = 8;
  const auto body = unframe(kBodyKind, record);
  if (!body || body->size() < kKey) return std::nullopt;
  return Identity{Record::kBody, std::string(body->substr(0, kKey))};
}

std::string message_key(uint64_t id) { return big_endian(id); }
std::string envelope_key(const EnvelopeId& id) { return big_endian(id.message) + big_endian(id.number); }

std::string number_key(uint64_t number) { return big_endian(number); }
uint64_t parse_number_key(std::string_view key) { return key.size() == 8 ? from_big_endian(key) : 0; }
std::string attempt_key(const EnvelopeId& id, uint32_t number) { return envelope_key(id) + big_endian(number); }

std::optional<EnvelopeId> parse_envelope_key(std::string_view key) {
  if (key.size() != 12) return std::nullopt;
  return EnvelopeId{from_big_endian(key.substr(0, 8)), static_cast<uint32_t>(from_big_endian(key.substr(8)))};
}

static std::string point_key(const DuePoint& point) {
  return big_endian(static_cast<uint64_t>(point.time)) + envelope_key(point.id);
}

std::string due_key(Lane lane, const DuePoint& point) {
  return std::string(1, static_cast<char>(lane)) + point_key(point);
}
std::string due_key(const Envelope& envelope) { return due_key(lane_of(envelope), {envelope.next_try, envelope.id}); }

// A destination has no zero byte: it is a domain or an account, both checked at the door.
std::string destination_prefix(Lane lane, std::string_view destination) {
  std::string out(1, static_cast<char>(lane));
  out.append(destination).push_back('\0');
  return out;
}

std::string destination_key(const Envelope& envelope) {
  return destination_prefix(lane_of(envelope), destination(envelope)) + point_key({envelope.next_try, envelope.id});
}

std::optional<DuePoint> parse_point(std::string_view key) {
  constexpr size_t kPoint = 20;
  if (key.size() < kPoint) return std::nullopt;
  key.remove_prefix(key.size() - kPoint);
  const auto id = parse_envelope_key(key.substr(8));
  if (!id) return std::nullopt;
  return DuePoint{static_cast<int64_t>(from_big_endian(key.substr(0, 8))), *id};
}

}  // namespace mailkeep::queue
