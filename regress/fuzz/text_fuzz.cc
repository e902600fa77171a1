// lib/text: every decoder, and that what they give is well formed and comes back. The first byte chooses a charset.
// SPDX-License-Identifier: ISC
#include <array>
#include <cstdint>
#include <cstdlib>

#include "lib/base/calendar.h"
#include "lib/text/base64.h"
#include "lib/text/casefold.h"
#include "lib/text/charset.h"
#include "lib/text/encoded_word.h"
#include "lib/text/mailbox_name.h"
#include "lib/text/quoted_printable.h"
#include "lib/text/utf8.h"

using namespace mailkeep;
using namespace mailkeep::text;

static void must(bool holds) {
  if (!holds) abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  must(base64_decode(base64_encode(input)).value() == input);
  const auto decoded = base64_decode(input);
  if (decoded) must(base64_encode(*decoded) == input);
  must(base64_decode_body(input, 100).size() <= 100);
  must(qp_decode(input).size() <= input.size());
  must(is_utf8(decode_words(input)));
  must(decode_words(input, 50).size() <= 50);
  const auto name = mailbox_name_to_utf8(input);
  if (name) must(is_utf8(*name) && mailbox_name_from_utf8(*name).value() == input);
  const auto mutf7 = mailbox_name_from_utf8(input);
  if (mutf7) must(mailbox_name_to_utf8(*mutf7).value() == input);
  const std::string folded = casefold(input);
  must(is_utf8(folded));
  must(contains_folded(input, folded));
  const auto time = parse_rfc3339(input);
  if (time && *time >= 0) must(parse_rfc3339(format_rfc3339(*time)).value() <= *time);  // of the year 9999 at most
  if (time && *time >= 0 && *time < 253402300800) must(parse_rfc3339(format_rfc3339(*time)) == time);
  if (size == 0) return 0;
  constexpr std::array<std::string_view, 8> kCharsets = {"utf-8",       "us-ascii", "iso-8859-1", "utf-7",
                                                         "iso-2022-jp", "gb2312",   "utf-16",     "big5"};
  const std::string converted = to_utf8(input.substr(1), kCharsets[data[0] % kCharsets.size()], 1000);
  must(is_utf8(converted) && converted.size() <= 1000);
  to_utf8("x", input);
  return 0;
}
