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
constexpr std::array<Named, 17> kVerbs = {{{"HELO", Verb::helo}, {"EHLO", Verb::ehlo}, {"LHLO", Verb::lhlo},
    {"MAIL", Verb::mail}, {"RCPT", Verb::rcpt}, {"DATA", Verb::data}, {"BDAT", Verb::bdat}, {"RSET", Verb::rset},
    {"NOOP", Verb::noop}, {"QUIT", Verb::quit}, {"VRFY", Verb::vrfy}, {"EXPN", Verb::expn}, {"HELP", Verb::help},
    {"STARTTLS", Verb::starttls}, {"AUTH", Verb::auth}, {"ETRN", Verb::etrn}, {"XCLIENT", Verb::xclient}}};

Verb verb_of(std::string_view name) {
  for (const Named& named : kVerbs) {
    if (equals_nocase(name, named.name)) return named.verb;
  }
  return Verb::unknown;
}

struct PathAndParams {
  Path path;
  std::vector<Param> params;
};

// esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
bool is_keyword(std::string_view text) {
  if (text.empty() || text.size() > 40 || !is_alnum(text[0])) return false;
  for (const char c : text) {
    if (!is_alnum(c) && c != '-') return false;
  }
  return true;
}

// esmtp-param *(SP esmtp-param)
Result<std::vector<Param>> esmtp_params(std::string_view text) {
  std::vector<Param> params;
  for (const std::string_view word : split(text, ' ')) {
    if (word.empty()) continue;
    if (params.size() >= kMaxParams) return Error("too many parameters");
    const size_t equals = word.find('=');
    Param param{upper(word.substr(0, equals)), ""};
    if (!is_keyword(param.keyword)) return Error("bad parameter");
    for (const Param& other : params) {
      if (other.keyword == param.keyword) return Error("parameter given twice");
    }
    if (equals != std::string_view::npos) {
      param.value = std::string(word.substr(equals + 1));
      if (param.value.empty()) return Error("parameter without value");
      for (const char c : param.value) {
        if (c <= 32 || c > 126) return Error("bad byte in a parameter");
      }
    }
    params.push_back(std::move(param));
  }
  return params;
}

Result<PathAndParams> path_and_params(std::string_view text, std::string_view keyword) {
  if (!starts_with_nocase(text, keyword)) return Error("expected " + std::string(keyword));
  text.remove_prefix(keyword.size());
  if (!text.empty() && text[0] == ' ') text.remove_prefix(1);
  Result<PathPrefix> prefix = parse_path_prefix(text);
  if (!prefix) return prefix.error();
  text.remove_prefix(prefix->length);
  if (!text.empty() && text[0] != ' ') return Error("text behind the path");
  Result<std::vector<Param>> params = esmtp_params(text);
  if (!params) return params.error();
  return PathAndParams{std::move(prefix->path), std::move(*params)};
}

// One parameter of MAIL into its field; what is not known goes to `others`.
Status mail_param(Param param, MailArgs& args) {
  constexpr uint64_t kMaxSizeDigits = 20;  // RFC 1870 3
  if (param.keyword == "SIZE") {
    args.size = param.value.size() > kMaxSizeDigits ? std::nullopt : parse_u64(param.value);
    if (!args.size) return Error("bad SIZE");
  } else if (param.keyword == "BODY") {
    if (equals_nocase(param.value, "7BIT")) {
      args.body = Body::seven_bit;
    } else if (equals_nocase(param.value, "8BITMIME")) {
      args.body = Body::eight_bit;
    } else if (equals_nocase(param.value, "BINARYMIME")) {
      args.body = Body::binary;
    } else {
      return Error("bad BODY");
    }
  } else if (param.keyword == "SMTPUTF8" && param.value.empty()) {
    args.smtputf8 = true;
  } else {
    args.others.push_back(std::move(param));
  }
  return {};
}

int hex_upper(char c) {
  if (is_digit(c)) return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
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
  Result<PathAndParams> parsed = path_and_params(arguments, "FROM:");
  if (!parsed) return parsed.error();
  MailArgs args;
  args.path = std::move(parsed->path);
  if (!args.path.is_null && args.path.mailbox.domain.empty()) return Error("address without domain");
  for (Param& param : parsed->params) {
    const Status taken = mail_param(std::move(param), args);
    if (!taken) return taken.error();
  }
  return args;
}

Result<RcptArgs> parse_rcpt_args(std::string_view arguments) {
  Result<PathAndParams> parsed = path_and_params(arguments, "TO:");
  if (!parsed) return parsed.error();
  if (parsed->path.is_null) return Error("null recipient");
  return RcptArgs{std::move(parsed->path), std::move(parsed->params)};
}

bool is_helo_name(std::string_view name) { return is_domain(name) || is_address_literal(name); }

Result<std::string> decode_xtext(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] <= 32 || text[i] > 126 || text[i] == '=') return Error("bad byte in xtext");
    if (text[i] != '+') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_upper(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : hex_upper(text[i + 2]);
    if (low < 0) return Error("bad escape in xtext");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace mailkeep::smtp
