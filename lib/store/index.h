// Index: the file `checkpoint`, which says what the journal says up to a place in it, in a form that is mapped and used
// as it is: a start reads it once to verify it, and then has the rows of 100,000 messages without making one of them.
// Written whole, beside, synced and renamed; never changed in place; made again from the journal where it is damaged or
// missing.
//
//   Head, the bodies (bodies.h), the deliveries (deliveries.h), the rows of all mailboxes in order of their ids (rows.h),
//   a text: mailboxes with their counts, names, keywords, expunges, subscriptions, live bytes of segments (heads.cc)
//
// Numbers are as this machine has them; on one of another kind the file counts as damaged.
// SPDX-License-Identifier: ISC
#pragma once

#include <span>
#include <string_view>

#include "lib/base/result.h"
#include "lib/os/io.h"
#include "lib/store/state.h"

namespace mailkeep::store {

class Index {
 public:
  // What the caller of write() says; the rest of the head is made.
  struct Head {
    uint64_t magic = 0;
    uint32_t head_crc = 0;  // of the head with this as zero
    uint32_t rest_crc = 0;
    uint64_t mark = 0;  // of the journal
    Seq last_seq = 0;
    uint64_t offset = 0;  // the journal up to here
    uint32_t segment = 0;
    uint32_t unused = 0;
    uint64_t cache_generation = 0;
    uint64_t cache_end = 0;
    uint64_t cached_bytes = 0;
    uint64_t bodies = 0;  // counts
    uint64_t deliveries = 0;
    uint64_t rows = 0;
    uint64_t text_size = 0;
  };

  // Writes the file; deliveries older than `forget_before` are left out. Gives its size.
  static Result<uint64_t> write(os::Io& io, int dir, State& state, Head head, int64_t forget_before);
  // Maps the file. ENOENT: there is none; EBADMSG: it is damaged (known only when `verifies`, which reads all of it).
  static Result<Index> open(os::Io& io, int dir, bool verifies);

  const Head& head() const { return head_; }
  uint64_t size() const { return mapping_.size(); }
  // Into a state that is empty; false: the text makes no sense.
  bool load_into(State& state) &&;
  // Into the state that wrote it: it goes on with this as its base.
  void give_to(State& state) &&;

 private:
  Index(const Head& head, os::Mapping mapping) : head_(head), mapping_(std::move(mapping)) {}
  template <class T>
  std::span<T> part(uint64_t offset, uint64_t count) {
    return {reinterpret_cast<T*>(mapping_.data() + offset), count};
  }
  std::span<Body> bodies() { return part<Body>(sizeof(Head), head_.bodies); }
  uint64_t deliveries_at() const { return sizeof(Head) + head_.bodies * sizeof(Body); }
  uint64_t rows_at() const { return deliveries_at() + head_.deliveries * sizeof(Delivery); }
  uint64_t text_at() const { return rows_at() + head_.rows * sizeof(Message); }

  Head head_;
  os::Mapping mapping_;
};

}  // namespace mailkeep::store
