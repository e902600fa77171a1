// The resolver: see resolver.h. Nothing is delivered from within libunbound: answers are put aside and handed out by a
// timer that is due at once, so a receiver may ask again, and an engine may be ended there.
// SPDX-License-Identifier: ISC
#include "lib/dns/resolver.h"

#include <algorithm>

#include "lib/base/text.h"

namespace mailkeep::dns {

const std::string_view kRootAnchors =
    ". DS 20326 8 2 e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d\n"
    ". DS 38696 8 2 683d2d0acb8c9b712a1948b27f741219298d0a450d612c483af444a4c0fb2b16\n";

Resolver::Resolver(event::Loop& loop, const Settings& settings, Decided decided)
    : loop_(loop),
      settings_(settings),
      decided_(std::move(decided)),
      hosts_(read_hosts(settings.hosts)),
      is_decided_(settings.validation != Validation::kAuto),
      deliver_(loop, [this] { deliver(); }),
      look_patience_(loop, [this] {
        looked_ = std::make_unique<std::pair<Answer, bool>>(failed("no answer in time"), false);
        deliver();
      }) {}

Result<std::unique_ptr<Resolver>> Resolver::create(event::Loop& loop, const Settings& settings, Decided decided) {
  std::unique_ptr<Resolver> r(new Resolver(loop, settings, std::move(decided)));
  auto engine = r->make_engine(settings.validation != Validation::kOff);
  if (!engine) return engine.error();
  (r->is_decided_ ? r->engine_ : r->looking_) = std::move(*engine);
  return r;
}

Result<std::unique_ptr<Engine>> Resolver::make_engine(bool validating) {
  EngineSettings s = settings_.engine;
  if (!validating) s.trust_anchors.clear();
  return Engine::create(
      loop_, s, [this](uint64_t id, Answer&& answer, bool bogus) { on_answered(id, std::move(answer), bogus); });
}

void Resolver::ask(const std::string& name, Type type, Callback done) {
  const uint64_t id = ++last_id_;
  counts_.asked++;
  std::string clean = lower(name);
  if (!clean.empty() && clean.back() == '.') clean.pop_back();
  Question& q = questions_[id];
  q.name = clean;
  q.type = type;
  q.done = std::move(done);
  Answer local;
  if (answer_local(clean, type, local)) return settle(id, std::move(local));
  if (waiting_.size() >= kMaxWaiting) return settle(id, failed("too many DNS questions at once"));
  waiting_.push_back(id);
  send_waiting();
}

bool Resolver::answer_local(const std::string& name, Type type, Answer& out) const {
  if (!is_local_name(name)) return false;
  auto found = hosts_.find(name);
  if (found == hosts_.end() && name.find('.') != name.npos) found = hosts_.find("localhost");  // RFC 6761 6.3
  if (found == hosts_.end()) return false;
  out.canonical = name;
  for (const auto& address : found->second) {
    const bool is_v6 = address.find(':') != address.npos;
    if (type == (is_v6 ? Type::kAaaa : Type::kA)) out.addresses.push_back(address);
  }
  out.state = out.addresses.empty() ? State::kNoData : State::kData;
  return true;
}

void Resolver::send_waiting() {
  const bool look_due = !is_decided_ && look_id_ == 0 && now_monotonic() >= look_again_;
  if (look_due) look();
  if (!engine_) return;
  while (!waiting_.empty() && engine_->running() < settings_.max_running) {
    const uint64_t id = waiting_.front();
    waiting_.pop_front();
    const auto it = questions_.find(id);
    if (it == questions_.end()) continue;
    Question& q = it->second;
    q.sent = true;
    q.patience = std::make_unique<event::Timer>(loop_, [this, id] {
      counts_.timed_out++;
      settle(id, failed("the DNS servers did not answer in time"));
    });
    q.patience->set(kQueryPatience);
    engine_->ask(id, q.name, q.type);
  }
}

// --- kAuto ------------------------------------------------------------------------------------------

void Resolver::look() {
  if (!looking_) {
    auto engine = make_engine(true);
    if (!engine) return;  // the same settings were good once: memory; then as before
    looking_ = std::move(*engine);
  }
  look_id_ = ++last_id_;
  look_patience_.set(kQueryPatience);
  looking_->ask(look_id_, ".", Type::kSoa);
}

void Resolver::decide(const Answer& answer, bool is_bogus) {
  look_id_ = 0;
  look_patience_.cancel();
  const bool had_engine = static_cast<bool>(engine_);
  if (answer.secure) {
    is_decided_ = true;
    engine_ = std::move(looking_);  // questions of the old one are asked again
    for (auto& [id, q] : questions_) {
      if (!std::exchange(q.sent, false)) continue;
      q.patience.reset();
      waiting_.push_back(id);
    }
    return decided_(true, "the root zone's signatures are handed on");
  }
  looking_.reset();
  look_again_ = now_monotonic() + (is_bogus ? kLookAgain : kLookAgainSoon);
  if (!had_engine) {
    if (auto engine = make_engine(false)) engine_ = std::move(*engine);
    decided_(false, answer.why.empty() ? "the root zone is not signed" : answer.why);
  }
}

// --- answers ----------------------------------------------------------------------------------------

void Resolver::on_answered(uint64_t id, Answer&& answer, bool bogus) {
  if (id == look_id_ && look_id_ != 0) {
    looked_ = std::make_unique<std::pair<Answer, bool>>(std::move(answer), bogus);
    deliver_.set(Micros(0));
    return;
  }
  if (questions_.count(id) != 0 && bogus) counts_.bogus++;
  settle(id, std::move(answer));
  deliver_.set(Micros(0));  // for those that wait for its place, even if nobody waits for it
}

void Resolver::settle(uint64_t id, Answer&& answer) {
  const auto it = questions_.find(id);
  if (it == questions_.end()) return;
  it->second.patience.reset();
  ready_.emplace_back(id, std::move(answer));
  deliver_.set(Micros(0));
}

void Resolver::deliver() {
  if (const auto looked = std::move(looked_); looked && look_id_ != 0) decide(looked->first, looked->second);
  const auto ready = std::exchange(ready_, {});
  for (const auto& [id, answer] : ready) {
    const auto it = questions_.find(id);
    if (it == questions_.end()) continue;  // settled twice: too late, and then answered
    const Callback done = std::move(it->second.done);
    questions_.erase(it);
    if (answer.state == State::kFailed) counts_.failed++;
    done(answer);
  }
  send_waiting();
}

}  // namespace mailkeep::dns
