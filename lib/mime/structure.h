// The structure of a message (RFC 2045, 2046): a bounded tree of parts with offsets into its bytes. One pass,
// linear in the size of the message. Pure; the bytes are a stranger's.
//
// A multipart's children are its parts; a message/rfc822 part has one child, the message in it. Offsets count from the
// start of the whole message:  header_start … body_start … body_end.  The line end before a boundary belongs to
// the boundary (RFC 2046 5.1.1).
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/mime/params.h"
#include "lib/rfc5322/header.h"

namespace mailkeep::mime {

struct StructureLimits {
  int depth = 64;       // multiparts and messages inside each other; deeper ones become application/octet-stream
  size_t parts = 1000;  // the last part that is allowed reaches to the end of the message
  rfc5322::HeaderLimits header;
};

struct Part {
  std::string type = "text";  // lower case
  std::string subtype = "plain";
  std::vector<Param> params;
  std::string id;           // Content-ID as given
  std::string description;  // Content-Description, encoded-words as they were
  std::string encoding;     // lower case; "7bit" where none is given
  std::string disposition;  // lower case; empty: none
  std::vector<Param> disposition_params;
  std::vector<std::string> languages;
  std::string location;
  std::string md5;

  size_t header_start = 0;
  size_t body_start = 0;
  size_t body_end = 0;
  size_t lines = 0;         // line ends in the body
  size_t header_lines = 0;  // line ends in the header, the empty line's included

  std::vector<Part> children;

  bool is_multipart() const { return type == "multipart"; }
  bool is_message() const { return type == "message" && subtype == "rfc822"; }
  size_t size() const { return body_end - body_start; }
  std::string_view header(std::string_view message) const {
    return message.substr(header_start, body_start - header_start);
  }
  std::string_view body(std::string_view message) const { return message.substr(body_start, body_end - body_start); }
  // filename of the disposition, else name of the type, in UTF-8; may be empty, and may hold anything.
  std::string filename() const;
};

// The root part is the message itself: header_start 0, body_end its size.
Part parse_structure(std::string_view message, const StructureLimits& limits = {});

}  // namespace mailkeep::mime
