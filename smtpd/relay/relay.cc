// The relay process: transfers, connections, results. See relay.h; which hosts: hosts.cc.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/relay.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"

namespace mailkeep::relay {

using imsg::PeerId;
using imsg::Role;

imsg::Routes<Relay> Relay::routes() {
  imsg::Routes<Relay> r;
  r.add<Config>(Role::kParent, &Relay::on_config);
  r.add<Action>(Role::kParent, &Relay::on_action);
  r.add<Provider>(Role::kParent, &Relay::on_provider);
  r.add<ShowDelivery>(Role::kControl, &Relay::on_show_delivery);
  r.add<TlsRule>(Role::kParent, &Relay::on_tls_rule);
  r.add<SocketOpened>(Role::kParent, &Relay::on_socket_opened);
  r.add<queue::NoteFound>(Role::kQueue, &Relay::on_note_found);
  r.add<lookup::Texts>(Role::kLookup, &Relay::on_texts);
  r.add<ShowTlsPolicy>(Role::kControl, &Relay::on_show_tls_policy);
  r.add<Transfer>(Role::kQueue, &Relay::on_transfer);
  r.add<lookup::Hops>(Role::kLookup, &Relay::on_hops);
  r.add<tls::Established>(Role::kTls, &Relay::on_established);
  r.add<tls::Failed>(Role::kTls, &Relay::on_tls_failed);
  return r;
}

Relay::Relay(event::Loop& loop)
    : loop_(loop),
      sts_(sts_calls()),
      refresh_sts_(loop,
                   [this] {
                     sts_.refresh(now_unix());
                     refresh_sts_.set(kRefreshSts);
                   }),
      gate_timer_(loop, [this] { run_gate(); }),
      keep_reports_(loop, [this] { keep_reports(); }),
      report_timer_(loop, [this] { run_reports(); }),
      keep_scores_(loop,
                   [this] {
                     keep_scores();
                     keep_scores_.set(kKeepScores);
                   }),
      end_(loop, [this] { Hooks::on_quit(); }),
      worker_(loop, *this, routes()) {
  refresh_sts_.set(kRefreshSts);
  keep_scores_.set(kKeepScores);
}

// --- configuration ---------------------------------------------------------------------------------

void Relay::on_config(PeerId, Config&& m) {
  draft_ = {};
  draft_.config = std::move(m);
}

void Relay::on_action(PeerId, Action&& m) {
  if (draft_.first.empty() && !m.lmtp) draft_.first = m.name;
  const std::string name = m.name;
  draft_.actions.insert_or_assign(name, std::move(m));
}

void Relay::on_tls_rule(PeerId, TlsRule&& m) { draft_.tls_list.add(std::move(m)); }

Status Relay::on_prepare(uint32_t generation) {
  if (draft_.config.generation != generation) return Error("relay: no configuration of this generation");
  return {};
}

// Connections of the old one may follow another policy: those that rest are ended.
void Relay::on_commit(uint32_t) {
  active_ = draft_;
  for (const auto& [name, provider] : active_.providers.all()) gate_.set_limits(name, &provider);
  recall_scores();
  reports_.set_interval(active_.config.report_interval);
  if (active_.config.report_interval == 0) due_reports_.clear();
  if (has_reports_) reports_changed();
  recall_reports();
  set_report_timer();
  close_idle();
}

void Relay::on_abort(uint32_t) { draft_ = {}; }

// --- transfers -------------------------------------------------------------------------------------

void Relay::on_transfer(PeerId peer, Transfer&& m) {
  if (quitting_) return;  // the queue gives it to the next one
  ++counters_.transfers;
  const uint64_t id = ++last_id_;
  auto& slot = jobs_[id];
  slot = std::make_unique<Job>();
  Job& job = *slot;
  job.id = id;
  job.queue = peer;
  job.transfer = std::move(m);
  const std::string& name = job.transfer.action.empty() ? active_.first : job.transfer.action;
  const auto action = active_.actions.find(name);
  const auto fail = [&](const std::string& text) { finish_all(job, Outcome::kTemporary, {"4.3.5", text, 0}, false); };
  if (action == active_.actions.end()) return fail("the configuration has no relay action " + name);
  if (!job.transfer.content) return fail("the message did not come along");
  if (job.transfer.recipients.empty()) return finish(job, false);
  const auto surveyed = survey(job.transfer.content.get(), job.transfer.size);
  if (!surveyed) return fail(surveyed.error().text);
  job.survey = *surveyed;
  if (Status s = plan(job, action->second); !s)
    return finish_all(job, Outcome::kPermanent, {"5.1.2", s.error().text, 0}, false);
  if (!reuse(job)) next_host(job);
}

// A connection that rests and leads to the same destination under the same policy.
bool Relay::reuse(Job& job) {
  const auto it = idle_.find(job.key);
  if (it == idle_.end()) return false;
  const std::string group = connections_[it->second].group;
  return gate_.start(group, now_millis()) && warm_up(job, group) && resume(job);
}

bool Relay::resume(Job& job) {
  const auto it = idle_.find(job.key);
  if (it == idle_.end()) return false;
  const uint64_t id = it->second;
  idle_.erase(it);
  Open& open = connections_[id];
  open.job = job.id;
  open.reused = true;
  job.group = open.group;
  job.connection = id;
  ++counters_.reused;
  on_ready(id);
  return true;
}

Connection::Calls Relay::calls_of(uint64_t id) {
  return {.start_tls =
              [this](const tls::Connect& connect) { return worker_.send_role(Role::kTls, connect, connect.session); },
          .ready = [this, id] { on_ready(id); },
          .done = [this, id] { on_done(id); },
          .failed = [this, id] { on_failed(id); },
          .ended = [this, id] { drop(id); },
          .rested =
              [this, id] {
                std::erase_if(idle_, [id](const auto& entry) { return entry.second == id; });
                connections_[id].connection->quit();
              }};
}

void Relay::on_ready(uint64_t id) {
  Open& open = connections_[id];
  const auto job = jobs_.find(open.job);
  if (job == jobs_.end()) return rest(id, open);
  job->second->begun = true;
  if (open.connection->transactions() == 0) {
    learn(*job->second, *open.connection);
    report_good(*job->second, *open.connection);
  }
  open.connection->begin(job->second->transfer, job->second->survey);
}

// Results that a transaction gave; with `all`, whoever got none is put off. Without it the connection failed: with LMTP
// some may have it already.
void Relay::keep_results(Job& job, const Connection& connection, bool all) {
  const auto& results = connection.dialog().results();
  std::vector<Rcpt> left;
  for (size_t i = 0; i < job.transfer.recipients.size(); ++i) {
    if (i < results.size() && results[i] && (all || results[i]->outcome != Outcome::kTemporary)) {
      job.results.push_back(*results[i]);
    } else {
      left.push_back(std::move(job.transfer.recipients[i]));
    }
  }
  job.transfer.recipients = std::move(left);
  job.host = connection.host().show();
  job.tls = connection.tls();
  job.dsn = connection.dialog().offers().dsn;
}

void Relay::on_done(uint64_t id) {
  Open& open = connections_[id];
  const auto it = jobs_.find(open.job);
  open.job = 0;
  if (it != jobs_.end()) {
    Job& job = *it->second;
    keep_results(job, *open.connection, true);
    job.failure = {"4.3.0", "no result for this recipient", 0};
    finish(job, false);
  }
  rest(id, connections_[id]);
}

void Relay::rest(uint64_t id, Open& open) {
  Connection& c = *open.connection;
  if (!c.dialog().is_reusable()) return drop(id);
  if (quitting_ || c.transactions() >= kMaxTransactions || idle_.size() >= kMaxIdle ||
      idle_.count(open.key) >= kMaxIdleEach)
    return c.quit();
  c.idle();
  idle_.emplace(open.key, id);
  if (gate_.is_awaited(open.group)) run_gate();
}

void Relay::close_idle() {
  for (const auto& [key, id] : std::exchange(idle_, {})) connections_[id].connection->quit();
}

// Not at once: it may be on the stack.
void Relay::drop(uint64_t id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  std::erase_if(idle_, [id](const auto& entry) { return entry.second == id; });
  loop_.defer([dead = std::shared_ptr<Connection>(std::move(it->second.connection))] {});
  const std::string group = it->second.group;
  connections_.erase(it);
  leave(group);
  end_if_quiet();
}

void Relay::on_failed(uint64_t id) {
  const bool reused = connections_[id].reused;
  const std::shared_ptr<Connection> c = std::move(connections_[id].connection);
  const auto it = jobs_.find(connections_[id].job);
  leave(connections_[id].group);
  connections_.erase(id);
  loop_.defer([c] {});  // it is on the stack
  const Failure& failure = c->dialog().failure();
  log::info("host-failed")
      .kv("msg", hex64(it == jobs_.end() ? 0 : it->second->transfer.message))
      .kv("host", c->host().show())
      .kv("tls", c->tls())
      .kv("code", failure.code)
      .kv("text", failure.text);
  if (it == jobs_.end()) return end_if_quiet();
  Job& job = *it->second;
  ++counters_.failed;
  report_bad(job, *c);
  job.connection = 0;
  if (c->transactions() > 0) {
    keep_results(job, *c, false);
    job.reached = job.reached || !reused;
  }
  job.host = c->host().show();
  job.tls = c->tls();
  job.failure = failure;
  (failure.final ? job.objected : job.hopeful) = true;
  // What one message asks for on top says nothing of the host: others must not wait for it.
  if (failure.final || (c->tls_failed() && c->host().policy.authority == Authority::kMessage)) job.reached = true;
  if (job.transfer.recipients.empty()) return finish(job, false);
  // The message may have arrived: another host must not get it too, so this one is asked again later.
  if (c->dialog().is_undecided()) return finish(job, false);
  if (reused) return next_host(job);  // it was stale; all hosts are still ahead
  ++job.sessions;
  if (c->tls_failed() && job.plan.policy.tls == Tls::kMay && !job.plan.implicit_tls && !job.plan.tls_failed) {
    Plan again = job.plan;
    again.addresses = {c->host().address};
    again.tls_failed = true;
    job.plans.push_front(std::move(again));
  }
  next_host(job);
}

void Relay::finish_all(Job& job, Outcome outcome, Failure failure, bool host_failed) {
  for (const Rcpt& r : job.transfer.recipients) {
    Result& result = job.results.emplace_back();
    result.number = r.number;
    result.outcome = outcome;
    result.code = failure.code;
    result.enhanced = failure.enhanced.substr(0, 16);
    result.text = failure.text.substr(0, kMaxReplyText);
  }
  job.transfer.recipients.clear();
  finish(job, host_failed);
}

// Answers the queue: what has no result yet failed as the last host did.
void Relay::finish(Job& job, bool host_failed) {
  if (!job.transfer.recipients.empty()) {
    if (!job.objected || job.hopeful) return finish_all(job, Outcome::kTemporary, job.failure, host_failed);
    return finish_all(job, Outcome::kPermanent, job.failure, false);
  }
  score(job);
  give_back(job);
  gate_.forget(job.id);
  Transferred out;
  out.transfer = job.transfer.transfer;
  out.held_until = job.held_until;
  out.results = std::move(job.results);
  out.host_failed = host_failed;
  out.host = job.host.substr(0, 400);
  out.tls = job.tls.substr(0, 200);
  out.dsn = job.dsn;
  worker_.send(job.queue, out);
  queries_.erase(job.query);
  if (job.connector) loop_.defer([dead = std::shared_ptr<Connector>(std::move(job.connector))] {});
  jobs_.erase(job.id);
  end_if_quiet();
}

// --- other processes -------------------------------------------------------------------------------

void Relay::on_established(PeerId, tls::Established&& m) {
  const auto it = connections_.find(m.session);
  if (it != connections_.end()) return it->second.connection->on_established(m);
  const auto fetch = fetches_.find(m.session);
  if (fetch != fetches_.end()) fetch->second->on_established(m);
}

void Relay::on_tls_failed(PeerId, tls::Failed&& m) {
  const auto it = connections_.find(m.session);
  if (it != connections_.end()) return it->second.connection->on_tls_failed(m.text, false, m.problem);
  const auto fetch = fetches_.find(m.session);
  if (fetch != fetches_.end()) fetch->second->on_tls_failed(m.text);
}

void Relay::on_peer_up(PeerId peer, const std::string&) {
  if (peer.role != Role::kQueue) return;
  recall_scores();
  recall_reports();
  reports_.change_all();  // its last moment's may be lost
  reports_changed();
}

void Relay::on_peer_down(PeerId peer) {
  std::vector<uint64_t> ids;
  sts_peer_down(peer.role);
  if (peer.role == Role::kLookup) {
    for (const auto& [query, job] : std::exchange(queries_, {})) ids.push_back(job);
    for (const uint64_t id : ids)
      finish_all(*jobs_[id], Outcome::kTemporary, {"4.4.3", "the lookup process ended", 0}, false);
    for (const auto& [query, asked] : std::exchange(questions_, {}))
      refuse_to_show(asked.from, asked.question.query, "the lookup process ended");
  } else if (peer.role == Role::kTls) {
    for (const auto& [id, open] : connections_) ids.push_back(id);
    for (const uint64_t id : ids) {
      const auto it = connections_.find(id);
      if (it != connections_.end()) it->second.connection->on_tls_failed("the tls process ended", true);
    }
  } else if (peer.role == Role::kQueue) {
    // Its next instance will send all of it again: what has not been given away yet must not be.
    for (const auto& [id, job] : jobs_) {
      ids.push_back(job->connection);
      give_back(*job);
      gate_.forget(id);
    }
    jobs_.clear();
    queries_.clear();
    for (const uint64_t id : ids) drop(id);
    lose_recalls();
    report_recalls_.clear();
  }
}

// What has been sent whole is waited for: its answer decides whether it goes out again.
void Relay::on_quit() {
  quitting_ = true;
  keep_scores();
  keep_reports();
  end_.set(kEndPatience);
  close_idle();
  std::vector<uint64_t> pointless;
  for (const auto& [id, open] : connections_) {
    if (open.job != 0 && !open.connection->dialog().awaits_final()) pointless.push_back(id);
  }
  for (const uint64_t id : pointless) drop(id);
  end_if_quiet();
}

void Relay::end_if_quiet() {
  if (!quitting_) return;
  for (const auto& [id, open] : connections_) {
    if (open.job != 0) return;
  }
  end_.set(Millis(20));  // what was just said to the queue leaves with this turn
}

std::vector<worker::Stat> Relay::stats() {
  return {{"relay.transfers", counters_.transfers},
          {"relay.under-way", jobs_.size()},
          {"relay.connections", counters_.connections},
          {"relay.open", connections_.size()},
          {"relay.reused", counters_.reused},
          {"relay.idle", idle_.size()},
          {"relay.failed", counters_.failed}};
}

}  // namespace mailkeep::relay
