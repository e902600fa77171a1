// From lib/mime's summary to the store's. Run by `user`; the message is a stranger's.
// SPDX-License-Identifier: ISC
#include "imapd/session/summarize.h"

#include <utility>

#include "lib/mime/summary.h"

namespace mailkeep::imapd {

store::Summary summarize(std::string_view message) {
  mime::Summary from = mime::summarize(message);
  store::Summary to;
  to.envelope = std::move(from.envelope);
  to.body = std::move(from.body);
  to.bodystructure = std::move(from.bodystructure);
  if (from.header_size <= store::kMaxCachedHeader) to.header = message.substr(0, from.header_size);
  to.sent = from.sent;
  to.base_subject = std::move(from.base_subject);
  to.message_id = std::move(from.message_id);
  for (const std::string& id : from.references) {
    if (!to.references.empty()) to.references += ' ';
    to.references += id;
  }
  to.preview = std::move(from.preview);
  return to;
}

}  // namespace mailkeep::imapd
