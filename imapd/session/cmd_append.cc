// APPEND (RFC 3501 6.3.11) with APPENDUID (RFC 4315). The command's head comes first, then its message in pieces,
// then finish_append(). Run by `user`.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "imapd/session/session.h"

namespace mailkeep::imapd {

void Session::on(imap::Append command) {
  std::string refusal;
  const store::Mailbox* box = nullptr;
  if (command.size > options_.max_message)
    refusal = "[TOOBIG] Message too large";
  else if (command.size == 0)
    refusal = "[CANNOT] A message has at least one byte";
  if (!refusal.empty()) {
    reader_.refuse();
    return no(refusal);
  }
  box = find_selectable(command.mailbox, "[TRYCREATE] ");
  if (box == nullptr) return reader_.refuse();
  append_to_ = box->id;
  append_data_.clear();
  append_data_.reserve(static_cast<size_t>(std::min<uint64_t>(command.size, 1U << 20)));
  append_ = std::move(command);
  if (reader_.accept()) out_ += "+ OK\r\n";
}

namespace {

// Gives bare line feeds their CR: a message's lines end with CRLF (RFC 5322 2.1), and all that FETCH says of it counts
// on that.
void end_lines_with_crlf(std::string& message) {
  std::string out;
  size_t copied = 0;
  for (size_t at = message.find('\n'); at != std::string::npos; at = message.find('\n', at + 1)) {
    if (at > 0 && message[at - 1] == '\r') continue;
    out.append(message, copied, at - copied);
    out += '\r';
    copied = at;
  }
  if (copied == 0 && out.empty()) return;
  out.append(message, copied);
  message = std::move(out);
}

}  // namespace

void Session::finish_append() {
  if (!append_) return;
  const imap::Append command = std::move(*append_);
  std::string message = std::move(append_data_);
  end_lines_with_crlf(message);
  append_.reset();
  append_data_ = std::string();
  if (message.find('\0') != std::string::npos) return no("[CANNOT] Messages hold no NUL bytes");  // RFC 3501 4.3: CHAR8
  store::Append what;
  what.message = message;
  what.flags = flag_bits(command.flags);
  what.keywords = command.flags.keywords;
  what.internal_date = command.date.value_or(0);
  const auto added = store_.append(append_to_, what);
  if (!added) return no(added.error());
  after_sync(added->seq, [this, uidvalidity = added->uidvalidity, uid = added->uid] {
    ok("[APPENDUID " + std::to_string(uidvalidity) + ' ' + std::to_string(uid) + "] Appended");
  });
}

}  // namespace mailkeep::imapd
