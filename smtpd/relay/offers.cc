// The answer to EHLO: see offers.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/offers.h"

#include <string_view>

#include "lib/base/text.h"

namespace mailkeep::relay {

namespace {

void parse_auth(Offers& out, std::string_view mechanisms) {
  for (const std::string_view word : split(mechanisms, ' ')) {
    out.auth_plain = out.auth_plain || equals_nocase(word, "PLAIN");
    out.auth_login = out.auth_login || equals_nocase(word, "LOGIN");
  }
}

void parse_line(Offers& out, std::string_view line) {
  const size_t end = line.find_first_of(" =");  // "AUTH=LOGIN" is of old servers
  const std::string keyword = upper(line.substr(0, end));
  const std::string_view rest = end == line.npos ? std::string_view() : trim(line.substr(end + 1));
  if (keyword == "PIPELINING") out.pipelining = true;
  if (keyword == "8BITMIME") out.eight_bit = true;
  if (keyword == "CHUNKING") out.chunking = true;
  if (keyword == "STARTTLS") out.starttls = true;
  if (keyword == "DSN") out.dsn = true;
  if (keyword == "SMTPUTF8") out.smtputf8 = true;
  if (keyword == "REQUIRETLS") out.require_tls = true;
  if (keyword == "MT-PRIORITY") out.priority = true;
  if (keyword == "DELIVERBY") out.deliver_by = true;
  if (keyword == "AUTH") parse_auth(out, rest);
  if (keyword == "SIZE") {
    out.size = true;
    out.max_size = parse_u64(rest).value_or(0);
  }
}

}  // namespace

Offers parse_offers(const std::vector<std::string>& lines) {
  Offers out;
  for (size_t i = 1; i < lines.size(); ++i) parse_line(out, trim(lines[i]));
  return out;
}

}  // namespace mailkeep::relay
