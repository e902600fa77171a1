// address-list = (address *("," address)) / obs-addr-list                       RFC 5322 3.4, 4.4
// address      = [display-name] "<" [obs-route] addr-spec ">" / addr-spec / display-name ":" [list] ";"
//
// What a word was is known only at what follows it, so words are collected until one of < @ : , ; or the end.
// SPDX-License-Identifier: ISC
#include "lib/rfc5322/address.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/rfc5322/lexer.h"
#include "lib/text/base64.h"
#include "lib/text/utf8.h"

namespace mailkeep::rfc5322 {
namespace {

class ListParser {
 public:
  ListParser(std::string_view text, const AddressLimits& limits)
      : lexer_(text, limits.comment_nesting), limits_(limits) {}

  std::vector<Address> parse() {
    while (!lexer_.at_end() && out_.size() < limits_.addresses) address();
    if (in_group_) end_group();
    return std::move(out_);
  }

 private:
  // One address up to and with its separator.
  void address() {
    phrase_.clear();
    joined_.clear();
    has_words_ = false;
    lexer_.forget_comment();
    for (;;) {
      const bool spaced = lexer_.skip_cfws();
      const char c = lexer_.peek();
      if (lexer_.at_end() || c == ',' || c == ';') return bare();
      if (c == ':' && !in_group_) return begin_group();
      if (c == '<') return angle_addr();
      if (c == '@') return addr_spec();
      word(spaced);
    }
  }

  void word(bool spaced) {
    std::string text;
    const char c = lexer_.peek();
    if (c == '"') {
      text = lexer_.quoted_string();
    } else {
      text = lexer_.atom();
      if (text.empty()) {  // a dot, or what no atom may hold: taken as it stands
        text = c == '\0' ? std::string() : std::string(1, c);
        lexer_.skip();
      }
    }
    if (spaced && has_words_) phrase_ += ' ';
    phrase_ += text;
    joined_ += text;
    has_words_ = true;
  }

  void push(Address address) { out_.push_back(std::move(address)); }

  void begin_group() {
    lexer_.skip();
    in_group_ = true;
    push({AddressKind::group_start, phrase_, "", "", ""});
  }

  void end_group() {
    in_group_ = false;
    push({AddressKind::group_end, "", "", "", ""});
  }

  // After a whole address: comments, junk, then the separator.
  void separator() {
    for (;;) {
      lexer_.skip_cfws();
      if (lexer_.at_end() || lexer_.take(',')) return;
      if (lexer_.take(';')) {
        if (in_group_) end_group();
        return;
      }
      if (lexer_.peek() == '"') {
        lexer_.quoted_string();
      } else if (lexer_.peek() == '<') {
        return;  // a comma was forgotten
      } else {
        lexer_.skip();
      }
    }
  }

  // Words and nothing else: a local part without a domain, or nothing at all.
  void bare() {
    if (has_words_) {
      push({AddressKind::mailbox, lexer_.last_comment(), "", phrase_, ""});
    }
    separator();
  }

  // local-part "@" domain, outside angle brackets; the name is the comment behind it (RFC 822 style).
  void addr_spec() {
    lexer_.skip();
    Address address;
    address.local = joined_;
    address.domain = domain();
    lexer_.skip_cfws();
    if (lexer_.peek() == '<') {  // "joe@example.org <joe@example.org>": the first was the name
      phrase_ = address.local + "@" + address.domain;
      return angle_addr();
    }
    address.name = lexer_.last_comment();
    push(std::move(address));
    separator();
  }

  void angle_addr() {
    lexer_.skip();
    Address address;
    address.name = has_words_ ? phrase_ : lexer_.last_comment();
    address.route = route();
    for (;;) {
      lexer_.skip_cfws();
      const char c = lexer_.peek();
      if (lexer_.at_end() || c == '>' || c == ',' || c == ';') break;
      if (c == '@') {
        lexer_.skip();
        address.domain = domain();
        break;
      }
      if (c == '"') {
        address.local += lexer_.quoted_string();
      } else {
        const std::string_view atom = lexer_.atom();
        if (atom.empty()) {
          if (c != '\0') address.local += c;
          lexer_.skip();
        }
        address.local += atom;
      }
    }
    // Up to ">": junk goes, but a separator means the bracket was forgotten.
    while (!lexer_.at_end() && lexer_.peek() != '>' && lexer_.peek() != ',' && lexer_.peek() != ';') lexer_.skip();
    lexer_.take('>');
    push(std::move(address));
    separator();
  }

  // obs-route = obs-domain-list ":", after "<"
  std::string route() {
    std::string out;
    lexer_.skip_cfws();
    while (lexer_.peek() == '@') {
      lexer_.skip();
      if (!out.empty()) out += ',';
      out += '@';
      out += domain();
      do {
        lexer_.skip_cfws();
      } while (lexer_.take(','));
    }
    if (!out.empty()) lexer_.take(':');
    return out;
  }

  // domain = dot-atom / domain-literal / obs-domain
  std::string domain() {
    std::string out;
    for (;;) {
      lexer_.skip_cfws();
      if (lexer_.peek() == '[' && out.empty()) return lexer_.domain_literal();
      const std::string_view atom = lexer_.atom();
      out += atom;
      lexer_.skip_cfws();
      if (!lexer_.take('.')) return out;
      out += '.';
    }
  }

  Lexer lexer_;
  AddressLimits limits_;
  std::vector<Address> out_;
  bool in_group_ = false;
  std::string phrase_;  // the words with one space where there was any
  std::string joined_;  // the words without
  bool has_words_ = false;
};

bool is_dot_atom(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_atext(c) || c == '.'; });
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c != '\r' && c != '\n' && c != '\0') out += c;
  }
  return out + "\"";
}

// UTF-8 in encoded-words of at most 75 (RFC 2047 2), cut between characters.
std::string encoded_words(std::string_view name) {
  std::string out;
  std::string chunk;
  const auto flush = [&] {
    if (chunk.empty()) return;
    out += std::string(out.empty() ? "" : " ") + "=?UTF-8?B?" + text::base64_encode(chunk) + "?=";
    chunk.clear();
  };
  for (size_t at = 0; at < name.size();) {
    const size_t start = at;
    text::next_rune(name, at);
    if (chunk.size() + (at - start) > 45) flush();
    chunk += name.substr(start, at - start);
  }
  flush();
  return out;
}

}  // namespace

std::vector<Address> parse_address_list(std::string_view text, const AddressLimits& limits) {
  return ListParser(text, limits).parse();
}

std::string quote_local_part(std::string_view local) { return is_dot_atom(local) ? std::string(local) : quoted(local); }

std::string format_phrase(std::string_view name) {
  if (!text::is_ascii(name)) return encoded_words(text::repair_utf8(name));
  const bool plain = !name.empty() && !is_space(name.front()) && !is_space(name.back()) &&
                     std::all_of(name.begin(), name.end(), [](char c) { return is_atext(c) || c == ' '; });
  return plain ? std::string(name) : quoted(name);
}

std::string Address::addr_spec() const {
  if (kind != AddressKind::mailbox) return "";
  return domain.empty() ? quote_local_part(local) : quote_local_part(local) + "@" + domain;
}

std::string format_address(const Address& address) {
  if (address.name.empty()) return address.addr_spec();
  return format_phrase(address.name) + " <" + address.addr_spec() + ">";
}

}  // namespace mailkeep::rfc5322
