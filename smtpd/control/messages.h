// What the control process receives from the parent.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"

namespace mailkeep::control {

struct Config {
  static constexpr uint16_t kType = 1000;
  uint32_t generation = 0;
  std::string path;
  Fd socket;         // the listening control socket
  uint32_t uid = 0;  // besides root, this uid may give commands
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.text(m.path, 4096);
    c.fd(m.socket);
    c.num(m.uid);
  }
};

struct ProcessInfo {
  std::string role;
  uint32_t instance = 0;
  std::string account;
  uint32_t pid = 0;
  uint32_t uid = 0;
  int64_t started = 0;  // unix seconds
  uint32_t restarts = 0;
  uint32_t sessions = 0;  // user only
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.role, 16);
    c.num(m.instance);
    c.text(m.account, kMaxAccount);
    c.num(m.pid);
    c.num(m.uid);
    c.i64(m.started);
    c.num(m.restarts);
    c.num(m.sessions);
  }
};

// Answer to parent::StatusQuery.
struct StatusReport {
  static constexpr uint16_t kType = 1010;
  uint32_t query = 0;
  std::string version;
  uint32_t generation = 0;
  int64_t started = 0;
  std::vector<ProcessInfo> processes;
  uint64_t omitted = 0;  // user processes that did not fit
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.text(m.version, 64);
    c.num(m.generation);
    c.i64(m.started);
    c.list(m.processes, 2000);
    c.num(m.omitted);
  }
};

// Answer to parent::Reload.
struct Reloaded {
  static constexpr uint16_t kType = 1011;
  uint32_t query = 0;
  bool ok = false;
  std::string text;  // what is wrong, file:line:column a line
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.flag(m.ok);
    c.text(m.text, 8000);
  }
};

}  // namespace mailkeep::control
