// Lists, and tables that are compiled: see list.h.
// SPDX-License-Identifier: ISC
#include "lib/conf/list.h"

#include <arpa/inet.h>

#include <algorithm>

#include "lib/conf/lines.h"

namespace mailkeep::conf {
namespace {

constexpr uint8_t kMappedBits = 96;

bool is_control(char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f'; }

Status take_line(const Line& line, std::vector<TableEntry>& out) {
  const size_t end = std::min(line.text.find_first_of(" \t"), line.text.size());
  const auto key = line.text.substr(0, end);
  if (key.size() > kMaxKey)
    return line.error(key, "a key of " + std::to_string(key.size()) + " bytes", "at most " + std::to_string(kMaxKey));
  if (std::any_of(line.text.begin(), line.text.end(), is_control)) return line.error(line.text, "printable text");
  if (out.size() >= kMaxTableKeys) return line.error(key, "one key more", "at most " + std::to_string(kMaxTableKeys));
  out.push_back({std::string(key), std::string(trim(line.text.substr(end)))});
  return {};
}

// Whether the first key has a ':' behind it that is not an IPv6 address's own.
bool looks_like_aliases(std::string_view text) {
  for (const auto line : split(text, '\n')) {
    const std::string_view body = trim(line);
    if (body.empty() || body[0] == '#') continue;
    const std::string_view word = body.substr(0, body.find_first_of(" \t"));
    if (parse_network(word)) return false;
    return word.find(':') != word.npos || trim(body.substr(word.size())).substr(0, 1) == ":";
  }
  return false;
}

std::string quote(const std::string& local) {
  std::string out = "\"";
  for (const char c : local) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

Result<std::vector<TableEntry>> parse_list(std::string_view text, const std::string& file) {
  std::vector<TableEntry> out;
  if (auto status = each_line(text, file, [&](const Line& line) { return take_line(line, out); }); !status)
    return status.error();
  return out;
}

std::string network_key(const Network& network) {
  char text[INET6_ADDRSTRLEN] = "";
  static const auto kMapped = parse_network("::ffff:0:0/96");
  const bool is_four = kMapped->contains(network);
  inet_ntop(is_four ? AF_INET : AF_INET6, network.address.data() + (is_four ? 12 : 0), text, sizeof text);
  if (network.prefix == 128) return text;
  return std::string(text) + "/" + std::to_string(is_four ? network.prefix - kMappedBits : network.prefix);
}

std::string members_text(const std::vector<AliasMember>& members) {
  std::string out;
  for (const auto& m : members) {
    out += out.empty() ? "" : ", ";
    if (m.is_account) out += "\\";
    out += quote(m.local) + (m.domain.empty() ? "" : "@" + m.domain);
  }
  return out;
}

Result<std::vector<AliasMember>> parse_members(std::string_view text) {
  Table one;
  one.position = {"table", 1, 1};
  one.entries.push_back({"x", std::string(text)});
  auto parsed = parse_aliases(one, [](const std::string& path) -> Result<std::string> {
    return Error(path + ": not read from a compiled table");
  });
  if (!parsed) return parsed.error();
  return std::move(parsed->at("x"));
}

Result<Compiled> compile_table(std::string_view text, const std::string& file, const ReadFile& read) {
  Compiled out;
  if (looks_like_aliases(text)) {
    out.form = kAliasForm;
    const auto aliases = parse_aliases(text, file, read);
    if (!aliases) return aliases.error();
    for (const auto& [key, members] : *aliases) out.entries.emplace_back(key, members_text(members));
  } else {
    const auto list = parse_list(text, file);
    if (!list) return list.error();
    for (const auto& entry : *list) {
      const auto network = parse_network(entry.key);
      out.entries.emplace_back(network ? network_key(*network) : lower(entry.key), entry.value);
    }
  }
  std::sort(out.entries.begin(), out.entries.end());
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (const auto twice = std::adjacent_find(out.entries.begin(), out.entries.end(), same); twice != out.entries.end()) {
    return Error(file + ": found '" + printable(twice->first, 60) + "' a second time, expected each key once");
  }
  return out;
}

}  // namespace mailkeep::conf
