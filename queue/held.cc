// Messages in hand. See held.h.
// SPDX-License-Identifier: ISC
#include "queue/held.h"

#include <fcntl.h>

#include "queue/content.h"

namespace mailkeep::queue {

void HeldMessages::keep(const Message& message, int content, bool& holds) {
  if (content < 0 || (contents_ >= most_ && !held_.contains(message.id))) return;
  Held& held = held_[message.id];
  if (held.users++ == 0) held.message = message;
  holds = true;
  if (held.content) return;
  held.content.reset(::fcntl(content, F_DUPFD_CLOEXEC, 3));
  if (held.content) ++contents_;
}

Result<const HeldMessages::Held*> HeldMessages::hold(uint64_t id, bool& holds) {
  if (!holds) {
    auto it = held_.find(id);
    if (it == held_.end()) {
      auto message = spool_.message(id);
      if (!message) return message.error();
      if (!message->has_value()) return Error("no message", EBADMSG);
      it = held_.emplace(id, Held{std::move(**message), Fd(), 0}).first;
    }
    ++it->second.users;
    holds = true;
  }
  Held& held = held_[id];
  if (held.content) return &held;
  if (Status s = open_content(id, held); !s) return s.error();
  return &held;
}

Status HeldMessages::open_content(uint64_t id, Held& held) {
  Result<Fd> file = Error("no body", EBADMSG);
  if (held.message.in_file) {
    file = spool_.open_file(id);
    if (!file && file.error().code == ENOENT) return Error("no file", EBADMSG);
  } else {
    const auto body = spool_.body(id);
    if (!body) return body.error();
    if (body->has_value()) file = make_memory_file(**body);
  }
  if (!file) return file.error();
  held.content = std::move(file).value();
  ++contents_;
  return {};
}

void HeldMessages::release(uint64_t id, bool& holds) {
  if (!std::exchange(holds, false)) return;
  const auto it = held_.find(id);
  if (--it->second.users > 0) return;
  if (it->second.content) --contents_;
  held_.erase(it);
}

}  // namespace mailkeep::queue
