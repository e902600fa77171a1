// lib/mime/seven_bit: what a plan without a problem makes has 7 bits, and is the same however the bytes are cut.
// SPDX-License-Identifier: ISC
#include "lib/mime/seven_bit.h"

#include <cstdlib>

#include "lib/text/utf8.h"

using mailkeep::mime::SevenBit;

static void run(SevenBit& pass, std::string_view in, size_t step, std::string& out) {
  for (size_t at = 0; at < in.size(); at += step) pass.feed(in.substr(at, step), out);
  pass.finish(out);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t step = data[0] % 16 + 1;
  const std::string_view in(reinterpret_cast<const char*>(data + 1), size - 1);
  std::string nothing, whole, pieces;
  SevenBit first;
  run(first, in, in.size(), nothing);
  if (!nothing.empty()) abort();
  if (!first.plan().problem.empty()) return 0;
  SevenBit second(first.plan()), again(first.plan());
  run(second, in, in.size(), whole);
  run(again, in, step, pieces);
  if (whole != pieces || !mailkeep::text::is_ascii(whole)) abort();
  return 0;
}
