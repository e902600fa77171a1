// SASL from the network: what PLAIN takes keeps to the limits and comes back the same; exchanges, a line each.
// SPDX-License-Identifier: ISC
#include <cstdint>

#include "lib/base/text.h"
#include "lib/sasl/exchange.h"
#include "lib/sasl/plain.h"
#include "lib/text/base64.h"

using namespace mailkeep;

static void exchange(std::string_view mechanism, std::string_view in, bool initial) {
  using Step = sasl::Exchange::Step;
  auto e = sasl::Exchange::make(mechanism);
  Step step = Step::kChallenge;
  bool first = true;
  if (!initial) e->begin(std::nullopt);
  for (const auto line : split(in, '\n')) {
    step = first && initial ? e->begin(line) : e->next(line);
    first = false;
    if (step != Step::kChallenge) break;
  }
  if (step == Step::kBad && e->error().empty()) fatal("sasl: no error's text");
  if (step != Step::kDone) return;
  if (e->user().empty() || e->user().size() > kMaxAddress) fatal("sasl: user name");
  if (e->password().empty() || e->password().size() > kMaxPassword) fatal("sasl: password");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  if (auto plain = sasl::decode_plain(in)) {
    const std::string again = plain->authzid + '\0' + plain->authcid + '\0' + plain->password;
    if (text::base64_encode(again) != in) fatal("sasl: not the same again");
  }
  if (auto plain = sasl::parse_plain(in)) {
    if (plain->authcid.empty() || plain->authcid.size() > kMaxAddress || plain->password.size() > kMaxPassword) {
      fatal("sasl: over a limit");
    }
  }
  for (const bool initial : {false, true}) {
    exchange("PLAIN", in, initial);
    exchange("LOGIN", in, initial);
  }
  return 0;
}
