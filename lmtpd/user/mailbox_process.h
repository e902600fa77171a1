// The `user` process: one account's store, its deliveries and its IMAP sessions, as the account's own uid.
//
//   a turn:  deliveries are appended, sessions run
//   its end: flush() if there were deliveries → Stored to the queue
//            sync() if a session waits for it or watches INBOX, or SyncDelay is over → on_durable(), Durable
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "imapd/session/session.h"
#include "lib/event/stream.h"
#include "lib/worker/worker.h"
#include "lmtpd/user/delivery.h"
#include "lmtpd/user/places.h"

namespace mailkeep::user {

class MailboxProcess : public worker::Hooks, private store::Observer {
 public:
  MailboxProcess(event::Loop& loop, std::unique_ptr<store::Store> store, std::string account);
  ~MailboxProcess() override;
  void set_places(std::unique_ptr<Places> places) { places_ = std::move(places); }

  void on_config(imsg::PeerId from, Config&& m);
  void on_deliver(imsg::PeerId from, Deliver&& m);
  void on_attach(imsg::PeerId from, Attach&& m);
  void on_may_end(imsg::PeerId from, MayEnd&& m);

  void on_peer_up(imsg::PeerId peer, const std::string& account) override;
  void on_peer_down(imsg::PeerId peer) override;
  void on_quit() override;
  bool releases_start_up() const override { return false; }

 private:
  struct Client;
  void run_client(Client& client);
  void run_clients();
  void see_off(Client& client);
  void deliver_to_place(imsg::PeerId from, const Deliver& m);
  bool forward(imsg::PeerId from, const Deliver& m);
  void send_output(Client& client);
  void on_durable(store::Seq, std::span<const store::Change>) override {
  }  // the sessions are told; the queue by sync_now()
  void on_taken_back(store::Seq last, const Error& cause) override;
  void commit_turn();
  void answer_deliveries();
  void sync_now();
  void finish_clients();
  void report_sessions();
  void upkeep();
  void note_work();  // upkeep() will be called, and Idle told, when this work has been over for a while
  void end(int status);
  bool is_busy() const;

  event::Loop& loop_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Places> places_;
  std::string account_;
  Config config_;
  worker::Worker<MailboxProcess> peers_;
  std::map<uint64_t, std::unique_ptr<Client>> clients_;
  uint64_t next_client_ = 1;
  std::vector<queue::Stored> delivered_;  // in this turn, not flushed yet
  std::optional<imsg::PeerId> queue_;
  uint64_t told_durable_ = 0;
  uint64_t promised_ = 0;  // highest sequence number said Stored
  uint64_t attached_ = 0;  // Attach messages had
  uint32_t told_sessions_ = 0;
  Micros last_work_{0};
  event::Timer sync_timer_;
  event::Timer again_;  // another turn without waiting: there is work that this one left
  event::Timer idle_timer_;
  event::Timer tick_timer_;
};

}  // namespace mailkeep::user
