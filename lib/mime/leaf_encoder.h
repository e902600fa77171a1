// A leaf part's bytes as quoted-printable or base64 (RFC 2045 6.7, 6.8), a line or a piece of one at a time, in bounded
// memory. What comes out are CRLF lines of at most 76 ASCII characters, and decodes to the very bytes that went in.
// Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mailkeep::mime {

enum class Encoding : uint8_t { kNone, kQuotedPrintable, kBase64 };

class LeafEncoder {
 public:
  void begin(Encoding encoding) { encoding_ = encoding; }
  Encoding encoding() const { return encoding_; }
  std::string_view name() const { return encoding_ == Encoding::kBase64 ? "base64" : "quoted-printable"; }

  // Not of kNone. A line with its CRLF, or bytes without one: never a CR whose LF comes with the next call.
  void put(std::string_view piece, std::string& out);
  // Before a delimiter, whose the last CRLF is (RFC 2046 5.1.1), or with `is_last` at the end of all.
  void end(bool is_last, std::string& out);

 private:
  void put_quoted(std::string_view bytes, std::string& out);
  void put_base64(std::string_view bytes, std::string& out);

  Encoding encoding_ = Encoding::kNone;
  size_t column_ = 0;       // of quoted-printable
  bool in_line_ = false;    // of quoted-printable: the line that has begun lacks its end
  std::string pending_;     // of base64
  bool owes_crlf_ = false;  // of base64
};

}  // namespace mailkeep::mime
