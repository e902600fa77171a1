// Taking messages in: spool files, Enqueue, routes, answers. See queue.h.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "queue/content.h"
#include "queue/honest.h"
#include "queue/queue.h"
#include "queue/selection.h"

namespace mailkeep::queue {

using imsg::PeerId;
using imsg::Role;

namespace {
constexpr uint64_t kMaxIncoming = 128 * 1024 * 1024;  // bytes of one process that wait for their routes
}

// One process of several may have half of all.
bool Queue::may_have_file(PeerId peer) const {
  if (files_.size() >= max_files_) return false;
  const auto have = std::count_if(files_.begin(), files_.end(), [peer](const auto& f) { return f.second == peer; });
  return static_cast<size_t>(have) < max_files_ / 2;
}

void Queue::on_need_file(PeerId peer, NeedSpoolFile&& need) {
  SpoolFile answer;
  answer.session = need.session;
  answer.message = need.message;
  Result<Fd> file = may_have_file(peer) ? spool_->create_file(need.message) : Error("too many spool files at once");
  if (file) {
    answer.file = std::move(file).value();
    files_[need.message] = peer;
  } else {
    answer.full = file.error().code == ENOSPC || file.error().code == EDQUOT;
    log::warn("spool-file-refused").kv("msg", hex64(need.message)).kv("why", file.error().text);
  }
  peers_->send(peer, answer);
}

void Queue::on_drop_file(PeerId peer, DropSpoolFile&& drop) { drop_file_of(peer, drop.message); }

void Queue::drop_file_of(PeerId peer, uint64_t message) {
  const auto it = files_.find(message);
  if (it == files_.end() || it->second != peer) return;
  files_.erase(it);
  spool_->drop_file(message);
}

// Who brought a message for a session waits for the answer; a report of relay's own has none.
void Queue::tell(PeerId peer, const Enqueued& answer) {
  if (peer.role != Role::kRelay) peers_->send(peer, answer);
}

void Queue::refuse(const Incoming& incoming, uint16_t code, const std::string& enhanced, const std::string& text,
                   Judge by) {
  ++counters_.refused;
  remember_refusal(incoming, by, code, enhanced, text);
  auto line = log::info("refused");
  line.kv("session", hex64(incoming.enqueue.session)).kv("msg", hex64(incoming.enqueue.message));
  if (!incoming.enqueue.facts.account.empty()) line.kv("account", incoming.enqueue.facts.account);
  line.kv("code", std::to_string(code)).kv("text", text);
  if (incoming.owns_file) spool_->drop_file(incoming.enqueue.message);
  Enqueued out;
  out.session = incoming.enqueue.session;
  out.message = incoming.enqueue.message;
  out.code = code;
  out.enhanced = enhanced;
  out.text = text;
  tell(incoming.peer, out);
}

void Queue::on_vouch(PeerId, Vouch&& vouch) { tickets_.add(vouch, now_unix()); }

// Who submits, nobody for mail from the world: what auth said of the ticket, nothing that the sender of the Enqueue
// says. None: the ticket is no good.
std::optional<Submitter> Queue::submitter(const Incoming& in) const {
  const Ticket ticket{in.enqueue.ticket_high, in.enqueue.ticket_low};
  if (ticket.is_none()) return Submitter{};
  const Submitter* who = in.peer.role == Role::kSmtpd ? tickets_.find(in.peer.instance, ticket, now_unix()) : nullptr;
  return who == nullptr ? std::nullopt : std::optional(*who);
}

// smtpd's only sockets are those where auth says who is there: rules trust what comes from them.
static bool claims_to_be_local(const PeerId& peer, const Enqueue& e) {
  return peer.role == Role::kSmtpd && e.facts.source == "local" && e.ticket_high == 0 && e.ticket_low == 0;
}

void Queue::on_enqueue(PeerId peer, Enqueue&& enqueue) {
  if (const std::string_view lie = lie_in(enqueue); !lie.empty()) return peers_->condemn(peer, lie);
  if (claims_to_be_local(peer, enqueue)) return peers_->condemn(peer, "mail of a local socket from nobody");
  Incoming in{peer, std::move(enqueue), {}};
  const Enqueue& e = in.enqueue;
  const auto who = submitter(in);
  in.enqueue.facts.account = who ? who->account : "";
  in.enqueue.facts.user = who ? who->user : "";
  if (!e.content) {  // from here on the file is this message's, and no other's
    const auto file = files_.find(e.message);
    in.owns_file = file != files_.end() && file->second == peer;
    if (!in.owns_file) return refuse(in, 451, "4.3.0", "Message could not be read, try again later");
    files_.erase(file);
  }
  if (!who) return refuse(in, 451, "4.7.0", "Your login is not known here any more: connect and log in again");
  if (e.recipients.empty() || e.size == 0) return refuse(in, 554, "5.5.0", "No message: send one");
  if (config_.message_size != 0 && e.size > config_.message_size)
    return refuse(in, 552, "5.3.4",
                  "Message is larger than " + std::to_string(config_.message_size) + " bytes: send a smaller one");
  if (e.content) {
    Result<std::string> body = read_memory_file(e.content.get(), e.size);
    if (!body) return refuse(in, 451, "4.3.0", "Message could not be read, try again later");
    in.body = std::move(body).value();
  }
  uint64_t& weight = incoming_weight_[peer];
  if (weight + in.weight() > kMaxIncoming)
    return refuse(in, 451, "4.3.2", "Too many messages at once, try again later");
  lookup::Route route;
  route.query = ++last_query_;
  route.facts = e.facts;
  route.check_sender = (!e.facts.account.empty() || !e.facts.user.empty()) && !who->any_sender;
  for (const Recipient& r : e.recipients) route.recipients.push_back(r.address);
  if (!peers_->send_role(Role::kLookup, route)) return refuse(in, 451, "4.3.0", "Try again later");
  weight += in.weight();
  incoming_.emplace(route.query, std::move(in));
}

void Queue::lookup_gone() {
  incoming_weight_.clear();
  for (const auto& [query, in] : std::exchange(incoming_, {})) refuse(in, 451, "4.3.0", "Try again later");
  for (const auto& [query, envelope] : std::exchange(rerouting_, {}))
    local_.try_again(envelope.id, "no route now", now_unix());
  for (const auto& [query, f] : std::exchange(forwarding_, {}))
    local_.try_again(f.envelope.id, "no route now", now_unix());
}

std::optional<Queue::Incoming> Queue::take_incoming(uint64_t query) {
  auto node = incoming_.extract(query);
  if (node.empty()) return std::nullopt;
  const auto weight = incoming_weight_.find(node.mapped().peer);
  if (weight != incoming_weight_.end()) weight->second -= std::min(weight->second, node.mapped().weight());
  return std::move(node.mapped());
}

void Queue::on_routed(PeerId peer, Routed&& routed) {
  const auto in_query = incoming_.find(routed.query);
  const auto forward = forwarding_.find(routed.query);
  const size_t asked = in_query != incoming_.end()    ? in_query->second.enqueue.recipients.size()
                       : forward != forwarding_.end() ? forward->second.addresses.size()
                                                      : 1;
  if (const std::string_view lie = lie_in(routed, asked); !lie.empty()) return peers_->condemn(peer, lie);
  if (auto in = take_incoming(routed.query)) {
    take_in(std::move(*in), routed);
  } else if (auto again = rerouting_.extract(routed.query); !again.empty()) {
    take_reroute(again.mapped(), routed);
  } else if (auto forwarded = forwarding_.extract(routed.query); !forwarded.empty()) {
    take_forwarded(std::move(forwarded.mapped()), routed);
  }
}

// One envelope a delivery. A recipient that has no route although RCPT was answered well gets one without account: it
// is routed again when it is tried, and returned to the sender when that fails for good. With no delivery at all,
// `refusal` is what the client is told instead.
std::vector<Envelope> Queue::envelopes_of(const Incoming& in, const Routed& routed, const RouteFailure*& refusal) {
  const std::vector<Recipient>& recipients = in.enqueue.recipients;
  std::vector<Envelope> out;
  const auto add = [&](uint32_t recipient) -> Envelope& {
    Envelope& e = out.emplace_back();
    e.id = {in.enqueue.message, static_cast<uint32_t>(out.size() - 1)};
    if (recipient < recipients.size()) {
      e.original = recipients[recipient].address;
      e.options = recipients[recipient].options;
    }
    e.recipient = e.original;
    return e;
  };
  for (const Delivery& d : routed.deliveries) {
    Envelope& e = add(d.recipient);
    direct(e, d);
    e.expiry = static_cast<int64_t>(d.ttl);  // set_times() makes a time of it
  }
  refusal = nullptr;
  for (const RouteFailure& f : routed.failures) {
    if (refusal == nullptr || f.temporary) refusal = &f;
  }
  if (out.empty()) return out;
  refusal = nullptr;
  for (const RouteFailure& f : routed.failures) add(f.recipient).last_error = f.text;
  return out;
}

// When it is first tried, given up, and told of: by the configuration, or as its sender wants (RFC 4865, RFC 2852).
void Queue::set_times(Envelope& e, const Message& m) const {
  constexpr int64_t kLongestHold = 366LL * 86400;
  const MailOptions& o = m.options;
  e.next_try = std::clamp(o.hold_until, m.received, m.received + kLongestHold);
  e.expiry = e.next_try + (e.expiry != 0 ? e.expiry : lifetime());
  e.priority = std::clamp<int64_t>(o.priority, -9, 9);
  if (config_.warn_after != 0) e.warn_at = e.next_try + static_cast<int64_t>(config_.warn_after);
  if (o.by_mode != DeliverBy::kUnset && o.deliver_by > 0) {
    const int64_t by = std::max(o.deliver_by, e.next_try + 1);
    if (o.by_mode == DeliverBy::kReturn) e.expiry = std::min(e.expiry, by);
    if (o.by_mode == DeliverBy::kNotify) e.warn_at = e.warn_at == 0 ? by : std::min(e.warn_at, by);
  }
  if (!wants(e.options, Action::kDelayed) || !may_bounce(m)) e.warn_at = 0;
}

// A recipient that wanted to be told of its delivery and has become several (RFC 3461 5.2.7.2): its sender is told
// that, and no more of those.
std::vector<Notice> Queue::expansions(std::vector<Envelope>& envelopes) const {
  std::map<std::string, size_t> copies;
  for (const Envelope& e : envelopes) ++copies[e.original];
  std::vector<Notice> out;
  for (Envelope& e : envelopes) {
    if ((e.options.notify & kNotifySuccess) == 0 || copies[e.original] < 2) continue;
    if (std::none_of(out.begin(), out.end(), [&](const Notice& n) { return n.original == e.original; })) {
      out.push_back({e.original, e.original, "2.0.0", "", "", 0, Action::kExpanded, e.options.orcpt, 0});
    }
    e.options.notify = static_cast<uint8_t>(e.options.notify & ~kNotifySuccess);
    if (e.options.notify == 0) e.options.notify = kNotifyNever;
  }
  return out;
}

// No recipient is left for whom a rule does not say so.
void Queue::discard(const Incoming& in) {
  log::info("discarded")
      .kv("session", hex64(in.enqueue.session))
      .kv("msg", hex64(in.enqueue.message))
      .kv("from", in.enqueue.facts.sender);
  remember_refusal(in, Judge::kLookup, 250, "2.0.0", "taken, and thrown away as a rule says");
  if (in.owns_file) spool_->drop_file(in.enqueue.message);
  Enqueued out;
  out.session = in.enqueue.session;
  out.message = in.enqueue.message;
  out.code = 250;
  out.enhanced = "2.0.0";
  out.text = "Ok";
  tell(in.peer, out);
}

void Queue::take_in(Incoming in, const Routed& routed) {
  const RouteFailure* refusal = nullptr;
  std::vector<Envelope> envelopes = envelopes_of(in, routed, refusal);
  if (envelopes.empty() && refusal == nullptr && !routed.discarded.empty()) return discard(in);
  if (envelopes.empty()) {
    if (refusal == nullptr) return refuse(in, 451, "4.3.0", "No way for the message now, try again later");
    return refuse(in, refusal->temporary ? 451 : 550, refusal->enhanced, refusal->text, Judge::kLookup);
  }
  Change change;
  Message& m = change.message.emplace();
  m.id = in.enqueue.message;
  m.sender = in.enqueue.facts.sender;
  m.account = in.enqueue.facts.account;
  m.user = in.enqueue.facts.user;
  m.source = in.enqueue.facts.source;
  m.received = now_unix();
  m.size = in.enqueue.size;
  m.recipients = m.next_number = static_cast<uint32_t>(envelopes.size());
  m.in_file = in.owns_file;
  m.options = in.enqueue.options;
  m.session = in.enqueue.session;
  m.helo = in.enqueue.facts.helo.substr(0, kMaxHostname);
  m.name_state = in.enqueue.facts.name_state;
  m.client_name = in.enqueue.facts.name;
  m.tag = in.enqueue.facts.tag;
  m.protocol = in.enqueue.protocol;
  m.tls = in.enqueue.facts.tls;
  m.message_id = message_id_of(in.owns_file ? spool_->head(m) : in.body);
  change.body = std::move(in.body);
  std::vector<Notice> expanded = expansions(envelopes);
  for (Envelope& e : envelopes) set_times(e, m);
  change.put = envelopes;
  const Message message = m;
  const size_t place = spool_->stage(std::move(change));
  accepted_.push_back({place, in.peer, in.enqueue.session, message, std::move(envelopes), std::move(in.enqueue.content),
                       std::move(expanded)});
}

void Queue::answer(const Accepted& accepted, const Status& status) {
  const Message& m = accepted.message;
  Enqueued out;
  out.session = accepted.session;
  out.message = m.id;
  if (status) {
    ++counters_.messages;
    out.code = 250;
    out.enhanced = "2.0.0";
    out.text = "Queued as " + hex64(m.id);
    auto line = log::info("queued");
    line.kv("session", hex64(accepted.session)).kv("msg", hex64(m.id));
    if (!m.account.empty()) line.kv("account", m.account);
  } else {
    ++counters_.refused;
    const bool full = status.error().code == ENOSPC || status.error().code == EDQUOT;
    out.code = full ? 452 : 451;
    out.enhanced = full ? "4.3.1" : "4.3.0";
    out.text = full ? "Insufficient system storage, try again later" : "Message could not be kept, try again later";
    log::error("not-queued")
        .kv("session", hex64(accepted.session))
        .kv("msg", hex64(m.id))
        .kv("why", status.error().text);
  }
  tell(accepted.peer, out);
}

}  // namespace mailkeep::queue
