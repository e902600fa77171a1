// What a question to the DNS comes to, and whoever answers such questions.
//
// Names are without the last dot and in lower case, bytes other than letters, digits, "-" and "_" written as \DDD
// (RFC 1035 5.1); the root is "". Failure is a state of its own: SERVFAIL, time-outs, signatures that do not hold, and
// messages that cannot be read never look like "no such domain".
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace mailkeep::dns {

enum class Type : uint16_t { kA = 1, kCname = 5, kSoa = 6, kPtr = 12, kMx = 15, kTxt = 16, kAaaa = 28, kTlsa = 52 };

struct Mx {
  uint16_t preference = 0;
  std::string host;  // "": the root, as in RFC 7505
};

// RFC 6698 2.1.
struct Tlsa {
  uint8_t usage = 0;
  uint8_t selector = 0;
  uint8_t matching = 0;
  std::string data;  // binary
};

enum class State : uint8_t {
  kData,      // at least one record of the type that was asked for
  kNoData,    // the name exists, without such a record
  kNoDomain,  // NXDOMAIN, perhaps of what an alias points to
  kFailed,    // nobody knows; `why` says more
};

struct Answer {
  State state = State::kFailed;
  bool secure = false;                 // the whole of it, aliases and denials too, validated by DNSSEC
  bool is_alias = false;               // there was a CNAME
  std::string canonical;               // the name behind the aliases; the asked one where there are none
  std::vector<std::string> addresses;  // A and AAAA, numeric
  std::vector<Mx> mx;
  std::vector<Tlsa> tlsa;
  std::vector<std::string> names;  // PTR
  std::vector<std::string> texts;  // TXT, the strings of each joined
  std::string why;                 // kFailed: for people
};

Answer failed(std::string why);

using Callback = std::function<void(const Answer&)>;

// Where answers come from: the Resolver, or a test.
class Source {
 public:
  virtual ~Source() = default;
  // `done` is called once, never from within ask(). The name may end in a dot.
  virtual void ask(const std::string& name, Type type, Callback done) = 0;
};

}  // namespace mailkeep::dns
