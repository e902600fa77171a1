// What became of mail, by provider and day: see scores.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/scores.h"

#include <algorithm>
#include <utility>

#include "smtpd/relay/providers.h"

namespace mailkeep::relay {

namespace {

void add_cause(Tally& tally, uint8_t cause, uint64_t count) {
  const auto it =
      std::find_if(tally.causes.begin(), tally.causes.end(), [&](const Count& c) { return c.cause == cause; });
  if (it != tally.causes.end()) {
    it->count += count;
  } else if (tally.causes.size() < kMaxCauses) {
    tally.causes.push_back({cause, count});
  }
}

void add(Tally& to, const Tally& more) {
  to.accepted += more.accepted;
  to.deferred += more.deferred;
  to.rejected += more.rejected;
  for (const Count& c : more.causes) add_cause(to, c.cause, c.count);
}

}  // namespace

DayScore& Scores::today(std::string_view provider, int64_t now) {
  auto it = days_.find(provider);
  if (it == days_.end()) {
    const bool is_full = days_.size() >= kMaxScored;
    it = days_.try_emplace(std::string(is_full ? kOthers : provider)).first;
  }
  changed_.insert(it->first);
  auto& days = it->second;
  const auto same = std::find_if(days.begin(), days.end(), [&](const DayScore& d) { return d.day == day_of(now); });
  if (same != days.end()) return *same;
  days.push_back({day_of(now), {}, 0});
  if (days.size() > kScoreDays) days.erase(days.begin());
  return days.back();
}

void Scores::count(std::string_view provider, const Result& result, int64_t now) {
  if (result.outcome == Outcome::kHeld) return;  // hold() counts what a warm-up held; a full line is no news
  Tally& tally = today(provider, now).tally;
  switch (result.outcome) {
    case Outcome::kDelivered: ++tally.accepted; return;
    case Outcome::kTemporary: ++tally.deferred; break;
    case Outcome::kPermanent: ++tally.rejected; break;
    case Outcome::kHeld: return;
  }
  add_cause(tally, static_cast<uint8_t>(smtp::classify(result.code, result.enhanced, result.text)), 1);
}

void Scores::hold(std::string_view provider, size_t recipients, int64_t now) {
  today(provider, now).held += recipients;
}

std::vector<ProviderScore> Scores::report(int64_t now) const {
  std::vector<ProviderScore> out;
  for (const auto& [provider, days] : days_) {
    ProviderScore& score = out.emplace_back();
    score.name = provider;
    for (const DayScore& d : days) {
      if (d.day == day_of(now)) {
        score.today = d.tally;
        score.held = d.held;
      } else if (d.day < day_of(now) && d.day + static_cast<int64_t>(kScoreDays) > day_of(now)) {
        add(score.before, d.tally);
      }
    }
    for (const auto& [key, w] : warm_ups_) {
      if (key.second != provider || w.day != day_of(now)) continue;
      if (score.warm_up.size() < kMaxPolicyText / 2)
        score.warm_up += (score.warm_up.empty() ? "" : "; ") + describe(key.first, provider);
    }
    score.warm_up = score.warm_up.substr(0, kMaxPolicyText);
  }
  return out;
}

// --- warm-up ---------------------------------------------------------------------------------------

uint32_t next_cap(const WarmUp& day, uint32_t first) {
  const bool is_bad = day.deferred * 10ULL >= day.used * 3ULL && day.deferred > 0;
  const bool is_good = day.deferred * 10ULL < day.used;
  if (is_bad) return std::max(first, day.cap / 2);
  if (is_good && day.used >= day.cap / 2) return std::min(day.cap * 2, kWarm);
  return day.cap;  // too little went out to say
}

WarmUp* Scores::warm_up(const std::string& source, std::string_view provider) {
  const auto it = warm_ups_.find({source, std::string(provider)});
  return it == warm_ups_.end() ? nullptr : &it->second;
}

uint32_t Scores::room(const std::string& source, std::string_view provider, uint32_t first, int64_t now) {
  const uint32_t begin = std::min(provider == kOthers ? first * kOthersFactor : first, kWarm);
  WarmUp* w = warm_up(source, provider);
  if (w == nullptr) {
    if (warm_ups_.size() >= kMaxWarmUps) return UINT32_MAX;
    w = &warm_ups_[{source, std::string(provider)}];
    *w = {source, std::string(provider), day_of(now), begin, 0, 0};
  }
  if (w->day < day_of(now)) {
    w->cap = std::max(next_cap(*w, begin), begin);
    w->day = day_of(now);
    w->used = w->deferred = 0;
    changed_warm_ups_.insert({source, std::string(provider)});
  }
  if (w->cap >= kWarm) return UINT32_MAX;
  return w->cap - std::min(w->cap, w->used);
}

void Scores::use(const std::string& source, std::string_view provider, int64_t recipients) {
  WarmUp* w = warm_up(source, provider);
  if (w == nullptr) return;
  w->used = static_cast<uint32_t>(std::clamp<int64_t>(int64_t{w->used} + recipients, 0, UINT32_MAX));
  changed_warm_ups_.insert({source, std::string(provider)});
}

void Scores::put_off(const std::string& source, std::string_view provider, uint32_t recipients) {
  if (WarmUp* w = warm_up(source, provider))
    w->deferred += recipients, changed_warm_ups_.insert({source, std::string(provider)});
}

std::string Scores::describe(const std::string& source, std::string_view provider) const {
  const auto it = warm_ups_.find({source, std::string(provider)});
  if (it == warm_ups_.end()) return {};
  const WarmUp& w = it->second;
  const std::string from = source.empty() ? std::string("the system's address") : source;
  if (w.cap >= kWarm) return from + " is warmed up";
  return std::to_string(w.used) + " of " + std::to_string(w.cap) + " recipients today from " + from;
}

// --- kept on disk ----------------------------------------------------------------------------------

void Scores::restore(KeptScore kept) {
  if (days_.size() >= kMaxScored && !days_.contains(kept.provider)) return;
  auto& days = days_[kept.provider];
  for (DayScore& d : kept.days) {
    const auto same = std::find_if(days.begin(), days.end(), [&](const DayScore& x) { return x.day == d.day; });
    if (same == days.end()) {
      days.push_back(std::move(d));
    } else {
      add(same->tally, d.tally);
      same->held += d.held;
    }
  }
  std::sort(days.begin(), days.end(), [](const DayScore& a, const DayScore& b) { return a.day < b.day; });
  if (days.size() > kScoreDays) days.erase(days.begin(), days.end() - static_cast<std::ptrdiff_t>(kScoreDays));
}

void Scores::restore(WarmUp kept) {
  if (warm_ups_.size() >= kMaxWarmUps && warm_up(kept.source, kept.provider) == nullptr) return;
  WarmUp& to = warm_ups_[{kept.source, kept.provider}];
  const uint32_t used = to.day == kept.day ? to.used : 0;
  const uint32_t deferred = to.day == kept.day ? to.deferred : 0;
  to = std::move(kept);
  to.used += used;
  to.deferred += deferred;
}

std::vector<KeptScore> Scores::take_scores() {
  std::vector<KeptScore> out;
  for (const auto& provider : std::exchange(changed_, {})) out.push_back({provider, days_[provider]});
  return out;
}

std::vector<WarmUp> Scores::take_warm_ups() {
  std::vector<WarmUp> out;
  for (const auto& key : std::exchange(changed_warm_ups_, {})) out.push_back(warm_ups_[key]);
  return out;
}

}  // namespace mailkeep::relay
