// The TLS reports that relay owes: see report_book.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/report_book.h"

#include <algorithm>

#include "lib/base/crc32c.h"

namespace mailkeep::relay {

void ReportBook::set_interval(int64_t seconds) {
  interval_ = seconds;
  if (seconds != 0) return;
  entries_.clear();
  schedule_.clear();
}

// Not all at once when the period ends, and a domain's always at the same time after it.
DomainReport* ReportBook::count(const std::string& domain, int64_t now) {
  if (interval_ == 0) return nullptr;
  const Key key(now - now % interval_, domain);
  auto it = entries_.find(key);
  if (it == entries_.end()) {
    if (entries_.size() >= kMaxReported) return nullptr;
    it = entries_.emplace(key, Entry()).first;
    it->second.until = key.first + interval_;
    it->second.next_try = it->second.until + crc32c(domain) % std::max<int64_t>(interval_ / kReportSpread, 1);
    schedule_.emplace(it->second.next_try, key);
  }
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

void ReportBook::served(const Key& key, const std::string& uri) {
  const auto it = entries_.find(key);
  if (it != entries_.end()) it->second.served.push_back(uri);
}

void ReportBook::finish(const Key& key) {
  const auto it = entries_.find(key);
  if (it == entries_.end()) return;
  schedule_.erase({it->second.next_try, key});
  entries_.erase(it);
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
  return true;
}

std::optional<int64_t> ReportBook::next() const {
  if (schedule_.empty()) return {};
  return schedule_.begin()->first;
}

}  // namespace mailkeep::relay
