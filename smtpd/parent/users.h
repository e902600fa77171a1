// The `user` processes: one per active account, started on demand, ended when idle (least recently used first).
//
//   none → (wanted) → starting → ready → ending → none
//            |  requests wait  |   |  requests wait for its end, then a new one starts
//
// Also the tickets of logins: auth vouches, imapd presents, once.
// SPDX-License-Identifier: ISC
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "imapd/login/messages.h"
#include "lib/event/loop.h"
#include "lmtpd/user/messages.h"
#include "smtpd/control/messages.h"
#include "smtpd/parent/messages.h"
#include "smtpd/parent/process.h"
#include "smtpd/parent/slices.h"
#include "smtpd/parent/user_template.h"

namespace mailkeep::parent {

class Users {
 public:
  // What the Parent lends: it owns configuration and the other workers.
  struct Environment {
    std::function<const Generation&()> generation;
    std::function<const Listeners&()> listeners;
    std::function<worker::Boot()> boot;  // directory, extra group and log settings filled in
    std::function<bool(Fd channel, uint32_t instance, const std::string& account)> wire_queue;
    std::function<void(const queue::UserFailed&)> tell_queue;
    std::function<void(imsg::PeerId imapd, const imapd::Presented&)> tell_imapd;
    std::function<void(const worker::LogLine&)> log_line;
    std::function<bool(uid_t uid)> is_worker_uid;
    std::function<void(imsg::PeerId imapd, std::string_view why)> condemn;  // ends that process
    const Libexec* libexec = nullptr;
  };

  Users(event::Loop& loop, Environment environment);
  ~Users();

  // Processes that start at once for the queue: enough to keep the machine busy, few enough that each is soon ready.
  static constexpr size_t kStartsAtOnce = 8;
  void need(const std::string& account);                // the queue wants a channel
  void vouch(Vouch&& ticket);                           // from auth
  void present(imsg::PeerId imapd, Present&& request);  // from imapd
  bool reaped(pid_t pid, int status);                   // true: it was one of ours
  void follow(bool on);
  void reconfigure();  // after a reload's commit
  void quit();
  void kill_all();
  bool empty() const { return slots_.empty() && !template_.is_there(); }
  void report(control::StatusReport& out) const;
  bool misbehaved(uint32_t instance);  // ends that process

 private:
  struct Slot;
  struct Early;
  Slot* find(const std::string& account);
  Result<Started> start(uint32_t instance, const std::string& account, const AccountIds& ids);
  Slot* obtain(const std::string& account, std::string& why, bool& permanent);
  bool on_frame(uint32_t instance, imsg::Frame& frame);
  void on_ready(Slot& slot);
  void serve_waiting(Slot& slot);
  void attach(Slot& slot, imsg::PeerId imapd, Present&& request);
  void wire(Slot& slot);
  void refuse(imsg::PeerId imapd, uint64_t session, const std::string& text);
  void sweep();
  void start_waiting();

  event::Loop& loop_;
  Environment env_;
  std::map<std::string, std::unique_ptr<Slot>> slots_;
  std::map<uint32_t, std::string> by_instance_;
  std::map<pid_t, uint32_t> by_pid_;
  struct Ticket {
    Vouch vouch;
    Micros until;
  };
  std::map<std::pair<uint64_t, uint64_t>, Ticket> tickets_;
  std::vector<std::unique_ptr<Early>> early_;
  UserTemplate template_;
  event::Timer sweep_;
  uint32_t next_instance_ = 1;
  size_t starting_ = 0;              // processes that are not yet ready
  std::deque<std::string> wanted_;   // accounts whose process starts when another is ready, in order
  std::set<std::string> is_wanted_;  // the same
  bool following_ = false;
  bool quitting_ = false;
};

}  // namespace mailkeep::parent
