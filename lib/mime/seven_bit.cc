// 8-bit content in 7 bits: see seven_bit.h.
// SPDX-License-Identifier: ISC
#include "lib/mime/seven_bit.h"

#include <utility>

#include "lib/text/utf8.h"

namespace mailkeep::mime {
namespace {

constexpr size_t kMaxPiece = 64 * 1024;  // of a line that does not end

bool is_high(std::string_view text) { return !text::is_ascii(text); }

std::string_view without_crlf(std::string_view line) {
  if (line.ends_with("\n")) line.remove_suffix(1);
  if (line.ends_with("\r")) line.remove_suffix(1);
  return line;
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
  if (encoder_.encoding() != Encoding::kNone) encoder_.end(true, out);
}

void SevenBit::take_line(std::string_view line, std::string& out) {
  if (take_delimiter(line, out)) return;
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

bool SevenBit::take_delimiter(std::string_view line, std::string& out) {
  const auto delimiter = parts_.take(line);
  if (delimiter == OpenParts::Delimiter::kNone) return false;
  if (encoder_.encoding() != Encoding::kNone) encoder_.end(false, out);
  if (state_ == State::kHeader && is_converting_) out += header_;
  header_.clear();
  state_ = delimiter == OpenParts::Delimiter::kNext ? State::kHeader : State::kOutside;
  if (is_converting_) out += line;
  return true;
}

void SevenBit::end_header(std::string& out) {
  const PartHead head = read_part_head(header_);
  const bool is_wide = head.encoding == "8bit" || head.encoding == "binary";
  std::string_view encoding = is_wide && !parts_.in_signed() ? "7bit" : "";  // what is within will be
  state_ = State::kLeaf;
  if (head.kind == PartHead::Kind::kMultipart) {
    if (head.is_signed()) encoding = "";
    if (!parts_.open(head)) fail("its parts are nested too deeply");
    state_ = State::kOutside;
  } else if (head.kind == PartHead::Kind::kMessage) {
    state_ = State::kHeader;
  } else {
    says_identity_ = head.is_identity();
    const size_t leaf = leaves_++;
    if (!is_converting_ && leaf < kMaxParts) plan_.is_high.push_back(false);
    if (!is_converting_ && leaf == kMaxParts) fail("it has too many parts");
    if (is_converting_ && leaf < plan_.is_high.size() && plan_.is_high[leaf]) {
      encoder_.begin(head.is_text() ? Encoding::kQuotedPrintable : Encoding::kBase64);
      encoding = encoder_.name();
    }
  }
  if (is_converting_) out += encoding.empty() ? header_ : with_encoding(header_, encoding);
  header_.clear();
}

void SevenBit::take_leaf_line(std::string_view line, std::string& out) {
  if (!is_converting_) {
    if (!is_high(line) || leaves_ == 0 || leaves_ > kMaxParts) return;
    if (parts_.in_signed()) fail("its 8-bit part is signed");
    if (!says_identity_) fail("a part of it is not encoded as it says");
    plan_.is_high[leaves_ - 1] = true;
    return;
  }
  if (encoder_.encoding() == Encoding::kNone) {
    out += line;
  } else {
    encoder_.put(line, out);
  }
}

}  // namespace mailkeep::mime
