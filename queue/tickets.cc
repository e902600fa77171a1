// Tickets of submissions: see tickets.h.
// SPDX-License-Identifier: ISC
#include "queue/tickets.h"

namespace mailkeep::queue {

void Tickets::add(const Vouch& vouch, int64_t now) {
  const Ticket ticket{vouch.ticket_high, vouch.ticket_low};
  if (ticket.is_none() || (vouch.account.empty() && vouch.user.empty())) return;
  Instance& instance = instances_[vouch.smtpd];
  if (!instance.entries.emplace(ticket, Entry{{vouch.account, vouch.user, vouch.any_sender}, vouch.until}).second)
    return;
  if (vouch.user.empty()) {
    instance.logins.push_back(ticket);
    shrink(instance, instance.logins, max_each_, now);
    return;
  }
  Order& own = instance.users[vouch.user];
  own.push_back(ticket);
  instance.of_users++;
  instance.of_users -= shrink(instance, own, kMaxTicketsOfUser, now);
  if (instance.of_users > max_of_users_) shrink_users(instance, now);
}

// Those that are over, and the oldest of more than `most`; how many.
size_t Tickets::shrink(Instance& instance, Order& order, size_t most, int64_t now) {
  size_t gone = 0;
  for (; !order.empty(); gone++) {
    const auto first = instance.entries.find(order.front());
    if (first->second.until > now && order.size() <= most) break;
    instance.entries.erase(first);
    order.pop_front();
  }
  return gone;
}

void Tickets::shrink_users(Instance& instance, int64_t now) const {
  Order* most = nullptr;
  for (auto it = instance.users.begin(); it != instance.users.end();) {
    Order& order = it->second;
    instance.of_users -= shrink(instance, order, kMaxTicketsOfUser, now);
    if (order.empty()) {
      it = instance.users.erase(it);
      continue;
    }
    if (most == nullptr || order.size() > most->size()) most = &order;
    ++it;
  }
  if (instance.of_users > max_of_users_) instance.of_users -= shrink(instance, *most, most->size() - 1, now);
}

const Submitter* Tickets::find(uint32_t smtpd, const Ticket& ticket, int64_t now) const {
  const auto instance = instances_.find(smtpd);
  if (instance == instances_.end()) return nullptr;
  const auto it = instance->second.entries.find(ticket);
  return it == instance->second.entries.end() || it->second.until <= now ? nullptr : &it->second.who;
}

std::string Tickets::account(uint32_t smtpd, const Ticket& ticket, int64_t now) const {
  const Submitter* who = find(smtpd, ticket, now);
  return who == nullptr ? std::string() : who->account;
}

size_t Tickets::size() const {
  size_t n = 0;
  for (const auto& [number, instance] : instances_) n += instance.entries.size();
  return n;
}

}  // namespace mailkeep::queue
