// What a converter that goes through a message line by line must know of its parts (RFC 2045, 2046): what a header
// begins, and which multiparts are open. The bytes are a stranger's: depth, boundaries and a header's size are bounded.
// Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailkeep::mime {

constexpr size_t kMaxPartDepth = 50;
constexpr size_t kMaxPartHeader = 256 * 1024;

struct PartHead {
  enum class Kind : uint8_t { kLeaf, kMultipart, kMessage };  // kMessage: the header of another follows as it is
  Kind kind = Kind::kLeaf;
  std::string type;      // "text/plain", lower case
  std::string encoding;  // lower case
  std::string boundary;  // of kMultipart
  bool is_text() const { return type.starts_with("text/"); }
  bool is_signed() const { return type == "multipart/signed"; }  // RFC 1847 2.1: not a byte within may change
  bool is_identity() const { return encoding == "7bit" || encoding == "8bit" || encoding == "binary"; }
};
// `header` with its empty line. A multipart without a usable boundary is a leaf.
PartHead read_part_head(std::string_view header);
// The header with another Content-Transfer-Encoding.
std::string with_encoding(std::string_view header, std::string_view encoding);

class OpenParts {
 public:
  enum class Delimiter : uint8_t { kNone, kNext, kClose };
  // What that line is, of any multipart that is open; those within it end.
  Delimiter take(std::string_view line);
  // False: nested too deeply, and not open.
  bool open(const PartHead& multipart);
  bool in_signed() const { return signed_depth_ != 0; }

 private:
  std::vector<std::string> boundaries_;
  size_t signed_depth_ = 0;  // boundaries_.size() inside of a multipart/signed; 0: nothing is signed here
};

}  // namespace mailkeep::mime
