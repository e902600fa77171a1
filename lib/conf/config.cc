// The model's own questions: names, paths, defaults that depend on other options.
// SPDX-License-Identifier: ISC
#include "lib/conf/config.h"

#include <algorithm>
#include <array>

namespace mailkeep::conf {
namespace {

struct ProtocolRow {
  std::string_view name;
  uint16_t port;
};
// In the order of enum Protocol.
constexpr std::array<ProtocolRow, kProtocols> kProtocolRows = {{
    {"smtp", 25},
    {"submission", 587},
    {"submissions", 465},
    {"imap", 143},
    {"imaps", 993},
    {"sieve", 4190},
    {"lmtp", 24},
    {"local", 0},
}};

template <class T>
const T* find_named(const std::vector<T>& all, std::string_view name) {
  const auto it = std::find_if(all.begin(), all.end(), [&](const T& x) { return x.name == name; });
  return it == all.end() ? nullptr : &*it;
}

}  // namespace

std::string to_string(const Position& p) {
  return p.file + ":" + std::to_string(p.line) + ":" + std::to_string(p.column);
}

std::string_view protocol_name(Protocol protocol) { return kProtocolRows[static_cast<size_t>(protocol)].name; }
uint16_t default_port(Protocol protocol) { return kProtocolRows[static_cast<size_t>(protocol)].port; }

const Table* Config::table(std::string_view name) const { return find_named(tables, name); }
const Pki* Config::find_pki(std::string_view name) const { return find_named(pki, name); }
const Action* Config::action(std::string_view name) const { return find_named(actions, name); }
const Filter* Config::filter(std::string_view name) const { return find_named(filters, name); }

bool Config::speaks(Protocol protocol) const {
  return std::any_of(listeners.begin(), listeners.end(), [&](const Listener& l) { return l.protocol == protocol; });
}

std::string Config::spool_path() const { return options.spool.empty() ? options.state + "/spool" : options.spool; }
std::string Config::mail_path() const { return options.mail.empty() ? options.state + "/mail" : options.mail; }
std::string Config::run_path() const { return options.run.empty() ? options.state + "/run" : options.run; }
std::string Config::submit_path() const { return run_path() + "/submit.sock"; }
std::string Config::control_path() const {
  return options.control.empty() ? run_path() + "/mailkeep.sock" : options.control;
}

}  // namespace mailkeep::conf
