// Parts on the way through a message: see open_parts.h.
// SPDX-License-Identifier: ISC
#include "lib/mime/open_parts.h"

#include "lib/base/text.h"
#include "lib/mime/params.h"
#include "lib/rfc5322/header.h"

namespace mailkeep::mime {
namespace {

constexpr size_t kMaxBoundary = 256;  // RFC 2046 5.1.1 says 70
constexpr std::string_view kCte = "Content-Transfer-Encoding";

rfc5322::Header parsed(std::string_view header) {
  return rfc5322::parse_header(header, {.fields = SIZE_MAX, .header = SIZE_MAX, .field = SIZE_MAX});
}

}  // namespace

PartHead read_part_head(std::string_view text) {
  const auto header = parsed(text);
  const auto* type_field = header.find("Content-Type");
  const auto* cte_field = header.find(kCte);
  const Parameterized type = parse_parameterized(type_field == nullptr ? "text/plain" : type_field->value);
  PartHead out;
  out.type = type.value;
  out.encoding = cte_field == nullptr ? "7bit" : parse_parameterized(cte_field->value).value;
  const std::string* boundary = find_param(type.params, "boundary");
  if (type.value.starts_with("multipart/") && boundary != nullptr && !boundary->empty() &&
      boundary->size() <= kMaxBoundary) {
    out.kind = PartHead::Kind::kMultipart;
    out.boundary = *boundary;
  } else if (type.value == "message/rfc822" && out.is_identity()) {
    out.kind = PartHead::Kind::kMessage;
  }
  return out;
}

std::string with_encoding(std::string_view text, std::string_view encoding) {
  const auto header = parsed(text);
  std::string out;
  for (const auto& field : header.fields) {
    if (!equals_nocase(field.name, kCte)) out += field.raw;
  }
  out.append(kCte).append(": ").append(encoding).append("\r\n");
  return header.has_end ? out + "\r\n" : out;
}

// "--" boundary [ "--" ]
OpenParts::Delimiter OpenParts::take(std::string_view line) {
  if (!line.starts_with("--")) return Delimiter::kNone;
  if (line.ends_with("\n")) line.remove_suffix(line.ends_with("\r\n") ? 2 : 1);
  const std::string_view text = trim(line).substr(2);
  for (size_t i = boundaries_.size(); i-- > 0;) {
    const std::string& boundary = boundaries_[i];
    if (!text.starts_with(boundary)) continue;
    const std::string_view behind = text.substr(boundary.size());
    if (!behind.empty() && behind != "--") continue;
    boundaries_.resize(behind.empty() ? i + 1 : i);
    if (boundaries_.size() < signed_depth_) signed_depth_ = 0;
    return behind.empty() ? Delimiter::kNext : Delimiter::kClose;
  }
  return Delimiter::kNone;
}

bool OpenParts::open(const PartHead& multipart) {
  if (boundaries_.size() == kMaxPartDepth) return false;
  boundaries_.push_back(multipart.boundary);
  if (multipart.is_signed() && signed_depth_ == 0) signed_depth_ = boundaries_.size();
  return true;
}

}  // namespace mailkeep::mime
