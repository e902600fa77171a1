// From the configuration to the messages of each role: who is told what. Everything a worker knows comes from here.
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lib/conf/config.h"
#include "lib/imsg/channel.h"
#include "lib/imsg/routes.h"
#include "lib/worker/messages.h"
#include "smtpd/parent/accounts.h"
#include "smtpd/parent/listeners.h"
#include "smtpd/relay/messages.h"

namespace mailkeep::parent {

// One generation of the configuration, with what was made from it. Immutable.
struct Generation {
  uint32_t number = 0;
  conf::Config config;
  std::string hostname;
  Accounts accounts;
  std::vector<BoundListener> listeners;
  std::map<std::string, Fd> files;  // what it names, opened with it: whoever is started again gets the same ones

  // A duplicate for a worker.
  Result<Fd> file(const std::string& path) const;
  std::string authorities;  // among the files: what TLS to other hosts is verified with; empty: there is none
  std::vector<relay::Action> relay_actions;  // with their credentials
  std::vector<relay::TlsRule> tls_rules;     // of tls-policy
};

// Fills `files`. Error: which one cannot be had, and where it is named.
Status open_files(Generation& g);

// Whether that table is for relay alone: credentials, TLS policies.
bool is_relays(const conf::Config& config, const std::string& table);

// Where actions put mail, and whether ~/.forward counts; empty where none leads out of the mail directories.
std::vector<worker::BootPlace> places_of(const conf::Config& config);

// The socket of the LMTP server that this action names; empty: it names none.
std::string lmtp_socket_of(const Generation& g, const std::string& action);

// How many workers of `role` the configuration asks for; 0: none. `user` is not counted here.
uint32_t workers_of(imsg::Role role, const conf::Config& config);

// Whether the two roles talk to each other at all (DESIGN section 2's table).
bool are_peers(imsg::Role a, imsg::Role b);

// Sends `role` its slice, without Prepare. Error: a file that cannot be opened.
Status send_slice(imsg::Channel& to, imsg::Role role, const Generation& g, const Listeners& sockets);

}  // namespace mailkeep::parent
