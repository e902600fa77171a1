// The header of a submission (RFC 6409 6, 8): what is missing is added, what is private is taken out, and who claims to
// have written it is found, to be compared with who has logged in.
//
// Refused: no From, or one without an address; From, Sender, Date or Message-ID twice; a line that is no field, at
// which readers would part ways about where the header ends. Added when missing: Date, Message-ID. Taken out: Bcc.
// Pure; run by smtpd. The bytes are those of somebody who has logged in, and no more to be trusted for that.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace mailkeep::receive {

constexpr size_t kMaxSubmittedHeader = 128 * 1024;  // of it no more is held in memory before it is whole

struct SubmissionFacts {
  std::string domain;    // for a Message-ID
  uint64_t message = 0;  // id
  uint64_t random = 0;
  int64_t now = 0;  // unix seconds
};

struct SubmittedHeader {
  std::string text;                  // with its empty line, if it had one
  std::vector<std::string> authors;  // each address that a reader may take for an author or sender, once
};

// Where the header of `content` ends, its empty line included; npos: not yet. Nothing before `from` is looked at, which
// may be where `content` ended at the last call, less 3.
size_t find_header_end(std::string_view content, size_t from);

// `header`: CRLF lines. An Error's text is for the client (550 5.6.0).
Result<SubmittedHeader> complete_header(std::string_view header, const SubmissionFacts& facts);

// The header with each address of `from` in From, Sender and Reply-To as the one of `to` at its place; comments, quoted
// names and all else stay.
std::string replace_authors(std::string_view header, const std::vector<std::string>& from,
                            const std::vector<std::string>& to);

}  // namespace mailkeep::receive
