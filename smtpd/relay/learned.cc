// Domains that have always spoken verified TLS: see learned.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/learned.h"

#include <algorithm>
#include <utility>

namespace mailkeep::relay {

void LearnedBook::note(const std::string& domain, bool is_verified, int64_t now) {
  make_room();
  Learned& l = entries_[domain];
  l.domain = domain;
  if (!is_verified || l.sessions == 0) l.first = now;
  l.last = now;
  l.sessions = is_verified ? std::min(l.sessions + 1, UINT32_MAX - 1) : 0;
  changed_.insert(domain);
}

// What is kept can be recalled; what has changed is kept first.
void LearnedBook::make_room() {
  if (entries_.size() >= kMaxLearned)
    std::erase_if(entries_, [this](const auto& e) { return !changed_.contains(e.first); });
}

void LearnedBook::recalled(const std::string& domain, std::optional<Learned> kept) {
  make_room();
  const bool has_times = kept && kept->first >= 0 && kept->last >= 0;  // else it is no note of ours
  if (has_times) return restore(std::move(*kept));
  entries_.try_emplace(domain).first->second.domain = domain;
}

// What has been seen since the process began comes on top.
void LearnedBook::restore(Learned kept) {
  const auto it = entries_.find(kept.domain);
  if (it == entries_.end()) {
    entries_.emplace(kept.domain, std::move(kept));
  } else if (it->second.sessions > 0 && kept.sessions > 0) {
    it->second.first = std::min(it->second.first, kept.first);
    it->second.sessions = std::min(it->second.sessions + std::min(kept.sessions, UINT32_MAX / 4), UINT32_MAX / 2);
  }
}

bool LearnedBook::is_learned(const std::string& domain) const {
  const auto it = entries_.find(domain);
  return it != entries_.end() && it->second.sessions >= kLearnedSessions &&
         it->second.last - it->second.first >= kLearnedTime;
}

std::string LearnedBook::describe(const std::string& domain) const {
  const auto it = entries_.find(domain);
  if (it == entries_.end() || it->second.last == 0) return "nothing seen";
  const Learned& l = it->second;
  if (l.sessions == 0) return "the last session was not verified";
  return std::to_string(l.sessions) + " verified sessions in a row, over " +
         std::to_string((l.last - l.first) / 86400) + " days" +
         (is_learned(domain) ? ": fit for tls-policy with verify" : "");
}

std::vector<Learned> LearnedBook::take_changed() {
  std::vector<Learned> out;
  for (const auto& domain : std::exchange(changed_, {})) {
    if (const auto it = entries_.find(domain); it != entries_.end()) out.push_back(it->second);
  }
  return out;
}

}  // namespace mailkeep::relay
