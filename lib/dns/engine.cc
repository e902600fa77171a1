// One libunbound context: see engine.h.
// SPDX-License-Identifier: ISC
#include "lib/dns/engine.h"

#include <sys/time.h>
#include <unbound-event.h>
#include <unbound.h>

#include "lib/base/text.h"
#include "lib/dns/reader.h"

namespace mailkeep::dns {
namespace {

// What differs from libunbound's own values. Memory: the caches sum up to 9 MB at most.
constexpr std::pair<const char*, const char*> kOptions[] = {
    {"msg-cache-size:", "2m"},
    {"rrset-cache-size:", "4m"},
    {"key-cache-size:", "1m"},
    {"neg-cache-size:", "1m"},
    {"infra-cache-numhosts:", "2000"},
    {"cache-max-ttl:", "86400"},
    {"cache-max-negative-ttl:", "900"},
    {"outgoing-range:", "128"},
    {"outgoing-num-tcp:", "16"},
    {"num-queries-per-thread:", "512"},
    // A server that did not answer for a while is tried again soon: mail waits for it.
    {"infra-host-ttl:", "60"},
    {"infra-keep-probing:", "yes"},
    {"val-bogus-ttl:", "30"},
};

// The servers decide what is in these; libunbound would deny it by itself. Of reverse zones:
// the names of private and of loopback addresses (RFC 6303) are those of the local network.
constexpr const char* kNotDenied[] = {"test.",
                                      "home.arpa.",
                                      "127.in-addr.arpa.",
                                      "10.in-addr.arpa.",
                                      "168.192.in-addr.arpa.",
                                      "254.169.in-addr.arpa.",
                                      "2.0.192.in-addr.arpa.",
                                      "100.51.198.in-addr.arpa.",
                                      "113.0.203.in-addr.arpa.",
                                      "16.172.in-addr.arpa.",
                                      "17.172.in-addr.arpa.",
                                      "18.172.in-addr.arpa.",
                                      "19.172.in-addr.arpa.",
                                      "20.172.in-addr.arpa.",
                                      "21.172.in-addr.arpa.",
                                      "22.172.in-addr.arpa.",
                                      "23.172.in-addr.arpa.",
                                      "24.172.in-addr.arpa.",
                                      "25.172.in-addr.arpa.",
                                      "26.172.in-addr.arpa.",
                                      "27.172.in-addr.arpa.",
                                      "28.172.in-addr.arpa.",
                                      "29.172.in-addr.arpa.",
                                      "30.172.in-addr.arpa.",
                                      "31.172.in-addr.arpa.",
                                      "d.f.ip6.arpa.",
                                      "8.e.f.ip6.arpa.",
                                      "9.e.f.ip6.arpa.",
                                      "a.e.f.ip6.arpa.",
                                      "b.e.f.ip6.arpa.",
                                      "8.b.d.0.1.0.0.2.ip6.arpa."};

constexpr int kInternet = 1;
constexpr int kServFail = 2, kNxDomain = 3;
constexpr int kBogus = 1, kSecure = 2;

Error unbound_error(const std::string& what, int code) {
  return Error("libunbound: " + what + ": " + ub_strerror(code));
}

std::string server_text(const Server& s) { return s.address + "@" + std::to_string(s.port); }

}  // namespace

bool EngineSettings::operator==(const EngineSettings& other) const {
  if (servers.size() != other.servers.size()) return false;
  for (size_t i = 0; i < servers.size(); i++) {
    if (server_text(servers[i]) != server_text(other.servers[i])) return false;
  }
  return trust_anchors == other.trust_anchors && insecure_domains == other.insecure_domains;
}

Engine::Engine(event::Loop& loop, Answered answered) : base_(make_event_base(loop)), answered_(std::move(answered)) {}

// libunbound calls back for whatever is still under way: nobody is there to hear it.
Engine::~Engine() {
  is_ending_ = true;
  if (ctx_ != nullptr) ub_ctx_delete(ctx_);
}

Result<std::unique_ptr<Engine>> Engine::create(event::Loop& loop, const EngineSettings& settings, Answered answered) {
  std::unique_ptr<Engine> engine(new Engine(loop, std::move(answered)));
  if (auto done = engine->configure(settings); !done) return done.error();
  return engine;
}

Status Engine::configure(const EngineSettings& settings) {
  ctx_ = ub_ctx_create_ub_event(base_.get());
  if (ctx_ == nullptr) return Error("libunbound: no context could be made");
  ub_ctx_debugout(ctx_, nullptr);  // it would write to standard error; what matters comes with the answers
  for (const auto& [name, value] : kOptions) {
    if (const int rc = ub_ctx_set_option(ctx_, name, value); rc != 0) return unbound_error(name, rc);
  }
  for (const auto& s : settings.servers) {
    if (const int rc = ub_ctx_set_fwd(ctx_, server_text(s).c_str()); rc != 0)
      return unbound_error("resolver " + server_text(s), rc);
  }
  for (const auto& d : settings.insecure_domains) {
    if (const int rc = ub_ctx_set_option(ctx_, "domain-insecure:", d.c_str()); rc != 0)
      return unbound_error("domain " + d, rc);
  }
  size_t anchors = 0;
  for (const auto line : split(settings.trust_anchors, '\n')) {
    const std::string record(trim(line.substr(0, line.find(';'))));
    if (record.empty()) continue;
    if (++anchors > kMaxTrustAnchors) return Error("more than " + std::to_string(kMaxTrustAnchors) + " trust anchors");
    if (const int rc = ub_ctx_add_ta(ctx_, record.c_str()); rc != 0) return unbound_error("trust anchor", rc);
  }
  // With the first of these libunbound takes up all its settings: errors in them show here, not at the first question.
  for (const char* zone : kNotDenied) {
    if (const int rc = ub_ctx_zone_remove(ctx_, zone); rc != 0) return unbound_error("settings or trust anchors", rc);
  }
  return {};
}

void Engine::ask(uint64_t id, const std::string& name, Type type) {
  auto& question = questions_[id];
  question.reset(new Question{*this, id, type});
  const int rc =
      ub_resolve_event(ctx_, name.c_str(), static_cast<int>(type), kInternet, question.get(), on_answer, nullptr);
  if (rc == 0) return;
  questions_.erase(id);
  answered_(id, failed(rc == UB_SYNTAX ? "not a domain name" : unbound_error("question", rc).text), false);
}

void Engine::on_answer(void* question, int rcode, void* packet, int size, int security, char* why, int) {
  auto* q = static_cast<Question*>(question);
  Engine& engine = q->engine;
  if (engine.is_ending_) return;
  const uint64_t id = q->id;
  const Type type = q->type;
  engine.questions_.erase(id);
  if (security == kBogus) {
    return engine.answered_(
        id, failed("DNSSEC: " + (why != nullptr ? printable(why) : std::string("the signatures are wrong"))), true);
  }
  if ((rcode != 0 && rcode != kNxDomain) || packet == nullptr || size <= 0) {
    const std::string text = rcode == kServFail ? "no usable answer from the DNS servers (SERVFAIL)"
                                                : "the DNS answered with code " + std::to_string(rcode);
    return engine.answered_(id, failed(text), false);
  }
  auto answer = read_answer({static_cast<const char*>(packet), static_cast<size_t>(size)}, type);
  if (!answer) return engine.answered_(id, failed(answer.error().text), false);
  answer->secure = security == kSecure;
  engine.answered_(id, std::move(*answer), false);
}

}  // namespace mailkeep::dns
