// Mail that an account's .forward sends on: user says whereto, lookup by which way, then the envelope gives way to
// those of the addresses, in one transaction. See queue.h.
// SPDX-License-Identifier: ISC
#include "lib/base/text.h"
#include "lib/log/log.h"
#include "queue/honest.h"
#include "queue/queue.h"

namespace mailkeep::queue {

using imsg::PeerId;
using imsg::Role;

namespace {

// Of one message, ever. Accounts whose .forward files name each other multiply it, by a hundred at each step.
constexpr uint32_t kMaxCopies = 50'000;

}  // namespace

void Queue::on_forwarded(PeerId peer, Forwarded&& m) {
  if (local_.is_of_another(peer.instance, m.envelope))
    return peers_->condemn(peer, "forwarded what is another account's");
  if (const std::string_view lie = lie_in(m); !lie.empty()) return peers_->condemn(peer, lie);
  auto envelope = local_.forwarded(peer.instance, m.envelope);
  if (!envelope)
    return static_cast<void>(log::warn("stray-answer").kv("msg", hex64(m.envelope.message)).kv("user", peer.instance));
  if (envelope->action.empty()) {  // to the mailbox and nowhere else
    local_.try_again(envelope->id, "no route now", now_unix());
    return peers_->condemn(peer, "forwarded what no action lets it forward");
  }
  if (envelope->via.size() >= kMaxForwards)
    return local_.try_again(envelope->id, "5.4.6 forwarded too often", now_unix());
  const auto message = spool_->message(envelope->id.message);
  envelope->via.push_back(envelope->account + " " + envelope->recipient);
  if (message && message->has_value() && (**message).next_number >= kMaxCopies) {
    log::warn("forward-refused")
        .kv("msg", hex64(envelope->id.message))
        .kv("envelope", envelope->id.number)
        .kv("account", envelope->account)
        .kv("text", "it has been copied too often; kept in the mailbox");
    return take_forwarded({std::move(*envelope), {}, true}, {});
  }
  lookup::Route route;
  route.query = ++last_query_;
  route.forward_action = envelope->action;
  route.facts.source = "local";
  if (message && message->has_value())
    route.facts.sender = envelope->sender.empty() ? (**message).sender : envelope->sender;
  route.recipients = m.addresses;
  const EnvelopeId id = envelope->id;
  forwarding_.emplace(route.query, Forwarding{std::move(*envelope), std::move(m.addresses), m.keep});
  if (peers_->send_role(Role::kLookup, route)) return;
  forwarding_.erase(route.query);
  local_.try_again(id, "no route now", now_unix());
}

// An address that leads nowhere costs the account no mail: the message is kept here too.
void Queue::take_forwarded(Forwarding f, const Routed& routed) {
  const Envelope& e = f.envelope;
  for (const RouteFailure& failure : routed.failures) {
    log::warn("forward-refused")
        .kv("msg", hex64(e.id.message))
        .kv("envelope", e.id.number)
        .kv("account", e.account)
        .kv("entry", f.addresses[failure.recipient])
        .kv("text", failure.enhanced + " " + failure.text);
    if (failure.temporary) return local_.try_again(e.id, failure.text, now_unix());
    f.keep = true;
  }
  Routed all;
  all.deliveries = routed.deliveries;
  all.discarded = routed.discarded;
  for (Delivery& d : all.deliveries) {
    if (!d.sender.empty()) continue;
    d.sender = e.sender;  // of a list's copy, its owner
    d.reports_to_sender = e.reports_to_sender;
  }
  if (f.keep) {
    Delivery& d = all.deliveries.emplace_back();
    d.account = e.account;
    d.detail = e.detail;
    d.address = e.recipient;
    d.action = e.action;
    d.sender = e.sender;
    d.reports_to_sender = e.reports_to_sender;
  }
  log::info("forwarded")
      .kv("msg", hex64(e.id.message))
      .kv("envelope", e.id.number)
      .kv("account", e.account)
      .kv("copies", all.deliveries.size())
      .kv("kept", f.keep ? 1 : 0);
  take_reroute(e, all);
}

}  // namespace mailkeep::queue
