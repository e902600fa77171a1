// XCLIENT: see xclient.h.
// SPDX-License-Identifier: ISC
#include "lib/receive/xclient.h"

#include <arpa/inet.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/smtp/command.h"

namespace mailkeep::receive {
namespace {

constexpr size_t kMaxValue = 255;

bool is_unknown(std::string_view value) {
  return equals_nocase(value, "[UNAVAILABLE]") || equals_nocase(value, "[TEMPUNAVAIL]");
}

std::optional<std::string> numeric(std::string_view value) {
  const bool is_six = starts_with_nocase(value, "IPV6:");
  const std::string text(is_six ? value.substr(5) : value);
  unsigned char bytes[16];
  char out[INET6_ADDRSTRLEN] = "";
  const int family = is_six ? AF_INET6 : AF_INET;
  if (text.find('\0') != std::string::npos || inet_pton(family, text.c_str(), bytes) != 1) return {};
  return inet_ntop(family, bytes, out, sizeof out) == nullptr ? std::nullopt : std::optional<std::string>(out);
}

bool is_address(std::string_view value) { return numeric(value).has_value(); }
bool is_port(std::string_view value) { return parse_u64(value, 65535).has_value(); }
bool is_proto(std::string_view value) { return equals_nocase(value, "SMTP") || equals_nocase(value, "ESMTP"); }
bool is_text(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) { return c > 32 && c <= 126; });
}

struct Row {
  std::string_view name;
  bool (*is_good)(std::string_view value);
};
constexpr Row kRows[] = {{"NAME", smtp::is_domain}, {"ADDR", is_address}, {"PORT", is_port},
                         {"PROTO", is_proto},       {"HELO", is_text},    {"LOGIN", is_text},
                         {"DESTADDR", is_address},  {"DESTPORT", is_port}};

}  // namespace

Result<Xclient> parse_xclient(std::string_view arguments) {
  Xclient out;
  std::vector<std::string_view> seen;
  for (const auto word : split(arguments, ' ')) {
    if (word.empty()) continue;
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos) return Error("expected name=value");
    const auto name = word.substr(0, equals);
    const auto row =
        std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return equals_nocase(r.name, name); });
    if (row == std::end(kRows)) return Error("no such attribute: " + printable(name, 40));
    if (std::find(seen.begin(), seen.end(), row->name) != seen.end())
      return Error(std::string(row->name) + " given twice");
    seen.push_back(row->name);
    const auto value = smtp::decode_xtext(word.substr(equals + 1));
    if (!value || value->size() > kMaxValue) return Error("bad value of " + std::string(row->name));
    if (row->name == "ADDR") out.hides_address = is_unknown(*value);
    if (is_unknown(*value)) continue;
    if (!row->is_good(*value)) return Error("bad value of " + std::string(row->name));
    if (row->name == "ADDR") out.address = numeric(*value);
    if (row->name == "LOGIN") out.names_login = true;
  }
  if (seen.empty()) return Error("expected name=value");
  return out;
}

}  // namespace mailkeep::receive
