// What the workers ask of the parent, and what it passes on to whoever listens: see parent.h.
// SPDX-License-Identifier: ISC
#include <unistd.h>

#include <algorithm>

#include "lib/log/log.h"
#include "smtpd/auth/messages.h"
#include "smtpd/parent/outer_socket.h"
#include "smtpd/parent/slot.h"

namespace mailkeep::parent {

using imsg::PeerId;
using imsg::Role;

// While somebody reads them, and as fast as they are read: no process can fill the parent's memory by talking.
void Parent::pass_log_line(const worker::LogLine& m) {
  Slot* control = find({Role::kControl, 0});
  if (!following_ || control == nullptr || !control->channel || control->channel->congested()) return;
  tell(control->id, m);
}

void Parent::on_log_line(PeerId, worker::LogLine&& m) { pass_log_line(m); }
void Parent::on_need_user(PeerId, queue::NeedUser&& m) { users_->need(m.account); }
void Parent::on_vouch(PeerId, Vouch&& m) { users_->vouch(std::move(m)); }

// A worker that sends mail for itself would have been taken over: it has no name.
void Parent::on_who_is(PeerId peer, WhoIs&& m) {
  auth::UserNamed answer;
  answer.uid = m.uid;
  const bool is_worker = std::any_of(ids_.of.begin(), ids_.of.end(),
                                     [&](const Identity& who) { return who.uid != 0 && who.uid == m.uid; });
  if (!is_worker) answer.name = user_with_uid(m.uid);
  tell(peer, answer);
}

// The path is the configuration's; of relay comes an action's name alone.
void Parent::on_open_socket(PeerId peer, OpenSocket&& m) {
  relay::SocketOpened answer;
  answer.query = m.query;
  const std::string path = lmtp_socket_of(*current_, m.action);
  auto connection = path.empty() ? Result<Fd>(Error("the configuration has no such action now"))
                                 : connect_as(path, ids_[Role::kRelay], user_name(Role::kRelay));
  if (connection) answer.connection = std::move(*connection);
  if (!connection) answer.text = connection.error().text.substr(0, kMaxReplyText);
  tell(peer, answer);
}

void Parent::on_present(PeerId peer, Present&& m) { users_->present(peer, std::move(m)); }

void Parent::on_status(PeerId peer, StatusQuery&& m) {
  control::StatusReport report;
  report.query = m.query;
  report.version = MAILKEEP_VERSION;
  report.generation = current_->number;
  report.started = started_;
  control::ProcessInfo self;
  self.role = "parent";
  self.pid = static_cast<uint32_t>(getpid());
  self.started = started_;
  report.processes.push_back(self);
  for (const auto& [key, slot] : slots_) {
    control::ProcessInfo p;
    p.role = imsg::role_name(slot->id.role);
    p.instance = slot->id.instance;
    p.pid = slot->pid > 0 ? static_cast<uint32_t>(slot->pid) : 0;
    p.uid = ids_[slot->id.role].uid;
    p.started = slot->started_unix;
    p.restarts = slot->restarts;
    report.processes.push_back(std::move(p));
  }
  users_->report(report);
  tell(peer, report);
}

void Parent::on_follow(PeerId, Follow&& m) { set_following(m.on); }

void Parent::set_following(bool on) {
  if (on == following_) return;
  following_ = on;
  worker::Follow f;
  f.on = on;
  for (auto& [key, slot] : slots_) {
    if (slot->ready && key.first != Role::kControl) slot->channel->send(f);
  }
  users_->follow(on);
  if (!on) return log::set_tap({});
  log::set_tap([this](std::string_view line) {
    worker::LogLine out;
    out.text = line.substr(0, worker::kMaxLogLine);
    pass_log_line(out);
  });
}

}  // namespace mailkeep::parent
