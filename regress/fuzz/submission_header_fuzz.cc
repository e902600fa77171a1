// lib/receive: the header of a submission. What is taken has one From, no Bcc, and is taken again as it stands.
// SPDX-License-Identifier: ISC
#include <cstdint>
#include <cstdlib>

#include "lib/receive/submission_header.h"
#include "lib/rfc5322/header.h"
#include "smtpd/lookup/messages.h"

using namespace mailkeep;

static void must(bool holds) {
  if (!holds) abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = receive::find_header_end(input, 0);
  const auto header = input.substr(0, end);
  const receive::SubmissionFacts facts{"mk.test", 1, 2, 3};
  const auto done = receive::complete_header(header, facts);
  if (!done) {
    must(!done.error().text.empty());
    return 0;
  }
  must(!done->authors.empty() && done->authors.size() <= lookup::kMaxSenders);
  for (const auto& author : done->authors) must(author.find('@') != std::string::npos && author.size() <= kMaxAddress);
  if (header.size() < 2 || header.substr(header.size() - 2) != "\r\n") return 0;
  const auto parsed = rfc5322::parse_header(done->text);
  if (parsed.is_truncated) return 0;
  for (const char* name : {"From", "Date", "Message-ID"}) must(parsed.find_all(name).size() == 1);
  must(parsed.find("Bcc") == nullptr);
  const auto again = receive::complete_header(done->text, facts);
  must(again && again->text == done->text && again->authors == done->authors);
  return 0;
}
