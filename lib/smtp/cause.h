// Why another server did not take a message, from its reply: about a dozen causes, told by the enhanced code (RFC 3463,
// 7372, 7505, 8689) where that is clear, else by the words, and each with what can be done about it. Pure. The words
// are those that receivers were seen to use; a reply that says nothing known is by its code alone.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string_view>

namespace mailkeep::smtp {

enum class Cause : uint8_t {
  kUnclear,
  kGreylisted,
  kRateLimited,
  kBlocklisted,     // the address we send from
  kReputation,      // policy about us, without a list's name
  kSpam,            // the content
  kAuthentication,  // SPF, DKIM, DMARC, ARC; no reverse name
  kSender,          // the sender's address or domain
  kMailboxUnknown,
  kMailboxFull,
  kMailboxDisabled,
  kSize,
  kTls,
  kRouting,      // the DNS, null MX, loops
  kUnreachable,  // no connection, or one that broke
  kRelayDenied,  // it is not that domain's server, or wants a login
  kServerTrouble,
  kProtocol,  // a command, an extension or the message's form
};
constexpr Cause kLastCause = Cause::kProtocol;

// `code` 0: no server said so, `enhanced` is our own word for it. All bytes are allowed in `text`.
Cause classify(uint16_t code, std::string_view enhanced, std::string_view text);
// The same of one text: [code SP] [enhanced SP] words, behind perhaps "host [address]:port: ".
Cause classify_words(std::string_view words);

std::string_view cause_name(Cause cause);       // "greylisted"; an interface of the JSON output
std::string_view advice(Cause cause);           // one sentence, to who sent the message; "" for kUnclear
std::string_view operator_advice(Cause cause);  // one sentence, to who runs this server

}  // namespace mailkeep::smtp
