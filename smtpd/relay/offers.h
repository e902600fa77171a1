// What a server offers in its answer to EHLO (RFC 5321 4.1.1.1), as far as relay uses it. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mailkeep::relay {

struct Offers {
  bool pipelining = false;   // RFC 2920
  bool eight_bit = false;    // RFC 6152
  bool chunking = false;     // RFC 3030
  bool starttls = false;     // RFC 3207
  bool dsn = false;          // RFC 3461
  bool smtputf8 = false;     // RFC 6531
  bool require_tls = false;  // RFC 8689
  bool priority = false;     // RFC 6710
  bool deliver_by = false;   // RFC 2852
  bool size = false;         // RFC 1870
  uint64_t max_size = 0;     // 0: not said
  bool auth_plain = false;   // RFC 4954
  bool auth_login = false;
};

// The lines of the reply without their code; the first is the server's name.
Offers parse_offers(const std::vector<std::string>& lines);

}  // namespace mailkeep::relay
