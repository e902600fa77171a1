// MTA-STS: see sts.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/sts.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/text/tags.h"

namespace mailkeep::relay {
namespace {

constexpr std::string_view kVersion = "STSv1";
constexpr size_t kMaxLines = 1000;

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxStsId && std::all_of(text.begin(), text.end(), is_alnum);
}

// sts-policy-mx: a name, or "*." and one
bool is_host(std::string_view text) {
  if (text.starts_with("*.")) text.remove_prefix(2);
  if (text.empty() || text.size() > kMaxDomain || text.front() == '.' || text.find("..") != text.npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_'; });
}

// Such as a policy that was fetched has, though the clock may have been wrong.
bool has_times(const StsRecord& r, int64_t now) {
  return r.fetched >= 0 && r.fetched <= now + kMaxAge && r.expires >= r.fetched && r.expires - r.fetched <= kMaxAge;
}

std::string_view mode_name(StsMode mode) {
  return mode == StsMode::kEnforce ? "enforce" : mode == StsMode::kTesting ? "testing" : "none";
}

}  // namespace

std::optional<std::string> parse_sts_texts(const std::vector<std::string>& texts) {
  const auto tags = text::tags_of_record(texts, kVersion);
  if (!tags) return {};
  const auto it =
      std::find_if(tags->begin(), tags->end(), [](const auto& tag) { return tag.name == "id" && is_id(tag.value); });
  return it == tags->end() ? std::nullopt : std::optional<std::string>(it->value);
}

mailkeep::Result<StsText> parse_sts_policy(std::string_view body) {
  StsText out;
  bool has_version = false, has_mode = false, has_age = false;
  const auto lines = split(body, '\n');
  if (lines.size() > kMaxLines) return Error("more than " + std::to_string(kMaxLines) + " lines");
  for (const std::string_view whole : lines) {
    const std::string_view line =
        trim(!whole.empty() && whole.back() == '\r' ? whole.substr(0, whole.size() - 1) : whole);
    const size_t colon = line.find(':');
    if (line.empty()) continue;
    if (colon == line.npos) return Error("a line without a colon");
    const std::string_view name = trim(line.substr(0, colon));
    const std::string_view value = trim(line.substr(colon + 1));
    // Of a key that comes again the first counts, but mx.
    if (name == "version" && !has_version) {
      if (value != kVersion) return Error("version " + printable(value, 20));
      has_version = true;
    } else if (name == "mode" && !has_mode) {
      if (value != "enforce" && value != "testing" && value != "none") return Error("mode " + printable(value, 20));
      out.policy.mode = value == "enforce"   ? StsMode::kEnforce
                        : value == "testing" ? StsMode::kTesting
                                             : StsMode::kNone;
      has_mode = true;
    } else if (name == "max_age" && !has_age) {
      const auto n = parse_u64(value);
      if (!n) return Error("max_age " + printable(value, 20));
      out.max_age = static_cast<int64_t>(std::min<uint64_t>(*n, kMaxAge));
      has_age = true;
    } else if (name == "mx") {
      if (!is_host(value)) return Error("mx " + printable(value, 60));
      if (out.policy.hosts.size() == kMaxStsHosts) return Error("more than " + std::to_string(kMaxStsHosts) + " hosts");
      out.policy.hosts.push_back(lower(value));
    }
  }
  if (!has_version) return Error("no version");
  if (!has_mode) return Error("no mode");
  if (!has_age) return Error("no max_age");
  if (out.policy.mode != StsMode::kNone && out.policy.hosts.empty()) return Error("no mx");
  return out;
}

const StsPolicy* StsBook::policy(const std::string& domain, int64_t now) const {
  const auto it = entries_.find(domain);
  if (it == entries_.end() || !it->second.record || now >= it->second.record->expires) return nullptr;
  return &it->second.record->policy;
}

std::string StsBook::identity(const std::string& domain, int64_t now) const {
  if (policy(domain, now) == nullptr) return {};
  const StsRecord& record = *entries_.find(domain)->second.record;
  return record.id + " " + std::to_string(record.fetched);
}

bool StsBook::is_due(const Entry& e, int64_t now) const {
  return e.looked == 0 || now >= e.looked + kLookAgain || now < e.looked;
}

bool StsBook::ready(const std::string& domain, int64_t now) {
  make_room();
  Entry& e = entries_[domain];
  if (e.phase == Phase::kIdle && !e.recalled) {
    e.phase = Phase::kRecall;
    calls_.recall(domain);
    return false;
  }
  if (e.phase == Phase::kIdle && is_due(e, now)) look(domain, e);
  return entries_[domain].phase == Phase::kIdle || policy(domain, now) != nullptr;
}

void StsBook::look(const std::string& domain, Entry& e) {
  e.phase = Phase::kLook;
  calls_.look(domain);
}

// The last thing that is done: the owner may ask again from within.
void StsBook::done(const std::string& domain, Entry& e) {
  e.phase = Phase::kIdle;
  calls_.known(domain);
}

void StsBook::recalled(const std::string& domain, std::optional<StsRecord> record, int64_t now) {
  const auto it = entries_.find(domain);
  if (it == entries_.end() || it->second.phase != Phase::kRecall) return;
  Entry& e = it->second;
  e.recalled = true;
  if (record && record->domain == domain && now < record->expires && has_times(*record, now))
    e.record = std::move(record);
  look(domain, e);
  if (policy(domain, now) != nullptr) calls_.known(domain);
}

void StsBook::looked(const std::string& domain, bool failed, const std::vector<std::string>& texts, int64_t now) {
  const auto it = entries_.find(domain);
  if (it == entries_.end() || it->second.phase != Phase::kLook) return;
  Entry& e = it->second;
  e.looked = now;
  const auto id = failed ? std::nullopt : parse_sts_texts(texts);
  e.problem = failed ? "its TXT record could not be had" : "";
  const bool is_known =
      e.record && now < e.record->expires && id && e.record->id == *id && now < e.record->fetched + kRefetch;
  if (!id || is_known || now < e.fetch_after) return done(domain, e);
  e.id = *id;
  e.phase = Phase::kFetch;
  calls_.fetch(domain);
}

void StsBook::fetched(const std::string& domain, const mailkeep::Result<std::string>& body, int64_t now) {
  const auto it = entries_.find(domain);
  if (it == entries_.end() || it->second.phase != Phase::kFetch) return;
  Entry& e = it->second;
  const auto text = body ? parse_sts_policy(*body) : mailkeep::Result<StsText>(body.error());
  if (!text) {
    e.problem = (body ? "its policy has " : "its policy could not be had: ") + text.error().text;
    e.fetch_after = now + kFetchAgain;
    return done(domain, e);
  }
  e.record = StsRecord{domain, e.id, now, now + text->max_age, text->policy};
  calls_.keep(*e.record);
  done(domain, e);
}

void StsBook::refresh(int64_t now) {
  std::vector<std::string> due;
  for (const auto& [domain, e] : entries_) {
    if (e.phase == Phase::kIdle && e.record && now < e.record->expires && now >= e.record->fetched + kRefetch &&
        is_due(e, now))
      due.push_back(domain);
  }
  for (const auto& domain : due) look(domain, entries_[domain]);
}

// What is idle can be recalled.
void StsBook::make_room() {
  if (entries_.size() < kMaxStsEntries) return;
  for (auto it = entries_.begin(); it != entries_.end() && entries_.size() > kMaxStsEntries / 2;) {
    it = it->second.phase == Phase::kIdle ? entries_.erase(it) : std::next(it);
  }
}

std::string StsBook::describe(const std::string& domain, int64_t now) const {
  const auto it = entries_.find(domain);
  if (it == entries_.end()) return "not looked for";
  const Entry& e = it->second;
  if (!e.record || now >= e.record->expires) return e.problem.empty() ? "no policy" : "none, for " + e.problem;
  std::string out = std::string(mode_name(e.record->policy.mode)) + ", id " + e.record->id + ", for " +
                    std::to_string((e.record->expires - now) / 60) + " more minutes, hosts";
  for (const auto& host : e.record->policy.hosts) out += " " + host;
  return out + (e.problem.empty() ? "" : "; " + e.problem);
}

}  // namespace mailkeep::relay
