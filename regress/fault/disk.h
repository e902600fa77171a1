// Disk: a model of a disk behind os::Io that forgets what was not synced.
//
// Every file has what the process sees and what is surely on the disk, and between them the writes and truncations since the
// last sync; every directory likewise. power_cut() leaves one legal state: of each unsynced write nothing, all or some of its
// 512-byte sectors, independent of order; of a directory's unsynced changes any beginning. fail_at makes the n-th changing
// call fail once with fail_code; dead_at makes it and all after it fail, as when power goes.
// SPDX-License-Identifier: ISC
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "lib/os/io.h"

namespace mailkeep::fault {

class Disk : public os::Io {
 public:
  explicit Disk(uint64_t seed) : random_(seed) { nodes_[kRoot].is_dir = true; }

  static constexpr uint64_t kNever = UINT64_MAX;
  uint64_t calls = 0;         // changing ones so far
  uint64_t fail_at = kNever;  // counted as `calls`
  uint64_t dead_at = kNever;
  int fail_code = EIO;
  uint64_t syncs = 0;

  int root() { return open_node(kRoot); }

  void power_cut() {
    for (auto& [id, node] : nodes_) {
      if (node.is_dir) {
        const size_t kept = node.dir_ops.empty() ? 0 : random_() % (node.dir_ops.size() + 1);
        for (size_t i = 0; i < kept; ++i) apply(node.dir_ops[i], node.durable_names);
        node.names = node.durable_names;
        node.dir_ops.clear();
      } else {
        for (const Op& op : node.ops) apply_some(op, node.durable);
        node.data = node.durable;
        node.ops.clear();
      }
    }
    handles_.clear();
    dead_at = fail_at = kNever;
  }

  Result<int> openat(int dir, const std::string& name, int flags, mode_t) override {
    Node& parent = node_of(dir);
    const auto it = parent.names.find(name);
    if (it == parent.names.end()) {
      if ((flags & O_CREAT) == 0) return Error("open " + name, ENOENT);
      if (const int code = failing()) return Error("open " + name, code);
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
    const std::string& data = node_of(fd).data;
    return offset >= data.size() ? size_t{0} : data.copy(into, size, offset);
  }
  Status pwritev(int fd, std::span<const std::string_view> parts, uint64_t offset) override {
    std::string bytes;
    for (std::string_view part : parts) bytes.append(part);
    const int code = failing();
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
    if (const int code = failing()) return Error("fsync", code == ENOSPC ? EIO : code);
    ++syncs;
    Node& node = node_of(fd);
    node.durable = node.data;
    node.durable_names = node.names;
    node.ops.clear();
    node.dir_ops.clear();
    return {};
  }
  Status ftruncate(int fd, uint64_t size) override {
    if (const int code = failing()) return Error("ftruncate", code);
    Node& node = node_of(fd);
    node.ops.push_back({0, "", size});
    apply(node.ops.back(), node.data);
    return {};
  }
  Status fallocate(int fd, uint64_t offset, uint64_t size) override {
    if (const int code = failing()) return Error("fallocate", code);
    Node& node = node_of(fd);
    if (offset + size <= node.data.size()) return {};
    node.ops.push_back({0, "", offset + size});
    apply(node.ops.back(), node.data);
    return {};
  }
  Status renameat(int from_dir, const std::string& from, int to_dir, const std::string& to) override {
    if (const int code = failing()) return Error("rename", code);
    if (&node_of(from_dir) != &node_of(to_dir)) return Error("rename across directories", EXDEV);
    Node& node = node_of(from_dir);
    const auto it = node.names.find(from);
    if (it == node.names.end()) return Error("rename", ENOENT);
    change(node, {to, it->second, from});
    return {};
  }
  Status unlinkat(int dir, const std::string& name) override {
    if (const int code = failing()) return Error("unlink", code);
    Node& node = node_of(dir);
    if (!node.names.contains(name)) return Error("unlink", ENOENT);
    change(node, {"", 0, name});
    return {};
  }
  Status mkdirat(int dir, const std::string& name, mode_t) override {
    if (const int code = failing()) return Error("mkdir", code);
    if (node_of(dir).names.contains(name)) return Error("mkdir", EEXIST);
    const int id = ++last_node_;
    nodes_[id].is_dir = true;
    change(node_of(dir), {name, id});
    return {};
  }
  Result<std::vector<std::string>> readdir(int dir) override {
    std::vector<std::string> names;
    for (const auto& [name, id] : node_of(dir).names) names.push_back(name);
    return names;
  }
  Result<uint64_t> file_size(int fd) override { return uint64_t{node_of(fd).data.size()}; }

 private:
  static constexpr int kRoot = 1;
  static constexpr size_t kSector = 512;
  struct Op {
    uint64_t offset = 0;
    std::string bytes;
    std::optional<uint64_t> size;  // a truncation or growth instead
  };
  struct DirOp {
    std::string add;  // empty: none
    int node = 0;
    std::string remove = {};
  };
  struct Node {
    bool is_dir = false;
    std::string data, durable;
    std::vector<Op> ops;
    std::map<std::string, int> names, durable_names;
    std::vector<DirOp> dir_ops;
  };

  int failing() {
    const uint64_t n = calls++;
    if (n >= dead_at) return EIO;
    return n == fail_at ? fail_code : 0;
  }
  static void apply(const Op& op, std::string& data) {
    if (op.size) {
      data.resize(*op.size, '\0');
      return;
    }
    if (data.size() < op.offset + op.bytes.size()) data.resize(op.offset + op.bytes.size(), '\0');
    data.replace(op.offset, op.bytes.size(), op.bytes);
  }
  void apply_some(const Op& op, std::string& data) {
    const auto choice = random_() % 4;
    if (choice == 0) return;
    if (choice == 1 || op.size) return apply(op, data);
    for (size_t at = 0; at < op.bytes.size();) {
      const size_t size = std::min(op.bytes.size() - at, kSector - (op.offset + at) % kSector);
      if (random_() % 2 == 0) apply({op.offset + at, op.bytes.substr(at, size), std::nullopt}, data);
      at += size;
    }
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
