// Header fields: see the header. One pass over the lines.
// SPDX-License-Identifier: ISC
#include "lib/rfc5322/header.h"

#include <algorithm>

#include "lib/base/text.h"

namespace mailkeep::rfc5322 {
namespace {

// The line at `at` with its line end.
std::string_view line_at(std::string_view bytes, size_t at) {
  const size_t newline = bytes.find('\n', at);
  return bytes.substr(at, newline == std::string_view::npos ? newline : newline + 1 - at);
}

bool is_empty_line(std::string_view line) { return line == "\n" || line == "\r\n"; }

std::string_view without_line_end(std::string_view text) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

Field make_field(std::string_view raw, size_t max) {
  Field field;
  field.raw = raw;
  const size_t colon = raw.find(':');
  const std::string_view name = colon == std::string_view::npos ? std::string_view() : trim(raw.substr(0, colon));
  if (is_field_name(name) && !is_space(raw[0])) {
    field.name = name;
    field.value = without_line_end(raw.substr(colon + 1)).substr(0, max);
  } else {
    field.value = without_line_end(raw).substr(0, max);
  }
  return field;
}

}  // namespace

Header parse_header(std::string_view bytes, const HeaderLimits& limits) {
  Header header;
  size_t start = 0;  // of the field being collected
  size_t at = 0;
  const auto end_field = [&] {
    if (at == start) return;
    if (header.fields.size() >= limits.fields || start >= limits.header) {
      header.is_truncated = true;
    } else {
      header.fields.push_back(make_field(bytes.substr(start, at - start), limits.field));
      if (at - start > limits.field) header.is_truncated = true;
    }
    start = at;
  };
  while (at < bytes.size()) {
    const std::string_view line = line_at(bytes, at);
    if (is_empty_line(line)) {
      end_field();
      header.has_end = true;
      header.size = at + line.size();
      return header;
    }
    if (!is_space(line[0])) end_field();
    at += line.size();
  }
  end_field();
  header.size = bytes.size();
  return header;
}

const Field* Header::find(std::string_view name) const {
  for (const Field& field : fields) {
    if (equals_nocase(field.name, name)) return &field;
  }
  return nullptr;
}

std::vector<const Field*> Header::find_all(std::string_view name) const {
  std::vector<const Field*> found;
  for (const Field& field : fields) {
    if (equals_nocase(field.name, name)) found.push_back(&field);
  }
  return found;
}

std::string Header::text(std::string_view name) const {
  const Field* field = find(name);
  return field == nullptr ? std::string() : unfold(field->value);
}

std::string unfold(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  for (size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '\r' && i + 1 < value.size() && value[i + 1] != '\n')
      out += ' ';
    else if (c != '\r' && c != '\n' && c != '\0')
      out += c;
  }
  return std::string(trim(out));
}

std::string one_spaced(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!space) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  return out;
}

bool is_field_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c > 32 && c < 127 && c != ':'; });
}

}  // namespace mailkeep::rfc5322
