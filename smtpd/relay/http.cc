// A request to an HTTP server, and its answer: see http.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/http.h"

#include "lib/base/text.h"

namespace mailkeep::relay {
namespace {

using Parsed = std::optional<mailkeep::Result<HttpAnswer>>;

constexpr std::string_view kEnd = "\r\n\r\n";

Error bad_answer(const std::string& why) { return Error("the web server's answer: " + why, EBADMSG); }

Parsed bad(const std::string& why) { return mailkeep::Result<HttpAnswer>(bad_answer(why)); }

struct Head {
  HttpAnswer answer;
  bool chunked = false;
  std::optional<uint64_t> length;
  std::string error;
};

// HTTP/1.x SP 3DIGIT …
bool parse_status(std::string_view line, int& status) {
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || !is_digit(line[7]) || line[8] != ' ') return false;
  if (line.size() > 12 && line[12] != ' ') return false;
  const auto n = parse_u64(line.substr(9, 3), 999);
  status = n && *n >= 100 ? static_cast<int>(*n) : 0;
  return status != 0;
}

void take_field(Head& out, std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == line.npos || colon == 0 || is_space(line[0])) {
    out.error = "a header line that is none";
    return;
  }
  const std::string name = lower(line.substr(0, colon));
  const std::string_view value = trim(line.substr(colon + 1));
  if (name == "content-type") out.answer.type = lower(trim(value.substr(0, value.find(';'))));
  if (name == "transfer-encoding") {
    out.chunked = equals_nocase(value, "chunked");
    if (!out.chunked) out.error = "an encoding that was not asked for";
  }
  if (name == "content-encoding" && !equals_nocase(value, "identity")) out.error = "an encoding that was not asked for";
  if (name == "content-length") {
    const auto n = parse_u64(value);
    if (!n || (out.length && *out.length != *n)) out.error = "a length that is none";
    out.length = n;
  }
}

Head parse_head(std::string_view text) {
  Head out;
  bool first = true;
  for (std::string_view line : split(text, '\n')) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (first && !parse_status(line, out.answer.status)) out.error = "no HTTP";
    if (!first) take_field(out, line);
    first = false;
    if (!out.error.empty()) break;
  }
  return out;
}

// chunk = 1*HEXDIG [ ";" ext ] CRLF data CRLF; the last has size 0
Parsed parse_chunks(Head& head, std::string_view rest, bool ended) {
  const auto more = [ended]() -> Parsed { return ended ? bad("its end is missing") : Parsed(); };
  for (;;) {
    const size_t end = rest.find("\r\n");
    if (end == rest.npos) return rest.size() > 1024 ? bad("a chunk that is none") : more();
    const std::string_view digits = trim(rest.substr(0, std::min(end, rest.find(';'))));
    const auto size = digits.size() <= 8 ? parse_hex64(digits) : std::nullopt;
    if (!size) return bad("a chunk that is none");
    if (*size == 0) return mailkeep::Result<HttpAnswer>(std::move(head.answer));  // trailers do not matter
    if (head.answer.body.size() + *size > kMaxHttpBody)
      return bad("more than " + std::to_string(kMaxHttpBody) + " bytes");
    rest.remove_prefix(end + 2);
    if (rest.size() < *size + 2) return more();
    head.answer.body += rest.substr(0, *size);
    if (rest.substr(*size, 2) != "\r\n") return bad("a chunk that is none");
    rest.remove_prefix(*size + 2);
  }
}

}  // namespace

std::string write_http(const HttpRequest& r) {
  std::string out = (r.is_post ? "POST " : "GET ") + r.path + " HTTP/1.1\r\nHost: " + r.host +
                    (r.port == kHttpsPort ? "" : ":" + std::to_string(r.port)) + "\r\nUser-Agent: Mailkeep\r\n";
  if (!r.accept.empty()) out += "Accept: " + r.accept + "\r\n";
  if (r.is_post) out += "Content-Type: " + r.type + "\r\nContent-Length: " + std::to_string(r.body.size()) + "\r\n";
  return out + "Connection: close\r\n\r\n" + r.body;
}

std::optional<mailkeep::Result<int>> parse_http_status(std::string_view bytes, bool ended) {
  using Status = mailkeep::Result<int>;
  std::string_view rest = bytes.substr(0, kMaxHttpHead);
  for (;;) {
    const size_t end = rest.find(kEnd);
    if (end == rest.npos) {
      if (bytes.size() >= kMaxHttpHead)
        return Status(bad_answer("a header of more than " + std::to_string(kMaxHttpHead) + " bytes"));
      if (!ended) return {};
      return Status(bad_answer("it ends early"));
    }
    const Head head = parse_head(rest.substr(0, end));
    if (!head.error.empty()) return Status(bad_answer(head.error));
    if (head.answer.status >= 200) return Status(head.answer.status);
    rest.remove_prefix(end + kEnd.size());
  }
}

Parsed parse_http(std::string_view bytes, bool ended) {
  if (bytes.size() > kMaxHttpAnswer) return bad("too long");
  const size_t end = bytes.find(kEnd);
  if (end == bytes.npos || end > kMaxHttpHead) {
    if (bytes.size() > kMaxHttpHead) return bad("a header of more than " + std::to_string(kMaxHttpHead) + " bytes");
    return ended ? bad("it ends early") : Parsed();
  }
  Head head = parse_head(bytes.substr(0, end));
  if (!head.error.empty()) return bad(head.error);
  const std::string_view rest = bytes.substr(end + kEnd.size());
  if (head.chunked && head.length) return bad("two lengths");
  if (head.chunked) return parse_chunks(head, rest, ended);
  if (!head.length && head.answer.status == 200) return bad("a body without a length");
  const uint64_t length = head.length.value_or(0);
  if (length > kMaxHttpBody) return bad("more than " + std::to_string(kMaxHttpBody) + " bytes");
  if (rest.size() < length) return ended ? bad("its end is missing") : Parsed();
  head.answer.body = rest.substr(0, length);
  return mailkeep::Result<HttpAnswer>(std::move(head.answer));
}

}  // namespace mailkeep::relay
