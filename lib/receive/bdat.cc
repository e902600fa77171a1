// BDAT (RFC 3030): chunks of counted octets. Whatever is wrong with a chunk, its octets are read to their end before
// the answer, so the session stays in step; a chunk that fails ends its transaction.
// SPDX-License-Identifier: ISC
#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/receive/server.h"
#include "lib/receive/session.h"

namespace mailkeep::receive {

// Why the octets of a chunk that begins now are of no use.
std::optional<Refusal> Session::refuse_chunk() const {
  if (helo_.empty()) return Refusal{503, "5.5.1", is_lmtp() ? "Say LHLO first" : "Say EHLO first"};
  if (is_submission() && !login_)
    return Refusal{530, "5.7.0", tls_ ? "Log in first: say AUTH" : "Encryption is needed first: say STARTTLS"};
  if (!transaction_) return Refusal{503, "5.5.1", "Say MAIL first"};
  if (transaction_->recipients.empty())
    return Refusal{is_lmtp() ? 503 : 554, "5.5.1", "No valid recipients: say RCPT first"};
  return {};
}

// Without a size nobody knows where the next command starts.
void Session::cmd_bdat(const smtp::Command& c) {
  const auto args = smtp::parse_bdat_args(c.arguments);
  if (!args) {
    bad(501, "5.5.4", "BDAT: " + printable(args.error().text, 200) + "; say BDAT size [LAST]");
    return over_ ? void()
                 : refuse("4.5.4",
                          server_.config().hostname +
                              " What follows cannot be told from commands, closing the connection: connect again");
  }
  chunk_ = Chunk{args->size, args->is_last, refuse_chunk()};
  if (chunk_->refusal) return;
  if (transaction_->chunks || !ask_filters(conf::Phase::data)) begin_chunk();
}

void Session::begin_chunk() {
  if (!transaction_->chunks) {
    begin_content();
    transaction_->chunks.emplace(server_.config().message_size, transaction_->is_binary);
  }
  chunk_begins_at_ = transaction_->chunks->size();
}

// False: nothing more can be done with the input that is there.
bool Session::take_chunk() {
  Chunk& chunk = *chunk_;
  const bool is_of_use = transaction_ && transaction_->chunks && !chunk.refusal && transaction_->trouble == 0;
  if (chunk.left > 0) {
    const std::string_view in = stream_->input().substr(0, chunk.left);
    if (in.empty()) return false;
    if (is_of_use) transaction_->chunks->feed(in, transaction_->content.buffer());
    chunk.left -= in.size();
    stream_->consume(in.size());
  }
  if (chunk.refusal) {
    if (chunk.left == 0) end_chunk();
    return true;
  }
  if (is_of_use && chunk.left == 0 && chunk.is_last && !chunk.is_finished) {
    transaction_->chunks->finish(transaction_->content.buffer());
    chunk.is_finished = true;
  }
  const bool is_good = transaction_->trouble == 0 && transaction_->fault() == DataReader::Fault::kNone;
  if (transaction_->header_is_done || !is_good || take_header()) go_on_with_content();
  return true;
}

// All octets of the chunk are there, and nothing is waited for.
void Session::end_chunk() {
  if (chunk_->refusal) {
    const Refusal no = std::move(*chunk_->refusal);
    chunk_.reset();
    return bad(no.code, no.enhanced, no.text);
  }
  Transaction& t = *transaction_;
  if (chunk_->is_last) {
    chunk_.reset();
    return finish_data();
  }
  note_fault();
  if (t.trouble == 0 && t.header_is_done) keep_content();
  if (waiting_ != Waiting::kNothing) return;
  chunk_.reset();
  if (t.trouble != 0) {
    t.is_chunk = true;
    return refuse_data();
  }
  reply(250, "2.0.0", std::to_string(t.chunks->size() - chunk_begins_at_) + " octets received");
}

}  // namespace mailkeep::receive
