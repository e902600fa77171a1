// What mailkeepctl's printers share: JSON through json-c, and columns. For the .cc files of mailkeepctl.
// SPDX-License-Identifier: ISC
#pragma once

#include <json-c/json.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/text.h"
#include "lib/text/utf8.h"
#include "smtpd/control/ctl.h"

namespace mailkeep::ctl {

struct PutJson {
  void operator()(json_object* o) const { json_object_put(o); }
};
using Json = std::unique_ptr<json_object, PutJson>;

inline Json object() { return Json(json_object_new_object()); }
inline Json array() { return Json(json_object_new_array()); }
inline Json text(std::string_view s) { return Json(json_object_new_string_len(s.data(), static_cast<int>(s.size()))); }
inline Json number(uint64_t n) { return Json(json_object_new_uint64(n)); }
inline Json number(int64_t n) { return Json(json_object_new_int64(n)); }
inline Json truth(bool b) { return Json(json_object_new_boolean(b ? 1 : 0)); }
inline void put(const Json& o, const std::string& key, Json value) {
  json_object_object_add(o.get(), key.c_str(), value.release());
}
inline void push(const Json& a, Json value) { json_object_array_add(a.get(), value.release()); }
inline std::string line_of(const Json& o) {
  return std::string(json_object_to_json_string_ext(o.get(), JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)) +
         "\n";
}

// How long the character is that begins here; 0: it is no UTF-8.
inline size_t utf8_size(std::string_view bytes) {
  size_t at = 0;
  return mailkeep::text::next_rune(bytes, at) == mailkeep::text::kBadRune ? 0 : at;
}

// Bytes that are no UTF-8 must not make the whole output unreadable to a JSON parser.
inline std::string utf8_or_escaped(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size();) {
    const size_t n = utf8_size(bytes.substr(i));
    out += n != 0 ? std::string(bytes.substr(i, n)) : "\\x" + hex(bytes.substr(i, 1));
    i += std::max<size_t>(n, 1);
  }
  return out;
}

template <size_t N>
std::string columns(const std::array<std::string, N>& cells, const std::array<int, N>& widths) {
  std::string out;
  for (size_t i = 0; i < N; i++) {
    const auto width = static_cast<size_t>(std::abs(widths[i]));
    const std::string fill(cells[i].size() < width ? width - cells[i].size() : 0, ' ');
    out += (i == 0 ? "" : "  ") + (widths[i] < 0 ? fill + cells[i] : cells[i] + fill);
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out + "\n";
}

}  // namespace mailkeep::ctl
