// A DNS that answers what the test has put into it, for tests of those who ask.
// SPDX-License-Identifier: ISC
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/dns/answer.h"
#include "lib/event/loop.h"

namespace mailkeep::lookup {

using dns::Answer;
using dns::State;
using dns::Type;

// What it does not know is NXDOMAIN; `silent` names are never answered.
class Fake : public dns::Source {
 public:
  explicit Fake(event::Loop& loop) : loop_(loop) {}
  void ask(const std::string& name, Type type, dns::Callback done) override {
    asked.push_back(name + " " + std::to_string(static_cast<int>(type)));
    if (silent.count(name) != 0) return;
    const auto found = answers.find({name, type});
    Answer a;
    if (found != answers.end()) {
      a = found->second;
    } else {
      a.state = known.count(name) != 0 ? State::kNoData : State::kNoDomain;
      a.secure = secure;
    }
    if (a.canonical.empty()) a.canonical = name;
    loop_.defer([done = std::move(done), a] { done(a); });
  }
  Answer& data(const std::string& name, Type type) {
    known.insert(name);
    Answer& a = answers[{name, type}];
    a.state = State::kData;
    a.secure = secure;
    return a;
  }
  void mx(const std::string& name, uint16_t preference, const std::string& host) {
    data(name, Type::kMx).mx.push_back({preference, host});
  }
  void a(const std::string& name, const std::string& address) {
    data(name, address.find(':') == address.npos ? Type::kA : Type::kAaaa).addresses.push_back(address);
  }
  void tlsa(const std::string& name, uint8_t usage = 3) {
    data(name, Type::kTlsa).tlsa.push_back({usage, 1, 1, std::string(32, 'x')});
  }
  void alias(const std::string& name, const std::string& target, Type type) {
    answers[{name, type}] = data(target, type);
    answers[{name, type}].is_alias = true;
    answers[{name, type}].canonical = target;
    data(name, Type::kCname).is_alias = true;
  }
  void fails(const std::string& name, Type type) { answers[{name, type}] = dns::failed("SERVFAIL"); }
  bool was_asked(const std::string& name, Type type) const {
    return std::find(asked.begin(), asked.end(), name + " " + std::to_string(static_cast<int>(type))) != asked.end();
  }

  bool secure = false;
  std::set<std::string> silent, known;
  std::map<std::pair<std::string, Type>, Answer> answers;
  std::vector<std::string> asked;

 private:
  event::Loop& loop_;
};

}  // namespace mailkeep::lookup
