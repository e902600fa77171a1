// Messages that the parent and every worker exchange: start, wiring, two-phase configuration, statistics.
//
//   parent → worker: Boot (once, before the loop) · the role's own configuration messages, then Prepare ·
//                    Wire (a channel to a peer) · Commit or Abort · Follow · Quit
//   worker → parent: Prepared · Misbehaved · LogLine
//   control → worker: StatsQuery, answered by Stats
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/routes.h"

namespace mailkeep::worker {

constexpr size_t kMaxErrorText = 1000;
constexpr size_t kMaxLogLine = 8192;

enum class PlaceKind : uint8_t { kMailbox, kMaildir, kMaildirWithJunk, kMbox };
constexpr size_t kMaxPlaces = 100;

// `user`: where an action of the configuration puts mail, and whether ~/.forward counts first.
struct BootPlace {
  std::string action;
  PlaceKind kind = PlaceKind::kMaildir;
  std::string path;  // lib/conf/path_template.h; empty for the mailbox
  bool forward = false;
  bool operator==(const BootPlace&) const = default;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.action, kMaxTag);
    c.choice(m.kind, PlaceKind::kMbox);
    c.text(m.path, 1024);
    c.flag(m.forward);
  }
};

struct Boot {
  static constexpr uint16_t kType = 1;
  imsg::Role role = imsg::Role::kParent;
  uint32_t instance = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::string root;     // the name of the directory to chroot into; empty: none
  std::string account;  // `user` only
  uint8_t log_level = 2;
  bool log_stderr = true;
  Fd directory;                   // that directory, O_PATH; for `user`: where the mail directories are
  std::string home;               // `user`: the account's; may be empty
  std::vector<BootPlace> places;  // `user`
  uint32_t extra_gid = 0;         // `user`: held only while it makes its own directory; 0 none
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.choice(m.role, imsg::kLastRole);
    c.num(m.instance);
    c.num(m.uid);
    c.num(m.gid);
    c.text(m.root, 4096);
    c.text(m.account, kMaxAccount);
    c.num(m.log_level);
    c.flag(m.log_stderr);
    c.fd(m.directory);
    c.num(m.extra_gid);
    c.text(m.home, 4096);
    c.list(m.places, kMaxPlaces);
  }
};

struct Wire {
  static constexpr uint16_t kType = 2;
  imsg::Role role = imsg::Role::kParent;
  uint32_t instance = 0;
  std::string account;  // for a `user` peer
  Fd channel;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.choice(m.role, imsg::kLastRole);
    c.num(m.instance);
    c.text(m.account, kMaxAccount);
    c.fd(m.channel);
  }
};

// All configuration messages of `generation` have been sent: check them, change nothing, answer Prepared.
struct Prepare {
  static constexpr uint16_t kType = 3;
  uint32_t generation = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
  }
};

struct Commit {
  static constexpr uint16_t kType = 4;
  uint32_t generation = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
  }
};

struct Abort {
  static constexpr uint16_t kType = 5;
  uint32_t generation = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
  }
};

// Finish what is at hand within the parent's patience (a few seconds) and exit 0.
struct Quit {
  static constexpr uint16_t kType = 6;
  template <class C, class M>
  static void fields(C&, M&) {}
};

// Give each log line to the parent too, or stop that.
struct Follow {
  static constexpr uint16_t kType = 7;
  bool on = false;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.flag(m.on);
  }
};

struct Prepared {
  static constexpr uint16_t kType = 10;
  uint32_t generation = 0;
  bool ok = false;
  std::string text;  // what is wrong, for the operator
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.generation);
    c.flag(m.ok);
    c.text(m.text, kMaxErrorText);
  }
};

// The peer sent what it must not: the parent ends it.
struct Misbehaved {
  static constexpr uint16_t kType = 11;
  imsg::Role role = imsg::Role::kParent;
  uint32_t instance = 0;
  std::string text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.choice(m.role, imsg::kLastRole);
    c.num(m.instance);
    c.text(m.text, kMaxErrorText);
  }
};

struct LogLine {
  static constexpr uint16_t kType = 12;
  std::string text;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.text, kMaxLogLine);
  }
};

struct StatsQuery {
  static constexpr uint16_t kType = 13;
  uint32_t query = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
  }
};

struct Stat {
  std::string name;
  uint64_t value = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.name, 40);
    c.num(m.value);
  }
};

struct Stats {
  static constexpr uint16_t kType = 14;
  uint32_t query = 0;
  std::vector<Stat> values;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.list(m.values, 64);
  }
};

}  // namespace mailkeep::worker
