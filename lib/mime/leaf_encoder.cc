// Bytes as quoted-printable or base64: see leaf_encoder.h.
// SPDX-License-Identifier: ISC
#include "lib/mime/leaf_encoder.h"

#include <utility>

#include "lib/text/base64.h"

namespace mailkeep::mime {
namespace {

constexpr size_t kBase64Line = 57;  // bytes in 76 characters
constexpr size_t kQpLine = 75;      // characters before a soft line break

}  // namespace

// RFC 2045 6.7: rules 1 to 5, and what some gateways would break. A CR or LF alone is a byte like others.
void LeafEncoder::put_quoted(std::string_view bytes, std::string& out) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    const auto byte = static_cast<unsigned char>(c);
    const bool is_blank_end = (c == ' ' || c == '\t') && i + 1 == bytes.size();
    const bool is_literal = ((byte >= 33 && byte <= 126 && c != '=') || c == ' ' || c == '\t') && !is_blank_end;
    if (column_ + (is_literal ? 1 : 3) > kQpLine) {
      out += "=\r\n";
      column_ = 0;
    }
    if (is_literal) {
      out += c;
      column_ += 1;
    } else {
      out += '=';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
      column_ += 3;
    }
  }
}

void LeafEncoder::put_base64(std::string_view bytes, std::string& out) {
  pending_ += bytes;
  size_t at = 0;
  for (; pending_.size() - at >= kBase64Line; at += kBase64Line) {
    out += text::base64_encode(std::string_view(pending_).substr(at, kBase64Line));
    out += "\r\n";
  }
  pending_.erase(0, at);
}

void LeafEncoder::put(std::string_view piece, std::string& out) {
  const bool ends = piece.ends_with("\r\n");
  if (ends) piece.remove_suffix(2);
  if (encoding_ == Encoding::kBase64) {
    if (owes_crlf_) put_base64("\r\n", out);
    owes_crlf_ = ends;
    return put_base64(piece, out);
  }
  put_quoted(piece, out);
  in_line_ = !ends;
  if (!ends) return;
  out += "\r\n";
  column_ = 0;
}

void LeafEncoder::end(bool is_last, std::string& out) {
  if (encoding_ == Encoding::kBase64) {
    if (is_last && owes_crlf_) put_base64("\r\n", out);
    if (!pending_.empty()) out += text::base64_encode(std::exchange(pending_, {})) + "\r\n";
  } else if (in_line_) {
    out += "\r\n";
  }
  *this = {};
}

}  // namespace mailkeep::mime
