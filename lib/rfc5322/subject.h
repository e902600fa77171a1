// The base subject, by which SORT and THREAD compare (RFC 5256 2.1). Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

namespace mailkeep::rfc5322 {

struct BaseSubject {
  std::string text;                  // UTF-8, not folded
  bool is_reply_or_forward = false;  // something was stripped that says so
};

// `subject` is a decoded (RFC 2047) UTF-8 subject.
BaseSubject base_subject(std::string_view subject);

}  // namespace mailkeep::rfc5322
