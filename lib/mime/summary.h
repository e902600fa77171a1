// All that the store's header cache wants of a message, made in one go while it is in memory. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailkeep::mime {

struct Summary {
  std::string envelope;  // IMAP text (imap_format.h)
  std::string body;
  std::string bodystructure;
  size_t header_size = 0;  // with its empty line
  size_t body_lines = 0;
  int64_t sent = 0;      // Date: in seconds since 1970 UTC; 0: none or not readable
  int64_t sent_day = 0;  // days since 1970 of the date as written (SENTBEFORE, SENTON, SENTSINCE)
  bool has_sent = false;
  // Sort keys (RFC 5256), decoded and case folded.
  std::string base_subject;
  bool is_reply_or_forward = false;
  std::string from;  // the first address's mailbox
  std::string to;
  std::string cc;
  std::string message_id;               // without brackets
  std::vector<std::string> references;  // References, else the first of In-Reply-To (RFC 5256 3)
  std::string preview;                  // RFC 8970
};

Summary summarize(std::string_view message);

}  // namespace mailkeep::mime
