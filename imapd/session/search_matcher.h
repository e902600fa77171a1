// SearchMatcher: whether a message satisfies a SEARCH program (RFC 3501 6.4.4). Flags, sizes and dates come from the
// mailbox's rows, header keys from the header cache, BODY and TEXT from the message, decoded; the cheap keys first.
// Text is compared without case, by Unicode's folding.
// Run by `user`; the messages are strangers'.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "imapd/session/view.h"
#include "lib/imap/command.h"
#include "lib/store/store.h"

namespace mailkeep::imapd {

class SearchMatcher {
 public:
  SearchMatcher(store::Store& store, const View& view, const imap::SearchKey& key);

  // An Error when a key had to read the message and could not.
  Result<bool> matches(const store::Mailbox& mailbox, const store::Message& message, uint32_t number);
  // Bytes that were read, each read counting for kReadCost more, since the last call.
  size_t take_work() { return std::exchange(work_, 0); }

 private:
  static constexpr size_t kReadCost = 2048;

  struct Key {
    imap::SearchKey::Type type;
    std::string field, text;  // text is folded
    int64_t days = 0;
    uint32_t number = 0;
    std::vector<imap::NumberRange> set;
    std::vector<Key> children;
  };
  struct Subject {
    const store::Mailbox& mailbox;
    const store::Message& message;
    uint32_t number;
    std::optional<std::string> header{}, text{};
    std::optional<store::Summary> summary{};
  };

  Key prepare(const imap::SearchKey& key) const;
  static int cost(const Key& key);
  bool test(const Key& key, Subject& subject);
  bool has_flag(const Subject& subject, uint8_t flag) const { return (subject.message.flags & flag) != 0; }
  bool is_recent(const Subject& subject) const { return store::contains(view_.recent, subject.message.uid); }
  static bool has_keyword(const Key& key, const Subject& subject);
  bool header_contains(std::string_view field, const Key& key, Subject& subject);
  bool body_contains(const Key& key, Subject& subject);
  std::optional<int64_t> sent_day(Subject& subject);
  const store::Summary& summary(Subject& subject);
  const std::string& header(Subject& subject);
  const std::string& text(Subject& subject);

  store::Store& store_;
  const View& view_;
  Key root_;
  std::optional<Error> error_;
  size_t work_ = 0;
};

}  // namespace mailkeep::imapd
