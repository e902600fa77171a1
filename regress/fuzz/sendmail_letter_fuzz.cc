// smtpd/sendmail: whatever a program writes, what goes to the server is lines of CRLF with one author and no Bcc.
// SPDX-License-Identifier: ISC
#include <cstdint>
#include <cstdlib>

#include "lib/rfc5322/header.h"
#include "smtpd/sendmail/letter.h"

using namespace mailkeep;

static void must(bool holds) {
  if (!holds) abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  sendmail::Arguments a;
  a.from_header = (data[0] & 1) != 0;
  a.dots = (data[0] & 2) != 0;
  const std::string text = sendmail::normalize(input, a.dots);
  must(text.empty() || text.substr(text.size() - 2) == "\r\n");
  size_t line = 0;
  for (size_t i = 0; i < text.size(); i++) {
    must(text[i] != '\0' && (text[i] == '\n') == (i > 0 && text[i - 1] == '\r'));
    line = text[i] == '\n' ? 0 : line + 1;
    must(line <= sendmail::kMaxLine + 1);
  }
  must(sendmail::normalize(text, false) == text);
  const auto letter = sendmail::compose(a, text, "me@h.test", "h.test", "Me");
  if (!letter) return 0;
  for (const auto& to : letter->recipients)
    must(to.find('@') != std::string::npos && to.find('\n') == std::string::npos);
  const auto header = rfc5322::parse_header(letter->text, {.fields = SIZE_MAX, .header = SIZE_MAX, .field = SIZE_MAX});
  must(header.has_end && header.find("Bcc") == nullptr && header.find("From") != nullptr);
  return 0;
}
