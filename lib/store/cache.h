// HeaderCache: the summaries of messages in one file beside the journal. Never synced, rebuilt where it is missing; a
// record says which bytes it was made of, so one that a crash left behind is never taken for another message's.
//
//   record: "MKC1", object u64, size and CRC-32C of the message u32 u32, size of the summary u32, its CRC-32C u32, summary
// SPDX-License-Identifier: ISC
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/os/io.h"
#include "lib/store/state.h"

namespace mailkeep::store {

std::string encode_summary(const Summary& summary);
bool decode_summary(std::string_view bytes, Summary& summary);

class HeaderCache {
 public:
  HeaderCache(os::Io& io, int dir) : io_(io), dir_(dir) {}
  ~HeaderCache();
  HeaderCache(const HeaderCache&) = delete;
  HeaderCache& operator=(const HeaderCache&) = delete;

  Status open();
  // Finds the records from `from` on and notes them in the bodies they belong to; forgets places beyond the end.
  void scan(uint64_t from, State& state);
  // Buffers a record and notes its place.
  void add(Body& body, const Summary& summary);
  // Writes what is buffered. A cache that cannot be written is no error: what is missing is made again.
  void flush();
  std::optional<Summary> find(const Body& body);
  uint64_t end() const { return end_; }  // of what was written

 private:
  os::Io& io_;
  int dir_;
  int fd_ = -1;
  uint64_t end_ = 0;
  std::string buffer_;
};

}  // namespace mailkeep::store
