// Reverse-path / Forward-path: see the header. The grammar of RFC 5321 4.1.2, function by function.
// SPDX-License-Identifier: ISC
#include "lib/smtp/address.h"

#include <arpa/inet.h>

#include <array>

#include "lib/base/text.h"
#include "lib/text/idna.h"
#include "lib/text/utf8.h"

namespace mailkeep::smtp {
namespace {

constexpr size_t kMaxLabel = 63;       // RFC 1035 2.3.4
constexpr size_t kMaxPathText = 2048;  // a path with its source route is within one command line
constexpr size_t kMaxRoute = 512;      // a source route that is dropped anyway

// UTF8-non-ascii of RFC 6531 3.3 too; who calls has seen that the text is UTF-8.
bool is_high(char c) { return static_cast<unsigned char>(c) >= 128; }

bool is_atext(char c) {
  return is_alnum(c) || is_high(c) ||
         (c != '\0' && std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos);
}

// Well-formed, and without the control characters U+0080 to U+009F (RFC 6532 3.1 excludes none, terminals obey them).
bool is_clean_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const char32_t rune = text::next_rune(text, at);
    if (rune == text::kBadRune || (rune >= 0x80 && rune < 0xa0)) return false;
  }
  return true;
}

// Dot-string = Atom *("." Atom)
bool is_dot_string(std::string_view text) {
  bool after_atom = false;
  for (const char c : text) {
    if (c == '.' ? !after_atom : !is_atext(c)) return false;
    after_atom = c != '.';
  }
  return after_atom;
}

class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}
  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  size_t position() const { return at_; }

  Result<std::string> local_part() {
    if (peek() == '"') return quoted_string();
    const size_t start = at_;
    while (!at_end() && (is_atext(text_[at_]) || text_[at_] == '.')) ++at_;
    const std::string_view local = text_.substr(start, at_ - start);
    if (!is_dot_string(local)) return Error("bad local part");
    if (local.size() > kMaxLocalPart) return Error("local part too long");
    return std::string(local);
  }

  // Domain or address-literal: up to the first byte neither may hold, then checked as a whole.
  Result<std::string> domain() {
    const size_t start = at_;
    if (peek() == '[') {
      while (!at_end() && text_[at_] != ']' && text_[at_] != '>') ++at_;
      if (!take(']')) return Error("address literal without end");
      const std::string_view literal = text_.substr(start, at_ - start);
      if (!is_address_literal(literal)) return Error("bad address literal");
      return std::string(literal);
    }
    while (!at_end() &&
           (is_alnum(text_[at_]) || is_high(text_[at_]) || text_[at_] == '-' || text_[at_] == '.' || text_[at_] == '_'))
      ++at_;
    Result<std::string> name = text::domain_to_ascii(text_.substr(start, at_ - start));
    if (!name || !is_domain(*name)) return Error("bad domain");
    return name;
  }

  Result<Mailbox> mailbox() {
    Result<std::string> local = local_part();
    if (!local) return local.error();
    if (!take('@')) return Error("address without domain");
    Result<std::string> name = domain();
    if (!name) return name.error();
    return Mailbox{std::move(*local), std::move(*name)};
  }

  // A-d-l = At-domain *("," At-domain), then ":"
  Status source_route() {
    const size_t start = at_;
    do {
      if (!take('@')) return Error("bad source route");
      const Result<std::string> name = domain();
      if (!name) return name.error();
      if (at_ - start > kMaxRoute) return Error("source route too long");
    } while (take(','));
    return take(':') ? Status() : Status(Error("bad source route"));
  }

  // "<" just taken, and the local part alone up to ">": RCPT TO:<Postmaster>
  bool take_postmaster() {
    constexpr std::string_view kPostmaster = "postmaster";
    const std::string_view rest = text_.substr(at_);
    if (!starts_with_nocase(rest, kPostmaster) || rest.size() <= kPostmaster.size() ||
        rest[kPostmaster.size()] != '>') {
      return false;
    }
    at_ += kPostmaster.size() + 1;
    return true;
  }

  // DQUOTE *( qtextSMTP / quoted-pairSMTP ) DQUOTE, without its quoting
  Result<std::string> quoted_string() {
    std::string out;
    ++at_;
    while (!at_end() && out.size() <= kMaxLocalPart) {
      char c = text_[at_++];
      if (c == '"') {
        if (out.empty()) return Error("empty local part");
        if (out.size() > kMaxLocalPart) break;
        return out;
      }
      if (c == '\\' && !at_end()) c = text_[at_++];
      if (!is_high(c) && (c < 32 || c > 126)) return Error("bad byte in a quoted local part");
      out += c;
    }
    return Error(out.size() > kMaxLocalPart ? "local part too long" : "quoted local part without end");
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::string Mailbox::canonical_domain() const {
  std::string name = lower(domain);
  if (!name.empty() && name.back() == '.') name.pop_back();
  return name;
}

std::string Mailbox::text() const {
  std::string out;
  if (is_dot_string(local)) {
    out = local;
  } else if (!local.empty()) {
    out += '"';
    for (const char c : local) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return domain.empty() ? out : out + "@" + domain;
}

Result<PathPrefix> parse_path_prefix(std::string_view text) {
  const std::string_view all = text.substr(0, kMaxPathText);
  Cursor cursor(all);
  if (!cursor.take('<')) return Error("path does not start with '<'");
  PathPrefix prefix;
  if (cursor.take('>')) {
    prefix.path.is_null = true;
    prefix.length = cursor.position();
    return prefix;
  }
  const size_t name_start = cursor.position();
  if (cursor.take_postmaster()) {
    prefix.path.mailbox.local = std::string(text.substr(name_start, cursor.position() - 1 - name_start));
    prefix.length = cursor.position();
    return prefix;
  }
  if (cursor.peek() == '@') {
    const Status route = cursor.source_route();
    if (!route) return route.error();
  }
  const size_t start = cursor.position();
  Result<Mailbox> mailbox = cursor.mailbox();
  if (!mailbox) return mailbox.error();
  if (!cursor.take('>')) return Error("path does not end with '>'");
  prefix.length = cursor.position();
  prefix.path.is_international = !text::is_ascii(text.substr(0, prefix.length));
  if (prefix.path.is_international && !is_clean_utf8(text.substr(0, prefix.length))) return Error("not UTF-8");
  if (cursor.position() - start + 1 > kMaxPath || mailbox->text().size() + 2 > kMaxPath) return Error("path too long");
  prefix.path.mailbox = std::move(*mailbox);
  return prefix;
}

Result<Path> parse_path(std::string_view text) {
  Result<PathPrefix> prefix = parse_path_prefix(text);
  if (!prefix) return prefix.error();
  if (prefix->length != text.size()) return Error("text behind the path");
  return std::move(prefix->path);
}

Result<Mailbox> parse_mailbox(std::string_view text) {
  if (text.size() > kMaxAddress) return Error("address too long");
  if (!text::is_ascii(text) && !is_clean_utf8(text)) return Error("not UTF-8");
  Cursor cursor(text);
  Result<Mailbox> mailbox = cursor.mailbox();
  if (mailbox && !cursor.at_end()) return Error("text behind the address");
  return mailbox;
}

bool is_domain(std::string_view text) {
  if (text.empty() || text.size() > kMaxDomain) return false;
  if (text.back() == '.') text.remove_suffix(1);
  for (const std::string_view label : split(text, '.')) {
    if (label.empty() || label.size() > kMaxLabel || label.front() == '-' || label.back() == '-') return false;
    for (const char c : label) {
      if (!is_alnum(c) && c != '-' && c != '_') return false;
    }
  }
  return true;
}

bool is_address_literal(std::string_view text) {
  if (text.size() < 3 || text.size() > 64 || text.front() != '[' || text.back() != ']') return false;
  text = text.substr(1, text.size() - 2);
  const bool is_v6 = starts_with_nocase(text, "IPv6:");
  if (is_v6) text.remove_prefix(5);
  if (text.find('\0') != std::string_view::npos) return false;
  std::array<unsigned char, 16> address;
  return inet_pton(is_v6 ? AF_INET6 : AF_INET, std::string(text).c_str(), address.data()) == 1;
}

Subaddress split_subaddress(std::string_view local, std::string_view separators) {
  const size_t at = local.find_first_of(separators);
  if (at == std::string_view::npos || at == 0) return {local, {}, false};
  return {local.substr(0, at), local.substr(at + 1), true};
}

}  // namespace mailkeep::smtp
