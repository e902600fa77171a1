// The queue process: its routes, its turn, its dealings with `user` processes. See queue.h.
// SPDX-License-Identifier: ISC
#include "queue/queue.h"

#include <sys/resource.h>

#include "lib/base/text.h"
#include "lib/log/log.h"

namespace mailkeep::queue {

using imsg::PeerId;
using imsg::Role;

namespace {
constexpr uint64_t kCountedAtOnce = 25'000;  // envelopes, in one turn: some milliseconds
constexpr Millis kQuitPatience(3200);        // with relay, which takes 3 s at most; the parent's is 4 s
}  // namespace

imsg::Routes<Queue> Queue::routes() {
  imsg::Routes<Queue> r;
  r.add<Config>(Role::kParent, &Queue::on_config);
  r.add<UserFailed>(Role::kParent, &Queue::on_user_failed);
  for (const Role from : {Role::kSmtpd, Role::kLmtpd}) {
    r.add<NeedSpoolFile>(from, &Queue::on_need_file);
    r.add<DropSpoolFile>(from, &Queue::on_drop_file);
    r.add<Enqueue>(from, &Queue::on_enqueue);
    r.add<Refusal>(from, &Queue::on_refusal);
  }
  r.add<Vouch>(Role::kAuth, &Queue::on_vouch);
  r.add<Routed>(Role::kLookup, &Queue::on_routed);
  r.add<Stored>(Role::kUser, &Queue::on_stored);
  r.add<Forwarded>(Role::kUser, &Queue::on_forwarded);
  r.add<Rejected>(Role::kUser, &Queue::on_rejected);
  r.add<Durable>(Role::kUser, &Queue::on_durable);
  r.add<KeepNote>(Role::kRelay, &Queue::on_keep_note);
  r.add<FindNote>(Role::kRelay, &Queue::on_find_note);
  r.add<SubmitReport>(Role::kRelay, &Queue::on_submit_report);
  r.add<relay::Transferred>(Role::kRelay, &Queue::on_transferred);
  r.add<SelectQueue>(Role::kControl, &Queue::on_select);
  r.add<ShowMessage>(Role::kControl, &Queue::on_show);
  r.add<FindLives>(Role::kControl, &Queue::on_find_lives);
  r.add<ListDestinations>(Role::kControl, &Queue::on_list_destinations);
  return r;
}

Queue::Queue(event::Loop& loop, std::unique_ptr<Spool> spool)
    : loop_(loop),
      spool_(std::move(spool)),
      local_(*spool_, {.need_user =
                           [this](const std::string& account) {
                             NeedUser need;
                             need.account = account;
                             peers_->send_parent(need);
                           },
                       .deliver =
                           [this](uint32_t user, const user::Deliver& deliver) {
                             return peers_->send({Role::kUser, user}, deliver);
                           },
                       .failed =
                           [this](const Envelope& e, const std::string& status, const std::string& text, uint32_t uid) {
                             on_failed(e, {.status = status, .text = text, .remote = "", .tls = "", .uid = uid});
                           },
                       .reroute = [this](const Envelope& e) { on_reroute(e); },
                       .delayed = [this](const Envelope& e) { on_delayed(e); },
                       .stored =
                           [this](const Envelope& e) {
                             on_delivered(e, Action::kDelivered, {"2.1.5", "", ""});
                           }}),
      remote_(*spool_, {.send = [this](uint64_t key, const relay::Transfer& transfer) -> std::optional<uint32_t> {
                          const auto to = quitting_ ? std::nullopt : peers_->pick(Role::kRelay, key);
                          if (!to || !peers_->send(*to, transfer)) return std::nullopt;
                          return to->instance;
                        },
                        .failed = [this](const Envelope& e, const Cause& cause) { on_failed(e, cause); },
                        .delayed = [this](const Envelope& e) { on_delayed(e); },
                        .relayed =
                            [this](const Envelope& e, const Cause& answer, bool reports) {
                              if (!reports)
                                on_delivered(e, remote_.is_lmtp(e) ? Action::kDelivered : Action::kRelayed, answer);
                            }}),
      timer_(loop, [this]() { tick(); }),
      quit_limit_(loop, [this]() { quit_now(); }),
      prune_timer_(loop, [this]() { prune_history(); }) {
  struct rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) max_files_ = static_cast<size_t>(limit.rlim_cur) / 4;
  loop_.at_turn_end(event::Loop::Stage::kCommit, [this]() { commit_turn(); });
}

void Queue::on_config(PeerId, Config&& config) { next_config_ = std::move(config); }

Status Queue::on_prepare(uint32_t generation) {
  if (next_config_.generation != generation) return Error("queue: no configuration of this generation");
  return {};
}

void Queue::on_commit(uint32_t) {
  config_ = next_config_;
  RetryPolicy policy;
  if (config_.first_retry != 0) policy.first = static_cast<int64_t>(config_.first_retry);
  if (config_.max_retry != 0) policy.longest = static_cast<int64_t>(config_.max_retry);
  policy.lifetime = lifetime();
  policy.probe = static_cast<int64_t>(config_.probe);
  policy.warn = static_cast<int64_t>(config_.warn_after);
  local_.set_policy(policy);
  remote_.set_policy(policy);
  remote_.set_relays(config_.relays);
  spool_->keep_history(config_.history != 0);
  prune_history();
  log::info("queue-open")
      .kv("local", spool_->counts().local)
      .kv("relay", spool_->counts().relay)
      .kv("held", spool_->counts().held)
      .kv("more", spool_->is_counting() ? 1 : 0);
  quarantine_poison();
  tick();
}

// What this process has died of again and again, before it meets it once more.
void Queue::quarantine_poison() {
  for (const uint64_t id : spool_->poison()) {
    const auto envelopes = spool_->envelopes(id);
    if (!envelopes) continue;
    Change change;
    change.durable = true;
    for (const Envelope& e : *envelopes) {
      if (e.hold != Hold::kNone) continue;
      Envelope& next = change.put.emplace_back(e);
      next.hold = Hold::kQuarantine;
      change.attempt = {
          now_unix(), How::kQuarantined, kNoUid, "", "", "the queue's process ended again and again with it in hand"};
      next.last_error =
          "quarantined: the queue's process ended " + std::to_string(InHand::kMaxDeaths) + " times with it in hand";
      log::error("quarantined").kv("msg", hex64(id)).kv("envelope", e.id.number).kv("to", e.recipient);
    }
    if (!change.put.empty()) {
      spool_->stage(std::move(change));
      if (const auto done = spool_->commit(); !done.front()) {
        log::error("quarantine-failed").kv("msg", hex64(id)).kv("why", done.front().error().text);
        continue;
      }
    }
    spool_->forget_poison(id);
  }
}

void Queue::on_abort(uint32_t) { next_config_ = {}; }

void Queue::on_peer_up(PeerId peer, const std::string& account) {
  if (peer.role == Role::kUser) local_.user_up(peer.instance, account);
  if (peer.role == Role::kLookup || peer.role == Role::kRelay) tick();
}

void Queue::on_peer_down(PeerId peer) {
  if (peer.role == Role::kUser) local_.user_down(peer.instance);
  if (peer.role == Role::kLookup) lookup_gone();
  if (peer.role == Role::kControl) std::erase_if(selects_, [peer](const Select& s) { return s.peer == peer; });
  if (peer.role == Role::kRelay) remote_.relay_down(peer.instance, now_unix());
  if (quitting_ && peer.role == Role::kRelay) return quit_now();
  if (peer.role != Role::kSmtpd && peer.role != Role::kLmtpd) return;
  if (peer.role == Role::kSmtpd) tickets_.drop(peer.instance);
  std::vector<uint64_t> gone;
  for (const auto& [message, owner] : files_) {
    if (owner == peer) gone.push_back(message);
  }
  for (const uint64_t message : gone) drop_file_of(peer, message);
  std::erase_if(incoming_, [this, peer](const auto& entry) {
    if (entry.second.peer != peer) return false;
    if (entry.second.owns_file) spool_->drop_file(entry.second.enqueue.message);
    return true;
  });
  incoming_weight_.erase(peer);
}

void Queue::on_user_failed(PeerId, UserFailed&& failed) {
  local_.user_failed(failed.account, failed.permanent, failed.text, now_unix());
}

void Queue::on_stored(PeerId peer, Stored&& stored) {
  if (local_.is_of_another(peer.instance, stored.envelope))
    return peers_->condemn(peer, "stored what is another account's");
  if (!local_.stored(peer.instance, stored))
    log::warn("stray-answer").kv("msg", hex64(stored.envelope.message)).kv("user", peer.instance);
}

void Queue::on_rejected(PeerId peer, Rejected&& rejected) {
  if (local_.is_of_another(peer.instance, rejected.envelope))
    return peers_->condemn(peer, "rejected what is another account's");
  if (!local_.rejected(peer.instance, rejected, now_unix())) {
    log::warn("stray-answer").kv("msg", hex64(rejected.envelope.message)).kv("user", peer.instance);
  }
}

void Queue::on_durable(PeerId peer, Durable&& durable) { local_.durable(peer.instance, durable.sequence); }

void Queue::on_transferred(PeerId peer, relay::Transferred&& result) {
  if (!remote_.transferred(peer.instance, result, now_unix()))
    log::warn("stray-answer").kv("transfer", result.transfer).kv("relay", peer.instance);
  if (quitting_ && remote_.in_transfer() == 0) quit_now();
}

void Queue::hand_on(const Message& message, const std::vector<Envelope>& envelopes, int content) {
  for (const Envelope& e : envelopes) {
    if (e.kind == Kind::kLocal) {
      local_.add(message, e, content);
    } else {
      remote_.add(message, e, content, now_unix());
    }
  }
}

// Everything that became ready in this turn: one commit, one sync; then the answers.
void Queue::commit_turn() {
  run_selects();
  stage_refusals();
  send_reports();
  local_.stage();
  remote_.stage();
  if (spool_->staged() > 0) {
    const std::vector<Status> results = spool_->commit();
    ++counters_.commits;
    local_.committed(results);
    remote_.committed(results);
    for (Accepted& a : std::exchange(accepted_, {})) {
      answer(a, results[a.place]);
      if (!results[a.place]) {
        if (a.message.in_file) spool_->drop_file(a.message.id);
        continue;
      }
      hand_on(a.message, a.envelopes, a.content.get());
      if (!a.expanded.empty()) reports_[{a.message.id, std::string()}].notices = std::move(a.expanded);
    }
    next_numbers_.clear();
    for (const Replaced& r : std::exchange(replaced_, {})) {
      if (!results[r.place])
        log::error("bounce-not-kept").kv("msg", hex64(r.ids.front().message)).kv("why", results[r.place].error().text);
      for (const EnvelopeId& id : r.ids) {
        if (results[r.place]) {
          forget(id);
        } else {
          try_again(id, "the report could not be kept");
        }
      }
      if (results[r.place]) hand_on(r.message, r.envelopes, -1);
    }
    for (Select& s : selected_) end_select(s, s.place ? results[*s.place] : Status());
    selected_.clear();
  }
  for (Select& s : std::exchange(selected_, {})) end_select(s, {});
  remote_.pump(now_unix());
  spool_->put_down();
  if (load_more_ || !reports_.empty() || !selects_.empty()) {
    timer_.set(Micros(0));
  } else if (!timer_.pending() && has_work()) {
    timer_.set(Seconds(1));
  }
}

bool Queue::has_work() const {
  return spool_->is_counting() || spool_->counts().local > 0 || spool_->counts().relay > 0 || spool_->unsettled() ||
         spool_->is_index_behind() || local_.has_changes() || remote_.has_changes() || local_.in_memory() > 0 ||
         remote_.in_memory() > 0;
}

// Once a second while there is anything to do.
void Queue::tick() {
  if (config_.generation == 0 && config_.hostname.empty()) return;
  sweep_notes();
  count_on();
  load_more_ = local_.load(now_unix());
  load_more_ = remote_.load(now_unix()) || load_more_ || spool_->is_counting();
  load_more_ = load_more_ || index_on();
  if (load_more_ || !spool_->unsettled()) return;
  if (Status s = spool_->settle(); !s) log::error("spool-settle-failed").kv("why", s.error().text);
}

// After a start with very many.
void Queue::count_on() {
  if (!spool_->is_counting()) return;
  if (!spool_->count_on(kCountedAtOnce) || spool_->is_counting()) return;
  const Counts& counts = spool_->counts();
  log::info("queue-counted").kv("local", counts.local).kv("relay", counts.relay).kv("held", counts.held);
}

// When there is nothing else to bring along. True: there is more to do now.
bool Queue::index_on() {
  const Result<bool> more = spool_->index_on(now_unix());
  if (!more) log::error("queue-index-failed").kv("why", more.error().text);
  return more && *more;
}

// What relay has given away must be known to be gone, or it goes a second time: its last answers are waited for.
void Queue::on_quit() {
  quitting_ = true;
  if (remote_.in_transfer() == 0) return quit_now();
  quit_limit_.set(kQuitPatience);
}

void Queue::quit_now() {
  commit_turn();
  if (Status s = spool_->close(); !s) log::error("spool-close-failed").kv("why", s.error().text);
  Hooks::on_quit();
}

std::vector<worker::Stat> Queue::stats() {
  const auto past = spool_->history();
  return {{"queue.local", spool_->counts().local},
          {"queue.relay", spool_->counts().relay},
          {"queue.held", spool_->counts().held},
          {"queue.in-memory", local_.in_memory()},
          {"queue.messages", counters_.messages},
          {"queue.refused", counters_.refused},
          {"queue.delivered", local_.delivered()},
          {"queue.deferred", local_.deferred()},
          {"queue.relayed", remote_.relayed()},
          {"queue.relay-deferred", remote_.deferred()},
          {"queue.relay-in-memory", remote_.in_memory()},
          {"queue.destinations", remote_.destinations()},
          {"queue.transfers", remote_.in_transfer()},
          {"queue.bounces", counters_.bounces},
          {"queue.commits", counters_.commits},
          {"queue.tickets", tickets_.size()},
          {"queue.remembered", past ? (*past)->finished() : 0},
          {"queue.refusals-remembered", past ? (*past)->refused() : 0},
          {"queue.refusals-not-remembered", refusals_lost_},
          {"queue.set-aside", spool_->set_aside()},
          {"queue.salvages", spool_->salvages()}};
}

}  // namespace mailkeep::queue
