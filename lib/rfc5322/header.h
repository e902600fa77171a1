// The header of a message or part: fields as views into its bytes (RFC 5322 2.2, obsolete forms 4.5). Pure;
// the bytes are a stranger's. Takes CRLF and bare LF as line ends.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailkeep::rfc5322 {

struct HeaderLimits {
  size_t fields = 1000;
  size_t header = 256 * 1024;  // bytes looked at; what is behind is skipped to the empty line
  size_t field = 64 * 1024;    // a longer field is kept with its value cut
};

struct Field {
  std::string_view name;   // without trailing white space; empty for a line that is no field
  std::string_view value;  // what follows the colon, folded, without the last line end
  std::string_view raw;    // the whole field with its line ends
};

struct Header {
  std::vector<Field> fields;
  size_t size = 0;            // bytes up to and with the empty line (or all there is)
  bool has_end = false;       // the empty line was there
  bool is_truncated = false;  // a limit cut something

  // The first field of that name, or nullptr.
  const Field* find(std::string_view name) const;
  std::vector<const Field*> find_all(std::string_view name) const;
  // The unfolded, trimmed value of the first such field; empty when there is none.
  std::string text(std::string_view name) const;
};

// Never fails: what is no field becomes a Field without name.
Header parse_header(std::string_view bytes, const HeaderLimits& limits = {});

// Line ends that are followed by white space go (RFC 5322 2.2.3), any others too; NUL goes, a lone CR becomes a space;
// the ends are trimmed.
std::string unfold(std::string_view value);
// White space of any kind and length as one space, none in front: what comparing and searching want of an unfolded
// text.
std::string one_spaced(std::string_view text);

// field-name = 1*ftext (RFC 5322 3.6.8)
bool is_field_name(std::string_view name);

}  // namespace mailkeep::rfc5322
