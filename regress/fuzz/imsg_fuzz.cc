// The codec with every message: byte 0 names one, byte 1 says how many descriptors came with it. What is taken must
// have the same bytes when it is written again, and must have taken all the descriptors.
// SPDX-License-Identifier: ISC
#include <cstdint>

#include "lib/imsg/codec.h"
#include "regress/fuzz/messages.h"

namespace {

template <class M>
void try_message(std::string_view body, size_t descriptors) {
  using namespace mailkeep;
  std::deque<Fd> fds;
  for (size_t i = 0; i < descriptors; i++)
    fds.emplace_back(1'000'000 + static_cast<int>(i));  // numbers that nobody has open
  M m;
  if (!imsg::decode(body, fds, m)) return;
  imsg::Encoder again;
  M::fields(again, m);
  if (again.bytes() != body) fatal("imsg: not the same again");
  if (again.fds().size() != descriptors - fds.size()) fatal("imsg: descriptors do not add up");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t which = data[0] % mailkeep::kMessages;
  mailkeep::for_each_message([&]<class M>(M, size_t at) {
    if (at == which) try_message<M>(body, data[1] % 5);
  });
  return 0;
}
