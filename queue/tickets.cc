// Tickets of submissions: see tickets.h.
// SPDX-License-Identifier: ISC
#include "queue/tickets.h"

namespace mailkeep::queue {

void Tickets::add(const Vouch& vouch, int64_t now) {
  const Ticket ticket{vouch.ticket_high, vouch.ticket_low};
  if (ticket.is_none() || (vouch.account.empty() && vouch.user.empty())) return;
  Instance& instance = instances_[vouch.smtpd];
  if (!instance.entries.emplace(ticket, Entry{{vouch.account, vouch.user, vouch.any_sender}, vouch.until}).second) return;
  instance.order.push_back(ticket);
  shrink(instance, now);
}

void Tickets::shrink(Instance& instance, int64_t now) const {
  while (!instance.order.empty()) {
    const auto first = instance.entries.find(instance.order.front());
    if (first->second.until > now && instance.entries.size() <= max_each_) return;
    instance.entries.erase(first);
    instance.order.pop_front();
  }
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
