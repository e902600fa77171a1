// Lines, the header, the envelope. See letter.h.
// SPDX-License-Identifier: ISC
#include "smtpd/sendmail/letter.h"

#include <algorithm>
#include <set>

#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/rfc5322/address.h"
#include "lib/rfc5322/header.h"
#include "lib/rfc5322/lexer.h"

namespace mailkeep::sendmail {

namespace {

constexpr size_t kMaxAddresses = 100'000;

bool is_continuation_byte(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Pieces of at most kMaxLine; no character of UTF-8 is cut.
void put_line(std::string& out, std::string_view line) {
  bool first = true;
  while (line.size() > kMaxLine - (first ? 0 : 1)) {
    size_t cut = kMaxLine - (first ? 0 : 1);
    for (int back = 0; back < 3 && is_continuation_byte(line[cut]); back++) cut--;
    if (!first) out += ' ';
    out.append(line.substr(0, cut)).append("\r\n");
    line.remove_prefix(cut);
    first = false;
  }
  if (!first) out += ' ';
  out.append(line).append("\r\n");
}

bool holds_addresses(std::string_view name) {
  constexpr std::string_view kNames[] = {"From", "Sender", "Reply-To", "To", "Cc", "Bcc"};
  if (starts_with_nocase(name, "Resent-")) name.remove_prefix(7);
  return std::any_of(std::begin(kNames), std::end(kNames), [&](std::string_view n) { return equals_nocase(n, name); });
}

// One address of a list at a time, as rfc5322::parse_address_list reads it; where its local part ends without a domain.
class Qualifier {
 public:
  Qualifier(std::string_view value, std::string_view origin) : value_(value), origin_(origin), lexer_(value) {}

  std::string run() {
    while (!lexer_.at_end()) address();
    out_.append(value_.substr(copied_));
    return std::move(out_);
  }

 private:
  void address() {
    size_t words = 0, end = 0;
    for (;;) {
      const bool spaced = lexer_.skip_cfws();
      const char c = lexer_.peek();
      if (lexer_.at_end() || c == ',' || c == ';') {
        if (words == 1) insert(end);
        if (!lexer_.at_end()) lexer_.skip();
        return;
      }
      if (c == '<') return angle();
      if (c == '@') return skip_to_separator();
      if (c == ':') {
        lexer_.skip();
        return;
      }
      if (words == 0 || (spaced && c != '.')) words++;
      word();
      end = lexer_.position();
    }
  }

  void word() {
    if (lexer_.peek() == '"') {
      lexer_.quoted_string();
    } else if (lexer_.atom().empty()) {
      lexer_.skip();
    }
  }

  void angle() {
    lexer_.skip();
    size_t end = 0;
    for (;;) {
      lexer_.skip_cfws();
      const char c = lexer_.peek();
      if (lexer_.at_end() || c == '@') break;
      if (c == '>') {
        if (end != 0) insert(end);
        break;
      }
      word();
      end = lexer_.position();
    }
    skip_to_separator();
  }

  void skip_to_separator() {
    while (!lexer_.at_end()) {
      lexer_.skip_cfws();
      if (lexer_.at_end()) return;
      const char c = lexer_.peek();
      if (c == '"') {
        lexer_.quoted_string();
        continue;
      }
      lexer_.skip();
      if (c == ',' || c == ';') return;
    }
  }

  void insert(size_t at) {
    out_.append(value_.substr(copied_, at - copied_)).append("@").append(origin_);
    copied_ = at;
  }

  std::string_view value_, origin_;
  rfc5322::Lexer lexer_;
  std::string out_;
  size_t copied_ = 0;
};

// Where the header ends and the body begins, the empty line counted to neither.
struct Parts {
  std::string_view header, body;
};

bool is_field_line(std::string_view line) {
  const size_t colon = line.find(':');
  return colon != std::string_view::npos && rfc5322::is_field_name(trim(line.substr(0, colon)));
}

Parts split_message(std::string_view text) {
  if (text.substr(0, 5) == "From ") text.remove_prefix(std::min(text.find("\r\n") + 2, text.size()));  // mbox's
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = text.find("\r\n", at);
    const std::string_view line = text.substr(at, end - at);
    if (line.empty()) return {text.substr(0, at), text.substr(at + 2)};
    const bool goes_on = at > 0 && is_space(line[0]);
    if (!goes_on && !is_field_line(line)) break;
    at = end + 2;
  }
  return {text.substr(0, at), text.substr(at)};
}

class Recipients {
 public:
  Status add(std::string_view list, std::string_view origin) {
    auto found = addresses_of(list, origin);
    if (!found) return found.error();
    for (auto& address : *found) {
      if (seen_.insert(address).second) all_.push_back(std::move(address));
    }
    return {};
  }
  std::vector<std::string> take() { return std::move(all_); }

 private:
  std::vector<std::string> all_;
  std::set<std::string> seen_;
};

// RFC 5322 3.6.6: of a message that is sent on, the Resent fields count.
Status add_from_header(Recipients& to, const rfc5322::Header& header, const std::string& origin) {
  const auto is_one_of = [](const rfc5322::Field& f, std::string_view prefix) {
    for (const std::string_view name : {"To", "Cc", "Bcc"}) {
      if (equals_nocase(f.name, std::string(prefix) + std::string(name))) return true;
    }
    return false;
  };
  const bool is_resent =
      std::any_of(header.fields.begin(), header.fields.end(), [&](const auto& f) { return is_one_of(f, "Resent-"); });
  for (const auto& field : header.fields) {
    if (!is_one_of(field, is_resent ? "Resent-" : "")) continue;
    if (auto added = to.add(field.value, origin); !added)
      return Error(std::string(field.name) + ": " + added.error().text);
  }
  return {};
}

std::string author(const std::string& address, const std::string& name) {
  if (name.empty()) return "From: " + address + "\r\n";
  return "From: " + rfc5322::format_phrase(name) + " <" + address + ">\r\n";
}

}  // namespace

std::string normalize(std::string_view text, bool dots) {
  std::string out;
  out.reserve(text.size() + text.size() / 32 + 2);
  std::string clean;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("\r\n"), text.size());
    std::string_view line = text.substr(0, end);
    size_t next = end;
    while (next < text.size() && text[next] == '\r') next++;  // "\r\r\n" is what a careless program makes of "\r\n"
    const bool has_lf = next < text.size() && text[next] == '\n';
    next = has_lf ? next + 1 : std::min(end + 1, text.size());
    text.remove_prefix(next);
    if (line.find('\0') != std::string_view::npos) {
      clean.assign(line);
      std::erase(clean, '\0');
      line = clean;
    }
    if (dots && line == ".") break;
    put_line(out, line);
  }
  return out;
}

std::string qualify(std::string_view value, std::string_view origin) { return Qualifier(value, origin).run(); }

Result<std::vector<std::string>> addresses_of(std::string_view list, std::string_view origin) {
  std::vector<std::string> out;
  const std::string complete = qualify(list, origin);
  for (const auto& address : rfc5322::parse_address_list(complete, {.addresses = kMaxAddresses})) {
    if (address.kind != rfc5322::AddressKind::mailbox) continue;
    if (address.local.empty() || address.domain.empty())
      return Error("'" + printable(trim(list), 100) + "' has something that is no address");
    std::string text = address.addr_spec();
    const bool is_plain =
        std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; });
    if (text.size() > kMaxAddress || !is_plain) return Error("'" + printable(text, 100) + "' is no address");
    out.push_back(std::move(text));
  }
  return out;
}

Result<std::string> sender_of(std::string_view value, std::string_view origin) {
  const std::string_view text = trim(value);
  if (text.empty() || text == "<>") return std::string();
  auto found = addresses_of(text, origin);
  if (!found) return found.error();
  if (found->size() != 1) return Error("'" + printable(text, 100) + "' is not one address");
  return std::move(found->front());
}

Result<Letter> compose(const Arguments& a, std::string_view text, const std::string& address, const std::string& origin,
                       const std::string& full_name) {
  Letter out;
  out.sender = address;
  if (a.has_sender) {
    auto sender = sender_of(a.sender, origin);
    if (!sender) return Error("-f " + sender.error().text);
    out.sender = std::move(*sender);
  }
  const Parts parts = split_message(text);
  const auto header = rfc5322::parse_header(parts.header, {.fields = SIZE_MAX, .header = SIZE_MAX, .field = SIZE_MAX});
  Recipients to;
  for (const auto& list : a.recipients) {
    if (auto added = to.add(list, origin); !added) return added.error();
  }
  if (a.from_header) {
    if (auto added = add_from_header(to, header, origin); !added) return added.error();
  }
  out.recipients = to.take();
  bool has_author = false;
  for (const auto& field : header.fields) {
    if (equals_nocase(field.name, "From")) has_author = true;
    if (equals_nocase(field.name, "Bcc") || equals_nocase(field.name, "Resent-Bcc") ||
        equals_nocase(field.name, "Return-Path"))
      continue;
    if (holds_addresses(field.name)) {
      out.text.append(field.name).append(":").append(qualify(field.value, origin)).append("\r\n");
    } else {
      out.text += field.raw;
    }
  }
  if (!has_author)
    out.text += author(out.sender.empty() ? address : out.sender, a.full_name.empty() ? full_name : a.full_name);
  out.text += "\r\n";
  out.text += parts.body;
  return out;
}

}  // namespace mailkeep::sendmail
