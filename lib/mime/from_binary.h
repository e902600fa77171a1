// A binary message (RFC 3030 3) as one of CRLF lines, which all that comes after takes: the store, IMAP, Maildir, mbox,
// LMTP and hosts without BINARYMIME. Each leaf part that says Content-Transfer-Encoding: binary becomes
// quoted-printable (text) or base64, and decodes to the very bytes it had. One pass, in bounded memory.
//
//   header ──empty line──▶ multipart: preamble ──delimiter──▶ header of a part … ──close──▶ epilogue
//                          message/rfc822: header of the message within
//                          else: a leaf, encoded if its header says binary
// A delimiter stands behind a CRLF; behind an LF alone it is a binary part's content. What is signed is not changed
// (RFC 1847 2.1): it passes if it is lines of text, whatever it says of itself. What else is no lines of text does not
// pass. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/mime/leaf_encoder.h"
#include "lib/mime/open_parts.h"

namespace mailkeep::mime {

constexpr size_t kMaxBinaryPiece = 64 * 1024 + 2;  // a line of text with its end, or so much of binary content at once

class FromBinary {
 public:
  // Bytes, cut anywhere; what comes out does not depend on where. Nothing more after a problem.
  void feed(std::string_view in, std::string& out);
  void finish(std::string& out);
  // Why the message cannot be taken, as a sentence for its sender that says what to do; empty: it can.
  std::string_view problem() const { return problem_; }

 private:
  enum class State : uint8_t { kHeader, kOutside, kLeaf };
  void take_piece(std::string_view piece, std::string& out, bool is_last = false);
  bool take_delimiter(std::string_view line, std::string& out);
  void end_header(std::string& out);
  void check_text(std::string_view piece, bool is_last);
  void fail(std::string_view why) {
    if (problem_.empty()) problem_ = why;
  }

  std::string_view problem_;
  std::string rest_;  // of a piece that is not yet whole
  bool at_line_start_ = true;
  State state_ = State::kHeader;
  std::string header_;
  OpenParts parts_;
  LeafEncoder encoder_;
};

}  // namespace mailkeep::mime
