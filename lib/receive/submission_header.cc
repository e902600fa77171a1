// The header of a submission: see submission_header.h.
// SPDX-License-Identifier: ISC
#include "lib/receive/submission_header.h"

#include <algorithm>
#include <span>

#include "lib/base/text.h"
#include "lib/rfc5322/address.h"
#include "lib/rfc5322/date.h"
#include "lib/rfc5322/header.h"
#include "lib/rfc5322/lexer.h"
#include "smtpd/lookup/messages.h"

namespace mailkeep::receive {
namespace {

constexpr std::string_view kOnce[] = {"From", "Sender", "Date", "Message-ID"};
constexpr std::string_view kPrivate[] = {"Bcc", "Resent-Bcc"};

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view n) { return equals_nocase(n, name); });
}

class Authors {
 public:
  // The addresses of From or Sender.
  Status add(std::string_view name, std::string_view value) {
    bool any = false;
    for (const auto& address : rfc5322::parse_address_list(value)) {
      if (address.kind != rfc5322::AddressKind::mailbox) continue;
      any = true;
      if (address.domain.empty() || address.local.empty()) {
        return Error("Address without a domain in " + std::string(name) + ": " + printable(address.addr_spec(), 100));
      }
      if (auto added = put(name, address.addr_spec()); !added) return added;
      if (found_.size() > lookup::kMaxSenders) break;
    }
    if (!any) return Error("No address in " + std::string(name));
    // The parser knows one reading of what is not quite well-formed. Others may know others: "ceo@bank.test
    // <me@here.test>", "<me@here.test> ceo@bank.test".
    if (auto added = add_all_with_at(name, value); !added) return added;
    if (found_.size() > lookup::kMaxSenders) {
      return Error("More than " + std::to_string(lookup::kMaxSenders) + " addresses in " + std::string(name));
    }
    return {};
  }
  std::vector<std::string> take() { return std::move(found_); }

 private:
  Status put(std::string_view name, std::string address) {
    if (address.size() > kMaxAddress) return Error("Address too long in " + std::string(name));
    if (std::find(found_.begin(), found_.end(), address) == found_.end()) found_.push_back(std::move(address));
    return {};
  }

  // Whatever stands around an "@" outside of quotes and comments.
  Status add_all_with_at(std::string_view name, std::string_view value) {
    rfc5322::Lexer lexer(value);
    std::string word;         // what may be a local part
    bool is_whole = true;     // and ended: an atom behind it begins another
    while (!lexer.at_end() && found_.size() <= lookup::kMaxSenders) {
      const bool spaced = lexer.skip_cfws();
      const char c = lexer.peek();
      if (lexer.at_end()) break;
      if (c == '"') {
        word = lexer.quoted_string();
        is_whole = true;
      } else if (lexer.take('@')) {
        rfc5322::Address address;
        address.local = word;
        address.domain = domain(lexer);
        if (address.local.empty() || address.domain.empty()) return Error("Not an address in " + std::string(name));
        if (auto added = put(name, address.addr_spec()); !added) return added;
        word.clear();
      } else if (lexer.take('.')) {
        word += '.';
        is_whole = false;
      } else if (const auto atom = lexer.atom(); !atom.empty()) {
        if (is_whole || (spaced && (word.empty() || word.back() != '.'))) word.clear();
        word += atom;
        is_whole = false;
      } else {
        lexer.skip();
        word.clear();
      }
    }
    return {};
  }

  static std::string domain(rfc5322::Lexer& lexer) {
    lexer.skip_cfws();
    if (lexer.peek() == '[') return lexer.domain_literal();
    std::string out;
    for (;;) {
      out += lexer.atom();
      lexer.skip_cfws();
      if (!lexer.take('.')) return out;
      out += '.';
      lexer.skip_cfws();
    }
  }

  std::vector<std::string> found_;
};

Status check_counts(const rfc5322::Header& header) {
  for (const auto name : kOnce) {
    if (header.find_all(name).size() > 1) return Error("More than one " + std::string(name) + " field: there may be one");
  }
  if (header.find("From") == nullptr) return Error("No From field: a message must say who wrote it");
  return {};
}

std::string missing_fields(const rfc5322::Header& header, const SubmissionFacts& facts) {
  std::string out;
  if (header.find("Date") == nullptr) out += "Date: " + rfc5322::format_date(facts.now) + "\r\n";
  if (header.find("Message-ID") == nullptr) {
    out += "Message-ID: <" + hex64(facts.message) + "." + hex64(facts.random) + "@" + facts.domain + ">\r\n";
  }
  return out;
}

}  // namespace

size_t find_header_end(std::string_view content, size_t from) {
  if (content.substr(0, 2) == "\r\n") return 2;
  const size_t end = content.find("\r\n\r\n", from);
  return end == std::string_view::npos ? end : end + 4;
}

Result<SubmittedHeader> complete_header(std::string_view text, const SubmissionFacts& facts) {
  const auto header = rfc5322::parse_header(text, {.fields = SIZE_MAX, .header = SIZE_MAX, .field = SIZE_MAX});
  for (const auto& field : header.fields) {
    if (field.name.empty()) return Error("A line of the header is no field: '" + printable(field.value, 60) + "'");
  }
  if (auto good = check_counts(header); !good) return good.error();
  SubmittedHeader out;
  Authors authors;
  for (const auto& field : header.fields) {
    const bool is_author = equals_nocase(field.name, "From") || equals_nocase(field.name, "Sender");
    if (is_author) {
      if (auto added = authors.add(field.name, field.value); !added) return added.error();
    }
    if (!is_one_of(field.name, kPrivate)) out.text += field.raw;
  }
  out.authors = authors.take();
  out.text += missing_fields(header, facts);
  if (header.has_end) out.text += "\r\n";
  return out;
}

}  // namespace mailkeep::receive
