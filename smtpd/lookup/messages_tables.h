// What tables hold, for an operator.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"

namespace mailkeep::lookup {

constexpr size_t kMaxShown = 1000;  // entries of a table in one answer
constexpr size_t kMaxShownText = 300;

struct Entry {
  std::string key;
  std::string value;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.key, kMaxShownText);
    c.text(m.value, kMaxShownText);
  }
};

// From control: the tables (name empty), some of one, or what it has under `key`. Answered by TableShown.
struct ShowTable {
  static constexpr uint16_t kType = 315;
  uint64_t query = 0;
  std::string name;
  bool with_key = false;
  std::string key;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.text(m.name, kMaxTag);
    c.flag(m.with_key);
    c.text(m.key, kMaxAddress);
  }
};

struct TableShown {
  static constexpr uint16_t kType = 325;
  uint64_t query = 0;
  bool found = false;
  std::string text;  // for people, where not found
  uint64_t total = 0;
  std::vector<Entry> entries;  // long ones are cut
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.num(m.query);
    c.flag(m.found);
    c.text(m.text, kMaxReplyText);
    c.num(m.total);
    c.list(m.entries, kMaxShown);
  }
};

}  // namespace mailkeep::lookup
