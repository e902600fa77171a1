// One connection to a server: see connection.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/connection.h"

#include <sys/socket.h>

namespace mailkeep::relay {

Connection::Connection(event::Loop& loop, uint64_t id, Host host, Fd fd, Calls calls)
    : loop_(loop),
      id_(id),
      host_(std::move(host)),
      calls_(std::move(calls)),
      dialog_(host_.settings),
      timer_(loop, [this] { on_timeout(); }) {
  open(std::move(fd));
  timer_.set(dialog_.patience());
  if (!host_.implicit_tls) return;
  loop_.defer([this, alive = alive_] {
    if (*alive) hand_over();
  });
}

void Connection::open(Fd fd) {
  stream_ =
      std::make_unique<event::Stream>(loop_, std::move(fd), kMaxInput,
                                      event::Stream::Callbacks{.readable = [this] { on_input(); },
                                                               .drained = [this] { pump(); },
                                                               .closed = [this](int error) { on_closed(error); }});
}

void Connection::on_input() {
  if (idle_) return calls_.ended();  // 421, most likely: nothing was asked
  std::string_view input = stream_->input();
  const size_t before = input.size();
  const Dialog::Step step = dialog_.advance(input);
  stream_->consume(before - input.size());
  follow(step);
}

// What the dialog wants next. It tells at most one thing to the owner, last.
void Connection::follow(Dialog::Step step) {
  if (stream_) stream_->write(dialog_.take_output());
  switch (step) {
    case Dialog::Step::kWait: return pump();
    case Dialog::Step::kStartTls: return hand_over();
    case Dialog::Step::kReady: timer_.cancel(); return calls_.ready();
    case Dialog::Step::kDone: timer_.cancel(); return calls_.done();
    case Dialog::Step::kFailed: timer_.cancel(); return quitting_ ? calls_.ended() : calls_.failed();
  }
}

// The content, as long as the socket takes it: a slice at a time, so that memory stays flat. A small message goes out
// with its final dot in one write.
void Connection::pump() {
  timer_.set(quitting_ ? kQuitPatience : dialog_.patience());
  while (dialog_.wants_content()) {
    const Dialog::Step step = dialog_.send_content();
    if (step == Dialog::Step::kFailed) return follow(step);
    stream_->write(dialog_.take_output());
    if (!stream_->flush() || stream_->congested()) return;
    if (stream_->unsent() > 0) return;  // drained() brings us back
  }
  timer_.set(quitting_ ? kQuitPatience : dialog_.patience());
}

// A server may refuse and hang up while we write: what it said last still counts.
void Connection::on_closed(int) {
  if (idle_ || quitting_) return calls_.ended();
  std::string last(stream_->input());
  char chunk[kMaxInput];
  for (;;) {
    const ssize_t n = ::recv(stream_->fd(), chunk, sizeof chunk, MSG_DONTWAIT);
    if (n <= 0 || last.size() > kMaxInput) break;
    last.append(chunk, static_cast<size_t>(n));
  }
  std::string_view input = last;
  const Dialog::Step step = dialog_.advance(input);
  follow(step == Dialog::Step::kWait ? dialog_.hung_up() : step);
}

void Connection::on_timeout() {
  if (idle_) return calls_.rested();
  if (quitting_) return calls_.ended();
  if (plain_) return on_tls_failed("no handshake in time", false);
  follow(dialog_.timed_out());
}

void Connection::begin(const Transfer& transfer, const Survey& survey) {
  idle_ = false;
  ++transactions_;
  const Dialog::Step step = dialog_.begin(transfer, survey);
  if (step == Dialog::Step::kWait) return follow(step);
  loop_.defer([this, alive = alive_, step] {
    if (*alive) follow(step);
  });
}

void Connection::idle() {
  idle_ = true;
  timer_.set(kIdlePatience);
}

void Connection::quit() {
  idle_ = false;
  quitting_ = true;
  dialog_.quit();
  stream_->write(dialog_.take_output());
  timer_.set(kQuitPatience);
}

// --- TLS -------------------------------------------------------------------------------------------

// The socket goes to the tls process with whatever it still holds; we go on with the end of a fresh pair.
void Connection::hand_over() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    return follow(dialog_.fail({"4.3.0", errno_error("socketpair").text, 0}));
  }
  plain_.reset(ends[0]);
  tls::Connect connect;
  connect.session = id_;
  const TlsPolicy& policy = host_.policy;
  connect.servername = policy.servername.empty() || policy.servername[0] == '[' ? host_.address : policy.servername;
  connect.check = policy.check;
  connect.names = policy.names;
  connect.associations = policy.associations;
  connect.plain.reset(ends[1]);
  connect.server = stream_->take_fd();
  loop_.defer([dead = std::shared_ptr<event::Stream>(std::move(stream_))] {});  // it may be on the stack
  timer_.set(kTlsPatience);
  if (!calls_.start_tls(connect)) on_tls_failed("the tls process is not there", true);
}

void Connection::on_established(const tls::Established& established) {
  if (!plain_) return;
  tls_ = established.version + " " + established.cipher +
         (established.verified ? ", verified (" + established.how + ")" : ", not verified");
  verified_ = established.verified;
  open(std::move(plain_));
  dialog_.tls_up();
  follow(Dialog::Step::kWait);
}

void Connection::on_tls_failed(const std::string& text, bool ours, tls::Problem problem) {
  if (!plain_) return;
  problem_ = problem;
  plain_.reset();
  tls_failed_ = !ours;
  const bool is_asked = host_.policy.tls > Tls::kMay;
  follow(dialog_.fail({"4.7.5", "TLS: " + text + (is_asked ? "; policy: " + describe(host_.policy) : ""), 0}));
}

}  // namespace mailkeep::relay
