// How many connections a group of receivers has from us, and how soon one message follows another. What has to wait is
// in line here as long as the line is short; for the rest the queue is told to come back.
//
// The number adapts below the group's limit: it grows with what is taken, and halves when the group puts us off. Pure:
// the owner passes the time (milliseconds that only grow), and starts what next() names. Run by relay.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "smtpd/relay/messages.h"

namespace mailkeep::relay {

constexpr double kFirstOpen = 4;      // connections of a group, to begin with
constexpr size_t kLine = 16;          // jobs of a group that may wait
constexpr int64_t kHeldSeconds = 15;  // until the queue comes back with what the line does not take

class Gate {
 public:
  enum class Pass : uint8_t { kGo, kWait, kFull };

  // `limits` nullptr: a group without any. With kGo the job has a place, to be given back by leave(); with kWait it
  // gets one from next().
  Pass enter(std::string_view group, const Provider* limits, uint64_t job, int64_t now);
  // A message on a connection that is open already. False: too soon.
  bool start(std::string_view group, int64_t now);
  void leave(std::string_view group);
  // A job that may go now. `may_reuse` says whether there is an open connection for it; then it needs no place.
  struct Next {
    uint64_t job = 0;
    bool has_place = false;
  };
  using MayReuse = std::function<bool(uint64_t job)>;
  std::optional<Next> next(int64_t now, const MayReuse& may_reuse);
  // When next() may have one without a leave(): milliseconds from now on; nothing: never.
  std::optional<int64_t> wait(int64_t now, const MayReuse& may_reuse) const;
  bool is_full(std::string_view group) const;
  bool is_awaited(std::string_view group) const;
  void forget(uint64_t job);  // it waits no more
  void judge(std::string_view group, bool is_good);
  size_t open(std::string_view group) const;
  size_t waiting() const { return waiting_; }
  void set_limits(std::string_view group, const Provider* limits);

 private:
  struct Group {
    uint32_t most = 0;  // connections; 0: any number
    uint32_t delay = 0;
    double limit = kFirstOpen;
    size_t open = 0;
    int64_t next = 0;  // when the next message may start
    std::deque<uint64_t> line;
  };
  static bool has_room(const Group& g) { return g.most == 0 || g.open < static_cast<size_t>(g.limit); }
  static void take(Group& g, int64_t now);
  static void apply(Group& g, const Provider* limits);
  std::map<std::string, Group, std::less<>> groups_;
  size_t waiting_ = 0;
};

}  // namespace mailkeep::relay
