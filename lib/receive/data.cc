// DATA: the Received field (RFC 5321 4.4), the content's way in, and the queue's answer.
// SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/receive/server.h"
#include "lib/receive/session.h"
#include "lib/rfc5322/date.h"
#include "lib/smtp/reply.h"

namespace mailkeep::receive {

namespace {

constexpr std::string_view kDeliveredTo = "Delivered-To:";

bool is_recipient(std::string_view address, const std::vector<queue::Recipient>& recipients) {
  return std::any_of(recipients.begin(), recipients.end(),
                     [&](const queue::Recipient& r) { return equals_nocase(r.address, address); });
}

// Why the message with that header is in a loop: it has been on too many hosts, or in a recipient's mailbox. "": it is
// not.
std::string_view loop_in(std::string_view content, uint32_t max_received,
                         const std::vector<queue::Recipient>& recipients) {
  uint32_t received = 0;
  while (!content.empty()) {
    const size_t end = content.find("\r\n");
    const std::string_view line = content.substr(0, end);
    if (line.empty() || end == std::string_view::npos) break;
    if (starts_with_nocase(line, "Received:") && ++received > max_received)
      return "Too many Received fields: this message loops, find who forwards it back";
    if (starts_with_nocase(line, kDeliveredTo) && is_recipient(trim(line.substr(kDeliveredTo.size())), recipients)) {
      return "Delivered-To names a recipient: this message loops, find who forwards it back";
    }
    content.remove_prefix(end + 2);
  }
  return "";
}

}  // namespace

// RFC 3848 and 6531.
std::string Session::with_protocol() const {
  const std::string kind = transaction_->options.smtputf8 ? "UTF8" : "";  // RFC 6531 4.3
  if (is_lmtp()) return kind + "LMTP";
  if (!client_is_extended() && kind.empty()) return "SMTP";
  return (kind.empty() ? "ESMTP" : kind + "SMTP") + (tls_ ? "S" : "") + (login_ ? "A" : "");
}

// Of a submission it does not say where the client is and what it calls itself: that is its user's own business.
std::string Session::received_field() const {
  const std::string mark = is_junk() ? "X-Spam: yes\r\n" : "";  // as OpenSMTPD's filters mark
  const bool is_named = name_state_ != lookup::NameState::kUnasked;
  const std::string name = !is_named ? "" : client_name_.empty() ? "unknown " : client_name_ + " ";
  const std::string from = login_ ? "[authenticated]" : client_helo() + " (" + name + peer_.literal + ")";
  std::string out = "Received: from " + from + "\r\n\tby " + server_.config().hostname + " with " + with_protocol();
  if (is_local() && login_) out = "Received: by " + server_.config().hostname + " (from user " + login_->user + ")";
  if (tls_) out += "\r\n\t(" + tls_->version + " " + tls_->cipher + ")";
  out += "\r\n\tid " + hex64(transaction_->message);
  if (transaction_->recipients.size() == 1) out += " for <" + transaction_->recipients[0].address + ">";
  return mark + out + ";\r\n\t" + rfc5322::format_date(now_unix()) + "\r\n";
}

void Session::set_trouble(int code, std::string_view enhanced, std::string_view text) {
  if (transaction_->trouble != 0) return;
  transaction_->trouble = code;
  transaction_->trouble_enhanced = enhanced;
  transaction_->trouble_text = text;
}

void Session::begin_content() {
  transaction_->header_is_done = !is_submission();
  if (transaction_->header_is_done) transaction_->content.buffer() = received_field();
}

// Whether what has come is all of the message.
bool Session::is_at_end() const {
  if (transaction_->reader) return transaction_->reader->done();
  return chunk_ && chunk_->is_last && chunk_->left == 0;
}

// False: nothing more can be done with the input that is there.
bool Session::take_content() {
  if (chunk_) return take_chunk();
  Transaction& t = *transaction_;
  const std::string_view in = stream_->input();
  if (in.empty()) return false;
  if (t.trouble != 0) t.content.buffer().clear();  // what comes is only read to its end
  stream_->consume(t.reader->feed(in, t.content.buffer()));
  const bool is_good = t.trouble == 0 && t.reader->fault() == DataReader::Fault::kNone;
  if (t.header_is_done || !is_good || take_header()) go_on_with_content();
  return true;
}

void Session::go_on_with_content() {
  Transaction& t = *transaction_;
  if (chunk_ && chunk_->left == 0) return end_chunk();
  if (t.reader && t.reader->done()) return finish_data();
  if (t.fault() != DataReader::Fault::kNone || t.trouble != 0) return t.content.buffer().clear();
  if (t.header_is_done) keep_content();
}

// What is too much for memory goes to the spool.
void Session::keep_content() {
  Transaction& t = *transaction_;
  if (t.content.needs_file()) {
    need_spool_file();
  } else if (auto written = t.content.settle(false); !written) {
    log::error("spool-write").kv("session", hex64(id_)).kv("text", written.error().text);
    set_trouble(452, "4.3.1", "No space to take the message now, try again later");
  }
}

// RFC 5321 6.3. While the header is in memory. A user may send a message of his own mailbox again.
void Session::check_loop() {
  static const std::vector<queue::Recipient> kNobody;
  const auto& recipients = is_submission() ? kNobody : transaction_->recipients;
  const std::string_view why = loop_in(transaction_->content.buffer(), server_.config().max_received, recipients);
  if (!why.empty()) set_trouble(554, "5.4.6", why);
}

void Session::need_spool_file() {
  if (check_loop(); transaction_->trouble != 0) return;
  queue::NeedSpoolFile m;
  m.session = id_;
  m.message = transaction_->message;
  if (!server_.ask_queue(m)) return set_trouble(451, "4.3.0", "The queue is not available now, try again later");
  transaction_->spool_asked = true;
  waiting_ = Waiting::kSpoolFile;
}

void Session::on_spool_file(queue::SpoolFile&& m) {
  if (waiting_ != Waiting::kSpoolFile || !transaction_ || m.message != transaction_->message) return;
  waiting_ = Waiting::kNothing;
  if (!m.file) {
    set_trouble(m.full ? 452 : 451, m.full ? "4.3.1" : "4.3.0",
                m.full ? "No space to take the message now, try again later"
                       : "The message cannot be taken now, try again later");
  } else if (auto used = transaction_->content.use_file(std::move(m.file)); !used) {
    log::error("spool-write").kv("session", hex64(id_)).kv("text", used.error().text);
    set_trouble(452, "4.3.1", "No space to take the message now, try again later");
  }
  if (transaction_->ended) submit();
  work();
}

void Session::finish_data() {
  Transaction& t = *transaction_;
  t.ended = true;
  note_fault();
  if (t.trouble == 0 && t.content.needs_file()) {
    need_spool_file();
    if (waiting_ == Waiting::kSpoolFile) return;
  }
  submit();
}

void Session::note_fault() {
  switch (transaction_->fault()) {
    case DataReader::Fault::kNone: break;
    case DataReader::Fault::kBareCr:
      set_trouble(550, "5.6.0", "Bare CR in the message: lines must end with CRLF");
      break;
    case DataReader::Fault::kBareLf:
      set_trouble(550, "5.6.0", "Bare LF in the message: lines must end with CRLF");
      break;
    case DataReader::Fault::kNul:
      set_trouble(550, "5.6.0", "NUL byte in the message: encode that part in base64");
      break;
    case DataReader::Fault::kLongLine:
      set_trouble(554, "5.6.0", "A line of the message is too long: break or encode it");
      break;
    case DataReader::Fault::kTooLarge:
      set_trouble(
          552, "5.3.4",
          "Message is larger than " + std::to_string(server_.config().message_size) + " bytes: send a smaller one");
      break;
    case DataReader::Fault::kUnencodable: set_trouble(554, "5.6.1", transaction_->chunks->problem()); break;
  }
}

void Session::submit() {
  Transaction& t = *transaction_;
  if (t.trouble == 0 && !t.content.in_file()) check_loop();
  if (t.trouble != 0 || !ask_filters(conf::Phase::commit)) hand_over();
}

void Session::hand_over() {
  Transaction& t = *transaction_;
  queue::Enqueue m;
  m.session = id_;
  m.message = t.message;
  m.facts = facts();
  if (login_) {
    m.ticket_high = login_->ticket_high;
    m.ticket_low = login_->ticket_low;
  }
  m.protocol = is_lmtp()               ? queue::Protocol::kLmtp
               : !client_is_extended() ? queue::Protocol::kSmtp
               : login_                ? queue::Protocol::kEsmtpsa
               : tls_                  ? queue::Protocol::kEsmtps
                                       : queue::Protocol::kEsmtp;
  m.options = t.options;
  m.options.junk = is_junk();
  m.recipients = t.recipients;
  if (t.trouble == 0) {
    if (t.content.in_file()) {
      if (auto written = t.content.settle(true); !written) {
        set_trouble(452, "4.3.1", "No space to take the message now, try again later");
      }
    } else if (auto sealed = t.content.seal(); sealed) {
      m.content = std::move(*sealed);
    } else {
      log::error("memory-file").kv("session", hex64(id_)).kv("text", sealed.error().text);
      set_trouble(452, "4.3.1", "No resources to take the message now, try again later");
    }
  }
  m.size = t.content.size();
  if (t.trouble == 0 && server_.ask_queue(m)) {
    t.spool_asked = false;  // the file is the queue's now
    waiting_ = Waiting::kQueue;
    return;
  }
  set_trouble(451, "4.3.0", "The queue is not available now, try again later");
  refuse_data();
}

// SMTP: one reply. LMTP: one for each recipient that was accepted (RFC 2033 4.2), but to a chunk that is not the last
// one alone. The transaction ends here.
void Session::answer_data(int code, std::string_view enhanced, std::string_view text) {
  const auto done = std::move(transaction_);
  if (done->spool_asked) server_.drop_spool_file(done->message);
  auto line = log::info(code == 250 ? "accept" : "reject");
  line.kv("session", hex64(id_)).kv("msg", hex64(done->message)).kv("from", done->sender);
  if (login_) line.kv("account", login_->account);
  line.kv("nrcpt", std::to_string(done->recipients.size())).kv("size", std::to_string(done->size()));
  if (code == 250) {
    messages_++;
    server_.count_message();
  } else {
    line.kv("code", std::to_string(code)).kv("text", text);
  }
  const bool for_each = is_lmtp() && !done->is_chunk;
  const size_t replies = for_each ? done->recipients.size() : 1;
  for (size_t i = 0; i < replies; i++) {
    reply(code, enhanced, for_each ? "<" + done->recipients[i].address + "> " + std::string(text) : std::string(text));
  }
}

void Session::on_enqueued(queue::Enqueued&& m) {
  if (waiting_ != Waiting::kQueue || !transaction_ || m.message != transaction_->message) return;
  waiting_ = Waiting::kNothing;
  if (m.code == 250) {
    answer_data(250, "2.0.0", "Ok: kept as " + hex64(m.message));
  } else {
    answer_data(m.code, m.enhanced, m.text);
  }
  if (shutting_down_) return shut_down();
  work();
}

// A spool file that the queue handed over is not known to the one that comes after it, nor is a message it had not
// answered for: the client sends it again.
void Session::on_queue_down() {
  if (login_) login_->is_lost = true;
  const bool was_waiting = waiting_ == Waiting::kQueue || waiting_ == Waiting::kSpoolFile;
  if (!transaction_ || (!was_waiting && !transaction_->spool_asked)) return;
  if (was_waiting) waiting_ = Waiting::kNothing;
  transaction_->spool_asked = false;
  set_trouble(451, "4.3.0", "The queue is not available now, try again later");
  if (transaction_->ended && waiting_ != Waiting::kFilter) refuse_data();
  if (shutting_down_) return shut_down();
  work();
}

}  // namespace mailkeep::receive
