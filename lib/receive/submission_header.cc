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
constexpr std::string_view kWritten[] = {"From", "Sender", "Reply-To"};
constexpr std::string_view kPrivate[] = {"Bcc", "Resent-Bcc"};

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view n) { return equals_nocase(n, name); });
}

std::string domain_at(rfc5322::Lexer& lexer, size_t& end) {
  lexer.skip_cfws();
  std::string out;
  if (lexer.peek() == '[') out = lexer.domain_literal();
  end = lexer.position();
  if (!out.empty()) return out;
  for (;;) {
    out += lexer.atom();
    end = lexer.position();
    lexer.skip_cfws();
    if (!lexer.take('.')) return out;
    out += '.';
    lexer.skip_cfws();
  }
}

// Whatever stands around an "@" outside of quotes and comments, with where it begins and ends; until `each` says no.
template <class Each>
void for_each_with_at(std::string_view value, Each each) {
  rfc5322::Lexer lexer(value);
  std::string word;      // what may be a local part
  size_t start = 0;      // of it
  bool is_whole = true;  // and ended: an atom behind it begins another
  while (!lexer.at_end()) {
    const bool spaced = lexer.skip_cfws();
    const char c = lexer.peek();
    const size_t here = lexer.position();
    if (lexer.at_end()) break;
    if (c == '"') {
      word = lexer.quoted_string();
      start = here;
      is_whole = true;
    } else if (lexer.take('@')) {
      rfc5322::Address address;
      address.local = word;
      size_t end = here;
      address.domain = domain_at(lexer, end);
      if (!each(address, start, end)) return;
      word.clear();
    } else if (lexer.take('.')) {
      if (word.empty()) start = here;
      word += '.';
      is_whole = false;
    } else if (const auto atom = lexer.atom(); !atom.empty()) {
      if (is_whole || (spaced && (word.empty() || word.back() != '.'))) word.clear();
      if (word.empty()) start = here;
      word += atom;
      is_whole = false;
    } else {
      lexer.skip();
      word.clear();
    }
  }
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

  Status add_all_with_at(std::string_view name, std::string_view value) {
    bool is_good = true;
    Status out;
    for_each_with_at(value, [&](const rfc5322::Address& address, size_t, size_t) {
      is_good = !address.local.empty() && !address.domain.empty();
      out = is_good ? put(name, address.addr_spec()) : Status(Error("Not an address in " + std::string(name)));
      return static_cast<bool>(out) && found_.size() <= lookup::kMaxSenders;
    });
    return out;
  }

  std::vector<std::string> found_;
};

Status check_counts(const rfc5322::Header& header) {
  for (const auto name : kOnce) {
    if (header.find_all(name).size() > 1)
      return Error("More than one " + std::string(name) + " field: there may be one");
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

std::string replace_authors(std::string_view text, const std::vector<std::string>& from,
                            const std::vector<std::string>& to) {
  const auto header = rfc5322::parse_header(text, {.fields = SIZE_MAX, .header = SIZE_MAX, .field = SIZE_MAX});
  std::string out;
  for (const auto& field : header.fields) {
    if (!is_one_of(field.name, kWritten)) {
      out += field.raw;
      continue;
    }
    size_t done = 0;  // of the value
    out += field.raw.substr(0, static_cast<size_t>(field.value.data() - field.raw.data()));
    for_each_with_at(field.value, [&](const rfc5322::Address& address, size_t start, size_t end) {
      const auto it = std::find(from.begin(), from.end(), address.addr_spec());
      if (it == from.end()) return true;
      out.append(field.value.substr(done, start - done)).append(to[static_cast<size_t>(it - from.begin())]);
      done = end;
      return true;
    });
    out += field.raw.substr(static_cast<size_t>(field.value.data() - field.raw.data()) + done);
  }
  if (header.has_end) out += "\r\n";
  return out;
}

}  // namespace mailkeep::receive
