// The TLS reports that relay owes (RFC 8460 4.1, 5.5): what was counted of each domain in each period, and when it goes
// out.
//
//   count() ─▶ counting ─ the period ends, a while passes ─▶ due ─ begin() ─▶ under way ─ finish() ─▶ gone
//                                                             ▲                   │
//                                                             └──── put_off() ────┘   until kReportPatience is over
//
// A period is a whole interval since 1970: with a day's interval a day (UTC), whenever the process was started, so that
// a report keeps its id. Which of a domain's URIs have been served is part of the entry: those are not served again.
//
// All of it is kept in notes of the queue (report_slots.h): restore() takes what they hold, changed() says what is to
// be written. Pure: the owner passes the time. Run by relay.
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "smtpd/relay/report_slots.h"
#include "smtpd/relay/tls_report.h"

namespace mailkeep::relay {

constexpr size_t kMaxReported = 5000;          // entries
constexpr int64_t kReportPatience = 86400;     // RFC 8460 5.5: 24 hours after the first attempt
constexpr int64_t kForgetReport = 10 * 86400;  // seconds after which an entry that nobody came back for is of no use
constexpr size_t kMaxServed = 16;  // URIs of one entry: a domain that names other ones each time has had enough then
constexpr int64_t kReportRetry =
    300;  // seconds after the first failure; or the interval, if that is less. Then twice as long, and so on
constexpr int64_t kMaxReportRetry = 4 * 3600;
constexpr int64_t kReportSpread =
    6;  // reports of an interval go out in the first one of so many parts of the next (RFC 8460 4.1: 4 hours)

class ReportBook {
 public:
  using Key = ReportKey;
  struct Entry {
    int64_t until = 0;  // the period's end
    DomainReport report;
    std::vector<std::string> served;  // URIs
    uint32_t tries = 0;
    int64_t first_try = 0;
    int64_t next_try = 0;
    bool under_way = false;
  };

  // Of a slot that was written once: its value, whatever it is. What has been counted meanwhile is added.
  void restore(size_t slot, const std::string& value, int64_t now);
  // Slots as they are to be written now, by number; an empty value: nothing is in it.
  using Notes = std::vector<std::pair<size_t, std::string>>;
  Notes changed();
  Notes changed(const Key& only);
  bool is_changed() const { return slots_.is_touched(); }
  void change_all() { slots_.touch_all(); }
  size_t slots() const { return slots_.used(); }

  // 0: no reports, and what there was is forgotten.
  void set_interval(int64_t seconds);
  // The report that a session of now belongs in. nullptr: none is wanted, or there are too many.
  DomainReport* count(const std::string& domain, int64_t now);

  // One that is due; it is under way then.
  std::optional<Key> begin(int64_t now);
  const Entry* find(const Key& key) const;
  bool is_served(const Key& key, const std::string& uri) const;
  void served(const Key& key, const std::string& uri);
  // Every URI is served, or nobody wants it.
  void finish(const Key& key);
  // It is due again later. False: its time is over, and it is gone.
  bool put_off(const Key& key, int64_t now);
  // When one is due that is not under way.
  std::optional<int64_t> next() const;
  size_t size() const { return entries_.size(); }

 private:
  std::string encode(const Key& key) const;
  static Notes joined(std::vector<SlotNote> notes);
  int64_t interval_ = 0;
  ReportSlots slots_;
  std::map<Key, Entry> entries_;
  std::set<std::pair<int64_t, Key>> schedule_;  // by next_try; those under way are not in it
};

}  // namespace mailkeep::relay
