// The relay process: mail to other hosts.
//
//   queue ─Transfer─▶ job ─▶ an idle connection of its destination, or:
//                     job ─FindHops─▶ lookup ─Hops─▶ hosts, one after the other ─▶ Connector ─▶ Connection
//                     job ◀─ results, or the next host ─┘              │ STARTTLS: the socket goes to tls
//   queue ◀─Transferred─ job
//
// How many connections a destination has is the queue's to decide: one a transfer that is under way. A connection waits a few
// seconds for the next transfer of the same destination.
// RFC 5321 4.5.4, 5.1. Runs as mailkeep-relay in an empty directory; holds the credentials of smart hosts and what is being
// sent. Trusts lookup's answers, the queue's transfers, and no server.
// SPDX-License-Identifier: ISC
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <unordered_map>

#include "lib/worker/worker.h"
#include "smtpd/relay/connection.h"
#include "smtpd/relay/connector.h"

namespace mailkeep::relay {

constexpr size_t kMaxSessions = 6;            // hosts that answered and failed, of one transfer
constexpr size_t kMaxHostsTried = 16;         // in all
constexpr uint32_t kMaxTransactions = 200;    // of one connection
constexpr size_t kMaxIdleEach = 20;           // connections of one destination
constexpr size_t kMaxIdle = 200;
constexpr Millis kEndPatience(3000);          // for answers to messages that are sent, at the end of the process

class Relay final : public worker::Hooks {
 public:
  explicit Relay(event::Loop& loop);
  static imsg::Routes<Relay> routes();

  Status on_prepare(uint32_t generation) override;
  void on_commit(uint32_t generation) override;
  void on_abort(uint32_t generation) override;
  void on_peer_down(imsg::PeerId peer) override;
  void on_quit() override;
  std::vector<worker::Stat> stats() override;

 private:
  struct Draft {
    Config config;
    std::map<std::string, Action> actions;
    std::string first;
  };
  // A host of a job, before it is connected to.
  struct Plan {
    std::string name;
    std::vector<std::string> addresses;  // empty: to be asked for
    uint16_t port = 25;
    bool implicit_tls = false;
    bool tls_failed = false;
    Tls tls = Tls::kMay;
    std::string user;
    std::string password;
  };
  struct Job {
    uint64_t id = 0;
    imsg::PeerId queue;
    Transfer transfer;          // its recipients: those without a result yet
    std::vector<Result> results;
    std::string key;            // of its connections
    std::deque<Plan> plans;
    std::string helo;
    std::vector<std::string> sources;
    Survey survey;
    bool resolved = false;
    bool reached = false;       // a host got as far as a transaction
    size_t sessions = 0;
    size_t tried = 0;
    Plan plan;                  // the present one
    uint64_t query = 0;
    std::unique_ptr<Connector> connector;
    uint64_t connection = 0;
    Failure failure;            // the last
    std::string host;           // and where
    bool dsn = false;
    std::string tls;
  };
  struct Open {
    std::unique_ptr<Connection> connection;
    std::string key;
    uint64_t job = 0;           // 0: idle, or ending
    bool reused = false;
  };

  // relay.cc
  void on_config(imsg::PeerId peer, Config&& m);
  void on_action(imsg::PeerId peer, Action&& m);
  void on_transfer(imsg::PeerId peer, Transfer&& m);
  void on_established(imsg::PeerId peer, tls::Established&& m);
  void on_tls_failed(imsg::PeerId peer, tls::Failed&& m);
  Connection::Calls calls_of(uint64_t id);
  void on_ready(uint64_t id);
  void on_done(uint64_t id);
  void on_failed(uint64_t id);
  void keep_results(Job& job, const Connection& connection, bool all);
  bool reuse(Job& job);
  void rest(uint64_t id, Open& open);
  void close_idle();
  void drop(uint64_t id);
  void finish(Job& job, bool host_failed);
  void finish_all(Job& job, Outcome outcome, Failure failure, bool host_failed);
  void end_if_quiet();
  // hosts.cc
  void on_hops(imsg::PeerId peer, lookup::Hops&& m);
  Status plan(Job& job, const Action& action);
  void resolve(Job& job, const std::string& name, bool is_host, uint16_t port);
  void take_mx(Job& job, lookup::Hops&& m);
  void next_host(Job& job);
  void connected(uint64_t job, Fd fd, const std::string& address, const std::string& text);

  event::Loop& loop_;
  Draft draft_;
  Draft active_;
  std::unordered_map<uint64_t, std::unique_ptr<Job>> jobs_;
  std::unordered_map<uint64_t, uint64_t> queries_;  // job
  std::unordered_map<uint64_t, Open> connections_;
  std::multimap<std::string, uint64_t> idle_;       // by key
  uint64_t last_id_ = 0;
  bool quitting_ = false;
  event::Timer end_;
  struct Counters {
    uint64_t transfers = 0, connections = 0, reused = 0, failed = 0;
  } counters_;
  worker::Worker<Relay> worker_;
};

}  // namespace mailkeep::relay
