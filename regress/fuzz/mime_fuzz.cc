// lib/mime: a whole message; offsets stay nested, its IMAP text holds no bare NUL, all decoders run.
// SPDX-License-Identifier: ISC
#include <cstdint>
#include <cstdlib>

#include "lib/mime/decode.h"
#include "lib/mime/section.h"
#include "lib/mime/structure.h"
#include "lib/mime/summary.h"
#include "lib/text/utf8.h"

using namespace mailkeep::mime;

static void must(bool holds) {
  if (!holds) abort();
}

static void check(const Part& part, std::string_view message, size_t start, size_t end) {
  must(part.header_start >= start && part.header_start <= part.body_start);
  must(part.body_start <= part.body_end && part.body_end <= end);
  must(part.lines <= part.size());
  must(mailkeep::text::is_utf8(part.filename()));
  if (part.children.empty()) must(mailkeep::text::is_utf8(decode_text(part, message, 10000)));
  size_t from = part.body_start;
  for (const Part& child : part.children) {
    check(child, message, from, part.body_end);
    from = child.body_end;
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const Part root = parse_structure(message);
  must(root.body_end == size);
  check(root, message, 0, size);
  text_contains(root, message, "a");
  const Summary summary = summarize(message);
  for (const std::string* text : {&summary.envelope, &summary.body, &summary.bodystructure}) {
    must(text->find('\0') == std::string::npos && text->front() == '(' && text->back() == ')');
  }
  must(mailkeep::text::is_utf8(summary.preview));
  for (uint32_t i = 1; i < 3; ++i) {
    for (const auto kind : {SectionText::whole, SectionText::header, SectionText::text, SectionText::mime}) {
      const auto range = find_section(root, {i, 1}, kind);
      must(!range || range->start + range->size <= size);
    }
  }
  return 0;
}
