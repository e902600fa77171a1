// A new configuration, or new tables, in two phases: see parent.h.
// SPDX-License-Identifier: ISC
#include "lib/log/log.h"
#include "lib/os/memory.h"
#include "smtpd/parent/slot.h"

namespace mailkeep::parent {

using imsg::PeerId;
using imsg::Role;

namespace {
constexpr Micros kPrepareLimit = Seconds(20);
}  // namespace

void Parent::on_reload(PeerId, Reload&& m) {
  if (m.tables_only) return reload_tables(m.query, m.table);
  reload(m.query);
}

void Parent::answer_reload(std::optional<uint32_t> query, const std::string& error) {
  if (error.empty()) {
    log::info("reload").kv("generation", current_->number);
  } else {
    log::error("reload-failed").kv("text", error);
  }
  if (!query) return;
  control::Reloaded m;
  m.query = *query;
  m.ok = error.empty();
  m.text = error.substr(0, 8000);
  tell({Role::kControl, 0}, m);
}

void Parent::reload(std::optional<uint32_t> query) {
  if (quitting_) return answer_reload(query, "the server is stopping");
  if (reloading_) return answer_reload(query, "another reload is under way");
  for (const auto& [key, slot] : slots_) {
    if (!slot->ready || slot->retiring) {
      return answer_reload(query,
                           "a " + std::string(imsg::role_name(key.first)) + " process is being restarted; try again");
    }
  }
  auto next = load_generation(settings_, current_->number + 1);
  if (!next) return answer_reload(query, next.error().text);
  const auto& was = current_->config;
  const auto& will = (*next)->config;
  if (will.options.state != was.options.state || will.control_path() != was.control_path() ||
      will.spool_path() != was.spool_path() || will.mail_path() != was.mail_path() ||
      will.options.worker_uids != was.options.worker_uids) {
    return answer_reload(query, "state, spool, mail, control and worker-uids change only with a restart");
  }
  auto bound = sockets_.bind(will);
  if (!bound) return answer_reload(query, bound.error().text);
  (*next)->listeners = std::move(*bound);
  reloading_ = std::make_unique<Reloading>(loop_, [this] { finish_reload("a process did not answer in time"); });
  reloading_->next = std::move(*next);
  reloading_->query = query;
  reloading_->limit.set(kPrepareLimit);
  for (auto& [key, slot] : slots_) {
    if (key.second >= workers_of(key.first, will)) continue;  // it will be retired
    reloading_->answered[key] = false;
    if (auto sent = send_config(*slot, *reloading_->next); !sent) return finish_reload(sent.error().text);
  }
}

// The same two phases, but lookup alone is told.
void Parent::reload_tables(uint32_t query, const std::string& table) {
  if (quitting_) return answer_reload(query, "the server is stopping");
  if (reloading_) return answer_reload(query, "another reload is under way");
  Slot* lookup = find({Role::kLookup, 0});
  if (lookup == nullptr || !lookup->ready)
    return answer_reload(query, "a lookup process is being restarted; try again");
  auto next = renew_tables(*current_, current_->number + 1, table);
  if (!next) return answer_reload(query, next.error().text);
  reloading_ =
      std::make_unique<Reloading>(loop_, [this] { finish_reload("the lookup process did not answer in time"); });
  reloading_->next = std::move(*next);
  reloading_->query = query;
  reloading_->limit.set(kPrepareLimit);
  reloading_->answered[{Role::kLookup, 0}] = false;
  if (auto sent = send_config(*lookup, *reloading_->next); !sent) return finish_reload(sent.error().text);
}

void Parent::finish_reload(const std::string& error) {
  auto done = std::move(reloading_);
  worker::Abort abort;
  abort.generation = done->next->number;
  for (const auto& [key, answered] : done->answered) tell({key.first, key.second}, abort);
  sockets_.settle(current_->listeners);
  current_->number = done->next->number;  // numbers are never used twice; workers keep what they have
  answer_reload(done->query, error);
}

void Parent::commit_reload() {
  auto done = std::move(reloading_);
  current_ = std::move(done->next);
  start_up_.set(os::kStartUp);
  worker::Commit commit;
  commit.generation = current_->number;
  for (const auto& [key, answered] : done->answered) tell({key.first, key.second}, commit);
  sockets_.settle(current_->listeners);
  for (auto& [key, slot] : slots_) {
    if (key.second < workers_of(key.first, current_->config)) continue;
    slot->retiring = true;
    if (slot->channel) slot->channel->send(worker::Quit{});  // else it has just died
  }
  start_missing();
  users_->reconfigure();
  answer_reload(done->query, "");
}

}  // namespace mailkeep::parent
