// 8-bit content in 7 bits: see seven_bit.h.
// SPDX-License-Identifier: ISC
#include "lib/mime/seven_bit.h"

#include <utility>

#include "lib/base/text.h"
#include "lib/mime/params.h"
#include "lib/rfc5322/header.h"
#include "lib/text/base64.h"
#include "lib/text/utf8.h"

namespace mailkeep::mime {
namespace {

constexpr size_t kMaxBoundary = 200;     // RFC 2046 5.1.1 says 70
constexpr size_t kMaxPiece = 64 * 1024;  // of a line that does not end
constexpr size_t kBase64Line = 57;       // bytes in 76 characters
constexpr size_t kQpLine = 75;           // characters before a soft line break
constexpr std::string_view kCte = "Content-Transfer-Encoding";

bool is_high(std::string_view text) { return !text::is_ascii(text); }

std::string_view without_crlf(std::string_view line) {
  if (line.ends_with("\n")) line.remove_suffix(1);
  if (line.ends_with("\r")) line.remove_suffix(1);
  return line;
}

// RFC 2045 6.7: rules 1 to 5, and what some gateways would break.
void put_qp_line(std::string_view line, std::string& out) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  size_t column = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const auto byte = static_cast<unsigned char>(c);
    const bool is_blank_end = (c == ' ' || c == '\t') && i + 1 == line.size();
    const bool is_literal = ((byte >= 33 && byte <= 126 && c != '=') || c == ' ' || c == '\t') && !is_blank_end;
    if (column + (is_literal ? 1 : 3) > kQpLine) {
      out += "=\r\n";
      column = 0;
    }
    if (is_literal) {
      out += c;
      column += 1;
    } else {
      out += '=';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
      column += 3;
    }
  }
}

}  // namespace

void SevenBit::feed(std::string_view in, std::string& out) {
  while (!in.empty()) {
    const size_t end = in.find('\n');
    const std::string_view piece = in.substr(0, end == std::string_view::npos ? end : end + 1);
    in.remove_prefix(piece.size());
    rest_ += piece;
    if (end == std::string_view::npos && rest_.size() < kMaxPiece) return;
    if (end == std::string_view::npos) fail("a line of it is too long");
    const std::string line = std::exchange(rest_, {});
    take_line(line, out);
  }
}

void SevenBit::finish(std::string& out) {
  if (!rest_.empty()) take_line(std::exchange(rest_, {}), out);
  if (state_ == State::kHeader && is_converting_) out += header_;
  if (state_ == State::kLeaf) end_leaf(out, true);
}

void SevenBit::take_line(std::string_view line, std::string& out) {
  if (line.starts_with("--") && take_delimiter(line, out)) return;
  if (state_ == State::kLeaf) return take_leaf_line(line, out);
  if (state_ == State::kOutside) {  // no reader shows it
    if (!is_converting_) return;
    for (const char c : line) out += static_cast<unsigned char>(c) < 128 ? c : '?';
    return;
  }
  header_ += line;
  if (is_high(line)) fail("its header has 8-bit bytes");
  if (header_.size() > kMaxPartHeader) {
    fail("a header in it is too long");
    header_.clear();
  }
  if (without_crlf(line).empty()) end_header(out);
}

// "--" boundary [ "--" ] of any multipart that is open.
bool SevenBit::take_delimiter(std::string_view line, std::string& out) {
  const std::string_view text = trim(without_crlf(line)).substr(2);
  for (size_t i = boundaries_.size(); i-- > 0;) {
    const std::string& boundary = boundaries_[i];
    if (!text.starts_with(boundary)) continue;
    const std::string_view behind = text.substr(boundary.size());
    if (!behind.empty() && behind != "--") continue;
    if (state_ == State::kLeaf) end_leaf(out, false);
    if (state_ == State::kHeader && is_converting_) out += header_;
    header_.clear();
    boundaries_.resize(behind.empty() ? i + 1 : i);
    if (boundaries_.size() < signed_depth_) signed_depth_ = 0;
    state_ = behind.empty() ? State::kHeader : State::kOutside;
    if (is_converting_) out += line;
    return true;
  }
  return false;
}

// The header with another encoding, or the same when `encoding` is empty.
std::string SevenBit::header_with(std::string_view encoding) const {
  if (encoding.empty()) return header_;
  const auto header = rfc5322::parse_header(header_, {.fields = SIZE_MAX, .header = SIZE_MAX, .field = SIZE_MAX});
  std::string out;
  for (const auto& field : header.fields) {
    if (!equals_nocase(field.name, kCte)) out += field.raw;
  }
  out.append(kCte).append(": ").append(encoding).append("\r\n");
  return header.has_end ? out + "\r\n" : out;
}

void SevenBit::end_header(std::string& out) {
  const auto header = rfc5322::parse_header(header_, {.fields = SIZE_MAX, .header = SIZE_MAX, .field = SIZE_MAX});
  const auto* type_field = header.find("Content-Type");
  const auto* cte_field = header.find(kCte);
  const Parameterized type = parse_parameterized(type_field == nullptr ? "text/plain" : type_field->value);
  const std::string cte = lower(trim(cte_field == nullptr ? "7bit" : cte_field->value));
  const bool is_wide = cte == "8bit" || cte == "binary";
  const std::string_view composite = is_wide && signed_depth_ == 0 ? "7bit" : "";  // what is within will be
  const std::string* boundary = type.value.starts_with("multipart/") ? find_param(type.params, "boundary") : nullptr;
  if (boundary != nullptr && !boundary->empty() && boundary->size() <= kMaxBoundary) {
    if (boundaries_.size() == kMaxPartDepth) fail("its parts are nested too deeply");
    if (boundaries_.size() < kMaxPartDepth) boundaries_.push_back(*boundary);
    const bool is_signed = type.value == "multipart/signed";
    if (is_converting_) out += header_with(is_signed ? "" : composite);
    if (is_signed && signed_depth_ == 0) signed_depth_ = boundaries_.size();
    state_ = State::kOutside;
  } else if (type.value == "message/rfc822" && (is_wide || cte == "7bit")) {
    if (is_converting_) out += header_with(composite);
    state_ = State::kHeader;
  } else {
    says_identity_ = is_wide || cte == "7bit";
    const size_t leaf = leaves_++;
    if (!is_converting_ && leaf < kMaxParts) plan_.is_high.push_back(false);
    if (!is_converting_ && leaf == kMaxParts) fail("it has too many parts");
    const bool encodes = is_converting_ && leaf < plan_.is_high.size() && plan_.is_high[leaf];
    encoding_ = !encodes                          ? Encoding::kNone
                : type.value.starts_with("text/") ? Encoding::kQuotedPrintable
                                                  : Encoding::kBase64;
    if (is_converting_) {
      out += header_with(encoding_ == Encoding::kQuotedPrintable ? "quoted-printable"
                         : encoding_ == Encoding::kBase64        ? "base64"
                                                                 : composite);
    }
    state_ = State::kLeaf;
  }
  header_.clear();
}

void SevenBit::take_leaf_line(std::string_view line, std::string& out) {
  if (!is_converting_) {
    if (!is_high(line) || leaves_ == 0 || leaves_ > kMaxParts) return;
    if (signed_depth_ != 0) fail("its 8-bit part is signed");
    if (!says_identity_) fail("a part of it is not encoded as it says");
    plan_.is_high[leaves_ - 1] = true;
    return;
  }
  if (encoding_ == Encoding::kNone) {
    out += line;
  } else if (encoding_ == Encoding::kQuotedPrintable) {
    put_qp_line(without_crlf(line), out);
    out += "\r\n";
  } else {
    if (owes_crlf_) put_base64("\r\n", out);
    put_base64(without_crlf(line), out);
    owes_crlf_ = line.ends_with("\n");
  }
}

void SevenBit::put_base64(std::string_view bytes, std::string& out) {
  pending_ += bytes;
  size_t at = 0;
  for (; pending_.size() - at >= kBase64Line; at += kBase64Line) {
    out += text::base64_encode(std::string_view(pending_).substr(at, kBase64Line)) + "\r\n";
  }
  pending_.erase(0, at);
}

void SevenBit::end_leaf(std::string& out, bool is_last) {
  if (encoding_ == Encoding::kBase64) {
    if (is_last && owes_crlf_) put_base64("\r\n", out);
    if (!pending_.empty()) out += text::base64_encode(std::exchange(pending_, {})) + "\r\n";
  }
  owes_crlf_ = false;
  encoding_ = Encoding::kNone;
}

}  // namespace mailkeep::mime
