// The TLS reports that relay owes: see report_book.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/report_book.h"

#include <algorithm>

#include "lib/base/crc32c.h"
#include "lib/base/limits.h"
#include "lib/imsg/codec.h"
#include "smtpd/relay/report_uri.h"

namespace mailkeep::relay {
namespace {

constexpr int64_t kMaxAhead = 8 * 86400;  // of an entry's times: an interval is a week at most

struct KeptFailure {
  ReportFailure failure;
  uint64_t count = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.text(m.failure.type, kMaxFailureBytes);
    c.text(m.failure.host, kMaxFailureBytes);
    c.text(m.failure.text, kMaxFailureBytes);
    c.num(m.count);
  }
};

struct Kept {
  int64_t from = 0;
  std::string domain;
  int64_t until = 0;
  std::string policy_type;
  std::vector<std::string> policy, hosts;
  uint64_t good = 0;
  std::vector<KeptFailure> failures;
  std::vector<std::string> served;
  uint32_t tries = 0;
  int64_t first_try = 0;
  int64_t next_try = 0;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.i64(m.from);
    c.text(m.domain, kMaxDomain);
    c.i64(m.until);
    c.text(m.policy_type, kMaxPolicyType);
    c.texts(m.policy, kMaxPolicyLines, kMaxPolicyBytes);
    c.texts(m.hosts, kMaxPolicyLines, kMaxPolicyBytes);
    c.num(m.good);
    c.list(m.failures, kMaxFailureKinds);
    c.texts(m.served, kMaxServed, kMaxRuaText);
    c.num(m.tries);
    c.i64(m.first_try);
    c.i64(m.next_try);
  }
};

struct KeptSlot {
  std::vector<Kept> entries;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.list(m.entries, kSlotBytes);
  }
};

uint64_t sum(const DomainReport& r) {
  uint64_t out = r.good;
  for (const auto& [failure, count] : r.failures) out += count;
  return out;
}

uint64_t sum(const Kept& kept) {
  uint64_t out = kept.good;
  for (const auto& f : kept.failures) out += f.count;
  return out;
}

void add(DomainReport& r, Kept& kept) {
  if (r.policy_type.empty()) {
    r.policy_type = std::move(kept.policy_type);
    r.policy = std::move(kept.policy);
    r.hosts = std::move(kept.hosts);
    clip_policy(r);  // what is counted beside it has its limits already: together they fit into a note again
  }
  r.good += kept.good;
  for (auto& f : kept.failures) add_failure(r, std::move(f.failure), f.count);
}

}  // namespace

void ReportBook::set_interval(int64_t seconds) {
  interval_ = seconds;
  if (seconds != 0) return;
  for (const auto& [key, entry] : entries_) slots_.touch(key);
  entries_.clear();
  schedule_.clear();
}

// Not all at once when the period ends, and a domain's always at the same time after it.
DomainReport* ReportBook::count(const std::string& domain, int64_t now) {
  if (interval_ == 0 || domain.size() > kMaxDomain) return nullptr;
  const Key key(now - now % interval_, domain);
  auto it = entries_.find(key);
  if (it == entries_.end()) {
    if (entries_.size() >= kMaxReported) return nullptr;
    it = entries_.emplace(key, Entry()).first;
    it->second.until = key.first + interval_;
    it->second.next_try = it->second.until + crc32c(domain) % std::max<int64_t>(interval_ / kReportSpread, 1);
    schedule_.emplace(it->second.next_try, key);
  }
  slots_.touch(key);
  return &it->second.report;
}

std::optional<ReportBook::Key> ReportBook::begin(int64_t now) {
  if (schedule_.empty() || schedule_.begin()->first > now) return {};
  const Key key = schedule_.extract(schedule_.begin()).value().second;
  Entry& e = entries_.find(key)->second;
  e.under_way = true;
  if (e.first_try == 0) e.first_try = now;
  return key;
}

const ReportBook::Entry* ReportBook::find(const Key& key) const {
  const auto it = entries_.find(key);
  return it == entries_.end() ? nullptr : &it->second;
}

bool ReportBook::is_served(const Key& key, const std::string& uri) const {
  const Entry* e = find(key);
  if (e == nullptr || e->served.size() >= kMaxServed) return true;
  return std::find(e->served.begin(), e->served.end(), uri) != e->served.end();
}

void ReportBook::served(const Key& key, const std::string& uri) {
  const auto it = entries_.find(key);
  if (it == entries_.end() || it->second.served.size() >= kMaxServed) return;
  it->second.served.push_back(uri);
  slots_.touch(key);
}

void ReportBook::finish(const Key& key) {
  const auto it = entries_.find(key);
  if (it == entries_.end()) return;
  schedule_.erase({it->second.next_try, key});
  entries_.erase(it);
  slots_.touch(key);
}

bool ReportBook::put_off(const Key& key, int64_t now) {
  const auto it = entries_.find(key);
  if (it == entries_.end() || !it->second.under_way) return true;
  Entry& e = it->second;
  const int64_t first = std::min(kReportRetry, std::max<int64_t>(interval_, 1));
  const int64_t wait = std::min(first << std::min<uint32_t>(e.tries, 16), kMaxReportRetry);
  ++e.tries;
  if (now + wait > e.first_try + kReportPatience) return finish(key), false;
  e.under_way = false;
  e.next_try = now + wait;
  schedule_.emplace(e.next_try, key);
  slots_.touch(key);
  return true;
}

std::optional<int64_t> ReportBook::next() const {
  if (schedule_.empty()) return {};
  return schedule_.begin()->first;
}

// --- on disk ---------------------------------------------------------------------------------------

std::string ReportBook::encode(const Key& key) const {
  const Entry* e = find(key);
  if (e == nullptr) return {};
  Kept kept;
  kept.from = key.first;
  kept.domain = key.second;
  kept.until = e->until;
  kept.policy_type = e->report.policy_type;
  kept.policy = e->report.policy;
  kept.hosts = e->report.hosts;
  kept.good = e->report.good;
  for (const auto& [failure, count] : e->report.failures) kept.failures.push_back({failure, count});
  kept.served = e->served;
  kept.tries = e->tries;
  kept.first_try = e->first_try;
  kept.next_try = e->next_try;
  imsg::Encoder out;
  Kept::fields(out, kept);
  return std::move(out.bytes());
}

ReportBook::Notes ReportBook::joined(std::vector<SlotNote> notes) {
  Notes out;
  for (const SlotNote& note : notes) {
    imsg::Encoder e;
    if (!note.entries.empty()) e.num(static_cast<uint32_t>(note.entries.size()));
    for (const std::string& entry : note.entries) e.bytes() += entry;
    out.emplace_back(note.slot, std::move(e.bytes()));
  }
  return out;
}

ReportBook::Notes ReportBook::changed() {
  return joined(slots_.changed([this](const Key& key) { return encode(key); }));
}

ReportBook::Notes ReportBook::changed(const Key& only) {
  return joined(slots_.changed([this](const Key& key) { return encode(key); }, only));
}

// What this process has counted since it began comes on top; of two notes with the same entry, which a crash while it
// moved from one to the other can leave, the one with more in it holds.
void ReportBook::restore(size_t slot, const std::string& value, int64_t now) {
  KeptSlot all;
  std::deque<Fd> none;
  if (slot >= kReportSlots || !imsg::decode(value, none, all)) return;
  for (Kept& kept : all.entries) {
    const Key key(kept.from, kept.domain);
    const bool is_stale = kept.until <= kept.from || kept.until < now - kForgetReport || kept.from > now + kMaxAhead ||
                          kept.until > kept.from + kMaxAhead;
    if (is_stale || interval_ == 0 || (entries_.size() >= kMaxReported && !entries_.contains(key))) {
      slots_.touch_slot(slot);
      continue;
    }
    Entry& e = entries_[key];
    const bool is_first = slots_.place(key, slot, value.size() / all.entries.size());
    const bool is_more = is_first || sum(kept) > sum(e.report);
    if (!is_first && is_more) e.report = {};
    if (is_more) add(e.report, kept);
    for (const std::string& uri : kept.served) {
      if (e.served.size() < kMaxServed && std::find(e.served.begin(), e.served.end(), uri) == e.served.end())
        e.served.push_back(uri);
    }
    if (e.until != 0 && !e.under_way) schedule_.erase({e.next_try, key});
    e.until = kept.until;
    e.tries = std::max(e.tries, kept.tries);
    e.first_try = std::clamp<int64_t>(kept.first_try, 0, now + kMaxAhead);
    e.next_try = std::max(e.next_try, std::min(kept.next_try, now + kMaxAhead));
    if (!e.under_way) schedule_.emplace(e.next_try, key);
  }
}

}  // namespace mailkeep::relay
