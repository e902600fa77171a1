// What relay does of itself before it connects, and counts after: places in a group of receivers, warm-up, scores. See
// relay.h, gate.h and scores.h.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "smtpd/relay/relay.h"

namespace mailkeep::relay {

using imsg::PeerId;
using imsg::Role;

namespace {

constexpr int64_t kKeepDays = 10;  // scores on disk
constexpr int64_t kKeepLearnedDays = kForgetLearned / 86400;
constexpr int64_t kKeepWarmUpDays = 90;  // a source that is not used so long is new again

template <class M>
std::string encode(const M& m) {
  imsg::Encoder e;
  M::fields(e, m);
  return std::move(e.bytes());
}

template <class M>
bool decode(const std::string& bytes, M& m) {
  std::deque<Fd> none;
  return static_cast<bool>(imsg::decode(bytes, none, m));
}

std::string source_of(const Action& action) {
  std::string out;
  for (const auto& s : action.sources) out += (out.empty() ? "" : " ") + s;
  return out.substr(0, kMaxSource);
}

std::string warm_up_note(const std::string& source, std::string_view provider) {
  return "warm-up " + source + " " + std::string(provider);
}

// Whether the receiver has had enough of us, so to say.
bool is_pushback(const Result& r) {
  if (r.outcome != Outcome::kTemporary) return false;
  switch (smtp::classify(r.code, r.enhanced, r.text)) {
    case smtp::Cause::kRateLimited:
    case smtp::Cause::kReputation:
    case smtp::Cause::kBlocklisted:
    case smtp::Cause::kServerTrouble:
    case smtp::Cause::kUnreachable: return true;
    default: return false;
  }
}

}  // namespace

void Relay::on_provider(PeerId, Provider&& m) { draft_.providers.set(std::move(m)); }

// --- before ----------------------------------------------------------------------------------------

// True: it may connect now. Else it stands in line, or the queue has it back.
bool Relay::pass(Job& job) {
  job.group = active_.providers.find(job.plan.name);
  if (!warm_up(job, job.group)) {
    const std::string source = source_of(*action_of(job));
    scores_.hold(job.group, job.transfer.recipients.size(), now_unix());
    const auto spread = static_cast<int64_t>(job.transfer.message % 600);  // not all of it at midnight
    hold(job, next_day(now_unix()) + spread,
         "warming up: " + scores_.describe(source, job.group) + " for " + job.group + ", more tomorrow");
    return false;
  }
  switch (gate_.enter(job.group, active_.providers.get(job.group), job.id, now_millis())) {
    case Gate::Pass::kGo: job.has_place = true; return true;
    case Gate::Pass::kWait: run_gate(); return false;
    case Gate::Pass::kFull: break;
  }
  hold(job, now_unix() + kHeldSeconds, "as many connections as " + job.group + " gets at once are busy");
  return false;
}

void Relay::hold(Job& job, int64_t until, const std::string& why) {
  job.held_until = until;
  log::info("held")
      .kv("msg", hex64(job.transfer.message))
      .kv("domain", job.transfer.domain)
      .kv("provider", job.group)
      .kv("until", until)
      .kv("text", why);
  finish_all(job, Outcome::kHeld, {"4.4.5", why, 0}, false);
}

void Relay::give_back(Job& job) {
  if (std::exchange(job.has_place, false)) leave(job.group);
}

void Relay::leave(const std::string& group) {
  gate_.leave(group);
  if (gate_.waiting() > 0) gate_timer_.set(Millis(0));
}

// Whoever is next in line, of each group.
void Relay::run_gate() {
  if (quitting_) return;
  const auto may_reuse = [this](uint64_t id) {
    const auto it = jobs_.find(id);
    return it != jobs_.end() && idle_.contains(it->second->key);
  };
  while (const auto next = gate_.next(now_millis(), may_reuse)) {
    const auto it = jobs_.find(next->job);
    if (it == jobs_.end()) {
      if (next->has_place) fatal("relay: a job that is gone stood in line");
      continue;
    }
    Job& job = *it->second;
    job.has_place = next->has_place;
    if (next->has_place) {
      connect(job);
    } else if (!resume(job)) {
      job.plans.push_front(job.plan);
      next_host(job);
    }
  }
  close_for_others();
  if (const auto wait = gate_.wait(now_millis(), may_reuse)) gate_timer_.set(Millis(std::max<int64_t>(*wait, 1)));
}

// Connections that rest while others of their group wait for a place.
void Relay::close_for_others() {
  std::vector<uint64_t> unwanted;
  for (const auto& [key, id] : idle_) {
    const std::string& group = connections_[id].group;
    if (!gate_.is_awaited(group) || !gate_.is_full(group)) continue;
    const bool is_wanted = std::any_of(jobs_.begin(), jobs_.end(), [&, &key = key](const auto& j) {
      return j.second->connection == 0 && j.second->key == key;
    });
    if (!is_wanted) unwanted.push_back(id);
  }
  for (const uint64_t id : unwanted) {
    std::erase_if(idle_, [id](const auto& entry) { return entry.second == id; });
    connections_[id].connection->quit();
  }
}

// Takes what the job needs of today's number. False: there is nothing left.
bool Relay::warm_up(Job& job, const std::string& group) {
  const Action* action = action_of(job);
  if (action == nullptr || action->warm_up == 0 || job.counted) return true;
  const std::string source = source_of(*action);
  if (scores_.room(source, group, action->warm_up, now_unix()) == 0) return false;
  scores_.use(source, group, static_cast<int64_t>(job.transfer.recipients.size()));
  job.counted = true;
  return true;
}

// --- after -----------------------------------------------------------------------------------------

void Relay::score(const Job& job) {
  const std::string group = job.group.empty() ? std::string(kOthers) : job.group;
  uint32_t deferred = 0;
  bool is_good = false, is_bad = !job.results.empty();
  for (const Result& r : job.results) {
    scores_.count(group, r, now_unix());
    is_good = is_good || r.outcome == Outcome::kDelivered;
    is_bad = is_bad && is_pushback(r);
    if (r.outcome == Outcome::kTemporary) ++deferred;
  }
  if (is_good || is_bad) gate_.judge(group, is_good);
  const Action* action = action_of(job);
  if (action == nullptr || action->warm_up == 0) return;
  if (job.begun && deferred > 0) scores_.put_off(source_of(*action), group, deferred);
  if (job.counted && !job.begun) scores_.use(source_of(*action), group, -static_cast<int64_t>(job.results.size()));
}

// What is on disk from before. Each once in this process' life: what has been counted since is added to it.
void Relay::recall_scores() {
  std::vector<std::string> names = {"score " + std::string(kOthers)};
  std::vector<std::string> providers = {std::string(kOthers)};
  for (const auto& [name, provider] : active_.providers.all()) {
    providers.push_back(name);
    names.push_back("score " + name);
  }
  for (const auto& [name, action] : active_.actions) {
    if (action.warm_up == 0) continue;
    for (const auto& provider : providers) names.push_back(warm_up_note(source_of(action), provider));
  }
  for (const auto& name : names) {
    if (recalled_scores_.contains(name)) continue;
    queue::FindNote m;
    m.kind = queue::NoteKind::kScores;
    m.name = name;
    if (worker_.send_role(Role::kQueue, m)) recalled_scores_.insert(name);
  }
}

// True: it was one of these.
bool Relay::take_score(const queue::NoteFound& m) {
  if (m.kind == queue::NoteKind::kLearned) return take_learned(m), true;
  if (m.kind != queue::NoteKind::kScores) return false;
  KeptScore score;
  WarmUp warm_up;
  if (!m.found) return true;
  if (m.name.starts_with("score ") && decode(m.value, score)) scores_.restore(std::move(score));
  if (m.name.starts_with("warm-up ") && decode(m.value, warm_up)) scores_.restore(std::move(warm_up));
  return true;
}

void Relay::keep_scores() {
  const auto keep = [this](const std::string& name, int64_t days, std::string value,
                           queue::NoteKind kind = queue::NoteKind::kScores) {
    queue::KeepNote m;
    m.kind = kind;
    m.name = name;
    m.expires = now_unix() + days * 86400;
    m.value = std::move(value);
    worker_.send_role(Role::kQueue, m);
  };
  for (const KeptScore& s : scores_.take_scores()) keep("score " + s.provider, kKeepDays, encode(s));
  for (const WarmUp& w : scores_.take_warm_ups()) keep(warm_up_note(w.source, w.provider), kKeepWarmUpDays, encode(w));
  for (const Learned& l : learned_.take_changed())
    keep(l.domain, kKeepLearnedDays, encode(l), queue::NoteKind::kLearned);
}

// --- what is learned of TLS ------------------------------------------------------------------------

// Asked for before anything else is of the domain; its mail waits for the answer.
void Relay::recall_learned(const std::string& domain) {
  if (active_.config.learn == Learn::kOff || domain.empty() || learned_.knows(domain) ||
      learned_recalls_.contains(domain))
    return;
  queue::FindNote m;
  m.kind = queue::NoteKind::kLearned;
  m.name = domain;
  if (worker_.send_role(Role::kQueue, m)) learned_recalls_.insert(domain);
}

void Relay::take_learned(const queue::NoteFound& m) {
  if (learned_recalls_.erase(m.name) == 0) return;
  Learned learned;
  const bool is_good = m.found && decode(m.value, learned) && learned.domain == m.name;
  learned_.recalled(m.name, is_good ? std::optional(std::move(learned)) : std::nullopt);
  on_known(m.name);
}

// The queue is gone, and its answers with it.
void Relay::lose_recalls() {
  for (const auto& domain : std::exchange(learned_recalls_, {})) on_known(domain);
}

// Of a session that has come as far as a transaction. DANE needs no such crutch, and the list is made by hand. What is
// on disk and could not be recalled is not to be written over.
void Relay::learn(const Job& job, const Connection& connection) {
  const Authority by = connection.host().policy.authority;
  if (active_.config.learn == Learn::kOff || job.smart || !learned_.knows(job.transfer.domain) ||
      by == Authority::kDane || by == Authority::kList)
    return;
  learned_.note(job.transfer.domain, connection.is_verified(), now_unix());
}

void Relay::on_show_delivery(PeerId peer, ShowDelivery&& m) {
  DeliveryShown out;
  out.query = m.query;
  out.providers = scores_.report(now_unix());
  for (ProviderScore& p : out.providers) p.open = gate_.open(p.name);
  worker_.send(peer, out);
}

}  // namespace mailkeep::relay
