// The relay process: mail to other hosts.
//
//   queue ─Transfer─▶ job ─▶ an idle connection of its destination, or:
//                     job ─FindHops─▶ lookup ─Hops─▶ hosts, one after the other ─▶ Connector ─▶ Connection
//                     job ◀─ results, or the next host ─┘              │ STARTTLS: the socket goes to tls
//   queue ◀─Transferred─ job
//
// How many connections a destination has is the queue's to decide: one a transfer that is under way; how many a group
// of receivers has, gate.h's. A connection waits a few seconds for the next transfer of the same destination. RFC 5321
// 4.5.4, 5.1. Runs as mailkeep-relay in an empty directory; holds the credentials of smart hosts and what is being
// sent. Trusts lookup's answers, the queue's transfers, and no server.
// SPDX-License-Identifier: ISC
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>

#include "lib/worker/worker.h"
#include "smtpd/relay/connection.h"
#include "smtpd/relay/connector.h"
#include "smtpd/relay/fetch.h"
#include "smtpd/relay/gate.h"
#include "smtpd/relay/learned.h"
#include "smtpd/relay/policy.h"
#include "smtpd/relay/providers.h"
#include "smtpd/relay/report_book.h"
#include "smtpd/relay/report_uri.h"
#include "smtpd/relay/scores.h"
#include "smtpd/relay/sts.h"

namespace mailkeep::relay {

constexpr size_t kMaxSessions = 6;          // hosts that answered and failed, of one transfer
constexpr size_t kMaxHostsTried = 16;       // in all
constexpr uint32_t kMaxTransactions = 200;  // of one connection
constexpr size_t kMaxIdleEach = 20;         // connections of one destination
constexpr size_t kMaxIdle = 200;
constexpr Seconds kKeepScores(10);      // between notes of what has been counted
constexpr Seconds kKeepReports(60);     // the same, of TLS reports, while there is much
constexpr Seconds kKeepReportsSoon(1);  // and when there was nothing for a while
constexpr size_t kReportsAtOnce = 10;   // under way
constexpr Millis kEndPatience(3000);    // for answers to messages that are sent, at the end of the process

class Relay final : public worker::Hooks {
 public:
  explicit Relay(event::Loop& loop);
  static imsg::Routes<Relay> routes();

  Status on_prepare(uint32_t generation) override;
  void on_commit(uint32_t generation) override;
  void on_abort(uint32_t generation) override;
  void on_peer_up(imsg::PeerId peer, const std::string& account) override;
  void on_peer_down(imsg::PeerId peer) override;
  void on_quit() override;
  std::vector<worker::Stat> stats() override;

 private:
  struct Draft {
    Config config;
    std::map<std::string, Action> actions;
    std::string first;
    TlsList tls_list;
    Providers providers;
  };
  // A host of a job, before it is connected to.
  struct Plan {
    std::string name;
    std::vector<std::string> addresses;  // empty: to be asked for
    uint16_t port = 25;
    bool is_socket = false;  // `name` is the path of one
    bool implicit_tls = false;
    bool tls_failed = false;
    Tls least = Tls::kMay;  // what the action and its host ask for
    TlsPolicy policy;       // decided once the addresses are known
    std::string user;
    std::string password;
  };
  struct Job {
    uint64_t id = 0;
    imsg::PeerId queue;
    Transfer transfer;  // its recipients: those without a result yet
    std::vector<Result> results;
    std::string key;          // of its connections
    uint32_t generation = 0;  // of the configuration that it is sent by
    std::deque<Plan> plans;
    std::string helo;
    std::string own_name;  // as an MX
    std::vector<std::string> sources;
    Survey survey;
    Tls action_tls = Tls::kMay;
    bool smart = false;  // the action names the hosts
    bool lmtp = false;
    bool objected = false;  // a host will never do for this message
    bool hopeful = false;   // another one may, later
    lookup::Hops hops;      // while the domain's policy is waited for
    bool reached = false;   // a host got as far as a transaction
    size_t sessions = 0;
    size_t tried = 0;
    Plan plan;               // the present one
    std::string group;       // of the present host
    bool counted = false;    // by the warm-up
    bool begun = false;      // a transaction
    bool has_place = false;  // in that group, without a connection yet
    int64_t held_until = 0;
    uint64_t query = 0;
    std::unique_ptr<Connector> connector;
    uint64_t connection = 0;
    Failure failure;   // the last
    std::string host;  // and where
    bool dsn = false;
    std::string tls;
  };
  struct Open {
    std::unique_ptr<Connection> connection;
    std::string key;
    std::string group;  // where it has a place
    uint64_t job = 0;   // 0: idle, or ending
    bool reused = false;
  };

  struct Question {
    imsg::PeerId from;
    ShowTlsPolicy question;
    lookup::Hops hops;  // while the domain's policy is waited for
  };

  // A report under way.
  struct DueReport {
    ReportBook::Key key;
    std::string json;
    ReportFacts facts;
    bool has_uris = false;  // lookup has answered
    bool failed = false;    // one of them could not be served
    std::deque<ReportUri> left;
    const std::string& domain() const { return key.second; }
  };

  // relay.cc
  void on_config(imsg::PeerId peer, Config&& m);
  void on_action(imsg::PeerId peer, Action&& m);
  void on_tls_rule(imsg::PeerId peer, TlsRule&& m);
  void on_transfer(imsg::PeerId peer, Transfer&& m);
  void on_established(imsg::PeerId peer, tls::Established&& m);
  void on_tls_failed(imsg::PeerId peer, tls::Failed&& m);
  Connection::Calls calls_of(uint64_t id);
  void on_ready(uint64_t id);
  void on_done(uint64_t id);
  void on_failed(uint64_t id);
  void keep_results(Job& job, const Connection& connection, bool all);
  bool reuse(Job& job);
  bool resume(Job& job);
  static int64_t now_millis() { return now_monotonic().count() / 1000; }
  void rest(uint64_t id, Open& open);
  void close_idle();
  void drop(uint64_t id);
  void finish(Job& job, bool host_failed);
  void finish_all(Job& job, Outcome outcome, Failure failure, bool host_failed);
  void end_if_quiet();
  // hosts.cc
  void on_hops(imsg::PeerId peer, lookup::Hops&& m);
  PolicyInput policy_input(const std::string& domain, bool by_mx, Tls least) const;
  bool admit_host(Job& job, Plan& plan, const lookup::Hop* hop, bool mx_secure);
  void object(Job& job, const Objection& why);
  void take_addresses(Job& job, lookup::Hops&& m);
  Status plan(Job& job, const Action& action);
  void set_key(Job& job) const;
  bool is_known(const std::string& domain);
  void resolve(Job& job, const std::string& name, bool is_host, uint16_t port);
  void take_mx(Job& job);
  void next_host(Job& job);
  const Action* action_of(const Job& job) const;
  void connect(Job& job);
  void open_socket(Job& job);
  void on_socket_opened(imsg::PeerId peer, SocketOpened&& m);
  // limits.cc
  void on_provider(imsg::PeerId peer, Provider&& m);
  bool pass(Job& job);
  void hold(Job& job, int64_t until, const std::string& why);
  void give_back(Job& job);
  void leave(const std::string& group);
  void run_gate();
  void close_for_others();
  bool warm_up(Job& job, const std::string& group);
  void score(const Job& job);
  void recall_scores();
  void keep_scores();
  bool take_score(const queue::NoteFound& m);
  void recall_learned(const std::string& domain);
  void take_learned(const queue::NoteFound& m);
  void lose_recalls();
  void learn(const Job& job, const Connection& connection);
  void on_show_delivery(imsg::PeerId peer, ShowDelivery&& m);
  // reports.cc
  void report_good(const Job& job, const Connection& connection);
  void report_bad(const Job& job, const Connection& connection);
  void report_refused(const Job& job, const TlsPolicy& policy, const std::string& host, const Objection& why);
  void report_failure(const std::string& domain, const TlsPolicy& policy, ReportFailure failure);
  void set_report_timer();
  void recall_reports();
  void recall_report(const std::string& note);
  void take_report(const queue::NoteFound& m);
  void reports_changed();
  void keep_reports();
  void write_reports(const ReportBook::Notes& notes);
  void report_served(const DueReport& due, const ReportUri& uri);
  void run_reports();
  bool take_report_texts(const lookup::Texts& m);
  void lose_report_texts();
  void serve_next(uint64_t id);
  bool mail_report(const DueReport& due, const ReportUri& uri);
  void post_report(uint64_t id, const ReportUri& uri);
  void end_report(uint64_t id);
  // show.cc
  void on_show_tls_policy(imsg::PeerId peer, ShowTlsPolicy&& m);
  bool show_hops(lookup::Hops& m);
  void show(const Question& asked, const lookup::Hops& m);
  void refuse_to_show(imsg::PeerId peer, uint32_t query, const std::string& why);
  // sts_process.cc
  StsBook::Calls sts_calls();
  bool wants_sts(const std::string& domain) const;
  void on_note_found(imsg::PeerId peer, queue::NoteFound&& m);
  void on_texts(imsg::PeerId peer, lookup::Texts&& m);
  void on_known(const std::string& domain);
  void start_fetch(const std::string& domain);
  void fetch(HttpRequest request, Fetch::Done done);
  bool fetch_hops(lookup::Hops& m);
  void sts_peer_down(imsg::Role role);
  void connected(uint64_t job, Fd fd, const std::string& address, const std::string& text);

  event::Loop& loop_;
  Draft draft_;
  Draft active_;
  std::unordered_map<uint64_t, std::unique_ptr<Job>> jobs_;
  std::unordered_map<uint64_t, uint64_t> queries_;    // job
  std::unordered_map<uint64_t, Question> questions_;  // for control, by query to lookup
  StsBook sts_;
  struct Awaited {
    std::vector<uint64_t> jobs;
    std::vector<Question> questions;
  };
  std::unordered_map<std::string, Awaited> awaiting_;   // by domain: its MTA-STS policy, or what was learned of it
  std::set<std::string> recalls_;                       // domains that the queue is asked for
  std::unordered_map<uint64_t, std::string> looks_;     // domain, by query to lookup
  std::unordered_map<uint64_t, uint64_t> fetch_hosts_;  // fetch, by query to lookup
  std::unordered_map<uint64_t, std::unique_ptr<Fetch>> fetches_;
  event::Timer refresh_sts_;
  Gate gate_;
  event::Timer gate_timer_;
  Scores scores_;
  std::set<std::string> recalled_scores_;  // names of notes that have been asked for
  LearnedBook learned_;
  std::set<std::string> learned_recalls_;  // domains that the queue is asked for
  ReportBook reports_;
  std::unordered_map<uint64_t, DueReport> due_reports_;  // by query to lookup
  std::set<std::string> report_recalls_;                 // names of notes that the queue is asked for
  bool has_reports_ = false;                             // all notes of before have been read
  event::Timer keep_reports_;
  Micros reports_kept_{0};  // when, by now_monotonic()
  event::Timer report_timer_;
  event::Timer keep_scores_;
  std::unordered_map<uint64_t, Open> connections_;
  std::multimap<std::string, uint64_t> idle_;  // by key
  uint64_t last_id_ = 0;
  bool quitting_ = false;
  event::Timer end_;
  struct Counters {
    uint64_t transfers = 0, connections = 0, reused = 0, failed = 0;
  } counters_;
  worker::Worker<Relay> worker_;
};

}  // namespace mailkeep::relay
