// The auth process: passwords for imapd and smtpd, checked in forked children against the table or by pam.
//
//   imapd ─Check─▶ auth ─ child (crypt) or pam ─▶ ok:     Vouch ─▶ parent, then Checked with its ticket ─▶ imapd
//   smtpd ─Check─▶ auth ─ the same                        Vouch ─▶ queue, then Checked with its ticket ─▶ smtpd
//                                               denied: Checked, after kFailureDelay
//
//   smtpd ─Identify─▶ auth ─WhoIs─▶ parent: the kernel says whose connection to a local socket it is; then as above
//
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/worker/worker.h"
#include "queue/messages.h"
#include "smtpd/auth/accounts.h"
#include "smtpd/auth/children.h"
#include "smtpd/auth/messages.h"

namespace mailkeep::auth {

constexpr size_t kMaxPending = 4096;   // checks at hand, those waiting out their delay included
constexpr Millis kFailureDelay{1500};  // what a wrong guess costs, whatever it cost to check

class Server : public worker::Hooks {
 public:
  explicit Server(event::Loop& loop);

  Status on_prepare(uint32_t generation) override;
  void on_commit(uint32_t generation) override;
  void on_abort(uint32_t generation) override;
  void on_peer_down(imsg::PeerId peer) override;
  std::vector<worker::Stat> stats() override;

  void on_config(imsg::PeerId from, Config&& m);
  void on_check(imsg::PeerId from, Check&& m);
  void on_pam_answer(imsg::PeerId from, PamAnswer&& m);
  void on_identify(imsg::PeerId from, Identify&& m);
  void on_user_named(imsg::PeerId from, UserNamed&& m);
  static imsg::Routes<Server> routes();

 private:
  struct Setup {
    bool none = false;
    bool system = false;
    Accounts accounts;
    std::set<std::string> domains;
    std::string hostname, origin;
    std::vector<std::string> sockets;
    std::set<std::string> trusted;
    std::string error;
  };
  struct Pending {
    imsg::PeerId peer;
    uint64_t session = 0;
    std::string name;     // as given, for the log
    std::string account;  // canonical; empty: cannot be one
    std::string source;
    std::string service;
    bool at_pam = false;
    std::unique_ptr<event::Timer> delay;
  };

  struct Asker {
    imsg::PeerId peer;
    uint64_t session = 0;
  };
  struct Name {
    std::string name;
    Micros until;
  };

  void introduce(const Asker& asker, uint32_t uid, const std::string& name);
  void turn_away(const Asker& asker, bool unavailable, const std::string& why);
  std::string account_of(uint32_t uid, const std::string& name) const;
  bool tell_queue(const queue::Vouch& v);
  void check_table(uint64_t query, std::string password);
  void check_system(uint64_t query, std::string password);
  void finish(uint64_t query, PamVerdict verdict, const std::string& why);
  void accept(const Pending& p);
  bool vouch(const Pending& p, const Checked& m);
  void refuse(uint64_t query, Pending& p, const std::string& why);
  void answer(const Pending& p, Checked m);

  event::Loop& loop_;
  Setup now_;
  std::map<uint32_t, Setup> next_;  // by generation
  std::map<uint64_t, Pending> pending_;
  std::map<uint32_t, std::vector<Asker>> askers_;  // by uid, until the parent has named it
  size_t asking_ = 0;
  std::map<uint32_t, Name> names_;
  uint64_t last_query_ = 0;
  uint64_t accepted_ = 0;
  uint64_t refused_ = 0;
  Children children_;
  worker::Worker<Server> worker_;
};

}  // namespace mailkeep::auth
