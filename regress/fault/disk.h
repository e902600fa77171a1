// Disk: a model of a disk behind os::Io that forgets what was not synced.
//
// Every file has what the process sees and what is surely on the disk, and between them the writes and truncations
// since the last sync; every directory likewise. power_cut() leaves one legal state, chosen by `pick`, which is asked
// for a number below n again and again: of each unsynced write nothing, all, or some of its 512-byte sectors, whatever
// became of other sectors (a sector that is kept has all that was written to it before, as a page in the kernel's cache
// has); of a directory's unsynced changes any of them, as long as those to one name keep their order. A sync that fails
// leaves its writes in doubt for good, as Linux does: pages it could not write count as written. Odometer picks every
// way there is.
//
// fail_at makes the n-th changing call fail once with fail_code, fail_read_at the n-th reading one; dead_at makes a
// changing call and all after it fail, as when power goes. on_call is told before each changing call.
// SPDX-License-Identifier: ISC
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "lib/os/io.h"

namespace mailkeep::fault {

using Pick = std::function<size_t(size_t)>;

// Counts through all answers that a sequence of questions can have: use pick() for one run, then next() until it is
// false.
class Odometer {
 public:
  size_t pick(size_t n) {
    if (at_ == digits_.size()) digits_.push_back({0, n});
    return digits_[at_++].value;
  }
  bool next() {
    at_ = 0;
    for (; !digits_.empty(); digits_.pop_back()) {
      if (++digits_.back().value < digits_.back().limit) return true;
    }
    return false;
  }

 private:
  struct Digit {
    size_t value, limit;
  };
  std::vector<Digit> digits_;
  size_t at_ = 0;
};

class Disk : public os::Io {
 public:
  explicit Disk(uint64_t seed) : random_(seed) { nodes_[kRoot].is_dir = true; }

  static constexpr uint64_t kNever = UINT64_MAX;
  uint64_t calls = 0;         // changing ones so far
  uint64_t fail_at = kNever;  // counted as `calls`
  uint64_t dead_at = kNever;
  int fail_code = EIO;
  uint64_t reads = 0;
  uint64_t fail_read_at = kNever;  // counted as `reads`
  std::function<void(const char* call, const std::string& name)> on_call = {};

  int root() { return open_node(kRoot); }

  void power_cut() {
    power_cut([this](size_t n) { return random_() % n; });
  }
  // A file named `whole` loses nothing.
  void power_cut(const Pick& pick, const std::string& whole = {}) {
    const std::set<int> reachable = nodes_with_names();
    for (auto& [id, node] : nodes_) {
      if (node.is_dir) {
        cut_directory(node, pick);
      } else if (!reachable.contains(id)) {
        node.ops.clear();
      } else if (is_named(id, whole)) {
        node.durable = node.data;
        node.ops.clear();
      } else {
        Content now = node.durable;  // what the process saw at each of them
        for (const Op& op : node.ops) {
          apply(op, now);
          apply_some(op, now, node.durable, pick);
        }
        node.data = node.durable;
        node.ops.clear();
      }
    }
    handles_.clear();
    dead_at = fail_at = fail_read_at = kNever;
  }

  Result<int> openat(int dir, const std::string& name, int flags, mode_t) override {
    if (failing_read()) return Error("open " + name, EIO);
    Node& parent = node_of(dir);
    const auto it = parent.names.find(name);
    if (it == parent.names.end()) {
      if ((flags & O_CREAT) == 0) return Error("open " + name, ENOENT);
      if (const int code = failing("create", name)) return Error("open " + name, code);
      const int id = ++last_node_;
      nodes_[id] = {};
      change(parent, {name, id});
      return open_node(id);
    }
    if ((flags & O_EXCL) != 0) return Error("open " + name, EEXIST);
    const int fd = open_node(it->second);
    if ((flags & O_TRUNC) != 0) {
      if (auto cut = ftruncate(fd, 0); !cut) return cut.error();
    }
    return fd;
  }
  void close(int fd) override { handles_.erase(fd); }
  Result<size_t> pread(int fd, char* into, size_t size, uint64_t offset) override {
    if (failing_read()) return Error("pread", EIO);
    const std::string& data = node_of(fd).data.bytes;
    return offset >= data.size() ? size_t{0} : data.copy(into, size, offset);
  }
  Status pwritev(int fd, std::span<const std::string_view> parts, uint64_t offset) override {
    std::string bytes;
    for (std::string_view part : parts) bytes.append(part);
    const int code = failing("write");
    if (code != 0) bytes.resize(random_() % (bytes.size() + 1));
    if (!bytes.empty()) {
      Node& node = node_of(fd);
      node.ops.push_back({offset, bytes, std::nullopt});
      apply(node.ops.back(), node.data);
    }
    if (code != 0) return Error("pwritev", code);
    return {};
  }
  Status fdatasync(int fd) override { return fsync(fd); }
  Status fsync(int fd) override {
    const int code = failing("sync");
    Node& node = node_of(fd);
    if (code != 0) {
      for (Op& op : node.ops) op.is_in_doubt = op.is_in_doubt || !op.is_synced;
      return Error("fsync", code == ENOSPC ? EIO : code);
    }
    bool has_doubt = false;
    for (Op& op : node.ops) {
      op.is_synced = op.is_synced || !op.is_in_doubt;
      has_doubt = has_doubt || op.is_in_doubt;
    }
    if (!has_doubt) {
      node.durable = node.data;
      node.ops.clear();
    }
    node.durable_names = node.names;
    node.dir_ops.clear();
    return {};
  }
  Status ftruncate(int fd, uint64_t size) override {
    if (const int code = failing("truncate")) return Error("ftruncate", code);
    Node& node = node_of(fd);
    node.ops.push_back({0, "", size});
    apply(node.ops.back(), node.data);
    return {};
  }
  Status fallocate(int fd, uint64_t offset, uint64_t size) override {
    if (const int code = failing("allocate")) return Error("fallocate", code);
    Node& node = node_of(fd);
    if (offset + size <= node.data.bytes.size()) return {};
    node.ops.push_back({0, "", offset + size});
    apply(node.ops.back(), node.data);
    return {};
  }
  Status renameat(int from_dir, const std::string& from, int to_dir, const std::string& to) override {
    if (const int code = failing("rename", to)) return Error("rename", code);
    Node& node = node_of(from_dir);
    const auto it = node.names.find(from);
    if (it == node.names.end()) return Error("rename", ENOENT);
    const int id = it->second;
    if (&node == &node_of(to_dir)) {
      change(node, {to, id, from});
    } else {  // each directory for itself: a power cut may keep either half
      change(node_of(to_dir), {to, id});
      change(node, {"", 0, from});
    }
    return {};
  }
  Status unlinkat(int dir, const std::string& name) override {
    if (const int code = failing("unlink", name)) return Error("unlink", code);
    Node& node = node_of(dir);
    if (!node.names.contains(name)) return Error("unlink", ENOENT);
    change(node, {"", 0, name});
    return {};
  }
  Status mkdirat(int dir, const std::string& name, mode_t) override {
    if (const int code = failing("mkdir", name)) return Error("mkdir", code);
    if (node_of(dir).names.contains(name)) return Error("mkdir", EEXIST);
    const int id = ++last_node_;
    nodes_[id].is_dir = true;
    change(node_of(dir), {name, id});
    return {};
  }
  Result<std::vector<std::string>> readdir(int dir) override {
    if (failing_read()) return Error("readdir", EIO);
    std::vector<std::string> names;
    for (const auto& [name, id] : node_of(dir).names) names.push_back(name);
    return names;
  }
  Result<uint64_t> file_size(int fd) override {
    if (failing_read()) return Error("fstat", EIO);
    return uint64_t{node_of(fd).data.bytes.size()};
  }
  Result<uint64_t> data_end(int fd, uint64_t from) override {
    if (failing_read()) return Error("lseek", EIO);
    return std::max<uint64_t>(from, node_of(fd).data.written);
  }
  Result<os::Mapping> map(int fd, uint64_t size) override {
    if (failing_read()) return Error("mmap", EIO);
    const std::string& data = node_of(fd).data.bytes;
    if (size > data.size()) return Error("map beyond the end of the file", EINVAL);
    char* copy = new char[size];
    data.copy(copy, size);
    return os::Mapping(copy, size, [](char* at, size_t) { delete[] at; });
  }

 private:
  static constexpr int kRoot = 1;
  static constexpr size_t kSector = 512;
  static constexpr size_t kFewSectors = 3;  // of which every selection is tried
  struct Op {
    uint64_t offset = 0;
    std::string bytes;
    std::optional<uint64_t> size;  // a truncation or growth instead
    bool is_synced = false;
    bool is_in_doubt = false;  // a sync of it failed
  };
  struct DirOp {
    std::string add;  // empty: none
    int node = 0;
    std::string remove = {};
  };
  struct Content {
    std::string bytes;
    size_t written = 0;  // beyond it are only zeros that nobody wrote
  };
  struct Node {
    bool is_dir = false;
    Content data, durable;
    std::vector<Op> ops;  // from durable to data
    std::map<std::string, int> names, durable_names;
    std::vector<DirOp> dir_ops;
  };

  int failing(const char* call, const std::string& name = {}) {
    if (calls < dead_at && on_call) on_call(call, name);
    const uint64_t n = calls++;
    if (n >= dead_at) return EIO;
    return n == fail_at ? fail_code : 0;
  }
  bool failing_read() { return reads++ == fail_read_at; }
  static void apply(const Op& op, Content& content) {
    std::string& data = content.bytes;
    if (op.size) {
      data.resize(*op.size, '\0');
      content.written = std::min(content.written, data.size());
      return;
    }
    const size_t end = op.offset + op.bytes.size();
    if (data.size() < end) data.resize(end, '\0');
    data.replace(op.offset, op.bytes.size(), op.bytes);
    content.written = std::max(content.written, end);
  }
  // All that was synced; else of a few sectors every selection, of more none, all, a beginning, an end, or a selection
  // by chance.
  void apply_some(const Op& op, const Content& now, Content& content, const Pick& pick) {
    if (op.size) {
      if (op.is_synced || pick(2) == 1) apply(op, content);
      return;
    }
    std::vector<std::pair<size_t, size_t>> pieces;  // of a sector each: from, to
    for (size_t at = op.offset; at < op.offset + op.bytes.size(); at = pieces.back().second) {
      pieces.emplace_back(at, std::min(op.offset + op.bytes.size(), at + kSector - at % kSector));
    }
    const size_t n = pieces.size();
    const size_t way = op.is_synced || n <= kFewSectors ? 2 * n + 1 : pick(2 * n + 1);
    const uint64_t chance = op.is_synced ? 0 : random_();
    for (size_t i = 0; i < n; ++i) {
      bool is_kept = (chance >> i % 64 & 1) != 0;
      if (op.is_synced)
        is_kept = true;
      else if (n <= kFewSectors)
        is_kept = pick(2) == 1;
      else if (way <= n)
        is_kept = i < way;
      else if (way < 2 * n)
        is_kept = i >= way - n;
      if (is_kept) take_sector(now, pieces[i].first / kSector * kSector, pieces[i].second, content);
    }
  }
  // The sector at `start` as it is now, the file reaching at least to `end`.
  static void take_sector(const Content& now, size_t start, size_t end, Content& content) {
    if (content.bytes.size() < end) content.bytes.resize(end, '\0');
    const size_t size = std::min({kSector, now.bytes.size() - start, content.bytes.size() - start});
    content.bytes.replace(start, size, now.bytes, start, size);
    content.written = std::max(content.written, end);
  }
  std::set<int> nodes_with_names() const {
    std::set<int> ids;
    for (const auto& [id, node] : nodes_) {
      for (const auto* names : {&node.names, &node.durable_names}) {
        for (const auto& [name, child] : *names) ids.insert(child);
      }
      for (const DirOp& op : node.dir_ops) ids.insert(op.node);
    }
    return ids;
  }
  bool is_named(int id, const std::string& name) const {
    return !name.empty() && std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
      const auto it = entry.second.names.find(name);
      return it != entry.second.names.end() && it->second == id;
    });
  }
  void cut_directory(Node& node, const Pick& pick) {
    std::vector<std::string> lost;  // names of which a change is lost: so are later ones
    for (const DirOp& op : node.dir_ops) {
      const bool depends =
          std::any_of(lost.begin(), lost.end(), [&](const std::string& n) { return n == op.add || n == op.remove; });
      if (!depends && pick(2) == 1) {
        apply(op, node.durable_names);
        continue;
      }
      if (!op.add.empty()) lost.push_back(op.add);
      if (!op.remove.empty()) lost.push_back(op.remove);
    }
    node.names = node.durable_names;
    node.dir_ops.clear();
  }
  static void apply(const DirOp& op, std::map<std::string, int>& names) {
    if (!op.remove.empty()) names.erase(op.remove);
    if (!op.add.empty()) names[op.add] = op.node;
  }
  void change(Node& dir, DirOp op) {
    apply(op, dir.names);
    dir.dir_ops.push_back(std::move(op));
  }
  int open_node(int id) {
    handles_[++last_handle_] = id;
    return last_handle_;
  }
  Node& node_of(int fd) {
    const auto it = handles_.find(fd);
    if (it == handles_.end()) fatal("disk: a handle that is not open");
    return nodes_[it->second];
  }

  std::mt19937_64 random_;
  std::map<int, Node> nodes_;
  std::map<int, int> handles_;
  int last_node_ = kRoot;
  int last_handle_ = 100;
};

}  // namespace mailkeep::fault
