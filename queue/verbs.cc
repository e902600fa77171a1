// What mailkeepctl may see of one message. See queue.h; what it may do is in operate.cc.
// SPDX-License-Identifier: ISC
#include "queue/content.h"
#include "queue/queue.h"

namespace mailkeep::queue {

using imsg::PeerId;

namespace {
// What one MessageShown may hold; the rest of a long list of recipients is in `queue list`.
constexpr size_t kMaxShown = 1000;
constexpr size_t kMaxShownBytes = imsg::kMaxMessage - 128 * 1024;
}  // namespace

void Queue::on_show(PeerId peer, ShowMessage&& wanted) {
  MessageShown out;
  out.query = wanted.query;
  const auto message = spool_->message(wanted.message);
  const auto envelopes = spool_->envelopes(wanted.message);
  if (message && message->has_value() && envelopes) {
    out.found = true;
    size_t bytes = 0;
    for (const Envelope& e : *envelopes) {
      if (out.items.size() >= kMaxShown || bytes > kMaxShownBytes) break;
      out.items.push_back(item_for(e, **message));
      imsg::Encoder encoded;
      QueueItem::fields(encoded, out.items.back());
      bytes += encoded.bytes().size();
    }
    if ((*message)->in_file) {
      if (Result<Fd> file = spool_->open_file(wanted.message); file) out.content = std::move(file).value();
    } else if (const auto body = spool_->body(wanted.message); body && body->has_value()) {
      if (Result<Fd> file = make_memory_file(**body); file) out.content = std::move(file).value();
    }
  }
  peers_->send(peer, out);
}

}  // namespace mailkeep::queue
