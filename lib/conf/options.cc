// The table of options, and how a value is read and written.
// SPDX-License-Identifier: ISC
#include "lib/conf/options.h"

#include <algorithm>
#include <array>
#include <optional>

#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/conf/names.h"
#include "lib/conf/parse.h"

namespace mailkeep::conf {
namespace {

constexpr uint64_t kK = 1024, kM = kK * 1024, kG = kM * 1024, kT = kG * 1024;
constexpr uint64_t kMinute = 60, kHour = 3600, kDay = 86400, kWeek = 7 * kDay;
constexpr uint64_t kPath = 4000;
using O = Options;
using T = OptionType;

constexpr Option kOptions[] = {
    // name, type, member, least, most, initial, choices, help
    {"state", T::path, &O::state, 1, kPath, "/var/lib/mailkeep", "",
     "Directory of all that the server writes: spool, mail and run, unless set apart."},
    {"spool", T::path, &O::spool, 1, kPath, "", "", "Directory of the queue. Unless set: spool below state."},
    {"mail", T::path, &O::mail, 1, kPath, "", "", "Directory of the mailboxes. Unless set: mail below state."},
    {"run", T::path, &O::run, 1, kPath, "", "",
     "Directory of what lasts only while the server runs. Unless set: run below state."},
    {"control", T::path, &O::control, 1, 107, "", "",
     "Path of the socket that mailkeepctl talks to. Unless set: mailkeep.sock below run."},
    {"hostname", T::host, &O::hostname, 1, kMaxHostname, "", "",
     "The server's name in greetings, Received fields and reports. Unless set: the machine's own name."},
    {"log-level", T::choice, &O::log_level, 0, 0, "info", "error warn info debug",
     "The least severe events that are logged."},
    {"postmaster", T::text, &O::postmaster, 1, kMaxAddress, "", "",
     "The account or address that gets mail for postmaster where no alias says otherwise. Unless set: the account "
     "postmaster or root, else the first account."},
    {"local-submission", T::choice, &O::local_submission, 0, 0, "on", "on off",
     "Whether local users may send with sendmail(8), through submit.sock below run. Listeners that the file names for "
     "it stand in its place."},
    {"local-from", T::choice, &O::local_from, 0, 0, "mark", "mark refuse",
     "What becomes of a local user's message whose From field is not the user's own address: it gets a Sender field "
     "that says who "
     "sent it, or it is refused."},
    {"trusted-users", T::text, &O::trusted_users, 0, 2000, "", "",
     "System users, between spaces, that may send as anybody through the local socket, as root always may; such as a "
     "web server's, where "
     "its programs name senders of their own."},
    {"tls-authorities", T::path, &O::tls_authorities, 1, kPath, "", "",
     "The certificates (PEM) of the authorities whose word about other hosts' names is trusted: for tls verify, "
     "MTA-STS, and HTTPS. "
     "Unless set: those of the system."},
    {"mta-sts", T::choice, &O::mta_sts, 0, 0, "on", "on off",
     "Whether domains' MTA-STS policies (RFC 8461) are fetched by HTTPS, kept and followed."},
    {"tls-learn", T::choice, &O::tls_learn, 0, 0, "suggest", "off suggest enforce",
     "What becomes of a domain all of whose sessions in two weeks, 20 or more, were verified by an authority: suggest "
     "has mailkeepctl "
     "tls policy say so, enforce sends to it only with a certificate that holds."},
    {"subaddress-separator", T::text, &O::subaddress_separator, 0, 8, "+", "",
     "What parts an account's name from a detail in user+detail@domain: any of these characters; \"\" for none."},

    {"address-family", T::choice, &O::address_family, 0, 0, "alternate", "alternate ipv6-first ipv4-first ipv6 ipv4",
     "Which addresses of other hosts are tried, and in which order; alternate takes IPv6 and IPv4 in turn."},
    {"dnssec", T::choice, &O::dnssec, 0, 0, "auto", "auto on off",
     "Whether answers of the DNS are validated. auto does where the resolver hands on the root's signatures, which is "
     "found out at "
     "the first question and then kept; where it does not, it is tried again every hour, and DANE is not used "
     "meanwhile. With on, "
     "what cannot be validated is a temporary failure."},
    {"dnssec-anchor", T::path, &O::dnssec_anchor, 1, kPath, "", "",
     "File of DS or DNSKEY records in which validation trusts; naming one turns auto into on. Unless set: "
     "/usr/share/dns/root.key, "
     "or the keys of the root that are built in."},
    {"dnssec-insecure", T::text, &O::dnssec_insecure, 0, 4000, "", "",
     "Domains, between spaces, that are not validated, with all below them: those which only the resolver of a private "
     "network knows."},

    {"message-size", T::size, &O::message_size, 64 * kK, 2 * kG - 1, "50M", "",
     "The largest message that is taken (RFC 1870)."},
    {"max-recipients", T::count, &O::max_recipients, 100, kMaxRecipients, "1000", "",
     "Recipients of one transaction; RFC 5321 asks for at least 100."},
    {"max-sessions", T::count, &O::max_sessions, 1, 100'000, "4000", "",
     "Sessions at once of each protocol process. As an SMTP process fills up, the share of each network shrinks to as "
     "many as are "
     "still free; when it is full, the idlest session of the network that has most gives way to one that has less."},
    {"max-sessions-per-source", T::count, &O::max_sessions_per_source, 1, 100'000, "100", "",
     "Sessions at once from one address, or of one local user. This limit and those below are counted by each process: "
     "with several smtpd-workers a "
     "source may have as many times as much."},
    {"max-sessions-per-network", T::count, &O::max_sessions_per_network, 1, 100'000, "400", "",
     "SMTP sessions at once from one network, an IPv4 /24 or an IPv6 /64."},
    {"max-messages-per-hour", T::count, &O::max_messages_per_hour, 0, 100'000'000, "10000", "",
     "Messages that one IPv4 address or one IPv6 /64 may send by SMTP in an hour, loopback and trusted sources apart; "
     "0 for as many as it likes."},
    {"max-recipients-per-hour", T::count, &O::max_recipients_per_hour, 0, 100'000'000, "50000", "",
     "Recipients that one IPv4 address or one IPv6 /64 may name by SMTP in an hour, those that are refused too, "
     "loopback and trusted sources apart; 0 for "
     "as many as it likes."},
    {"max-recipients-per-session", T::count, &O::max_recipients_per_session, 0, 100'000'000, "10000", "",
     "Recipients of all messages of one SMTP session; those beyond get 452. 0 for as many as they like."},
    {"max-errors", T::count, &O::max_errors, 1, 10'000, "20", "",
     "Commands of an SMTP session that may be refused for good (5xx) before it ends with 421."},
    {"max-messages-per-session", T::count, &O::max_messages_per_session, 0, 1'000'000, "1000", "",
     "Messages of one SMTP session, told to clients as MAILMAX (RFC 9422); the next one gets 421. 0 for as many as "
     "they like."},
    {"dsn", T::choice, &O::dsn, 0, 0, "all", "all trusted",
     "Who may ask for delivery reports (RFC 3461): all, or trusted clients alone, those of submission and lmtp "
     "listeners. With all, "
     "a stranger who forges a sender's address can have that address told of a delivery."},
    {"max-received", T::count, &O::max_received, 10, 1000, "100", "",
     "Received fields in a message beyond which it is taken to be in a loop (RFC 5321 6.3)."},
    {"max-idle-users", T::count, &O::max_idle_users, 0, 10'000, "200", "",
     "Processes of accounts that are kept with nothing to do; the least recently used goes first."},
    {"smtpd-workers", T::count, &O::smtpd_workers, 1, 64, "1", "", "Processes that speak SMTP."},
    {"tls-workers", T::count, &O::tls_workers, 1, 64, "1", "", "Processes that hold the TLS keys and sessions."},
    {"worker-uids", T::count, &O::worker_uids, 0, 4'000'000'000, "0", "",
     "If not 0, worker processes run under this uid and those after it instead of under the named system users. For "
     "tests."},
    {"bounce-size", T::size, &O::bounce_size, 0, 10 * kM, "64K", "",
     "The largest message that a bounce returns whole; of larger ones it returns the header alone."},

    {"smtp-idle-timeout", T::duration, &O::smtp_idle_timeout, 5, kHour, "5m", "",
     "SMTP and LMTP sessions end after this time without a command (RFC 5321 4.5.3.2.7)."},
    {"smtp-busy-timeout", T::duration, &O::smtp_busy_timeout, 1, kHour, "10s", "",
     "The same while more than four fifths of max-sessions are in use."},
    {"error-delay", T::duration, &O::error_delay, 0, 30, "1s", "",
     "From the fifth refused command of an SMTP session on, each answer waits by this time longer than the one before, "
     "30 seconds at "
     "most; loopback, trusted sources and who has logged in apart. 0s: no answer waits."},
    {"greet-pause", T::duration, &O::greet_pause, 0, 30, "1s", "",
     "How long an smtp listener is silent before its greeting. Who speaks meanwhile, as no mail server does, gets 554 "
     "and is cut off; "
     "loopback and trusted sources are greeted at once. 0s: everybody is."},
    {"max-hold", T::duration, &O::max_hold, 0, 365 * kDay, "30d", "",
     "The longest time that a client of a submission or lmtp listener may ask to hold a message back (FUTURERELEASE, "
     "RFC 4865); "
     "0s: it is not offered."},
    {"min-deliver-by", T::duration, &O::min_deliver_by, 0, kDay, "1m", "",
     "The shortest time that a client of a submission or lmtp listener may set for a delivery (DELIVERBY, RFC 2852)."},
    {"imap-idle-timeout", T::duration, &O::imap_idle_timeout, 30 * kMinute, kDay, "30m", "",
     "IMAP sessions end after this time without a command (RFC 3501 5.4)."},
    {"imap-login-timeout", T::duration, &O::imap_login_timeout, 5, kHour, "1m", "",
     "IMAP connections end after this time without a login."},
    {"user-idle", T::duration, &O::user_idle, 1, kDay, "5m", "",
     "The process of an account ends after this time without a delivery or a session."},
    {"queue-lifetime", T::duration, &O::queue_lifetime, 1, 30 * kDay, "4d", "",
     "Mail that could not be delivered for this time goes back to its sender."},
    {"tls-report-interval", T::duration, &O::tls_report_interval, 0, kWeek, "1d", "",
     "How often domains that ask for it (RFC 8460) are sent a report of the TLS sessions with their hosts; 0s for "
     "never. Each address of theirs is served: mailto by mail, https by a POST whose server's certificate must be "
     "good; "
     "what fails is tried for a day."},
    {"queue-first-retry", T::duration, &O::queue_first_retry, 1, kDay, "1m", "",
     "Time before the second attempt of a delivery; it doubles with every further one."},
    {"queue-max-retry", T::duration, &O::queue_max_retry, 1, kDay, "1h", "", "The longest time between two attempts."},
    {"queue-probe", T::duration, &O::queue_probe, 1, kDay, "5m", "",
     "The longest time between two attempts to reach a host that does not answer: one message tries it, and what else "
     "is for it goes "
     "when it answers."},
    {"queue-delay-warning", T::duration, &O::queue_delay_warning, 0, 30 * kDay, "4h", "",
     "A sender is told once that mail is still waiting after this time, unless NOTIFY (RFC 3461) says otherwise; 0s "
     "for never."},
    {"queue-history", T::duration, &O::queue_history, 0, 365 * kDay, "7d", "",
     "How long it is kept what became of finished mail and what was refused, for mailkeepctl queue history and trace; "
     "0s for not at all."},
    {"queue-history-entries", T::count, &O::queue_history_entries, 1, 100'000'000, "1000000", "",
     "Of how many finished envelopes that is kept, and of how many refusals: the oldest go first. An entry takes half "
     "a KiB of disk or so."},
    {"reports-to-strangers", T::choice, &O::reports_to_strangers, 0, 0, "postmaster", "none postmaster sender",
     "Who is told when mail from a client that is neither local nor logged in fails after it was taken: such a "
     "sender's address "
     "may be forged, and a report to it backscatter. With postmaster the report goes there, with none it is logged "
     "alone."},
};

struct Unit {
  char letter;
  uint64_t factor;
};
constexpr Unit kSizeUnits[] = {{'T', kT}, {'G', kG}, {'M', kM}, {'K', kK}};
constexpr Unit kTimeUnits[] = {{'w', kWeek}, {'d', kDay}, {'h', kHour}, {'m', kMinute}, {'s', 1}};

std::optional<uint64_t> multiply(std::string_view digits, uint64_t factor) {
  const auto n = parse_u64(digits, UINT64_MAX / factor);
  return n ? std::optional(*n * factor) : std::nullopt;
}

std::string write_unit(uint64_t n, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (n >= unit.factor && n % unit.factor == 0) return std::to_string(n / unit.factor) + std::string(1, unit.letter);
  }
  return std::to_string(n);
}

bool is_choice(std::string_view text, std::string_view choices) {
  const auto words = split(choices, ' ');
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_text(const Option& o, std::string_view text) {
  if (o.type == T::choice) return is_choice(text, o.choices);
  if (text.size() < o.min || text.size() > o.max) return false;
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; })) return false;
  if (o.type == T::path) return is_absolute_path(text);
  return o.type != T::host || is_domain(text);
}

std::string range_text(const Option& o) {
  const auto units = o.type == T::size ? std::span<const Unit>(kSizeUnits) : std::span<const Unit>(kTimeUnits);
  const bool plain = o.type == T::count;
  return "from " + (plain ? std::to_string(o.min) : write_unit(o.min, units)) + " to " +
         (plain ? std::to_string(o.max) : write_unit(o.max, units));
}

// Text in mdoc: a line that starts with a dot or quote would be a request, a backslash an escape.
std::string mdoc_text(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\\' ? std::string("\\e") : std::string(1, c);
  if (!out.empty() && (out[0] == '.' || out[0] == '\'')) out.insert(0, "\\&");
  return out;
}

std::string mdoc_argument(const Option& o) {
  switch (o.type) {
    case T::size: return ".Ar size";
    case T::count: return ".Ar number";
    case T::duration: return ".Ar time";
    case T::text: return ".Ar text";
    case T::path: return ".Ar path";
    case T::host: return ".Ar name";
    case T::choice: break;
  }
  std::string out;
  for (const auto word : split(o.choices, ' ')) out += (out.empty() ? ".Cm " : " | ") + std::string(word);
  return out;
}

}  // namespace

std::optional<uint64_t> parse_size(std::string_view text) {
  for (const Unit& unit : kSizeUnits) {
    if (!text.empty() && to_upper(text.back()) == unit.letter)
      return multiply(text.substr(0, text.size() - 1), unit.factor);
  }
  return parse_u64(text);
}

std::optional<uint64_t> parse_duration(std::string_view text) {
  uint64_t total = 0;
  bool any = false;
  for (const Unit& unit : kTimeUnits) {
    const size_t end = text.find_first_not_of("0123456789");
    if (end == text.npos || text[end] != unit.letter) continue;
    const auto part = multiply(text.substr(0, end), unit.factor);
    if (!part || *part > UINT32_MAX) return {};
    total += *part;
    any = true;
    text.remove_prefix(end + 1);
  }
  return any && text.empty() ? std::optional(total) : std::nullopt;
}

std::span<const Option> all_options() { return kOptions; }

const Option* find_option(std::string_view name) {
  const auto it =
      std::find_if(std::begin(kOptions), std::end(kOptions), [&](const Option& o) { return o.name == name; });
  return it == std::end(kOptions) ? nullptr : it;
}

std::string expected_value(const Option& o) {
  switch (o.type) {
    case T::size: return "a size " + range_text(o) + (o.min == 0 ? ", or none" : "");
    case T::count: return "a number " + range_text(o);
    case T::duration: return "a time " + range_text(o) + ", such as 30s, 5m, 1h30m or 4d";
    case T::text: return "a text of " + std::to_string(o.min) + " to " + std::to_string(o.max) + " bytes";
    case T::path: return "an absolute path of at most " + std::to_string(o.max) + " bytes";
    case T::host: return "a domain name";
    case T::choice: break;
  }
  std::string out = "one of";
  for (const auto word : split(o.choices, ' ')) out += " " + std::string(word);
  return out;
}

bool set_option(Options& out, const Option& o, std::string_view text) {
  if (const auto* member = std::get_if<std::string Options::*>(&o.member)) {
    if (!is_text(o, text)) return false;
    out.*(*member) = o.type == T::host ? lower(text) : std::string(text);
    return true;
  }
  const bool is_none = o.type == T::size && text == "none" && o.min == 0;
  const auto n = is_none                 ? std::optional<uint64_t>(0)
                 : o.type == T::size     ? parse_size(text)
                 : o.type == T::duration ? parse_duration(text)
                                         : parse_u64(text);
  if (!n || *n < o.min || *n > o.max) return false;
  if (const auto* number = std::get_if<uint64_t Options::*>(&o.member)) out.*(*number) = *n;
  if (const auto* time = std::get_if<Seconds Options::*>(&o.member)) out.*(*time) = Seconds(static_cast<int64_t>(*n));
  return true;
}

Options initial_options() {
  Options out;
  for (const Option& o : kOptions) {
    if (!o.initial.empty() && !set_option(out, o, o.initial))
      fatal("option " + std::string(o.name) + ": bad initial value");
  }
  return out;
}

std::string options_as_mdoc() {
  std::string out = ".Bl -tag -width Ds\n";
  for (const Option& o : kOptions) {
    out += ".It Ic " + std::string(o.name) + " " + mdoc_argument(o).substr(1) + "\n" + mdoc_text(o.help) + "\n";
    if (std::holds_alternative<std::string Options::*>(o.member)) {
      if (!o.initial.empty()) out += "The default is\n.Ql " + mdoc_text(o.initial) + " .\n";
    } else {
      out += "The value may go " + range_text(o) + "; the default is\n.Ql " + mdoc_text(o.initial) + " .\n";
    }
  }
  return out + ".El\n";
}

}  // namespace mailkeep::conf
