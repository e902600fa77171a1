// One SMTP or LMTP connection: lines, order of replies, waiting. See session.h.
// SPDX-License-Identifier: ISC
#include "lib/receive/session.h"

#include <sys/socket.h>

#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/receive/server.h"
#include "lib/sasl/plain.h"
#include "lib/smtp/reply.h"

namespace mailkeep::receive {

namespace {
constexpr size_t kMaxInput = 128 * 1024;
constexpr unsigned kFreeErrors = 4;  // before answers wait
constexpr Seconds kMaxErrorDelay(30);
constexpr size_t kProgress = 1024;  // bytes of content that count as a command would; a trickle does not
constexpr size_t kMaxPendingRcpts = 100;
constexpr Seconds kNameWait = lookup::kNamePatience + Seconds(2);  // lookup answers before that

bool is_localhost(std::string_view address) { return address == "127.0.0.1" || address == "::1"; }
}  // namespace

Session::Session(Server& server, uint64_t id, const smtpd::Listener& listener, Peer peer, Fd connection)
    : server_(server),
      id_(id),
      listener_(listener.id),
      protocol_(listener.protocol),
      pki_(listener.pki),
      tag_(listener.tag),
      peer_(std::move(peer)),
      phases_(listener.phases),
      last_(now_monotonic()) {
  attach(std::move(connection));
  const std::string_view kind = is_lmtp() ? "lmtp" : is_local() ? "local" : is_submission() ? "submission" : "inbound";
  log::info("connect")
      .kv("session", hex64(id_))
      .kv("src", peer_.address)
      .kv("listener", listener.name)
      .kv("kind", kind);
}

Session::~Session() {
  reset();
  log::info("disconnect").kv("session", hex64(id_)).kv("messages", messages_);
}

// Without Enqueue the file that the queue made for it is of no use.
void Session::reset() {
  if (transaction_ && transaction_->spool_asked) server_.drop_spool_file(transaction_->message);
  transaction_.reset();
}

void Session::attach(Fd connection) {
  stream_ = std::make_unique<event::Stream>(
      server_.loop(), std::move(connection), kMaxInput,
      event::Stream::Callbacks{
          .readable = [this] { work(false); }, .drained = [this] { work(); }, .closed = [this](int) { end(); }});
}

void Session::greet() {
  reply(220, "", server_.config().hostname + (is_lmtp() ? " LMTP Mailkeep" : " ESMTP Mailkeep"));
}

// While it is looked for the client may greet and start TLS; MAIL waits for it. Other MTAs on trusted sockets are who
// they are.
void Session::ask_client_name() {
  if (is_lmtp() || peer_.address == "local") return;
  if (is_localhost(peer_.address)) {
    name_state_ = lookup::NameState::kConfirmed;
    client_name_ = "localhost";
    return;
  }
  lookup::FindName m;
  m.session = id_;
  m.address = peer_.address;
  name_asked_ = server_.ask_lookup(m);
  if (!name_asked_) name_state_ = lookup::NameState::kFailed;
}

void Session::on_client_name(lookup::ClientName&& m) {
  if (!name_asked_) return;
  name_asked_ = false;
  name_state_ = m.state;
  client_name_ = m.state == lookup::NameState::kConfirmed ? std::move(m.name) : std::string();
  if (waiting_ == Waiting::kFilter && phase_query_ == 0) return send_phase();
  if (waiting_ != Waiting::kName) return;
  waiting_ = Waiting::kNothing;
  work();
}

// XCLIENT too: the answer about one client must not be taken for that about the next.
bool Session::needs_client_name(std::string_view line) const {
  return name_asked_ && (starts_with_nocase(line, "MAIL") || starts_with_nocase(line, "XCLIENT"));
}

// Mail servers wait for the greeting; what only wants to get rid of its mail often does not.
bool Session::pauses_greeting() const {
  return protocol_ == smtpd::Protocol::kSmtp && is_limited() && server_.config().greet_pause > 0;
}

void Session::start() {
  if (is_local()) return ask_who();
  ask_client_name();
  if (is_implicit_tls()) {
    if (!hand_to_tls()) end();
  } else if (pauses_greeting()) {
    waiting_ = Waiting::kGreeting;
    server_.wake(id_, Seconds(server_.config().greet_pause));
  } else {
    welcome();
  }
}

void Session::welcome() {
  if (!ask_filters(conf::Phase::connect)) greet();
}

void Session::greet_too_late() {
  log::info("early-talker").kv("session", hex64(id_)).kv("src", peer_.address);
  server_.count_early_talker();
  reply(554, "5.5.1", server_.config().hostname + " You spoke before the greeting: wait for it, then connect again");
  end();
}

void Session::on_alarm() {
  if (over_) return;
  if (waiting_ == Waiting::kGreeting) {
    waiting_ = Waiting::kNothing;
    welcome();
  } else if (waiting_ == Waiting::kTarpit) {
    waiting_ = Waiting::kNothing;
    send(std::exchange(held_, {}));
  }
  work();
}

// Before the handshake of an implicit TLS there is no way to say why.
void Session::refuse(std::string_view enhanced, std::string_view text) {
  waiting_ = Waiting::kNothing;
  send(std::exchange(held_, {}));
  if (!is_implicit_tls() || tls_) reply(421, enhanced, text);
  end();
}

// The server destroys it at the end of the turn.
void Session::end() {
  if (over_) return;
  over_ = true;
  stream_->flush();
  stream_->pause(true);
  server_.ended(*this);
}

void Session::reply(int code, std::string_view enhanced, std::string_view text) {
  send(smtp::format_reply(code, enhanced, text));
}

void Session::send(std::string_view text) {
  if (waiting_ == Waiting::kTarpit) {
    held_ += text;
  } else {
    stream_->write(text);
  }
}

void Session::bad(int code, std::string_view enhanced, std::string_view text) {
  count_error();
  reply(code, enhanced, text);
  if (errors_ >= server_.config().max_errors) too_many_errors();
}

// Before the reply, which then waits with all that follows it. Others are not held up: this session alone sleeps.
void Session::count_error() {
  errors_++;
  const auto delay = Seconds(server_.config().error_delay);
  if (errors_ <= kFreeErrors || delay.count() == 0 || !is_limited() || login_ || waiting_ != Waiting::kNothing) return;
  waiting_ = Waiting::kTarpit;
  server_.wake(id_, std::min(kMaxErrorDelay, delay * (errors_ - kFreeErrors)));
}

void Session::too_many_errors() {
  if (over_) return;
  log::warn("too-many-errors").kv("session", hex64(id_)).kv("src", peer_.address);
  refuse("4.7.0",
         server_.config().hostname + " Too many errors, closing the connection: read the replies, then connect again");
}

void Session::reply_in_order(int code, std::string_view enhanced, std::string_view text) {
  PendingRcpt done;
  done.reply = smtp::format_reply(code, enhanced, text);
  done.is_error = code >= 500;
  verdicts_.push_back(std::move(done));
  flush_verdicts();
}

void Session::shut_down() {
  if (over_) return;
  shutting_down_ = true;
  if (waiting_ != Waiting::kQueue)
    refuse("4.3.2", server_.config().hostname + " Server is shutting down, connect again later");
}

void Session::tick(Micros now, Micros idle_limit) {
  if (over_ || waiting_ == Waiting::kQueue || waiting_ == Waiting::kTarpit) return;
  if (waiting_ == Waiting::kName && now - last_ >= kNameWait) return on_client_name({});
  const Micros usual = Seconds(server_.config().idle_timeout);
  if (now - last_ < (login_ || peer_.is_trusted ? usual : std::min(usual, idle_limit))) return;
  log::info("timeout").kv("session", hex64(id_));
  refuse("4.4.2", server_.config().hostname + " Nothing heard for too long, closing the connection: connect again");
}

// Does all that the input allows now. Callable again from what it causes: the outer call goes on.
void Session::work(bool answered) {
  if (answered) note_progress();
  if (working_) return;
  working_ = true;
  if (waiting_ == Waiting::kGreeting && !over_ && !stream_->input().empty()) greet_too_late();
  while (!over_ && waiting_ == Waiting::kNothing && !stream_->congested()) {
    if (chunk_ || (transaction_ && transaction_->reader)) {
      heard_ += std::min(stream_->input().size(), kProgress);
      if (heard_ >= kProgress) note_progress();
      if (!take_content()) break;
      continue;
    }
    std::string_view line;
    size_t taken = 0;
    if (!next_line(line, taken)) break;
    // Behind RCPTs that wait for their verdict only more RCPTs go on, so replies keep their order.
    if (!verdicts_.empty()) {
      const auto command = smtp::parse_command(line);
      if (!command || command->verb != smtp::Verb::rcpt || verdicts_.size() >= kMaxPendingRcpts) break;
    }
    if (needs_client_name(line)) {
      waiting_ = Waiting::kName;
      break;
    }
    std::string copy(line);
    stream_->consume(taken);
    note_progress();
    on_line(copy);
    if (is_submission()) sasl::wipe(copy);  // it may hold a password
  }
  working_ = false;
}

void Session::note_progress() {
  heard_ = 0;
  last_ = now_monotonic();
}

// RFC 4954 4: lines of an authentication may be longer than others.
size_t Session::max_line(std::string_view in) const {
  return exchange_ || (is_submission() && starts_with_nocase(in, "AUTH ")) ? smtp::kMaxAuthLine : smtp::kMaxMailLine;
}

// One whole line without its CRLF (a bare LF ends a command line too: only in DATA does the difference carry mail).
bool Session::next_line(std::string_view& line, size_t& taken) {
  for (;;) {
    const std::string_view in = stream_->input();
    const size_t lf = in.find('\n');
    if (skipping_line_) {
      stream_->consume(lf == std::string_view::npos ? in.size() : lf + 1);
      if (lf == std::string_view::npos) return false;
      skipping_line_ = false;
      const bool in_auth = exchange_ != nullptr;
      exchange_.reset();
      bad(500, in_auth ? "5.5.6" : "5.5.2",
          in_auth ? "Authentication line too long, say AUTH anew" : "Command line too long, shorten it");
      if (over_) return false;
      continue;
    }
    const size_t most = max_line(in);
    if (lf == std::string_view::npos && in.size() < most) return false;
    if (lf == std::string_view::npos || lf >= most) {
      if (!verdicts_.empty()) return false;
      skipping_line_ = true;
      continue;
    }
    line = in.substr(0, lf);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    taken = lf + 1;
    return true;
  }
}

void Session::on_line(std::string_view line) {
  if (exchange_) return take_step(exchange_->next(line));
  const auto command = smtp::parse_command(line);
  if (!command)
    return bad(500, "5.5.2", "Syntax error, send commands in ASCII: " + printable(command.error().text, 200));
  run(*command);
}

void Session::on_verdict(lookup::RcptVerdict&& m) {
  for (PendingRcpt& p : verdicts_) {
    if (p.query != m.query || !p.reply.empty()) continue;
    p.accepted = m.code == 250;
    p.disconnects = m.filtered.disconnects;
    if (!m.filtered.name.empty()) note_filtered(conf::phase_name(conf::Phase::rcpt_to), m.filtered);
    if (m.filtered.is_junk && p.accepted && transaction_) transaction_->is_junk = true;
    if (p.accepted) {
      p.reply = smtp::format_reply(250, "2.1.5", "Recipient ok");
    } else {
      p.reply = smtp::format_reply(m.code, m.enhanced, m.text);
      p.is_error = m.code >= 500 && !is_lmtp();  // an MTA that we trust may have many for users that are gone
      auto refused = log::info("rcpt-refused");
      refused.kv("session", hex64(id_)).kv("to", p.recipient.address);
      if (login_) refused.kv("account", login_->account);
      refused.kv("code", std::to_string(m.code)).kv("text", m.text);
      note_refusal(queue::Judge::kLookup, transaction_ ? transaction_->sender : "", {p.recipient.address},
                   {m.code, m.enhanced, m.text}, m.filtered.code != 0 ? filter_rule(m.filtered) : m.rule);
    }
    flush_verdicts();
    return work();
  }
}

void Session::flush_verdicts() {
  while (!verdicts_.empty() && !verdicts_.front().reply.empty()) {
    PendingRcpt p = std::move(verdicts_.front());
    verdicts_.pop_front();
    if (p.accepted && transaction_) transaction_->recipients.push_back(std::move(p.recipient));
    if (p.is_error) count_error();
    send(p.reply);
    if (p.disconnects) return end();
  }
  if (errors_ >= server_.config().max_errors) too_many_errors();
}

void Session::on_lookup_down() {
  if (name_asked_) on_client_name({});
  if (waiting_ == Waiting::kSender) {
    lookup::SenderVerdict m;
    m.query = next_query_ - 1;
    m.code = 451;
    m.enhanced = "4.3.0";
    m.text = "Sender cannot be checked now, try again later";
    return on_sender_verdict(std::move(m));
  }
  if (waiting_ == Waiting::kFilter) {
    lookup::PhaseVerdict m;
    m.query = phase_query_;
    m.filtered.code = 451;
    m.filtered.enhanced = "4.3.0";
    m.filtered.text = "Filters cannot be asked now, try again later";
    return on_phase_verdict(std::move(m));
  }
  for (PendingRcpt& p : verdicts_) {
    if (p.reply.empty()) p.reply = smtp::format_reply(451, "4.3.0", "Recipient cannot be checked now, try again later");
  }
  flush_verdicts();
  work();
}

void Session::on_established(tls::Established&& m) {
  if (waiting_ != Waiting::kTls) return;
  waiting_ = Waiting::kNothing;
  log::info("tls")
      .kv("session", hex64(id_))
      .kv("version", m.version)
      .kv("cipher", m.cipher)
      .kv("servername", m.servername);
  tls_ = std::move(m);
  stream_->pause(false);
  if (is_implicit_tls()) welcome();
  work();
}

void Session::on_tls_failed(const std::string& text) {
  if (waiting_ != Waiting::kTls) return;
  log::info("tls-failed").kv("session", hex64(id_)).kv("text", text);
  end();
}

}  // namespace mailkeep::receive
