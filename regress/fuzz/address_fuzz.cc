// lib/smtp/address.h: a path that is taken comes back from its own text.
// SPDX-License-Identifier: ISC
#include "lib/smtp/address.h"

#include <cstdint>
#include <cstdlib>

using namespace mailkeep::smtp;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto path = parse_path(input);
  if (path) {
    const auto again = parse_path(path->text());
    if (!again || !(*again == *path)) abort();
    if (path->text().find_first_of("\r\n") != std::string::npos) abort();
    split_subaddress(path->mailbox.local);
  }
  const auto mailbox = parse_mailbox(input);
  if (mailbox && !(*parse_mailbox(mailbox->text()) == *mailbox)) abort();
  return 0;
}
