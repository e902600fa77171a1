// SMTP commands: see the header.
// SPDX-License-Identifier: ISC
#include "lib/smtp/command.h"

#include <array>

#include "lib/base/text.h"

namespace mailkeep::smtp {
namespace {

struct Named {
  std::string_view name;
  Verb verb;
};
constexpr std::array<Named, 17> kVerbs = {{{"HELO", Verb::helo},
                                           {"EHLO", Verb::ehlo},
                                           {"LHLO", Verb::lhlo},
                                           {"MAIL", Verb::mail},
                                           {"RCPT", Verb::rcpt},
                                           {"DATA", Verb::data},
                                           {"BDAT", Verb::bdat},
                                           {"RSET", Verb::rset},
                                           {"NOOP", Verb::noop},
                                           {"QUIT", Verb::quit},
                                           {"VRFY", Verb::vrfy},
                                           {"EXPN", Verb::expn},
                                           {"HELP", Verb::help},
                                           {"STARTTLS", Verb::starttls},
                                           {"AUTH", Verb::auth},
                                           {"ETRN", Verb::etrn},
                                           {"XCLIENT", Verb::xclient}}};

Verb verb_of(std::string_view name) {
  for (const Named& named : kVerbs) {
    if (equals_nocase(name, named.name)) return named.verb;
  }
  return Verb::unknown;
}

struct PathAndRest {
  Path path;
  std::string_view rest;  // the parameters
};

Result<PathAndRest> path_and_rest(std::string_view text, std::string_view keyword) {
  if (!starts_with_nocase(text, keyword)) return Error("expected " + std::string(keyword));
  text.remove_prefix(keyword.size());
  if (!text.empty() && text[0] == ' ') text.remove_prefix(1);
  Result<PathPrefix> prefix = parse_path_prefix(text);
  if (!prefix) return prefix.error();
  text.remove_prefix(prefix->length);
  if (!text.empty() && text[0] != ' ') return Error("text behind the path");
  return PathAndRest{std::move(prefix->path), text};
}

}  // namespace

Result<Command> parse_command(std::string_view line) {
  Command command;
  while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
  const size_t space = line.find(' ');
  command.name = line.substr(0, space);
  if (space != std::string_view::npos) command.arguments = trim(line.substr(space + 1));
  if (command.name.empty()) return Error("no command");
  command.verb = verb_of(command.name);
  const bool is_address = command.verb == Verb::mail || command.verb == Verb::rcpt;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 32 || byte == 127 || (byte >= 128 && !is_address)) return Error("bad byte in a command");
  }
  return command;
}

Result<MailArgs> parse_mail_args(std::string_view arguments) {
  Result<PathAndRest> parsed = path_and_rest(arguments, "FROM:");
  if (!parsed) return parsed.error();
  if (!parsed->path.is_null && parsed->path.mailbox.domain.empty()) return Error("address without domain");
  Result<MailParams> params = parse_mail_params(parsed->rest);
  if (!params) return params.error();
  return MailArgs{std::move(parsed->path), std::move(*params)};
}

Result<RcptArgs> parse_rcpt_args(std::string_view arguments) {
  Result<PathAndRest> parsed = path_and_rest(arguments, "TO:");
  if (!parsed) return parsed.error();
  if (parsed->path.is_null) return Error("null recipient");
  Result<RcptParams> params = parse_rcpt_params(parsed->rest);
  if (!params) return params.error();
  return RcptArgs{std::move(parsed->path), std::move(*params)};
}

Result<BdatArgs> parse_bdat_args(std::string_view arguments) {
  constexpr size_t kMaxDigits = 20;
  const size_t space = arguments.find(' ');
  const auto digits = arguments.substr(0, space);
  const auto size = digits.size() > kMaxDigits ? std::nullopt : parse_u64(digits);
  if (!size) return Error("expected the chunk's size");
  if (space == std::string_view::npos) return BdatArgs{*size, false};
  if (!equals_nocase(trim(arguments.substr(space)), "LAST")) return Error("expected LAST or nothing behind the size");
  return BdatArgs{*size, true};
}

bool is_helo_name(std::string_view name) { return is_domain(name) || is_address_literal(name); }

}  // namespace mailkeep::smtp
