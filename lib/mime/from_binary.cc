// Binary messages as lines: see from_binary.h.
// SPDX-License-Identifier: ISC
#include "lib/mime/from_binary.h"

#include <algorithm>
#include <utility>

namespace mailkeep::mime {

void FromBinary::feed(std::string_view in, std::string& out) {
  while (!in.empty() && problem_.empty()) {
    const size_t lf = in.find('\n');
    const size_t n = std::min(lf == std::string_view::npos ? in.size() : lf + 1, kMaxBinaryPiece - rest_.size());
    const std::string_view run = in.substr(0, n);
    in.remove_prefix(n);
    if (rest_.empty() && run.back() == '\n') {
      take_piece(run, out);
      continue;
    }
    rest_ += run;
    if (rest_.back() != '\n' && rest_.size() < kMaxBinaryPiece) continue;
    const bool keeps_cr = rest_.back() == '\r';  // for its LF
    const std::string piece = std::exchange(rest_, std::string(keeps_cr ? 1 : 0, '\r'));
    take_piece(std::string_view(piece).substr(0, piece.size() - (keeps_cr ? 1 : 0)), out);
  }
}

void FromBinary::finish(std::string& out) {
  if (!rest_.empty()) take_piece(std::exchange(rest_, {}), out, true);
  out += std::exchange(header_, {});
  if (encoder_.encoding() != Encoding::kNone) {
    encoder_.end(true, out);
  } else if (!at_line_start_) {
    out += "\r\n";
  }
}

void FromBinary::take_piece(std::string_view piece, std::string& out, bool is_last) {
  const bool ends = piece.ends_with("\r\n");
  const bool is_line = std::exchange(at_line_start_, ends) && (ends || is_last);
  if (is_line && take_delimiter(piece, out)) return;
  if (encoder_.encoding() != Encoding::kNone) return encoder_.put(piece, out);
  check_text(piece, is_last);
  if (state_ != State::kHeader) {
    out += piece;
    return;
  }
  header_ += piece;
  if (header_.size() > kMaxPartHeader) return fail("A header of the message is too long: shorten it");
  if (is_line && piece == "\r\n") end_header(out);
}

bool FromBinary::take_delimiter(std::string_view line, std::string& out) {
  const auto delimiter = parts_.take(line);
  if (delimiter == OpenParts::Delimiter::kNone) return false;
  if (encoder_.encoding() != Encoding::kNone) encoder_.end(false, out);
  out += std::exchange(header_, {});
  out += line;
  state_ = delimiter == OpenParts::Delimiter::kNext ? State::kHeader : State::kOutside;
  return true;
}

// What is in a composite part will be lines of 8-bit text.
void FromBinary::end_header(std::string& out) {
  const PartHead head = read_part_head(header_);
  const bool converts = head.encoding == "binary" && !parts_.in_signed();
  std::string_view encoding = converts ? "8bit" : "";
  state_ = State::kLeaf;
  if (head.kind == PartHead::Kind::kMultipart) {
    if (head.is_signed()) encoding = "";
    if (!parts_.open(head)) fail("The parts of the message are nested too deeply: nest fewer");
    state_ = State::kOutside;
  } else if (head.kind == PartHead::Kind::kMessage) {
    state_ = State::kHeader;
  } else if (converts) {
    if (head.type.starts_with("multipart/")) fail("A multipart has no usable boundary: give it one");
    encoder_.begin(head.is_text() ? Encoding::kQuotedPrintable : Encoding::kBase64);
    encoding = encoder_.name();
  }
  const std::string header = std::exchange(header_, {});
  out += encoding.empty() ? header : with_encoding(header, encoding);
}

void FromBinary::check_text(std::string_view piece, bool is_last) {
  using namespace std::string_view_literals;
  const bool ends = piece.ends_with("\r\n");
  const std::string_view line = piece.substr(0, piece.size() - (ends ? 2 : 0));
  if (line.find_first_of("\r\n\0"sv) == std::string_view::npos && (ends || is_last)) return;
  if (parts_.in_signed()) {
    fail("A signed part is binary and may not be encoded on its way: encode it in base64, then sign it");
  } else if (state_ == State::kLeaf) {
    fail("A part has binary content and does not say so: give it Content-Transfer-Encoding: binary");
  } else {
    fail("A header or what stands between parts is not lines of text: end lines with CRLF, send no NUL");
  }
}

}  // namespace mailkeep::mime
