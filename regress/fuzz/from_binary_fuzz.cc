// lib/mime/from_binary: what comes of a message that can be converted is lines of text, and is the same however the
// bytes are cut.
// SPDX-License-Identifier: ISC
#include "lib/mime/from_binary.h"

#include <cstdlib>

using mailkeep::mime::FromBinary;

static void run(FromBinary& pass, std::string_view in, size_t step, std::string& out) {
  for (size_t at = 0; at < in.size(); at += step) pass.feed(in.substr(at, step), out);
  pass.finish(out);
}

static bool is_text(std::string_view all) {
  while (!all.empty()) {
    const size_t cr = all.find('\r');
    if (cr == std::string_view::npos || all.substr(cr, 2) != "\r\n") return false;
    for (const char c : all.substr(0, cr)) {
      if (c == '\n' || c == '\0') return false;
    }
    all.remove_prefix(cr + 2);
  }
  return true;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t step = data[0] % 16 + 1;
  const std::string_view in(reinterpret_cast<const char*>(data + 1), size - 1);
  std::string whole, pieces, twice;
  FromBinary first, second, third;
  run(first, in, in.size(), whole);
  run(second, in, step, pieces);
  if (first.problem() != second.problem()) abort();
  if (!first.problem().empty()) return 0;
  if (whole != pieces || !is_text(whole)) abort();
  run(third, whole, whole.size(), twice);
  if (!third.problem().empty()) abort();
  return 0;
}
