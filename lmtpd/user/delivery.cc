// Deliveries into the store: see delivery.h.
// SPDX-License-Identifier: ISC
#include "lmtpd/user/delivery.h"

#include <unistd.h>

#include <algorithm>

namespace mailkeep::user {

namespace {

// Room for the two fields and what a hop may add: the limit is for what people send.
constexpr uint64_t kHeadRoom = 16 * 1024;

// Where it has been before stands below where it is now.
std::string head_of(const Deliver& m) {
  std::string out = "Return-Path: <" + m.sender + ">\r\nDelivered-To: " + m.recipient + "\r\n";
  for (auto via = m.via.rbegin(); via != m.via.rend(); ++via) {
    const std::string address = via->substr(via->find(' ') + 1);
    if (address != m.recipient) out += "Delivered-To: " + address + "\r\n";
  }
  return out;
}

// Fills `into` from the queued message; the descriptor is shared with others, so pread.
Status read_content(const Fd& content, uint64_t offset, std::span<char> into) {
  while (!into.empty()) {
    const ssize_t n = pread(content.get(), into.data(), into.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("read of the queued message");
    if (n == 0) return Error("the queued message is shorter than its envelope says", EIO);
    offset += static_cast<uint64_t>(n);
    into = into.subspan(static_cast<size_t>(n));
  }
  return {};
}

}  // namespace

queue::Rejected rejection(const queue::EnvelopeId& envelope, const Error& error) {
  queue::Rejected r;
  r.envelope = envelope;
  r.temporary = true;
  switch (error.code) {
    case ENOSPC:
    case EDQUOT:
      r.enhanced = "4.3.1";
      r.text = "No space left for the mailbox; will be tried again";
      break;
    case EFBIG:
      r.temporary = false;
      r.enhanced = "5.2.3";
      r.text = "Message is larger than the mailbox takes";
      break;
    default: r.enhanced = "4.3.0"; r.text = ("Mailbox could not be written: " + error.text).substr(0, kMaxReplyText);
  }
  return r;
}

Result<std::string> read_head(const Deliver& m, size_t most) {
  std::string out(std::min<uint64_t>(m.size, most), '\0');
  if (auto got = read_content(m.content, 0, std::span(out)); !got) return got.error();
  return out;
}

Result<std::string> read_message(const Deliver& m, uint64_t max_size) {
  if (m.size > max_size + kHeadRoom) return Error("too large", EFBIG);
  std::string out = head_of(m);
  const size_t head = out.size();
  out.resize(head + m.size);
  if (auto got = read_content(m.content, 0, std::span(out).subspan(head)); !got) return got.error();
  return out;
}

Outcome deliver(store::Store& store, const Deliver& m, uint64_t max_size) {
  const store::DeliveryId id{m.envelope.message, m.envelope.number};
  if (m.size > max_size + kHeadRoom) return rejection(m.envelope, Error("too large", EFBIG));
  const std::string head = head_of(m);
  const store::Mailbox* box = m.junk ? store.find_role(store::Role::junk) : nullptr;
  if (box == nullptr) box = store.find_mailbox("INBOX");
  if (box == nullptr) fatal("store without INBOX");
  store::Append what;
  what.message = head;
  what.rest = {m.size, [&m](uint64_t offset, std::span<char> into) { return read_content(m.content, offset, into); }};
  what.delivery = id;
  auto appended = store.append(box->id, what);
  if (!appended) return rejection(m.envelope, appended.error());
  queue::Stored s;
  s.envelope = m.envelope;
  s.sequence = appended->seq;
  s.duplicate = appended->is_known;
  return s;
}

}  // namespace mailkeep::user
