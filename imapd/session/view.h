// View: the selected mailbox as one client knows it. Message sequence numbers are places in `uids`; what has become
// durable in the store since the client was last told waits in `added`, `expunged` and `flagged` until it may be told
// (RFC 3501 5.2, 7.4.1).
// Run by `user`.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lib/imap/sequence_set.h"
#include "lib/store/types.h"

namespace mailkeep::imapd {

struct View {
  store::MailboxId id = 0;
  bool is_read_only = false;
  std::vector<store::Uid> uids;  // ascending; the client's message n is uids[n-1]
  store::UidSet recent;          // \Recent in this session
  uint32_t keywords_shown = 0;   // the mailbox's keywords_version in the last FLAGS response

  std::vector<store::Uid> added;  // ascending, all above uids
  store::UidSet expunged;
  store::UidSet flagged;
  bool is_gone = false;  // the mailbox was deleted: all of it counts as expunged

  // The message number of a uid; nothing when the client does not know it.
  std::optional<uint32_t> number(store::Uid uid) const;
  uint32_t recent_count() const;
  bool has_news() const { return is_gone || !added.empty() || !expunged.empty() || !flagged.empty(); }

  // The uids that a client's set names. Nothing for message numbers that do not exist, which is a BAD.
  std::optional<std::vector<store::Uid>> select(const imap::SequenceSet& set, bool by_uid) const;

  // One change of the mailbox that has become durable.
  void note(const store::Change& change);
};

store::UidSet to_uid_set(std::span<const store::Uid> ascending);
// "1:3,7"
std::string format_uids(const store::UidSet& set);

}  // namespace mailkeep::imapd
