// Causes of replies: see cause.h.
// SPDX-License-Identifier: ISC
#include "lib/smtp/cause.h"

#include <algorithm>
#include <array>
#include <string>

#include "lib/base/text.h"
#include "lib/smtp/reply.h"

namespace mailkeep::smtp {
namespace {

constexpr size_t kMaxText = 2000;  // of a reply that is looked at

struct ByCode {
  std::string_view code;  // without its class, unless that matters
  Cause cause;
};
// Codes that say it all. Those of every kind of policy (X.7.0, X.7.1) and of nothing (X.0.0) are not among them, nor
// those that large receivers use for something else (4.2.1, 5.4.1).
constexpr ByCode kByCode[] = {
    {"1.1", Cause::kMailboxUnknown},
    {"1.2", Cause::kRouting},
    {"1.3", Cause::kMailboxUnknown},
    {"1.6", Cause::kMailboxUnknown},
    {"1.7", Cause::kSender},
    {"1.8", Cause::kSender},
    {"1.10", Cause::kRouting},
    {"5.2.1", Cause::kMailboxDisabled},
    {"2.2", Cause::kMailboxFull},
    {"2.3", Cause::kSize},
    {"3.1", Cause::kServerTrouble},
    {"3.4", Cause::kSize},
    {"4.3", Cause::kRouting},
    {"4.4", Cause::kRouting},
    {"4.6", Cause::kRouting},
    {"5.3", Cause::kRateLimited},
    {"6.1", Cause::kProtocol},
    {"6.2", Cause::kProtocol},
    {"6.3", Cause::kProtocol},
    {"6.5", Cause::kProtocol},
    {"6.7", Cause::kProtocol},
    {"6.9", Cause::kProtocol},
    {"7.4", Cause::kTls},
    {"7.5", Cause::kTls},
    {"7.8", Cause::kRelayDenied},
    {"7.9", Cause::kRelayDenied},
    {"7.10", Cause::kTls},
    {"7.11", Cause::kTls},
    {"7.20", Cause::kAuthentication},
    {"7.21", Cause::kAuthentication},
    {"7.22", Cause::kAuthentication},
    {"7.23", Cause::kAuthentication},
    {"7.24", Cause::kAuthentication},
    {"7.25", Cause::kAuthentication},
    {"7.26", Cause::kAuthentication},
    {"7.27", Cause::kSender},
    {"7.28", Cause::kRateLimited},
    {"7.29", Cause::kAuthentication},
    {"7.30", Cause::kTls},
};

struct ByText {
  std::string_view words;  // lower case, somewhere in the text
  Cause cause;
};
// The first that fits counts: what is unmistakable stands before what is said of everything.
constexpr ByText kByText[] = {
    {"greylist", Cause::kGreylisted},
    {"graylist", Cause::kGreylisted},
    {"grey list", Cause::kGreylisted},
    {"grey-list", Cause::kGreylisted},

    {"dmarc", Cause::kAuthentication},
    {"dkim", Cause::kAuthentication},
    {"sender policy framework", Cause::kAuthentication},
    {"spf ", Cause::kAuthentication},
    {"spf-", Cause::kAuthentication},
    {"(spf)", Cause::kAuthentication},
    {" spf", Cause::kAuthentication},
    {"unauthenticated email", Cause::kAuthentication},
    {"reverse dns", Cause::kAuthentication},
    {"reverse hostname", Cause::kAuthentication},
    {"ptr record", Cause::kAuthentication},
    {"no ptr", Cause::kAuthentication},
    {"rdns", Cause::kAuthentication},

    {"starttls", Cause::kTls},
    {"must issue a tls", Cause::kTls},
    {"encryption required", Cause::kTls},
    {"tls is required", Cause::kTls},
    {"tls required", Cause::kTls},
    {"requiretls", Cause::kTls},

    {"spamhaus", Cause::kBlocklisted},
    {"spamcop", Cause::kBlocklisted},
    {"barracudacentral", Cause::kBlocklisted},
    {"sorbs", Cause::kBlocklisted},
    {"blocklist", Cause::kBlocklisted},
    {"block list", Cause::kBlocklisted},
    {"blacklist", Cause::kBlocklisted},
    {"black list", Cause::kBlocklisted},
    {"dnsbl", Cause::kBlocklisted},
    {" rbl", Cause::kBlocklisted},
    {"blocked using", Cause::kBlocklisted},
    {"banned sending ip", Cause::kBlocklisted},
    {"is listed", Cause::kBlocklisted},
    {"listed in", Cause::kBlocklisted},
    {"listed at", Cause::kBlocklisted},

    {"user complaints", Cause::kReputation},
    {"reputation", Cause::kReputation},
    {"unusual rate", Cause::kRateLimited},

    {"rate limit", Cause::kRateLimited},
    {"ratelimit", Cause::kRateLimited},
    {"rate-limit", Cause::kRateLimited},
    {"throttl", Cause::kRateLimited},
    {"too many", Cause::kRateLimited},
    {"too fast", Cause::kRateLimited},
    {"too quickly", Cause::kRateLimited},
    {"sending rate", Cause::kRateLimited},
    {"sending limit", Cause::kRateLimited},
    {"limit exceeded", Cause::kRateLimited},
    {"exceeded the limit", Cause::kRateLimited},
    {"slow down", Cause::kRateLimited},
    {"connection frequency", Cause::kRateLimited},
    {"max message per", Cause::kRateLimited},

    {"over quota", Cause::kMailboxFull},
    {"overquota", Cause::kMailboxFull},
    {"quota exceeded", Cause::kMailboxFull},
    {"exceeded storage", Cause::kMailboxFull},
    {"mailbox full", Cause::kMailboxFull},
    {"mailbox is full", Cause::kMailboxFull},
    {"inbox is full", Cause::kMailboxFull},
    {"out of storage", Cause::kMailboxFull},
    {"storage limit", Cause::kMailboxFull},
    {"exceed the quota", Cause::kMailboxFull},
    {"exceeds quota", Cause::kMailboxFull},

    {"account disabled", Cause::kMailboxDisabled},
    {"account is disabled", Cause::kMailboxDisabled},
    {"mailbox disabled", Cause::kMailboxDisabled},
    {"mailbox is disabled", Cause::kMailboxDisabled},
    {"account inactive", Cause::kMailboxDisabled},
    {"account is inactive", Cause::kMailboxDisabled},
    {"mailbox is inactive", Cause::kMailboxDisabled},
    {"account has been disabled", Cause::kMailboxDisabled},
    {"account suspended", Cause::kMailboxDisabled},
    {"account has been suspended", Cause::kMailboxDisabled},
    {"user is inactive", Cause::kMailboxDisabled},

    {"message size", Cause::kSize},
    {"message too large", Cause::kSize},
    {"message is too large", Cause::kSize},
    {"message too big", Cause::kSize},
    {"exceeds size", Cause::kSize},
    {"size limit", Cause::kSize},
    {"maximum size", Cause::kSize},

    {"relay access denied", Cause::kRelayDenied},
    {"relaying denied", Cause::kRelayDenied},
    {"relay not permitted", Cause::kRelayDenied},
    {"not permitted to relay", Cause::kRelayDenied},
    {"unable to relay", Cause::kRelayDenied},
    {"relay denied", Cause::kRelayDenied},
    {"we do not relay", Cause::kRelayDenied},
    {"authentication required", Cause::kRelayDenied},
    {"authentication is required", Cause::kRelayDenied},
    {"invalid recipient domain", Cause::kRelayDenied},
    {"not a local domain", Cause::kRelayDenied},

    {"user unknown", Cause::kMailboxUnknown},
    {"unknown user", Cause::kMailboxUnknown},
    {"no such user", Cause::kMailboxUnknown},
    {"no such recipient", Cause::kMailboxUnknown},
    {"no such mailbox", Cause::kMailboxUnknown},
    {"no such address", Cause::kMailboxUnknown},
    {"no mailbox", Cause::kMailboxUnknown},
    {"mailbox unavailable", Cause::kMailboxUnknown},
    {"mailbox not found", Cause::kMailboxUnknown},
    {"recipient unknown", Cause::kMailboxUnknown},
    {"unknown recipient", Cause::kMailboxUnknown},
    {"recipient not found", Cause::kMailboxUnknown},
    {"user not found", Cause::kMailboxUnknown},
    {"does not exist", Cause::kMailboxUnknown},
    {"doesn't exist", Cause::kMailboxUnknown},
    {"invalid recipient", Cause::kMailboxUnknown},
    {"invalid mailbox", Cause::kMailboxUnknown},
    {"unknown in virtual", Cause::kMailboxUnknown},
    {"address rejected: access denied", Cause::kMailboxUnknown},
    {"not our customer", Cause::kMailboxUnknown},
    {"unrouteable address", Cause::kMailboxUnknown},
    {"address unknown", Cause::kMailboxUnknown},
    {"doesn't have a", Cause::kMailboxUnknown},

    {"sender address rejected", Cause::kSender},
    {"sender rejected", Cause::kSender},
    {"sender verify failed", Cause::kSender},
    {"sender domain", Cause::kSender},
    {"domain of sender", Cause::kSender},
    {"invalid sender", Cause::kSender},

    {"spam", Cause::kSpam},
    {"junk mail", Cause::kSpam},
    {"unsolicited", Cause::kSpam},
    {"virus", Cause::kSpam},
    {"malware", Cause::kSpam},
    {"phish", Cause::kSpam},
    {"content reject", Cause::kSpam},
    {"message content", Cause::kSpam},
    {"malicious", Cause::kSpam},
    {"bulk mail", Cause::kSpam},

    {"try again", Cause::kServerTrouble},
    {"try later", Cause::kServerTrouble},
    {"temporar", Cause::kServerTrouble},
    {"busy", Cause::kServerTrouble},
    {"insufficient", Cause::kServerTrouble},
    {"local error", Cause::kServerTrouble},
    {"internal error", Cause::kServerTrouble},
    {"shutting down", Cause::kServerTrouble},

    {"policy", Cause::kReputation},
    {"access denied", Cause::kReputation},
    {"blocked", Cause::kReputation},
    {"not authorized", Cause::kReputation},
    {"not allowed", Cause::kReputation},
    {"denied", Cause::kReputation},
};

struct Words {
  std::string_view name;
  std::string_view advice;
  std::string_view for_operator;
};
constexpr std::array<Words, static_cast<size_t>(kLastCause) + 1> kWords = {{
    {"unclear", "", "Read the reply; it fits nothing that is known."},
    {"greylisted", "The receiving server makes every new sender wait a while; trying again later is all it takes.",
     "Nothing to do: it is tried again, and the same sending address will be known soon."},
    {"rate-limited",
     "The receiving server takes only so much mail from here in a time; send again later, and to fewer recipients at "
     "once.",
     "Send less at once to this receiver; a limit for its group, or warming up a new address, spares these refusals."},
    {"blocklisted",
     "This mail server's address stands on a list of senders of spam; its postmaster can have it removed.",
     "Look the sending address up at the list that the reply names, find what was sent from here, then ask for "
     "removal."},
    {"reputation",
     "The receiving server does not trust this mail server or its network; its postmaster can find out why.",
     "Look for mail that was complained about; many receivers have a page for senders, named in the reply."},
    {"spam",
     "The receiving server took the message for spam or for dangerous; write it in plainer words, without doubtful "
     "links or attachments.",
     "See what was sent; if it was no spam, the receiver's postmaster can correct it."},
    {"authentication",
     "The receiving server could not verify that the message is from your domain; the postmaster must mend SPF, DKIM "
     "or DMARC.",
     "Compare the domain's SPF, DKIM and DMARC records, and the reverse name of the sending address, with how the mail "
     "goes out."},
    {"sender",
     "The receiving server does not accept your address as a sender; see that it is right and its domain takes mail.",
     "The domain of the sender must exist and have MX records; see that nobody writes under a made-up one."},
    {"mailbox-unknown",
     "There is no such mailbox; see that the address is spelt right, or ask the recipient for a new one.",
     "Remove the address from lists; many of these harm the reputation of this server."},
    {"mailbox-full", "The recipient's mailbox is full; send again later, or tell the recipient in another way.",
     "Nothing to do here: only the recipient can make room."},
    {"mailbox-disabled", "The mailbox takes no mail at present; reach the recipient in another way.",
     "Remove the address from lists."},
    {"size", "The message is larger than the receiving server takes; send it without its attachments, or in parts.",
     "Nothing to do here: the sender must send less."},
    {"tls",
     "The connection could not be made as safe as it must be, and the message does not go out without; its postmaster "
     "can find out why.",
     "`mailkeepctl tls policy DOMAIN` says what is demanded and why; the other side's certificate, or our list, must "
     "be mended."},
    {"routing",
     "No server could be found that takes mail for this domain; see that the part behind the @ is spelt right.",
     "`mailkeepctl dns DOMAIN` says what the DNS answers."},
    {"unreachable", "The receiving server could not be reached; if that goes on, reach the recipient in another way.",
     "See whether other receivers can be reached: if not, port 25 may be closed on the way out."},
    {"relay-denied",
     "The receiving server says that it does not serve this domain; its postmaster should look at its DNS or settings.",
     "The receiver's MX points to a server that does not know the domain; of a smart host: see its credentials."},
    {"server-trouble", "The receiving server has trouble of its own; send again later.",
     "Nothing to do: it is tried again."},
    {"protocol",
     "The receiving server cannot take a message of this form; send it in a simpler one, such as plain text.",
     "See the reply for the command or extension that it did not like."},
}};

bool contains(std::string_view text, std::string_view words) { return text.find(words) != text.npos; }

Cause by_code(std::string_view enhanced) {
  if (!is_enhanced_code(enhanced)) return Cause::kUnclear;
  const std::string_view rest = enhanced.substr(2);
  const auto row = std::find_if(std::begin(kByCode), std::end(kByCode),
                                [&](const ByCode& r) { return r.code == rest || r.code == enhanced; });
  return row == std::end(kByCode) ? Cause::kUnclear : row->cause;
}

Cause by_text(std::string_view text) {
  const std::string low = lower(text.substr(0, kMaxText));
  const auto row =
      std::find_if(std::begin(kByText), std::end(kByText), [&](const ByText& r) { return contains(low, r.words); });
  return row == std::end(kByText) ? Cause::kUnclear : row->cause;
}

// Neither a clear code nor known words: what the subject of the code, or the code, leaves.
Cause by_class(uint16_t code, std::string_view enhanced) {
  const char subject = is_enhanced_code(enhanced) ? enhanced[2] : '0';
  const bool is_long = subject == '0' || enhanced.size() < 4 || enhanced[3] != '.';
  if (!is_long) {
    switch (subject) {
      case '1': return Cause::kMailboxUnknown;
      case '2': return enhanced[0] == '4' ? Cause::kServerTrouble : Cause::kMailboxDisabled;
      case '3': return Cause::kServerTrouble;
      case '4': return code == 0 ? Cause::kUnreachable : Cause::kRouting;
      case '5':
      case '6': return Cause::kProtocol;
      case '7': return Cause::kReputation;
      default: break;
    }
  }
  switch (code) {
    case 421:
    case 450:
    case 451:
    case 452:
    case 454: return Cause::kServerTrouble;
    case 552: return Cause::kSize;
    case 550:
    case 551:
    case 553: return Cause::kMailboxUnknown;
    case 500:
    case 501:
    case 502:
    case 503:
    case 504:
    case 555: return Cause::kProtocol;
    default: return Cause::kUnclear;
  }
}

}  // namespace

Cause classify(uint16_t code, std::string_view enhanced, std::string_view text) {
  if (const Cause c = by_code(enhanced); c != Cause::kUnclear) return c;
  const bool is_ours =
      code == 0 && enhanced.size() > 3 && enhanced.substr(2, 2) == "4.";  // "no answer within 300 s when …"
  if (is_ours) return by_class(code, enhanced);
  if (const Cause c = by_text(text); c != Cause::kUnclear) return c;
  return by_class(code, enhanced);
}

// What went before the code names hosts and commands, never the code itself, which is three digits between blanks or at
// an end.
Cause classify_words(std::string_view words) {
  uint16_t code = 0;
  std::string_view rest = words;
  if (const size_t host = words.find("]:"); host < 400) {
    const size_t end = words.find(": ", host + 2);
    if (end != words.npos) rest = words.substr(end + 2);
  }
  const auto first = [](std::string_view text) { return text.substr(0, text.find(' ')); };
  if (const auto n = parse_u64(first(rest), 599); n && *n >= 200 && first(rest).size() == 3) {
    code = static_cast<uint16_t>(*n);
    rest.remove_prefix(std::min<size_t>(rest.size(), 4));
  }
  const std::string_view enhanced = is_enhanced_code(first(rest)) ? first(rest) : std::string_view();
  if (!enhanced.empty()) rest.remove_prefix(std::min(rest.size(), enhanced.size() + 1));
  return classify(code, enhanced, rest);
}

std::string_view cause_name(Cause cause) { return kWords[static_cast<size_t>(cause)].name; }
std::string_view advice(Cause cause) { return kWords[static_cast<size_t>(cause)].advice; }
std::string_view operator_advice(Cause cause) { return kWords[static_cast<size_t>(cause)].for_operator; }

}  // namespace mailkeep::smtp
