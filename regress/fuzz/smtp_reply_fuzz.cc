// lib/smtp: what a server answers. The first byte says how the stream is cut: the same replies come of it, within their
// limits.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <cstdlib>

#include "lib/base/limits.h"
#include "lib/smtp/reply.h"
#include "lib/smtp/reply_reader.h"

using namespace mailkeep;
using namespace mailkeep::smtp;

static void check(const Reply& reply) {
  if (reply.code < 200 || reply.code > 599 || reply.lines.empty() || reply.lines.size() > kMaxReplyLines) abort();
  if (reply.text.size() > kMaxReplyText) abort();
  if (!std::all_of(reply.text.begin(), reply.text.end(), [](char c) { return c >= ' ' && c <= '~'; })) abort();
  if (!reply.enhanced.empty() && !is_enhanced_code(reply.enhanced)) abort();
}

// One line a reply, up to what is none; the same however the input comes.
static std::string replies_of(std::string_view in, size_t stride) {
  std::string out, kept;
  ReplyReader reader;
  for (size_t at = 0; at < in.size(); at += stride) {
    kept.append(in.substr(at, stride));
    std::string_view rest = kept;
    for (;;) {
      const auto found = reader.read(rest);
      if (found == ReplyReader::Found::kGarbage) return out;
      if (found == ReplyReader::Found::kNothing) break;
      check(reader.reply());
      out += std::to_string(reader.reply().code) + " " + reader.reply().enhanced + " " + reader.reply().text + "\n";
    }
    if (rest.size() > kMaxReplyLine + 1) abort();
    kept = std::string(rest);
  }
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view in(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (replies_of(in, in.size() + 1) != replies_of(in, data[0] % 64 + 1U)) abort();
  return 0;
}
