// lib/smtp: a command line with its arguments, and the same bytes as a server's reply.
// SPDX-License-Identifier: ISC
#include <cstdint>
#include <cstdlib>

#include "lib/smtp/command.h"
#include "lib/smtp/reply.h"

using namespace mailkeep::smtp;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto command = parse_command(input);
  if (command && command->verb == Verb::mail) {
    const auto args = parse_mail_args(command->arguments);
    if (args && !args->path.is_null && args->path.mailbox.domain.empty()) abort();
    if (args && args->params.envid.size() > kMaxEnvid) abort();
  }
  if (command && command->verb == Verb::rcpt) {
    const auto args = parse_rcpt_args(command->arguments);
    if (args && args->path.is_null) abort();
    if (args &&
        (args->params.orcpt.size() > kMaxOrcpt || args->params.orcpt.find_first_of("\r\n") != std::string::npos))
      abort();
  }
  if (command && command->verb == Verb::bdat) (void)parse_bdat_args(command->arguments);
  if (command) is_helo_name(command->arguments);
  (void)decode_xtext(input);
  if (decode_xtext(encode_xtext(input)).value() != input) abort();
  const std::string reply = format_reply(550, "5.1.1", input);
  if (reply.find('\n') != reply.size() - 1 || reply.size() > 512) abort();
  const auto line = parse_reply_line(input);
  if (line && (line->code < 200 || line->code > 599)) abort();
  return 0;
}
