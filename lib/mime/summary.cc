// A message's summary: see the header.
// SPDX-License-Identifier: ISC
#include "lib/mime/summary.h"

#include "lib/mime/decode.h"
#include "lib/mime/imap_format.h"
#include "lib/mime/structure.h"
#include "lib/rfc5322/address.h"
#include "lib/rfc5322/date.h"
#include "lib/rfc5322/msgid.h"
#include "lib/rfc5322/subject.h"
#include "lib/text/casefold.h"
#include "lib/text/encoded_word.h"

namespace mailkeep::mime {
namespace {

// RFC 5256 2.2: the first address's mailbox (a group's name where the list starts with one).
std::string first_mailbox(const rfc5322::Header& header, std::string_view name) {
  const rfc5322::Field* field = header.find(name);
  if (field == nullptr) return "";
  const auto list = rfc5322::parse_address_list(field->value, {1, 10});
  if (list.empty()) return "";
  const bool is_group = list[0].kind == rfc5322::AddressKind::group_start;
  return text::casefold(is_group ? list[0].name : list[0].local);
}

std::vector<std::string> references(const rfc5322::Header& header) {
  constexpr size_t kMaxReferences = 200;
  const rfc5322::Field* field = header.find("references");
  if (field != nullptr) {
    auto ids = rfc5322::parse_message_ids(field->value, kMaxReferences);
    if (!ids.empty()) return ids;
  }
  field = header.find("in-reply-to");
  if (field == nullptr) return {};
  auto ids = rfc5322::parse_message_ids(field->value);
  if (ids.size() > 1) ids.resize(1);
  return ids;
}

}  // namespace

Summary summarize(std::string_view message) {
  const Part root = parse_structure(message);
  const rfc5322::Header header = rfc5322::parse_header(root.header(message));
  Summary summary;
  summary.envelope = imap_envelope(header);
  summary.body = imap_body(root, message, false);
  summary.bodystructure = imap_body(root, message, true);
  summary.header_size = root.body_start;
  summary.body_lines = root.lines;
  const rfc5322::Field* date = header.find("date");
  if (const auto sent = date == nullptr ? std::nullopt : rfc5322::parse_date(date->value)) {
    summary.has_sent = true;
    summary.sent = sent->unix_seconds;
    summary.sent_day = sent->local_day();
  }
  const rfc5322::BaseSubject subject = rfc5322::base_subject(text::decode_words(header.text("subject")));
  summary.base_subject = text::casefold(subject.text);
  summary.is_reply_or_forward = subject.is_reply_or_forward;
  summary.from = first_mailbox(header, "from");
  summary.to = first_mailbox(header, "to");
  summary.cc = first_mailbox(header, "cc");
  if (const rfc5322::Field* id = header.find("message-id")) {
    auto ids = rfc5322::parse_message_ids(id->value);
    if (!ids.empty()) summary.message_id = std::move(ids[0]);
  }
  summary.references = references(header);
  summary.preview = preview(root, message);
  return summary;
}

}  // namespace mailkeep::mime
