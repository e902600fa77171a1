// Whether a message satisfies a SEARCH program. Run by `user`; the messages are strangers'.
// SPDX-License-Identifier: ISC
#include "imapd/session/search_matcher.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/mime/decode.h"
#include "lib/mime/structure.h"
#include "lib/rfc5322/header.h"
#include "lib/text/casefold.h"
#include "lib/text/encoded_word.h"

namespace mailkeep::imapd {

using Type = imap::SearchKey::Type;

namespace {

int64_t day_of(int64_t seconds) { return seconds >= 0 ? seconds / 86400 : -((-seconds + 86399) / 86400); }

}  // namespace

SearchMatcher::SearchMatcher(store::Store& store, const View& view, const imap::SearchKey& key)
    : store_(store), view_(view), root_(prepare(key)) {}

SearchMatcher::Key SearchMatcher::prepare(const imap::SearchKey& from) const {
  Key key{from.type, from.field, {}, from.days, from.number, {}, {}};
  const bool is_keyword = from.type == Type::kKeyword || from.type == Type::kUnkeyword;
  const bool is_header = cost(key) == 1;  // whose fields are compared with their white space as one space
  key.text = is_keyword ? from.text : text::casefold(is_header ? rfc5322::one_spaced(from.text) : from.text);
  if (from.type == Type::kUid) key.set = from.set.resolve(view_.uids.empty() ? 0 : view_.uids.back());
  if (from.type == Type::kSequence) key.set = from.set.resolve(static_cast<uint32_t>(view_.uids.size()));
  for (const imap::SearchKey& child : from.children) key.children.push_back(prepare(child));
  std::stable_sort(key.children.begin(), key.children.end(),
                   [](const Key& a, const Key& b) { return cost(a) < cost(b); });
  return key;
}

int SearchMatcher::cost(const Key& key) {
  int most = 0;
  for (const Key& child : key.children) most = std::max(most, cost(child));
  switch (key.type) {
    case Type::kBody:
    case Type::kText: return 2;
    case Type::kBcc:
    case Type::kCc:
    case Type::kFrom:
    case Type::kSubject:
    case Type::kTo:
    case Type::kHeader:
    case Type::kSentBefore:
    case Type::kSentOn:
    case Type::kSentSince: return 1;
    default: return most;
  }
}

Result<bool> SearchMatcher::matches(const store::Mailbox& mailbox, const store::Message& message, uint32_t number) {
  Subject subject{mailbox, message, number};
  error_.reset();
  const bool result = test(root_, subject);
  if (error_) return *error_;
  return result;
}

bool SearchMatcher::test(const Key& key, Subject& subject) {
  const store::Message& message = subject.message;
  switch (key.type) {
    case Type::kAll: return true;
    case Type::kAnswered: return has_flag(subject, store::kAnswered);
    case Type::kDeleted: return has_flag(subject, store::kDeleted);
    case Type::kDraft: return has_flag(subject, store::kDraft);
    case Type::kFlagged: return has_flag(subject, store::kFlagged);
    case Type::kSeen: return has_flag(subject, store::kSeen);
    case Type::kUnanswered: return !has_flag(subject, store::kAnswered);
    case Type::kUndeleted: return !has_flag(subject, store::kDeleted);
    case Type::kUndraft: return !has_flag(subject, store::kDraft);
    case Type::kUnflagged: return !has_flag(subject, store::kFlagged);
    case Type::kUnseen: return !has_flag(subject, store::kSeen);
    case Type::kNew: return is_recent(subject) && !has_flag(subject, store::kSeen);
    case Type::kOld: return !is_recent(subject);
    case Type::kRecent: return is_recent(subject);
    case Type::kKeyword: return has_keyword(key, subject);
    case Type::kUnkeyword: return !has_keyword(key, subject);
    case Type::kBcc: return header_contains("Bcc", key, subject);
    case Type::kCc: return header_contains("Cc", key, subject);
    case Type::kFrom: return header_contains("From", key, subject);
    case Type::kSubject: return header_contains("Subject", key, subject);
    case Type::kTo: return header_contains("To", key, subject);
    case Type::kHeader: return header_contains(key.field, key, subject);
    case Type::kBody:
    case Type::kText: return body_contains(key, subject);
    case Type::kBefore: return day_of(message.internal_date) < key.days;
    case Type::kOn: return day_of(message.internal_date) == key.days;
    case Type::kSince: return day_of(message.internal_date) >= key.days;
    case Type::kSentBefore: {
      const auto day = sent_day(subject);
      return day && *day < key.days;
    }
    case Type::kSentOn: return sent_day(subject) == key.days;
    case Type::kSentSince: {
      const auto day = sent_day(subject);
      return day && *day >= key.days;
    }
    case Type::kLarger: return message.size > key.number;
    case Type::kSmaller: return message.size < key.number;
    case Type::kSequence: return imap::contains(key.set, subject.number);
    case Type::kUid: return imap::contains(key.set, message.uid);
    case Type::kNot: return !test(key.children[0], subject);
    case Type::kOr: return test(key.children[0], subject) || test(key.children[1], subject);
    case Type::kAnd:
      return std::all_of(key.children.begin(), key.children.end(),
                         [&](const Key& child) { return test(child, subject); });
  }
  return false;
}

bool SearchMatcher::has_keyword(const Key& key, const Subject& subject) {
  const auto& names = subject.mailbox.keywords;
  for (size_t i = 0; i < names.size(); ++i)
    if (equals_nocase(names[i], key.text)) return (subject.message.keywords >> i & 1) != 0;
  return false;
}

const std::string& SearchMatcher::text(Subject& subject) {
  if (!subject.text) {
    auto read = store_.read_all(subject.message);
    if (!read) error_ = read.error();
    work_ += subject.message.size + kReadCost;
    subject.text = std::move(read).value_or(std::string());
  }
  return *subject.text;
}

const store::Summary& SearchMatcher::summary(Subject& subject) {
  if (!subject.summary) {
    auto made = store_.summary(subject.message);
    if (!made) error_ = made.error();
    work_ += kReadCost;
    subject.summary = std::move(made).value_or(store::Summary{});
  }
  return *subject.summary;
}

const std::string& SearchMatcher::header(Subject& subject) {
  if (!subject.header) {
    std::string bytes(summary(subject).header_size, '\0');
    const auto got = store_.read(subject.message, 0, bytes);
    if (!got) error_ = got.error();
    bytes.resize(got ? *got : 0);
    work_ += bytes.size() + kReadCost;
    subject.header = std::move(bytes);
  }
  return *subject.header;
}

// An empty text matches every message that has the field (RFC 3501 6.4.4, HEADER).
bool SearchMatcher::header_contains(std::string_view field, const Key& key, Subject& subject) {
  const rfc5322::Header parsed = rfc5322::parse_header(header(subject));
  for (const rfc5322::Field* found : parsed.find_all(field))
    if (text::contains_folded(rfc5322::one_spaced(text::decode_words(rfc5322::unfold(found->value))), key.text))
      return true;
  return false;
}

bool SearchMatcher::body_contains(const Key& key, Subject& subject) {
  const std::string& all = text(subject);
  const mime::Part root = mime::parse_structure(all);
  return key.type == Type::kBody ? mime::body_contains(root, all, key.text) : mime::text_contains(root, all, key.text);
}

std::optional<int64_t> SearchMatcher::sent_day(Subject& subject) {
  const store::Summary& made = summary(subject);
  if (!made.has_sent) return std::nullopt;
  return made.sent_day;
}

}  // namespace mailkeep::imapd
