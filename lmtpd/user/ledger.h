// Which deliveries into Maildirs and mbox files were begun and which have ended, in the account's own mail directory:
// what makes them exactly once, for such files have no place for an envelope's id.
//
//   "deliveries": records of 32 bytes, each u64 message · u32 number · u32 state · u64 offset · u32 path · u32 CRC-32C of these
//   state 1: begun, on the disk before the message can be seen; offset: where in an mbox; path: CRC-32C of the file's path
//   state 2: ended; not synced, for after a power cut the message itself is looked for
// A record that is damaged or torn counts for nothing. When the file has grown it is written anew with its end alone,
// at start and between two deliveries: the process of a busy account may run for months. Process: user.
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "lib/os/io.h"
#include "queue/messages.h"

namespace mailkeep::user {

class Ledger {
 public:
  enum class State : uint32_t { kUnknown = 0, kBegun = 1, kEnded = 2 };
  struct Entry {
    State state = State::kUnknown;
    uint64_t offset = 0;
    uint32_t path = 0;
  };
  // Entries that are kept when the file has grown to twice as many; older envelopes are long forgotten by the queue.
  static constexpr size_t kKept = 32'768;

  // `dir` is the account's, and outlives it.
  static Result<Ledger> open(os::Io& io, int dir);
  Ledger(Ledger&& other) noexcept;
  Ledger& operator=(Ledger&&) = delete;
  ~Ledger();

  Entry find(const queue::EnvelopeId& id) const;
  // On the disk when it returns.
  Status begin(const queue::EnvelopeId& id, uint64_t offset, uint32_t path);
  Status end(const queue::EnvelopeId& id);

 private:
  Ledger(os::Io& io, int dir, int fd) : io_(&io), dir_(dir), fd_(fd) {}
  bool is_long() const;
  Result<std::string> tail(size_t most) const;
  void take(std::string_view text);
  Status shorten();
  Status append(const queue::EnvelopeId& id, const Entry& entry);

  os::Io* io_;
  int dir_;
  int fd_;
  uint64_t size_ = 0;
  std::map<queue::EnvelopeId, Entry> entries_;
};

}  // namespace mailkeep::user
