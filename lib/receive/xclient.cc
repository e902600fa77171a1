// XCLIENT: see xclient.h.
// SPDX-License-Identifier: ISC
#include "lib/receive/xclient.h"

#include <arpa/inet.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "lib/base/text.h"
#include "lib/smtp/command.h"

namespace mailkeep::receive {
namespace {

constexpr size_t kMaxValue = 255;

Said::State state_of(std::string_view value) {
  return equals_nocase(value, "[UNAVAILABLE]")   ? Said::State::kUnavailable
         : equals_nocase(value, "[TEMPUNAVAIL]") ? Said::State::kTemporarily
                                                 : Said::State::kKnown;
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

std::optional<std::string> port(std::string_view value) {
  return parse_u64(value, 65535) ? std::optional<std::string>(value) : std::nullopt;
}

std::optional<std::string> domain(std::string_view value) {
  if (!smtp::is_domain(value)) return {};
  if (value.back() == '.') value.remove_suffix(1);
  return lower(value);
}

std::optional<std::string> protocol(std::string_view value) {
  const std::string out = upper(value);
  return out == "SMTP" || out == "ESMTP" ? std::optional(out) : std::nullopt;
}

std::optional<std::string> text(std::string_view value) {
  const bool is_good = std::all_of(value.begin(), value.end(), [](char c) { return c >= 32 && c <= 126; });
  return is_good && !value.empty() ? std::optional<std::string>(value) : std::nullopt;
}

// What clients say is anything.
std::optional<std::string> harmless(std::string_view value) {
  auto out = text(value);
  if (out) {
    for (char& c : *out) {
      if (std::string_view(" <>()\\\";@").find(c) != std::string_view::npos) c = '?';
    }
  }
  return out;
}

struct Row {
  std::string_view name;
  Said Xclient::*said;
  std::optional<std::string> (*read)(std::string_view value);
};
constexpr Row kRows[] = {{"NAME", &Xclient::name, domain},
                         {"ADDR", &Xclient::address, numeric},
                         {"PORT", &Xclient::port, port},
                         {"PROTO", &Xclient::proto, protocol},
                         {"HELO", &Xclient::helo, harmless},
                         {"LOGIN", &Xclient::login, text},
                         {"DESTADDR", &Xclient::destination, numeric},
                         {"DESTPORT", &Xclient::destination_port, port}};

}  // namespace

Result<Xclient> parse_xclient(std::string_view arguments) {
  Xclient out;
  bool is_empty = true;
  for (const auto word : split(arguments, ' ')) {
    if (word.empty()) continue;
    is_empty = false;
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos) return Error("expected name=value");
    const auto name = word.substr(0, equals);
    const auto row =
        std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return equals_nocase(r.name, name); });
    if (row == std::end(kRows)) return Error("no such attribute: " + printable(name, 40));
    Said& said = out.*row->said;
    if (said.is_said()) return Error(std::string(row->name) + " given twice");
    const auto value = smtp::decode_xtext(word.substr(equals + 1));
    if (!value || value->size() > kMaxValue) return Error("bad value of " + std::string(row->name));
    said.state = state_of(*value);
    if (!said.is_known()) continue;
    auto read = row->read(*value);
    if (!read) return Error("bad value of " + std::string(row->name));
    said.value = std::move(*read);
  }
  if (is_empty) return Error("expected name=value");
  return out;
}

}  // namespace mailkeep::receive
