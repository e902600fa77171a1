// HeaderCache: the summaries of messages in one file beside the journal. Never synced on the path of mail, rebuilt
// where it is missing; a record says which bytes it was made of, so one that a crash left behind is never taken for
// another message's.
//
//   file:    "MKCACHE2", generation u64 (another one each time it is written anew), records
//   record:  "MKC1", object u64, size and CRC-32C of the message u32 u32, size of the summary u32, its CRC-32C u32, summary
//
// When more than half of it is of messages that are gone, it is copied without them, in pieces, into cache.tmp, which
// is synced and takes its name. Where records are is in the index; one of another generation sends the next start
// through the file.
// SPDX-License-Identifier: ISC
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/os/io.h"
#include "lib/store/state.h"

namespace mailkeep::store {

std::string encode_summary(const Summary& summary);
bool decode_summary(std::string_view bytes, Summary& summary);

class HeaderCache {
 public:
  // What the index says of the file: nothing when there is none.
  struct Known {
    uint64_t generation = 0;
    uint64_t end = 0;
  };
  HeaderCache(os::Io& io, int dir, State& state, Known known, uint64_t small);
  ~HeaderCache();
  HeaderCache(const HeaderCache&) = delete;
  HeaderCache& operator=(const HeaderCache&) = delete;

  // Buffers a record and notes its place.
  void add(Body& body, const Summary& summary);
  // Writes what is buffered. A cache that cannot be written is no error: what is missing is made again.
  void flush();
  std::optional<Summary> find(Body& body);
  // It was found that some of its records are not sound.
  bool is_damaged() const { return is_damaged_; }

  // For the index; what is buffered must have been flushed.
  Known position() const { return is_open_ ? Known{generation_, end_} : known_; }
  // More than half of it is dead, and it is not small.
  bool wants_compaction();
  // One piece. True: there is more to do. False: done, or given up; write an index then.
  bool compact_step();
  bool is_compacting() const { return copy_ != nullptr; }

 private:
  struct Copy;  // of what is alive, as far as it goes

  static uint64_t new_generation();
  static std::string file_head(uint64_t generation);
  bool open();
  void begin_anew();
  void scan();
  std::optional<std::string> read(const Body& body);
  bool copy_some();
  bool take_copy();
  void drop_copy();

  os::Io& io_;
  int dir_;
  State& state_;
  Known known_;
  uint64_t small_;  // up to this size it is never compacted
  int fd_ = -1;
  bool is_open_ = false;
  bool is_useless_ = false;  // it cannot be opened
  bool is_scanned_ = false;
  bool is_damaged_ = false;
  bool may_compact_ = true;
  uint64_t generation_ = 0;
  uint64_t end_ = 0;  // of what was written
  std::string buffer_;
  std::unique_ptr<Copy> copy_;
};

}  // namespace mailkeep::store
