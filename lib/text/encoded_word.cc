// encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?="      RFC 2047 section 2
// SPDX-License-Identifier: ISC
#include "lib/text/encoded_word.h"

#include <optional>

#include "lib/base/text.h"
#include "lib/text/base64.h"
#include "lib/text/charset.h"
#include "lib/text/quoted_printable.h"
#include "lib/text/utf8.h"

namespace mailkeep::text {
namespace {

constexpr size_t kMaxWord = 2048;  // RFC 2047 says 75; real senders do not count

struct Word {
  std::string_view charset;
  std::string bytes;  // decoded, in that charset
  size_t length = 0;  // of the whole encoded-word
};

std::optional<Word> encoded_word(std::string_view text) {
  if (text.substr(0, 2) != "=?") return std::nullopt;
  text = text.substr(0, kMaxWord);
  const size_t charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end == 2 || text.size() - charset_end < 5) return std::nullopt;
  const char encoding = to_lower(text[charset_end + 1]);
  if ((encoding != 'q' && encoding != 'b') || text[charset_end + 2] != '?') return std::nullopt;
  const size_t start = charset_end + 3;
  const size_t end = text.find("?=", start);
  if (end == std::string_view::npos || text.substr(start, end - start).find('?') != std::string_view::npos) {
    return std::nullopt;
  }
  Word word;
  word.charset = text.substr(2, charset_end - 2);
  if (word.charset.find_first_of(" \t\r\n") != std::string_view::npos) return std::nullopt;
  word.charset = word.charset.substr(0, word.charset.find('*'));
  const std::string_view encoded = text.substr(start, end - start);
  word.bytes = encoding == 'q' ? q_decode(encoded) : base64_decode_body(encoded);
  word.length = end + 2;
  return word;
}

// What stands outside encoded-words. 8-bit bytes there have no charset: read as bodies without one are.
std::string outside(std::string_view text) { return is_utf8(text) ? std::string(text) : to_utf8(text, "us-ascii"); }

// Length of the white space (and damaged folding) that `text` starts with.
size_t skip_space(std::string_view text) {
  const size_t end = text.find_first_not_of(" \t\r\n");
  return end == std::string_view::npos ? text.size() : end;
}

}  // namespace

std::string decode_words(std::string_view text, size_t max) {
  std::string out;
  size_t plain = 0;  // start of text not yet copied
  size_t at = 0;
  while (at < text.size() && out.size() < max) {
    at = text.find("=?", at);
    if (at == std::string_view::npos) break;
    std::optional<Word> word = encoded_word(text.substr(at));
    if (!word) {
      at += 2;
      continue;
    }
    out += outside(text.substr(plain, at - plain));
    const std::string_view charset = word->charset;
    std::string bytes;
    while (word) {
      bytes += word->bytes;
      at += word->length;
      plain = at;
      const size_t gap = skip_space(text.substr(at));
      word = encoded_word(text.substr(at + gap));
      if (!word) break;
      at += gap;
      plain = at;
      if (!equals_nocase(word->charset, charset)) break;  // the next turn takes it
    }
    out += to_utf8(bytes, charset, max);
  }
  if (out.size() < max) out += outside(text.substr(plain));
  return out.size() > max ? repair_utf8(out.substr(0, max), max) : out;
}

}  // namespace mailkeep::text
