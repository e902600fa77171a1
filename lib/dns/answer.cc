// Answers: see answer.h.
// SPDX-License-Identifier: ISC
#include "lib/dns/answer.h"

namespace mailkeep::dns {

Answer failed(std::string why) {
  Answer out;
  out.why = std::move(why);
  return out;
}

}  // namespace mailkeep::dns
