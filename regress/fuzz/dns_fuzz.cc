// lib/dns: a message as it comes from the network, read for every type; and the system's two files.
// SPDX-License-Identifier: ISC
#include <cstdint>
#include <cstdlib>

#include "lib/dns/reader.h"
#include "lib/dns/system.h"

using namespace mailkeep::dns;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const Type type : {Type::kA, Type::kCname, Type::kMx, Type::kTxt, Type::kAaaa, Type::kTlsa}) {
    const auto a = read_answer(input, type);
    if (!a) continue;
    if (a->state == State::kFailed || a->addresses.size() > kMaxRecords || a->mx.size() > kMaxRecords) abort();
    for (const auto& mx : a->mx) {
      if (mx.host.find_first_of(" \r\n\t") != std::string::npos) abort();
    }
  }
  if (read_resolv_conf(input).size() > kMaxServers) abort();
  (void)read_hosts(input);
  return 0;
}
