// 8-bit content for a host that takes 7 bits alone (RFC 6152 3): each leaf part with 8-bit bytes becomes quoted-printable (text) or
// base64, line by line, in bounded memory. Two passes over the same bytes: plan() finds the parts, convert() rewrites them.
//
//   header ──empty line──▶ multipart: preamble ──delimiter──▶ header of a part … ──close──▶ epilogue
//                          message/rfc822: header of the message within
//                          else: a leaf, encoded if the plan says so
// Not converted, and the plan says why: what is signed (RFC 1847 2.1: not a byte may change), 8-bit header fields, parts that say
// they are encoded and are not. The bytes are a stranger's: depth, boundaries and a header's size are bounded. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailkeep::mime {

constexpr size_t kMaxParts = 10'000;
constexpr size_t kMaxPartDepth = 50;
constexpr size_t kMaxPartHeader = 256 * 1024;

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
  enum class Encoding : uint8_t { kNone, kQuotedPrintable, kBase64 };

  void take_line(std::string_view line, std::string& out);
  bool take_delimiter(std::string_view line, std::string& out);
  void end_header(std::string& out);
  void end_leaf(std::string& out, bool is_last);
  void take_leaf_line(std::string_view line, std::string& out);
  void put_base64(std::string_view bytes, std::string& out);
  std::string header_with(std::string_view encoding) const;
  void fail(std::string_view why) {
    if (plan_.problem.empty()) plan_.problem = why;
  }

  Plan plan_;
  bool is_converting_ = false;
  std::string rest_;  // of a line that is not yet whole
  State state_ = State::kHeader;
  std::string header_;
  std::vector<std::string> boundaries_;
  size_t signed_depth_ = 0;  // boundaries_.size() inside of a multipart/signed; 0: nothing is signed here
  size_t leaves_ = 0;
  bool says_identity_ = true;  // the leaf's encoding is 7bit, 8bit or binary
  Encoding encoding_ = Encoding::kNone;
  std::string pending_;     // of base64
  bool owes_crlf_ = false;  // of base64: the line end before a delimiter is the delimiter's
};

}  // namespace mailkeep::mime
