// The log, past its damaged places. See log_reader.h.
// SPDX-License-Identifier: ISC
#include "lib/db/log_reader.h"

#include <algorithm>

#include "lib/db/raw.h"

namespace mailkeep::db {

namespace {

constexpr size_t kHead = 12;
constexpr size_t kPersist = 28;       // the record that opens a file
constexpr size_t kCommon = 16;        // type, transaction, its record before
constexpr uint32_t kMagic = 0x40988;  // in the record that opens a file
enum Type : uint32_t { kRegop = 10, kCheckpoint = 11, kAddRemove = 41, kBig = 43, kDebug = 47, kSplit = 62 };
enum Mode : uint32_t { kAdd = 1, kRemove = 2, kAddBig = 3, kRemoveBig = 4 };
constexpr uint32_t kCommitted = 1;

struct Walker {
  std::function<void(LogPlace, std::string_view payload)> record;
  std::function<void(LogDamage)> gap;
};

class File {
 public:
  File(uint32_t number, std::string_view bytes) : number_(number), bytes_(bytes) {}

  // `before` is the offset of the last record of the file before, and becomes that of this one.
  void walk(const Walker& walker, uint32_t& before) const {
    size_t at = 0;
    if (!is_record(0) || (before != 0 && head(0) != before)) walker.gap({{number_, 0}, 0});
    if (is_record(0)) at = length(0);
    uint32_t last = 0;
    while (at + kHead < bytes_.size()) {
      const bool follows = is_record(at) && (head(at) == last || at == 0);
      const size_t next = follows ? at : after_gap(at);
      if (next == std::string::npos) break;
      if (!follows) walker.gap({{number_, static_cast<uint32_t>(at)}, next - at});
      last = static_cast<uint32_t>(next);
      walker.record({number_, last}, bytes_.substr(next + kHead, length(next) - kHead));
      at = next + length(next);
    }
    before = last;
  }

 private:
  uint32_t head(size_t at) const { return raw::u32(bytes_, at); }
  size_t length(size_t at) const { return raw::u32(bytes_, at + 4); }

  bool is_record(size_t at) const {
    if (at + kPersist > bytes_.size()) return false;
    const size_t size = length(at);
    if (size < kPersist || size > bytes_.size() - at) return false;
    if (at == 0 && raw::u32(bytes_, kHead) != kMagic) return false;
    const std::string_view payload = bytes_.substr(at + kHead, size - kHead);
    return raw::u32(bytes_, at + 8) == (raw::hash(payload) ^ head(at) ^ raw::u32(bytes_, at + 4));
  }

  // The next record that says it follows one from `gap` on.
  size_t after_gap(size_t gap) const {
    for (size_t at = gap + 1; at + kPersist <= bytes_.size(); ++at) {
      const uint32_t before = head(at);
      if (before >= gap && before < at && is_record(at)) return at;
    }
    return std::string::npos;
  }

  uint32_t number_;
  std::string_view bytes_;
};

Status walk(const std::string& home, const Walker& walker) {
  const Result<std::vector<uint32_t>> numbers = raw::log_files(home);
  if (!numbers) return numbers.error();
  uint32_t before = 0, last = 0;
  for (const uint32_t number : *numbers) {
    const Result<std::string> bytes = raw::read_file(raw::log_name(home, number));
    if (!bytes) return bytes.error();
    if (last != 0 && number != last + 1) walker.gap({{last + 1, 0}, 0}), before = 0;
    File(number, *bytes).walk(walker, before);
    last = number;
  }
  return {};
}

// The operations of one transaction, until its end is known.
class Replay {
 public:
  explicit Replay(const LogVisitor& visitor) : visitor_(visitor) {}

  void gap() {
    torn_ = true;
    chunks_.clear();
  }

  void record(std::string_view payload) {
    if (payload.size() < kCommon) return;
    const uint32_t transaction = raw::u32(payload, 4);
    if (transaction == 0) return;
    if (transaction != current_) {
      end(torn_);  // one whose end is missing: only damage hides it
      current_ = transaction;
      // The first one seen of a transaction that began in the gap has one before it.
      torn_ = raw::u32(payload, 8) != 0;
    }
    const std::string_view fields = payload.substr(kCommon);
    switch (raw::u32(payload, 0)) {
      case kAddRemove: return item(fields);
      case kBig: return chunk(fields);
      case kSplit: return page(fields);
      case kRegop: return end(fields.size() >= 4 && raw::u32(fields, 0) == kCommitted);
      default: return;
    }
  }

  void finish() { end(torn_); }

 private:
  struct Operation {
    bool adds;
    std::string value;
  };

  void end(bool is_committed) {
    for (const Operation& o : operations_) {
      if (!is_committed) break;
      if (o.adds) visitor_.put(o.value);
      if (!o.adds && !torn_) visitor_.removed(o.value);
    }
    operations_.clear();
    chunks_.clear();
    torn_ = false;
    current_ = 0;
  }

  // opcode (type of page · mode << 8), file, page, index, bytes, then the item's head or all of it, then its data
  void item(std::string_view fields) {
    constexpr size_t kFixed = 20;
    const auto head = raw::sized(fields, kFixed);
    const auto data = head ? raw::sized(fields, kFixed + 4 + head->size()) : std::nullopt;
    if (!data) return;
    const uint32_t mode = raw::u32(fields, 0) >> 8;
    if (mode != kAdd && mode != kRemove) return;
    const std::string whole = std::string(*head) + std::string(*data);
    if (head->empty()) {
      operations_.push_back({mode == kAdd, whole});
    } else if (const auto value = raw::item_value(whole)) {
      operations_.push_back({mode == kAdd, std::string(*value)});
    } else if (const auto chain = raw::item_chain(whole); chain && chain->bytes == chunks_.size()) {
      operations_.push_back({mode == kAdd, std::exchange(chunks_, {})});
    }
  }

  // opcode, file, page, page before, page after, then the data
  void chunk(std::string_view fields) {
    constexpr size_t kFixed = 20;
    const auto data = raw::sized(fields, kFixed);
    if (!data) return;
    const uint32_t mode = raw::u32(fields, 0) >> 8;
    if (mode != kAddBig && mode != kRemoveBig) return;
    if (raw::u32(fields, 12) == 0) chunks_.clear();
    chunks_.append(*data);
  }

  // The page as it was before its items moved to others.
  void page(std::string_view fields) {
    constexpr size_t kFixed = 64;
    const auto image = raw::sized(fields, kFixed);
    if (!image) return;
    for (const raw::Item& i : raw::items(*image)) {
      if (const auto value = raw::item_value(i.data)) operations_.push_back({true, std::string(*value)});
    }
  }

  const LogVisitor& visitor_;
  uint32_t current_ = 0;
  bool torn_ = false;
  std::vector<Operation> operations_;
  std::string chunks_;
};

}  // namespace

Result<LogState> examine_log(const std::string& home) {
  LogState state;
  std::vector<LogDamage> gaps;  // not yet known to be damage
  const auto settle = [&](LogPlace durable) {
    const auto end =
        std::find_if(gaps.begin(), gaps.end(), [durable](const LogDamage& g) { return g.place >= durable; });
    state.damage.insert(state.damage.end(), gaps.begin(), end);
    gaps.erase(gaps.begin(), end);
    state.last_mark = std::max(state.last_mark, durable);
  };
  Walker walker;
  walker.gap = [&](LogDamage gap) { gaps.push_back(gap); };
  walker.record = [&](LogPlace place, std::string_view payload) {
    if (payload.size() < kCommon + 8) return;
    const uint32_t type = raw::u32(payload, 0);
    if (type == kDebug && payload.find(kDurableMark) != std::string_view::npos) settle(place);
    if (type != kCheckpoint) return;
    state.redo = {raw::u32(payload, kCommon), raw::u32(payload, kCommon + 4)};
    settle(state.redo);
  };
  if (Status s = walk(home, walker); !s) return s.error();
  return state;
}

Status replay_log(const std::string& home, const LogState& state, const LogVisitor& visitor) {
  const bool whole = state.damage.empty() || state.damage.front().place >= state.redo;
  Replay replay(visitor);
  bool ended = false;
  Walker walker;
  walker.gap = [&](LogDamage gap) {
    if (gap.place >= state.last_mark) {
      ended = true;
    } else {
      replay.gap();
    }
  };
  walker.record = [&](LogPlace place, std::string_view payload) {
    if (!ended && (whole || place >= state.redo)) replay.record(payload);
  };
  if (Status s = walk(home, walker); !s) return s;
  replay.finish();
  return {};
}

}  // namespace mailkeep::db
