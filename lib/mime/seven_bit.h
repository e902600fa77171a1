// 8-bit content for a host that takes 7 bits alone (RFC 6152 3): each leaf part with 8-bit bytes becomes
// quoted-printable (text) or base64, line by line, in bounded memory. Two passes over the same bytes: plan() finds the
// parts, convert() rewrites them.
//
//   header ──empty line──▶ multipart: preamble ──delimiter──▶ header of a part … ──close──▶ epilogue
//                          message/rfc822: header of the message within
//                          else: a leaf, encoded if the plan says so
// Not converted, and the plan says why: what is signed (RFC 1847 2.1: not a byte may change), 8-bit header fields,
// parts that say they are encoded and are not. The bytes are a stranger's: depth, boundaries and a header's size are
// bounded. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/mime/leaf_encoder.h"
#include "lib/mime/open_parts.h"

namespace mailkeep::mime {

constexpr size_t kMaxParts = 10'000;

class SevenBit {
 public:
  // What the first pass found.
  struct Plan {
    std::vector<bool> is_high;  // by leaf
    std::string problem;        // empty: it can be converted
  };

  SevenBit() = default;                                                       // the first pass
  explicit SevenBit(const Plan& plan) : plan_(plan), is_converting_(true) {}  // the second

  // CRLF lines, cut anywhere. In the second pass appends to `out`; in the first `out` stays as it is.
  void feed(std::string_view in, std::string& out);
  void finish(std::string& out);
  const Plan& plan() const { return plan_; }

 private:
  enum class State : uint8_t { kHeader, kOutside, kLeaf };

  void take_line(std::string_view line, std::string& out);
  bool take_delimiter(std::string_view line, std::string& out);
  void end_header(std::string& out);
  void take_leaf_line(std::string_view line, std::string& out);
  void fail(std::string_view why) {
    if (plan_.problem.empty()) plan_.problem = why;
  }

  Plan plan_;
  bool is_converting_ = false;
  std::string rest_;  // of a line that is not yet whole
  State state_ = State::kHeader;
  std::string header_;
  OpenParts parts_;
  size_t leaves_ = 0;
  bool says_identity_ = true;  // the leaf's encoding is 7bit, 8bit or binary
  LeafEncoder encoder_;
};

}  // namespace mailkeep::mime
