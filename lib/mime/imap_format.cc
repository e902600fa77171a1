// RFC 3501 section 9: envelope, body-type-1part, body-type-mpart, body-ext-1part, body-ext-mpart.
// SPDX-License-Identifier: ISC
#include "lib/mime/imap_format.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/rfc5322/address.h"

namespace mailkeep::mime {
namespace {

constexpr size_t kMaxQuoted = 1000;

// address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"
std::string address(const rfc5322::Address& a) {
  using rfc5322::AddressKind;
  if (a.kind == AddressKind::group_start) return "(NIL NIL " + imap_string(a.name) + " NIL)";
  if (a.kind == AddressKind::group_end) return "(NIL NIL NIL NIL)";
  return "(" + imap_nstring(a.name) + " " + imap_nstring(a.route) + " " + imap_string(a.local) + " " +
         imap_string(a.domain) + ")";
}

// The addresses of all fields of that name, or NIL.
std::string address_list(const rfc5322::Header& header, std::string_view name) {
  constexpr size_t kMaxAddresses = 1000;
  std::string out;
  size_t count = 0;
  for (const rfc5322::Field* field : header.find_all(name)) {
    for (const rfc5322::Address& a : rfc5322::parse_address_list(field->value, {kMaxAddresses - count, 10})) {
      out += address(a);
      ++count;
    }
    if (count >= kMaxAddresses) break;
  }
  return out.empty() ? "NIL" : "(" + out + ")";
}

// NIL is a field that is not there; one that is there and empty is the empty string (RFC 3501 7.4.2).
std::string field_text(const rfc5322::Header& header, std::string_view name) {
  const rfc5322::Field* field = header.find(name);
  return field == nullptr ? "NIL" : imap_string(rfc5322::unfold(field->value));
}

// body-fld-param = "(" string SP string *(SP string SP string) ")" / nil
std::string params(const std::vector<Param>& list) {
  if (list.empty()) return "NIL";
  std::string out;
  for (const Param& param : list) {
    out += (out.empty() ? "(" : " ") + imap_string(param.name) + " " + imap_string(param.value);
  }
  return out + ")";
}

// body-fld-dsp = "(" string SP body-fld-param ")" / nil
std::string disposition(const Part& part) {
  if (part.disposition.empty()) return "NIL";
  return "(" + imap_string(part.disposition) + " " + params(part.disposition_params) + ")";
}

// body-fld-lang = nstring / "(" string *(SP string) ")"
std::string languages(const Part& part) {
  if (part.languages.empty()) return "NIL";
  std::string out;
  for (const std::string& tag : part.languages) out += (out.empty() ? "(" : " ") + imap_string(tag);
  return out + ")";
}

// disposition SP language SP location, as both kinds of extension end
std::string extension_tail(const Part& part) {
  return disposition(part) + " " + languages(part) + " " + imap_nstring(part.location);
}

std::string multipart(const Part& part, std::string_view message, bool extended) {
  std::string out = "(";
  for (const Part& child : part.children) out += imap_body(child, message, extended);
  if (part.children.empty()) {
    Part nothing;
    nothing.encoding = "7bit";
    out += imap_body(nothing, message, extended);
  }
  out += " " + imap_string(part.subtype);
  if (extended) out += " " + params(part.params) + " " + extension_tail(part);
  return out + ")";
}

std::string one_part(const Part& part, std::string_view message, bool extended) {
  std::string out = "(" + imap_string(part.type) + " " + imap_string(part.subtype) + " " + params(part.params) + " " +
                    imap_nstring(part.id) + " " + imap_nstring(part.description) + " " + imap_string(part.encoding) +
                    " " + std::to_string(part.size());
  if (part.is_message() && !part.children.empty()) {
    const Part& inner = part.children[0];
    out +=
        " " + imap_envelope(rfc5322::parse_header(inner.header(message))) + " " + imap_body(inner, message, extended);
  }
  if (part.type == "text" || part.is_message()) out += " " + std::to_string(part.lines);
  if (extended) out += " " + imap_nstring(part.md5) + " " + extension_tail(part);
  return out + ")";
}

}  // namespace

std::string imap_string(std::string_view text) {
  const bool quotable = text.size() <= kMaxQuoted && std::all_of(text.begin(), text.end(), [](char c) {
                          return static_cast<signed char>(c) > 0 && c != '\r' && c != '\n';
                        });
  std::string out;
  if (quotable) {
    out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out + "\"";
  }
  for (const char c : text) {
    if (c != '\0') out += c;
  }
  return "{" + std::to_string(out.size()) + "}\r\n" + out;
}

std::string imap_nstring(std::string_view text) { return text.empty() ? "NIL" : imap_string(text); }

std::string imap_envelope(const rfc5322::Header& header) {
  const std::string from = address_list(header, "from");
  const auto or_from = [&from](std::string list) { return list == "NIL" ? from : list; };
  return "(" + field_text(header, "date") + " " + field_text(header, "subject") + " " + from + " " +
         or_from(address_list(header, "sender")) + " " + or_from(address_list(header, "reply-to")) + " " +
         address_list(header, "to") + " " + address_list(header, "cc") + " " + address_list(header, "bcc") + " " +
         field_text(header, "in-reply-to") + " " + field_text(header, "message-id") + ")";
}

std::string imap_body(const Part& part, std::string_view message, bool extended) {
  return part.is_multipart() ? multipart(part, message, extended) : one_part(part, message, extended);
}

}  // namespace mailkeep::mime
