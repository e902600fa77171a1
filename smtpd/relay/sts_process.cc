// MTA-STS in the relay process: what the book of policies asks of queue (the disk), lookup (TXT) and the web. See
// relay.h and sts.h.
// SPDX-License-Identifier: ISC
#include "lib/log/log.h"
#include "smtpd/relay/relay.h"

namespace mailkeep::relay {

using imsg::PeerId;
using imsg::Role;

namespace {

std::string encode(const StsRecord& record) {
  imsg::Encoder e;
  StsRecord::fields(e, record);
  return std::move(e.bytes());
}

std::optional<StsRecord> decode(const std::string& bytes) {
  StsRecord out;
  std::deque<Fd> none;
  if (!imsg::decode(bytes, none, out)) return {};
  return out;
}

// RFC 8461 3.3.
mailkeep::Result<std::string> sts_body(const mailkeep::Result<HttpAnswer>& answer) {
  if (!answer) return answer.error();
  if (answer->status != 200) return Error("the web server says " + std::to_string(answer->status), EBADMSG);
  if (answer->type != "text/plain") return Error("the web server sends no text/plain", EBADMSG);
  return answer->body;
}

}  // namespace

// Answers never come from within these calls.
StsBook::Calls Relay::sts_calls() {
  return {.recall =
              [this](const std::string& domain) {
                queue::FindNote m;
                m.kind = queue::NoteKind::kSts;
                m.name = domain;
                recalls_.insert(domain);
                if (worker_.send_role(Role::kQueue, m)) return;
                loop_.defer([this, domain] {
                  if (recalls_.erase(domain) > 0) sts_.recalled(domain, {}, now_unix());
                });
              },
          .look =
              [this](const std::string& domain) {
                lookup::FindTexts m;
                m.query = ++last_id_;
                m.name = "_mta-sts." + domain;
                const uint64_t query = m.query;
                looks_[query] = domain;
                if (m.name.size() <= kMaxDomain && worker_.send_role(Role::kLookup, m)) return;
                loop_.defer([this, query, domain] {
                  if (looks_.erase(query) > 0) sts_.looked(domain, true, {}, now_unix());
                });
              },
          .fetch = [this](const std::string& domain) { start_fetch(domain); },
          .keep =
              [this](const StsRecord& record) {
                queue::KeepNote m;
                m.kind = queue::NoteKind::kSts;
                m.name = record.domain;
                m.expires = record.expires;
                m.value = encode(record);
                worker_.send_role(Role::kQueue, m);
              },
          .known = [this](const std::string& domain) { on_known(domain); }};
}

// The administrator's list leaves nothing to decide.
bool Relay::wants_sts(const std::string& domain) const {
  return active_.config.mta_sts && !domain.empty() && domain[0] != '[' && active_.tls_list.find(domain) == nullptr;
}

void Relay::on_note_found(PeerId, queue::NoteFound&& m) {
  if (take_score(m)) return;
  if (m.kind == queue::NoteKind::kTlsReport) return take_report(m);
  if (m.kind != queue::NoteKind::kSts || recalls_.erase(m.name) == 0) return;
  sts_.recalled(m.name, m.found ? decode(m.value) : std::nullopt, now_unix());
}

void Relay::on_texts(PeerId, lookup::Texts&& m) {
  if (take_report_texts(m)) return;
  const auto look = looks_.extract(m.query);
  if (!look.empty()) sts_.looked(look.mapped(), m.failed, m.texts, now_unix());
}

void Relay::start_fetch(const std::string& domain) {
  HttpRequest request;
  request.host = "mta-sts." + domain;
  request.path = "/.well-known/mta-sts.txt";
  request.accept = "text/plain";
  fetch(std::move(request), [this, domain](const mailkeep::Result<HttpAnswer>& answer) {
    const auto body = sts_body(answer);
    log::info("sts-policy").kv("domain", domain).kv("fetched", body ? 1 : 0).kv("text", body ? "" : body.error().text);
    sts_.fetched(domain, body, now_unix());
  });
}

// `done` is called later, from the loop.
void Relay::fetch(HttpRequest request, Fetch::Done done) {
  const uint64_t id = ++last_id_;
  lookup::FindHops m;
  m.query = ++last_id_;
  m.name = request.host;
  m.is_host = true;
  m.port = request.port;
  fetches_[id] = std::make_unique<Fetch>(
      loop_, id, std::move(request),
      [this](const tls::Connect& connect) { return worker_.send_role(Role::kTls, connect, connect.session); },
      [this, id, done = std::move(done)](const mailkeep::Result<HttpAnswer>& answer) {
        const std::shared_ptr<Fetch> dead = std::move(fetches_[id]);
        loop_.defer([dead] {});  // it is on the stack
        fetches_.erase(id);
        done(answer);
      });
  fetch_hosts_[m.query] = id;
  if (m.name.size() <= kMaxDomain && worker_.send_role(Role::kLookup, m)) return;
  fetch_hosts_.erase(m.query);
  fetches_[id]->connect({}, "the lookup process is not there");
}

// True: the answer was about a web server.
bool Relay::fetch_hops(lookup::Hops& m) {
  const auto query = fetch_hosts_.extract(m.query);
  if (query.empty()) return false;
  const auto it = fetches_.find(query.mapped());
  if (it == fetches_.end()) return true;
  const bool found = m.state == lookup::HopsState::kFound && !m.hops.empty();
  it->second->connect(found ? m.hops.front().addresses : std::vector<std::string>(), m.text);
  return true;
}

void Relay::on_known(const std::string& domain) {
  if (!awaiting_.contains(domain) || !is_known(domain)) return;
  auto node = awaiting_.extract(domain);
  if (node.empty()) return;  // is_known() asks, and an answer may be at hand
  for (const uint64_t id : node.mapped().jobs) {
    const auto it = jobs_.find(id);
    if (it != jobs_.end()) take_mx(*it->second);
  }
  for (const Question& asked : node.mapped().questions) show(asked, asked.hops);
}

// What one of them was asked for will not be answered.
void Relay::sts_peer_down(Role role) {
  if (role == Role::kQueue) {
    for (const auto& domain : std::exchange(recalls_, {})) sts_.recalled(domain, {}, now_unix());
  }
  if (role == Role::kLookup) {
    lose_report_texts();
    for (const auto& [query, domain] : std::exchange(looks_, {})) sts_.looked(domain, true, {}, now_unix());
    for (const auto& [query, id] : std::exchange(fetch_hosts_, {})) {
      const auto it = fetches_.find(id);
      if (it != fetches_.end()) it->second->connect({}, "the lookup process ended");
    }
  }
  if (role == Role::kTls) {
    for (const auto& [id, fetch] : fetches_) fetch->on_tls_failed("the tls process ended");
  }
}

}  // namespace mailkeep::relay
