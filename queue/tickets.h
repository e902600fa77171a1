// The tickets of submissions: what auth has vouched for, by smtpd instance. A ticket is good for the instance that auth
// named, until its time is over or that instance ends. Process: queue. Trusts auth; nothing of what smtpd presents.
// SPDX-License-Identifier: ISC
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>

#include "queue/messages.h"

namespace mailkeep::queue {

// Of one smtpd instance, which has fewer sessions than that; one more puts out the oldest.
constexpr size_t kMaxTickets = 65'536;
// Local users need no password for theirs: one more puts out the user's own oldest, or that of the user who has most.
constexpr size_t kMaxTicketsOfUser = 256;
constexpr size_t kMaxTicketsOfUsers = 16'384;

struct Ticket {
  uint64_t high = 0;
  uint64_t low = 0;
  bool is_none() const { return high == 0 && low == 0; }
  bool operator==(const Ticket&) const = default;
};

// Of whom auth has spoken.
struct Submitter {
  std::string account;  // empty: a local user without one
  std::string user;     // of a local submission
  bool any_sender = false;
};

class Tickets {
 public:
  explicit Tickets(size_t max_each = kMaxTickets, size_t max_of_users = kMaxTicketsOfUsers)
      : max_each_(max_each), max_of_users_(max_of_users) {}
  void add(const Vouch& vouch, int64_t now);
  // Whom this instance may submit as with that ticket; null: nobody. Until the next add or drop.
  const Submitter* find(uint32_t smtpd, const Ticket& ticket, int64_t now) const;
  // The same, the account alone; empty: none.
  std::string account(uint32_t smtpd, const Ticket& ticket, int64_t now) const;
  // The instance is gone.
  void drop(uint32_t smtpd) { instances_.erase(smtpd); }
  size_t size() const;

 private:
  struct Hash {
    size_t operator()(const Ticket& t) const { return t.high ^ t.low; }  // random as they are
  };
  struct Entry {
    Submitter who;
    int64_t until = 0;
  };
  using Order = std::deque<Ticket>;  // as they came, which is the order of their ends
  struct Instance {
    std::unordered_map<Ticket, Entry, Hash> entries;
    Order logins;                                  // after a password
    std::unordered_map<std::string, Order> users;  // of local submissions
    size_t of_users = 0;
  };
  static size_t shrink(Instance& instance, Order& order, size_t most, int64_t now);
  void shrink_users(Instance& instance, int64_t now) const;

  size_t max_each_, max_of_users_;
  std::map<uint32_t, Instance> instances_;
};

}  // namespace mailkeep::queue
