// Formats in paths. See path_template.h.
// SPDX-License-Identifier: ISC
#include "lib/conf/path_template.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>

#include "lib/base/text.h"

namespace mailkeep::conf {

namespace {

constexpr std::string_view kNames[] = {"user.username", "user.directory", "rcpt",          "rcpt.user",
                                       "rcpt.domain",   "dest",           "dest.user",     "dest.domain",
                                       "sender",        "sender.user",    "sender.domain", "mbox.from"};
constexpr std::string_view kHome = "user.directory";
constexpr std::string_view kNobody = "MAILER-DAEMON";  // the sender of a report
constexpr std::string_view kOfShells = "!#$%&'*?`{|}~\\\"<>;()";

struct Format {
  std::string_view name;
  std::optional<long> from, to;  // a range
  bool is_single = false;        // only the byte at `from`
  bool lowercase = false, uppercase = false, strip = false, raw = false;
  bool is_bare() const { return !from && !to && !lowercase && !uppercase && !strip && !raw; }
};

bool parse_index(std::string_view text, std::optional<long>& out) {
  if (text.empty()) return true;
  long n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  out = n;
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_range(std::string_view text, Format& out) {
  const size_t colon = text.find(':');
  out.is_single = colon == std::string_view::npos;
  if (!parse_index(text.substr(0, colon), out.from)) return false;
  return out.is_single ? out.from.has_value() : parse_index(text.substr(colon + 1), out.to);
}

bool parse_modifier(std::string_view word, Format& out) {
  bool* const flag = word == "lowercase"   ? &out.lowercase
                     : word == "uppercase" ? &out.uppercase
                     : word == "strip"     ? &out.strip
                     : word == "raw"       ? &out.raw
                                           : nullptr;
  if (flag != nullptr) *flag = true;
  return flag != nullptr;
}

std::optional<Format> parse_format(std::string_view text) {
  Format out;
  const size_t end = std::min(text.find_first_of("[:"), text.size());
  out.name = text.substr(0, end);
  text.remove_prefix(end);
  if (std::find(std::begin(kNames), std::end(kNames), out.name) == std::end(kNames)) return {};
  if (!text.empty() && text[0] == '[') {
    const size_t close = text.find(']');
    if (close == text.npos || !parse_range(text.substr(1, close - 1), out)) return {};
    text.remove_prefix(close + 1);
  }
  if (!text.empty()) {
    if (text[0] != ':') return {};
    for (const std::string_view word : split(text.substr(1), '|')) {
      if (!parse_modifier(word, out)) return {};
    }
  }
  if (out.name == kHome && !out.is_bare()) return {};
  return out;
}

std::string part_of(const std::string& address, std::string_view part, bool strip) {
  const size_t at = address.rfind('@');
  const size_t plus = address.find('+', 1);
  std::string user = address.substr(0, strip ? std::min(at, plus) : at);
  std::string domain = at == std::string::npos ? "" : address.substr(at + 1);
  if (part == "user") return user;
  if (part == "domain") return domain;
  return at == std::string::npos ? user : user + "@" + domain;
}

std::string value_of(const Format& f, const PathNames& names) {
  if (f.name == "user.username") return names.username;
  if (f.name == kHome) return names.directory;
  const size_t dot = f.name.find('.');
  const std::string_view of = f.name.substr(0, dot);
  const std::string_view part = dot == std::string_view::npos || of == "mbox" ? "" : f.name.substr(dot + 1);
  if (of == "rcpt" || of == "dest") return part_of(of == "rcpt" ? names.rcpt : names.dest, part, f.strip);
  return names.sender.empty() ? std::string(kNobody) : part_of(names.sender, part, f.strip);
}

std::string cut(const std::string& value, const Format& f) {
  const long size = static_cast<long>(value.size());
  const auto place = [size](long n) { return std::clamp(n < 0 ? size + n : n, 0L, size); };
  const long from = place(f.from.value_or(0));
  const long to = f.is_single && f.from ? std::min(from + 1, size) : place(f.to.value_or(size));
  return from >= to ? "" : value.substr(static_cast<size_t>(from), static_cast<size_t>(to - from));
}

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; }

std::string shown(const Format& f, const PathNames& names) {
  std::string out = value_of(f, names);
  for (char& c : out) {
    if (c == '/' || is_control(c) || (!f.raw && kOfShells.find(c) != std::string_view::npos)) c = ':';
    c = f.lowercase ? to_lower(c) : f.uppercase ? to_upper(c) : c;
  }
  return cut(out, f);
}

bool is_whole_path(std::string_view path) {
  if (path.size() < 2 || path[0] != '/' || path.size() > kMaxPathTemplate) return false;
  const auto parts = split(path.substr(1), '/');
  return std::all_of(parts.begin(), parts.end(), [](std::string_view p) { return is_path_component(p); });
}

// Calls `put` with literal text and `format` with what stands in "%{…}". False: a format is malformed.
bool walk(std::string_view text, const std::function<void(std::string_view)>& put,
          const std::function<bool(const Format&)>& format) {
  if (text == "~" || text.substr(0, 2) == "~/") {
    Format home;
    home.name = kHome;
    if (!format(home)) return false;
    text.remove_prefix(1);
  }
  while (!text.empty()) {
    const size_t at = text.find('%');
    put(text.substr(0, at));
    if (at == std::string_view::npos) return true;
    const size_t end = text.find('}', at);
    if (text.substr(at, 2) != "%{" || end == std::string_view::npos) return false;
    const auto parsed = parse_format(text.substr(at + 2, end - at - 2));
    if (!parsed || !format(*parsed)) return false;
    text.remove_prefix(end + 1);
  }
  return true;
}

bool is_of_account(std::string_view component) {
  return walk(
      component, [](std::string_view) {}, [](const Format& f) { return f.name.substr(0, 5) == "user."; });
}

}  // namespace

bool is_path_component(std::string_view text) {
  return !text.empty() && text != "." && text != ".." &&
         std::none_of(text.begin(), text.end(), [](char c) { return c == '/' || is_control(c); });
}

std::string check_path_template(std::string_view text) {
  const bool starts_well =
      text.substr(0, 1) == "/" || text.substr(0, 2) == "~/" || text.substr(0, 18) == "%{user.directory}/";
  if (!starts_well || text.size() > kMaxPathTemplate || std::any_of(text.begin(), text.end(), is_control))
    return "an absolute path, or one that starts with ~/";
  if (!walk(
          text, [](std::string_view) {}, [](const Format&) { return true; })) {
    return "after '%' {user.username}, {user.directory}, {rcpt}, {dest}, {sender}, or .user or .domain of these three, "
           "with [range] and :lowercase, "
           ":uppercase, :strip or :raw";
  }
  if (fixed_part(text, true).empty()) return "a directory at its start that is the same for every message";
  const auto sample =
      expand_path(text, {"user", "/home/user", "sender@sender.test", "recipient@rcpt.test", "recipient@dest.test"});
  return sample ? "" : "a path without empty parts, '.' and '..'";
}

Result<std::string> expand_path(std::string_view text, const PathNames& names) {
  std::string out;
  bool has_home = true;
  const bool good = walk(
      text, [&](std::string_view t) { out += t; },
      [&](const Format& f) {
        if (f.name == kHome) has_home = has_home && is_whole_path(names.directory);
        out += f.name == kHome ? names.directory : shown(f, names);
        return true;
      });
  if (!good) return Error("'" + printable(text, 100) + "' has a format that is none");
  if (!has_home) return Error("the account has no home: '" + printable(names.directory, 100) + "'");
  if (!is_whole_path(out)) return Error("'" + printable(out, 100) + "' is no path that can be");
  return out;
}

std::string_view fixed_part(std::string_view text, bool without_last) {
  size_t end = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t slash = std::min(text.find('/', at + 1), text.size());
    if (without_last && slash == text.size()) break;
    if (!is_of_account(text.substr(at, slash - at))) break;
    end = at = slash;
  }
  return text.substr(0, end);
}

}  // namespace mailkeep::conf
