// Journal: the segments on disk: appending with a buffer, flush and sync, reading back, scanning at start.
//
// Space is allocated ahead, so that a full disk is noticed before a record is promised. Of that, a stretch that grows
// with use is filled with zeros together with the records before it: a sync of bytes that were written before changes
// no metadata of the file, and so costs one flush of the disk, not two.
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/os/io.h"
#include "lib/store/record.h"
#include "lib/store/state.h"

namespace mailkeep::store {

class Journal {
 public:
  struct Limits {
    uint64_t segment_size = 0;
    uint64_t preallocate = 0;
  };
  // What scan() tells of, in order.
  struct Sink {
    std::function<void(const Record&, Place)> on_record;
    // `bytes` at `place` are no sound record; `lost` is one whose head is sound, else nullptr. is_torn: never durable,
    // cut.
    std::function<void(Place, std::string_view bytes, const Record* lost, bool is_torn)> on_damage;
  };

  Journal(os::Io& io, int dir, Limits limits) : io_(io), dir_(dir), limits_(limits) {}
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Learns which segments there are, and the mark.
  Status open();
  bool is_empty() const { return segments_.empty(); }
  // Replays from `from` on (segment 0: all), then stands at the end, ready for put(). `known` is the last sequence
  // number of what comes before. Cuts what was never durable. Gives up to which number all was surely durable.
  Result<Seq> scan(Place from, Seq known, const Sink& sink);

  // Buffers a record; `body_crc` is made here. Fails without a trace when there is no room on the disk; `slack` bytes
  // must stay free after it, for records that a full disk must still take. Begins a new segment when the last is full.
  Result<Place> put(Record record, uint64_t slack);
  Status flush();  // on failure the buffer is gone, and so is what of it reached the file
  // Of what was flushed, and of what scan() found that was not surely durable: that is written again first, for after a
  // sync that failed the kernel takes bytes for written that are not.
  Status sync();
  bool has_buffered() const { return !buffer_.empty(); }
  void discard_buffered() { buffer_.clear(); }
  void end_group();  // the newest buffered record is the last of its group
  void set_unsynced() { is_unsynced_ = tail_ != 0; }
  // The next sync() makes the names of the segments durable too.
  void set_names_unsynced() { has_unsynced_names_ = true; }
  // scan() met a record that calls something durable: whoever wrote it had synced all names as well.
  bool has_proof() const { return has_proof_; }
  bool has_failed() const { return has_failed_; }      // a sync failed: nobody knows what is on the disk
  Place end() const { return {tail_, written_end_}; }  // of what was flushed

  Result<size_t> read(uint32_t segment, uint64_t offset, std::span<char> into);
  const std::map<uint32_t, uint64_t>& segments() const { return segments_; }  // number and bytes in use
  uint32_t tail() const { return tail_; }
  Status remove(uint32_t segment);
  uint64_t mark() const { return mark_; }
  void set_mark(uint64_t mark) { mark_ = mark; }
  // No new segment gets a number up to this one.
  void set_used(uint32_t segment) { used_ = segment; }

 private:
  Status scan_segment(uint32_t segment, uint64_t from, bool is_last, Seq& known, Seq& durable, const Sink& sink);
  Status find_mark();
  // Adds the numbers of the file's blocks that could not be read.
  Result<std::string> read_around(int fd, uint64_t from, uint64_t size, std::set<uint64_t>* unreadable);
  Result<std::string> read_used(int fd, uint64_t from, uint64_t size);
  Status stand_at(Place end, uint64_t size, std::string_view rest, const Sink& sink);
  Status begin_segment();
  Status end_segment();
  std::vector<std::string_view> zeros_behind(uint64_t end);
  Status write_again();
  Status reserve(uint64_t size, uint64_t slack);
  Result<int> handle(uint32_t segment);

  os::Io& io_;
  int dir_;
  Limits limits_;
  uint64_t mark_ = 0;
  std::map<uint32_t, uint64_t> segments_;
  std::map<uint32_t, int> handles_;
  uint32_t tail_ = 0;  // 0: no segment yet
  uint64_t written_end_ = 0;
  uint64_t allocated_end_ = 0;
  uint64_t zeroed_end_ = 0;              // up to here every block was written once
  uint64_t flushed_here_ = 0;            // bytes, into this segment by this process
  std::optional<uint64_t> write_again_;  // from here to where scan() ended
  uint64_t scanned_end_ = 0;
  std::set<uint64_t> unreadable_;  // blocks of the last segment, when it was scanned
  std::string buffer_;             // goes to written_end_
  size_t last_record_ = 0;         // in buffer_
  uint32_t used_ = 0;
  bool is_unsynced_ = false;
  bool has_unsynced_names_ = false;
  bool can_allocate_ = true;
  bool has_failed_ = false;
  bool has_proof_ = false;
};

std::string segment_name(uint32_t segment);

}  // namespace mailkeep::store
