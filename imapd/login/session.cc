// One connection before login: see session.h.
// SPDX-License-Identifier: ISC
#include "imapd/login/session.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include <array>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lmtpd/user/messages.h"

namespace mailkeep::imapd {

namespace {
constexpr std::string_view kNoLogins = "No logins now, try again later";
}  // namespace

Session::Session(event::Loop& loop, Host& host, uint64_t id, Fd connection, os::Peer peer, Terms terms)
    : loop_(loop), host_(host), id_(id), peer_(std::move(peer)), terms_(std::move(terms)), timer_(loop, [this] {
        on_timeout();
      }) {
  timer_.set(terms_.login_timeout);
  talk_over(std::move(connection));
  new_dialog();
  if (terms_.implicit_tls) {
    if (!start_tls()) end("tls is not there");
    return;
  }
  stream_->write(dialog_->greeting(terms_.hostname));
}

void Session::talk_over(Fd fd) {
  stream_ = std::make_unique<event::Stream>(loop_, std::move(fd), kMaxInput,
                                            event::Stream::Callbacks{.readable = [this] { readable(); },
                                                                     .drained = [this] { drained(); },
                                                                     .closed = [this](int error) { closed(error); }});
}

void Session::new_dialog() {
  dialog_ = std::make_unique<Dialog>(Dialog::Policy{
      .tls = tls_, .starttls = !terms_.pki.empty(), .plaintext_login = terms_.plaintext_ok && peer_.loopback});
}

// What the client had sent before goes with the old stream: nothing said in plaintext is heard inside TLS.
bool Session::start_tls() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    log::warn("socketpair-failed").kv("session", hex64(id_)).kv("text", errno_error("socketpair").text);
    return false;
  }
  Fd mine(ends[0]);
  tls::Serve m;
  m.session = id_;
  m.pki = terms_.pki;
  m.client = stream_->take_fd();
  m.plain.reset(ends[1]);
  talk_over(std::move(mine));
  stream_->pause(true);
  state_ = State::kShaking;
  return host_.serve_tls(std::move(m));
}

void Session::established() {
  if (state_ != State::kShaking) return;
  state_ = State::kTalking;
  tls_ = true;
  new_dialog();
  if (terms_.implicit_tls) stream_->write(dialog_->greeting(terms_.hostname));
  stream_->pause(false);
}

void Session::tls_lost() {
  if (state_ == State::kShaking) host_.ended(id_, "no TLS");
}

void Session::readable() {
  if (state_ == State::kTalking) return talk();
  if (state_ == State::kEnding) stream_->consume(stream_->input().size());
}

void Session::drained() {
  if (state_ == State::kFlushing) present();
}

void Session::closed(int error) {
  if (state_ == State::kPresenting) return;  // the answer is on its way and decides
  host_.ended(id_, state_ == State::kEnding ? end_reason_ : error == 0 ? "closed by the client" : strerror(error));
}

void Session::talk() {
  bool again = true;
  while (again && state_ == State::kTalking) {
    std::string_view input = stream_->input();
    const size_t before = input.size();
    std::string out;
    const Dialog::Act act = dialog_->next(input, out);
    stream_->consume(before - input.size());
    again = false;
    switch (act) {
      case Dialog::Act::kMore: stream_->write(out); break;
      case Dialog::Act::kLogin:
        stream_->write(out);
        check();
        again = true;  // unless it waits for auth now
        break;
      case Dialog::Act::kStarttls:
        if (!host_.tls_is_up()) {
          dialog_->no_tls(out);
          stream_->write(out);
          again = true;
          break;
        }
        stream_->write(out + dialog_->tag() + " OK Begin TLS\r\n");
        if (!stream_->flush() || stream_->unsent() > 0) return end("client does not read");
        if (!start_tls()) end("tls is not there");
        return;
      case Dialog::Act::kEnd: stream_->write(out); return end("logout");
    }
    if (stream_->congested()) return end("client does not read");
  }
}

void Session::check() {
  auth::Check m;
  m.session = id_;
  m.name = dialog_->user();
  m.password = dialog_->password();
  m.source = peer_.address;
  m.service = "imap";
  dialog_->forget_password();
  const bool sent = host_.check(m);
  explicit_bzero(m.password.data(), m.password.size());
  if (sent) {
    state_ = State::kChecking;
    return;
  }
  std::string out;
  dialog_->unavailable(out, kNoLogins);
  stream_->write(out);
}

void Session::auth_lost() {
  if (state_ != State::kChecking) return;
  std::string out;
  dialog_->unavailable(out, kNoLogins);
  stream_->write(out);
  state_ = State::kTalking;
  talk();
}

void Session::checked(const auth::Checked& m) {
  if (state_ != State::kChecking) return;
  if (m.unavailable) return auth_lost();
  if (!m.ok) {
    std::string out;
    const bool more = dialog_->denied(out);
    stream_->write(out);
    if (!more) return end("too many failed logins");
    state_ = State::kTalking;
    return talk();
  }
  ticket_high_ = m.ticket_high;
  ticket_low_ = m.ticket_low;
  if (!stream_->flush()) return;  // closed() follows
  state_ = State::kFlushing;
  if (stream_->unsent() == 0) present();
}

void Session::present() {
  stream_->pause(true);  // what comes from here on is for the user's process to read
  state_ = State::kPresenting;
  parent::Present m;
  m.connection.reset(::fcntl(stream_->fd(), F_DUPFD_CLOEXEC, 0));
  if (!m.connection) {
    log::warn("dup-failed").kv("session", hex64(id_)).kv("text", errno_error("dup").text);
    return presented(false, "Out of descriptors, try again later");
  }
  m.session = id_;
  m.ticket_high = ticket_high_;
  m.ticket_low = ticket_low_;
  m.service = static_cast<uint16_t>(user::Service::kImap);
  m.tls = tls_;
  m.source = peer_.address;
  m.tag = dialog_->tag();
  m.pending = stream_->input();
  host_.present(m);
}

void Session::presented(bool ok, const std::string& text) {
  if (state_ != State::kPresenting) return;
  if (ok) return host_.ended(id_, "attached");
  std::string out;
  dialog_->unavailable(out, text.empty() ? "The mailbox cannot be had now, try again later" : text);
  state_ = State::kTalking;
  stream_->write(out);
  stream_->pause(false);
  talk();
}

// What was written leaves; then the client has a moment to end too, so that no reset overtakes our last words.
void Session::end(std::string_view why) {
  if (state_ == State::kEnding) return;
  state_ = State::kEnding;
  end_reason_ = why;
  timer_.set(kEndTimeout);
  stream_->consume(stream_->input().size());
  stream_->pause(false);
  if (stream_->fd() < 0 || !stream_->flush() || (stream_->unsent() == 0 && ::shutdown(stream_->fd(), SHUT_WR) != 0)) {
    host_.ended(id_, end_reason_);
  }
}

void Session::on_timeout() {
  switch (state_) {
    case State::kEnding: return host_.ended(id_, end_reason_);
    case State::kShaking: return host_.ended(id_, "no TLS in time");
    case State::kPresenting: return timer_.set(terms_.login_timeout);  // the parent always answers
    case State::kTalking:
    case State::kChecking:
    case State::kFlushing: break;
  }
  stream_->write("* BYE Autologout: no login in time\r\n");
  end("no login in time");
}

}  // namespace mailkeep::imapd
