// RFC 5256 section 2.1, steps (1) to (6):
//   subj-trailer = "(fwd)" / WSP        subj-leader = (*subj-blob subj-refwd) / WSP
//   subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"      subj-blob = "[" *BLOBCHAR "]" *WSP
// Views only shrink, so each step is linear.
// SPDX-License-Identifier: ISC
#include "lib/rfc5322/subject.h"

#include "lib/base/text.h"
#include "lib/rfc5322/header.h"

namespace mailkeep::rfc5322 {
namespace {

std::string_view skip_space(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  return text;
}

// Behind a subj-blob, or `text` itself when it does not start with one.
std::string_view skip_blob(std::string_view text) {
  if (text.empty() || text[0] != '[') return text;
  const size_t end = text.find_first_of("[]", 1);
  if (end == std::string_view::npos || text[end] != ']') return text;
  return skip_space(text.substr(end + 1));
}

// Behind a subj-refwd, or `text` itself.
std::string_view skip_refwd(std::string_view text) {
  size_t length = 0;
  if (starts_with_nocase(text, "fwd")) {
    length = 3;
  } else if (starts_with_nocase(text, "re") || starts_with_nocase(text, "fw")) {
    length = 2;
  } else {
    return text;
  }
  const std::string_view rest = skip_blob(skip_space(text.substr(length)));
  return !rest.empty() && rest[0] == ':' ? rest.substr(1) : text;
}

bool strip_trailer(std::string_view& text) {
  text = trim(text);
  if (text.size() < 5 || !equals_nocase(text.substr(text.size() - 5), "(fwd)")) return false;
  text.remove_suffix(5);
  return true;
}

// Step (3): *subj-blob subj-refwd. The blobs before it are walked once: where they end, a refwd is there or not.
bool strip_leader(std::string_view& text) {
  text = skip_space(text);
  std::string_view behind = text;
  for (std::string_view next = skip_blob(behind); next.size() != behind.size(); next = skip_blob(behind)) behind = next;
  const std::string_view rest = skip_refwd(behind);
  if (rest.size() == behind.size()) return false;
  text = rest;
  return true;
}

// Step (4): one blob, if something is left behind it.
bool strip_blob(std::string_view& text) {
  const std::string_view rest = skip_blob(text);
  if (rest.size() == text.size() || rest.empty()) return false;
  text = rest;
  return true;
}

}  // namespace

BaseSubject base_subject(std::string_view subject) {
  const std::string spaced = one_spaced(subject);
  std::string_view text = spaced;
  BaseSubject base;
  for (bool again = true; again;) {
    while (strip_trailer(text)) base.is_reply_or_forward = true;
    for (bool stripped = true; stripped;) {
      stripped = strip_leader(text);
      if (stripped) base.is_reply_or_forward = true;
      if (!stripped) stripped = strip_blob(text);
    }
    again = text.size() > 6 && starts_with_nocase(text, "[fwd:") && text.back() == ']';
    if (again) {
      base.is_reply_or_forward = true;
      text = text.substr(5, text.size() - 6);
    }
  }
  base.text = std::string(text);
  return base;
}

}  // namespace mailkeep::rfc5322
