// What mailkeepctl prints: plain columns, and JSON through json-c.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "lib/base/text.h"
#include "smtpd/control/ctl_json.h"

namespace mailkeep::ctl {

namespace {

Json item_json(const queue::QueueItem& i) {
  Json o = object();
  put(o, "id", text(hex64(i.envelope.message)));
  put(o, "number", number(static_cast<uint64_t>(i.envelope.number)));
  put(o, "arrived", number(i.arrived));
  put(o, "next_try", number(i.next_try));
  put(o, "attempts", number(static_cast<uint64_t>(i.attempts)));
  put(o, "size", number(i.size));
  put(o, "sender", text(utf8_or_escaped(i.sender)));
  put(o, "recipient", text(utf8_or_escaped(i.recipient)));
  put(o, "account", text(utf8_or_escaped(i.account)));
  put(o, "kind", text(i.relay ? "relay" : "local"));
  put(o, "state", text(utf8_or_escaped(i.state)));
  put(o, "last_error", text(utf8_or_escaped(i.last_error)));
  if (!i.owner.empty()) put(o, "owner", text(utf8_or_escaped(i.owner)));
  if (!i.action.empty()) put(o, "action", text(utf8_or_escaped(i.action)));
  return o;
}

Json items_json(const std::vector<queue::QueueItem>& items) {
  Json a = array();
  for (const auto& i : items) push(a, item_json(i));
  return a;
}

constexpr std::array<int, 7> kProcessWidths = {10, -8, -8, -12, -8, -8, 0};
constexpr std::array<int, 6> kQueueWidths = {18, -8, -6, 12, 24, 0};

const worker::Stat* find_stat(const control::client::Status& s, std::string_view role, uint32_t instance,
                              std::string_view name) {
  for (const auto& c : s.counters) {
    if (c.role != role || c.instance != instance) continue;
    for (const auto& v : c.values) {
      if (v.name == name) return &v;
    }
  }
  return nullptr;
}

}  // namespace

std::string duration_text(int64_t seconds) {
  if (seconds < 0) return "-";
  const int64_t days = seconds / 86400, hours = seconds / 3600 % 24, minutes = seconds / 60 % 60;
  if (days > 0) return std::to_string(days) + "d" + std::to_string(hours) + "h";
  if (hours > 0) return std::to_string(hours) + "h" + std::to_string(minutes) + "m";
  if (minutes > 0) return std::to_string(minutes) + "m" + std::to_string(seconds % 60) + "s";
  return std::to_string(seconds) + "s";
}

// Controls are those of ASCII, and U+0080 to U+009F, which terminals obey too: as UTF-8 and, where they read no UTF-8,
// as a byte.
std::string safe_for_terminal(std::string_view bytes) {
  const auto is_control_of_two = [&](size_t i) {
    return bytes[i] == '\xc2' && i + 1 < bytes.size() && (static_cast<unsigned char>(bytes[i + 1]) & 0xe0) == 0x80;
  };
  std::string out;
  out.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size();) {
    const char c = bytes[i];
    const auto u = static_cast<unsigned char>(c);
    const size_t size = u < 0x80 ? 1 : utf8_size(bytes.substr(i));
    const bool is_plain =
        u < 0x80 ? (u >= 0x20 && u != 0x7f) || c == '\n' || c == '\t' : size > 0 && !is_control_of_two(i);
    const size_t taken = is_plain ? size : 1;
    if (is_plain) {
      out.append(bytes, i, taken);
    } else {
      out.append("\\x").append(hex(bytes.substr(i, 1)));
    }
    i += taken;
  }
  return out;
}

std::optional<MessageName> parse_message_name(std::string_view name) {
  const auto parts = split(name, '.');
  if (parts.size() > 2 || parts[0].size() != 16) return {};
  const auto message = parse_hex64(parts[0]);
  if (!message) return {};
  MessageName out;
  out.message = *message;
  if (parts.size() == 2) {
    const auto n = parse_u64(parts[1], UINT32_MAX - 1);
    if (!n) return {};
    out.number = static_cast<uint32_t>(*n);
  }
  return out;
}

std::string message_name(const queue::EnvelopeId& id) { return hex64(id.message) + "." + std::to_string(id.number); }

std::string status_text(const control::client::Status& s, int64_t now) {
  std::string out = "mailkeep " + s.report.version + ", up " + duration_text(now - s.report.started) +
                    ", configuration " + std::to_string(s.report.generation) + ", queue " +
                    (s.queue_known ? std::to_string(s.queue_length) : std::string("unknown")) + "\n\n";
  out += columns<7>({"process", "pid", "uid", "up", "restarts", "sessions", "account"}, kProcessWidths);
  for (const auto& p : s.report.processes) {
    const auto* counted = find_stat(s, p.role, p.instance, "sessions");
    const bool is_user = p.role == "user";
    out += columns<7>(
        {p.role + (p.instance != 0 && !is_user ? " " + std::to_string(p.instance) : ""), std::to_string(p.pid),
         std::to_string(p.uid), duration_text(now - p.started), std::to_string(p.restarts),
         is_user              ? std::to_string(p.sessions)
         : counted != nullptr ? std::to_string(counted->value)
                              : "-",
         safe_for_terminal(p.account)},
        kProcessWidths);
  }
  if (s.report.omitted != 0) out += "and " + std::to_string(s.report.omitted) + " more user processes\n";
  return out;
}

std::string status_json(const control::client::Status& s) {
  Json o = object();
  put(o, "version", text(utf8_or_escaped(s.report.version)));
  put(o, "started", number(s.report.started));
  put(o, "generation", number(static_cast<uint64_t>(s.report.generation)));
  put(o, "queue", s.queue_known ? number(s.queue_length) : Json());
  Json processes = array();
  for (const auto& p : s.report.processes) {
    Json one = object();
    put(one, "role", text(utf8_or_escaped(p.role)));
    put(one, "instance", number(static_cast<uint64_t>(p.instance)));
    if (!p.account.empty()) put(one, "account", text(utf8_or_escaped(p.account)));
    put(one, "pid", number(static_cast<uint64_t>(p.pid)));
    put(one, "uid", number(static_cast<uint64_t>(p.uid)));
    put(one, "started", number(p.started));
    put(one, "restarts", number(static_cast<uint64_t>(p.restarts)));
    if (p.role == "user") put(one, "sessions", number(static_cast<uint64_t>(p.sessions)));
    for (const auto& c : s.counters) {
      if (c.role != p.role || c.instance != p.instance || p.role == "user") continue;
      Json counters = object();
      for (const auto& v : c.values) put(counters, utf8_or_escaped(v.name), number(v.value));
      put(one, "counters", std::move(counters));
    }
    push(processes, std::move(one));
  }
  put(o, "processes", std::move(processes));
  put(o, "omitted", number(s.report.omitted));
  return line_of(o);
}

std::string queue_text_head() { return columns<6>({"id", "age", "tries", "state", "from", "to"}, kQueueWidths); }

std::string queue_text(const queue::QueueItem& i, int64_t now) {
  const std::string from = "<" + safe_for_terminal(i.sender) + ">";
  std::string out = columns<6>({message_name(i.envelope), duration_text(now - i.arrived), std::to_string(i.attempts),
                                i.state, from, "<" + safe_for_terminal(i.recipient) + ">"},
                               kQueueWidths);
  if (!i.last_error.empty()) out += "    " + safe_for_terminal(i.last_error) + "\n";
  if (i.next_try > now && i.state != "held" && i.state != "quarantined")
    out += "    next attempt in " + duration_text(i.next_try - now) + "\n";
  return out;
}

std::string item_json_text(const queue::QueueItem& item) {
  std::string text = line_of(item_json(item));
  text.pop_back();
  return text;
}

std::string shown_json(const std::vector<queue::QueueItem>& items, std::string_view content) {
  Json o = object();
  put(o, "items", items_json(items));
  put(o, "content", text(utf8_or_escaped(content)));
  return line_of(o);
}

std::string time_text(int64_t seconds) {
  if (seconds <= 0) return "-";
  const auto t = static_cast<time_t>(seconds);
  struct tm parts {};
  char buffer[32];
  if (gmtime_r(&t, &parts) == nullptr || strftime(buffer, sizeof buffer, "%Y-%m-%d %H:%M:%S", &parts) == 0) return "-";
  return buffer;
}

std::string destination_json(const queue::DestinationStat& d) {
  Json o = object();
  put(o, "name", text(utf8_or_escaped(d.name)));
  put(o, "kind", text(d.relay ? "relay" : "local"));
  put(o, "waiting", number(d.waiting));
  put(o, "held", number(d.held));
  put(o, "oldest", number(d.oldest));
  put(o, "accepted", number(d.accepted));
  put(o, "deferred", number(d.deferred));
  put(o, "failed", number(d.failed));
  put(o, "paused_until", number(d.paused_until));
  put(o, "last_reply", text(utf8_or_escaped(d.last_reply)));
  return line_of(o);
}

std::string_view state_name(lookup::HopsState state) {
  switch (state) {
    case lookup::HopsState::kFound: return "found";
    case lookup::HopsState::kTemporary: return "temporary";
    case lookup::HopsState::kNoDomain: return "no-domain";
    case lookup::HopsState::kNullMx: return "null-mx";
    case lookup::HopsState::kLoop: return "loop";
  }
  return "";
}

std::string_view tlsa_name(lookup::TlsaState state) {
  switch (state) {
    case lookup::TlsaState::kNone: return "none";
    case lookup::TlsaState::kSecure: return "secure";
    case lookup::TlsaState::kFailed: return "failed";
  }
  return "";
}

std::string hops_text(std::string_view name, const lookup::Hops& hops) {
  const std::string secure = hops.secure ? "secured by DNSSEC" : "not secured by DNSSEC";
  if (hops.state != lookup::HopsState::kFound) {
    const bool is_final = hops.state != lookup::HopsState::kTemporary;
    return safe_for_terminal(hops.text) +
           (is_final ? " (final, " + secure + ")\n" : " (temporary: it is tried again)\n");
  }
  std::string out =
      safe_for_terminal(name) + ": " + (hops.implicit_mx ? "no MX, its own addresses; " : "") + secure + "\n";
  for (const auto& hop : hops.hops) {
    out += columns<2>({std::to_string(hop.preference), safe_for_terminal(hop.name) + (hop.secure ? "  (secure)" : "")},
                      {-6, 0});
    for (const auto& address : hop.addresses) out += "        " + safe_for_terminal(address) + "\n";
    for (const auto& t : hop.tlsa) {
      out += "        TLSA " + std::to_string(t.usage) + " " + std::to_string(t.selector) + " " +
             std::to_string(t.matching) + " " + hex(t.data) + "\n";
    }
    if (hop.tlsa_state == lookup::TlsaState::kSecure && hop.tlsa.empty())
      out += "        TLSA, but none that can be read\n";
    if (!hop.problem.empty()) out += "        not used: " + safe_for_terminal(hop.problem) + "\n";
  }
  return out;
}

Json hop_json(const lookup::Hop& hop) {
  Json o = object();
  put(o, "name", text(utf8_or_escaped(hop.name)));
  put(o, "preference", number(static_cast<uint64_t>(hop.preference)));
  put(o, "secure", truth(hop.secure));
  Json addresses = array();
  for (const auto& a : hop.addresses) push(addresses, text(utf8_or_escaped(a)));
  put(o, "addresses", std::move(addresses));
  put(o, "tlsa_state", text(tlsa_name(hop.tlsa_state)));
  Json records = array();
  for (const auto& t : hop.tlsa) {
    Json one = object();
    put(one, "usage", number(static_cast<uint64_t>(t.usage)));
    put(one, "selector", number(static_cast<uint64_t>(t.selector)));
    put(one, "matching", number(static_cast<uint64_t>(t.matching)));
    put(one, "data", text(hex(t.data)));
    push(records, std::move(one));
  }
  put(o, "tlsa", std::move(records));
  if (!hop.problem.empty()) put(o, "problem", text(utf8_or_escaped(hop.problem)));
  return o;
}

std::string hops_json(std::string_view name, const lookup::Hops& hops) {
  Json o = object();
  put(o, "name", text(utf8_or_escaped(name)));
  put(o, "state", text(state_name(hops.state)));
  put(o, "secure", truth(hops.secure));
  put(o, "implicit_mx", truth(hops.implicit_mx));
  Json hosts = array();
  for (const auto& hop : hops.hops) push(hosts, hop_json(hop));
  put(o, "hosts", std::move(hosts));
  if (!hops.text.empty()) put(o, "text", text(utf8_or_escaped(hops.text)));
  return line_of(o);
}

std::string done_json(bool ok, std::string_view what) {
  Json o = object();
  put(o, "ok", truth(ok));
  put(o, "text", text(utf8_or_escaped(what)));
  return line_of(o);
}

// line = pair *( SP pair ) ; pair = key "=" ( plain / DQUOTE escaped DQUOTE ), as lib/log writes it
std::vector<std::pair<std::string, std::string>> parse_log_line(std::string_view line) {
  std::vector<std::pair<std::string, std::string>> out;
  while (!(line = trim(line)).empty()) {
    const size_t equals = line.find_first_of("= ");
    if (equals == line.npos || equals == 0 || line[equals] == ' ') {
      const std::string_view word = line.substr(0, equals == 0 ? 1 : equals);
      out.emplace_back("text", word);
      line.remove_prefix(word.size());
      continue;
    }
    const std::string key(line.substr(0, equals));
    line.remove_prefix(equals + 1);
    std::string value;
    if (line.empty() || line[0] != '"') {
      const size_t n = std::min(line.find(' '), line.size());
      value = line.substr(0, n);
      line.remove_prefix(n);
    } else {
      size_t i = 1;
      while (i < line.size() && line[i] != '"') {
        const auto code = line[i] == '\\' && i + 3 < line.size() && line[i + 1] == 'x'
                              ? parse_hex64(line.substr(i + 2, 2))
                              : std::optional<uint64_t>();
        if (code) {
          value += static_cast<char>(*code);
          i += 4;
        } else {
          if (line[i] == '\\' && i + 1 < line.size()) i++;
          value += line[i++];
        }
      }
      line.remove_prefix(std::min(i + 1, line.size()));
    }
    out.emplace_back(key, std::move(value));
  }
  return out;
}

std::string event_json(std::string_view line) {
  Json o = object();
  for (const auto& [key, value] : parse_log_line(line)) {
    json_object* before = nullptr;
    if (json_object_object_get_ex(o.get(), key.c_str(), &before) == 0) {
      put(o, key, text(utf8_or_escaped(value)));
    } else if (json_object_is_type(before, json_type_array) != 0) {
      json_object_array_add(before, text(utf8_or_escaped(value)).release());
    } else {
      Json both = array();
      push(both, Json(json_object_get(before)));
      push(both, text(utf8_or_escaped(value)));
      put(o, key, std::move(both));
    }
  }
  return line_of(o);
}

}  // namespace mailkeep::ctl
