// One TLS connection: see connection.h.
// SPDX-License-Identifier: ISC
#include "smtpd/tls/connection.h"

#include <sys/socket.h>

#include <array>

namespace mailkeep::tls {

namespace {

using event::Watch;

constexpr size_t kChunk = 16 * 1024;
constexpr int kRounds = 16;  // of the pump in one turn; then other connections have their go

std::string reason(::tls* t) {
  const char* text = ::tls_error(t);
  return text == nullptr ? "connection closed" : text;
}

// The client's socket is shared with the process that handed it over, which could make it a blocking one at any time.
int socket_of(const void* connection) { return static_cast<const Connection*>(connection)->client(); }

ssize_t receive_some(::tls*, void* into, size_t size, void* connection) {
  const ssize_t n = ::recv(socket_of(connection), into, size, MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EINTR) ? TLS_WANT_POLLIN : n;
}

ssize_t send_some(::tls*, const void* from, size_t size, void* connection) {
  const ssize_t n = ::send(socket_of(connection), from, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  return n < 0 && (errno == EAGAIN || errno == EINTR) ? TLS_WANT_POLLOUT : n;
}

std::string text_or_empty(const char* text) { return text == nullptr ? std::string() : std::string(text); }

}  // namespace

void Buffer::add(std::string_view more) {
  if (at_ > 0) {
    bytes_.erase(0, at_);
    at_ = 0;
  }
  bytes_ += more;
}

void Buffer::take(size_t n) {
  at_ += n;
  if (at_ < bytes_.size()) return;
  bytes_ = std::string();  // an idle connection, of which there are thousands, holds no memory
  at_ = 0;
}

Connection::Connection(event::Loop& loop, Fd client, Fd plain, Callbacks callbacks)
    : loop_(loop),
      client_(std::move(client)),
      plain_(std::move(plain)),
      callbacks_(std::make_shared<Callbacks>(std::move(callbacks))),
      client_watch_(loop, client_.get(), [this](unsigned) { work(); }),
      plain_watch_(loop, plain_.get(), [this](unsigned) { work(); }),
      timer_(loop, [this] { on_timeout(); }) {
  timer_.set(kHandshakeTimeout);
}

Connection::Connection(event::Loop& loop, TlsHandle tls, const std::string& servername, Fd server, Fd plain,
                       Callbacks callbacks)
    : Connection(loop, std::move(server), std::move(plain), std::move(callbacks)) {
  tls_ = std::move(tls);
  loop_.defer([this, alive = alive_, servername] {
    if (!*alive) return;
    if (::tls_connect_cbs(tls_.get(), receive_some, send_some, this, servername.c_str()) != 0)
      return fail(reason(tls_.get()));
    work();
  });
}

Connection::Connection(event::Loop& loop, Context context, Fd client, Fd plain, Callbacks callbacks)
    : Connection(loop, std::move(client), std::move(plain), std::move(callbacks)) {
  context_ = std::move(context);
  loop_.defer([this, alive = alive_] {
    if (!*alive) return;
    ::tls* accepted = nullptr;
    if (::tls_accept_cbs(context_.get(), &accepted, receive_some, send_some, this) != 0)
      return fail(reason(context_.get()));
    tls_.reset(accepted);
    work();
  });
}

Connection::~Connection() { *alive_ = false; }

void Connection::work() {
  const auto alive = alive_;
  if (state_ == State::kHandshake) shake();
  if (*alive && state_ == State::kOpen) pump();
  if (*alive && state_ == State::kClosing) close_tls();
  if (*alive && state_ == State::kLingering) linger();
  if (*alive) update_watches();
}

void Connection::shake() {
  const int rc = ::tls_handshake(tls_.get());
  if (rc == TLS_WANT_POLLIN) {
    read_wants_ = Watch::kRead;
    return;
  }
  if (rc == TLS_WANT_POLLOUT) {
    read_wants_ = Watch::kWrite;
    return;
  }
  if (rc != 0) return fail(reason(tls_.get()));
  timer_.cancel();
  if (const auto asked = callbacks_; asked->accepts && !asked->accepts(tls_.get())) {
    state_ = State::kEnded;
    return update_watches();
  }
  state_ = State::kOpen;
  read_wants_ = Watch::kRead;
  const Handshake done{text_or_empty(::tls_conn_version(tls_.get())), text_or_empty(::tls_conn_cipher(tls_.get())),
                       text_or_empty(::tls_conn_servername(tls_.get()))};
  const auto call = callbacks_;
  if (call->established) call->established(done);
}

void Connection::pump() {
  for (int round = 0; round < kRounds; round++) {
    bool moved = read_client();
    moved = write_plain() || moved;
    moved = read_plain() || moved;
    moved = write_client() || moved;
    if (plain_ended_ && down_.empty()) {
      state_ = State::kClosing;
      return;
    }
    if (!moved) return;
  }
  // What OpenSSL has decrypted already makes no descriptor readable: come back without waiting for one.
  loop_.defer([this, alive = alive_] {
    if (*alive) work();
  });
}

bool Connection::read_client() {
  if (client_ended_ || up_.room() < kChunk) return false;
  std::array<char, kChunk> chunk;
  const ssize_t n = ::tls_read(tls_.get(), chunk.data(), chunk.size());
  if (n == TLS_WANT_POLLIN) {
    read_wants_ = Watch::kRead;
    return false;
  }
  if (n == TLS_WANT_POLLOUT) {
    read_wants_ = Watch::kWrite;
    return false;
  }
  if (n <= 0) {
    // Many clients end without close_notify. What they said before holds, and the session decides what is missing.
    client_ended_ = true;
    return true;
  }
  read_wants_ = Watch::kRead;
  bytes_in_ += static_cast<uint64_t>(n);
  up_.add({chunk.data(), static_cast<size_t>(n)});
  return true;
}

bool Connection::write_plain() {
  bool moved = false;
  while (!up_.empty()) {
    const ssize_t n = ::send(plain_.get(), up_.waiting().data(), up_.waiting().size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return moved;
    if (n < 0) {  // the session has ended: its last words may still wait in `plain`
      up_.drop();
      return true;
    }
    up_.take(static_cast<size_t>(n));
    moved = true;
  }
  if (client_ended_ && !plain_shut_) {
    plain_shut_ = true;
    ::shutdown(plain_.get(), SHUT_WR);
  }
  return moved;
}

bool Connection::read_plain() {
  if (plain_ended_ || down_.room() < kChunk) return false;
  std::array<char, kChunk> chunk;
  const ssize_t n = ::recv(plain_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (n <= 0) {
    plain_ended_ = true;
    timer_.set(kDrainTimeout);
    return true;
  }
  down_.add({chunk.data(), static_cast<size_t>(n)});
  return true;
}

bool Connection::write_client() {
  bool moved = false;
  while (!down_.empty()) {
    if (client_dead_) {
      down_.drop();
      return true;
    }
    const ssize_t n = ::tls_write(tls_.get(), down_.waiting().data(), down_.waiting().size());
    if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT) {
      write_wants_ = n == TLS_WANT_POLLIN ? Watch::kRead : Watch::kWrite;
      return moved;
    }
    if (n < 0) {
      client_dead_ = client_ended_ = true;
      return true;
    }
    bytes_out_ += static_cast<uint64_t>(n);
    down_.take(static_cast<size_t>(n));
    moved = true;
  }
  return moved;
}

void Connection::close_tls() {
  if (client_dead_) return end();
  const int rc = ::tls_close(tls_.get());
  if (rc == TLS_WANT_POLLIN || rc == TLS_WANT_POLLOUT) {
    write_wants_ = rc == TLS_WANT_POLLIN ? Watch::kRead : Watch::kWrite;
    return;
  }
  if (rc != 0 || ::shutdown(client_.get(), SHUT_WR) != 0) return end();
  state_ = State::kLingering;
  timer_.set(kLingerTimeout);
}

void Connection::linger() {
  std::array<char, kChunk> chunk;
  for (int round = 0; round < kRounds; round++) {
    const ssize_t n = ::recv(client_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return end();
  }
}

void Connection::on_timeout() {
  if (state_ == State::kHandshake)
    return fail("no handshake within " + std::to_string(kHandshakeTimeout.count()) + " s");
  end();
}

void Connection::fail(const std::string& why) {
  state_ = State::kEnded;
  timer_.cancel();
  update_watches();
  loop_.defer([alive = alive_, call = callbacks_, why] {
    if (*alive && call->failed) call->failed(why);
  });
}

void Connection::end() {
  if (state_ == State::kEnded) return;
  state_ = State::kEnded;
  timer_.cancel();
  update_watches();
  loop_.defer([alive = alive_, call = callbacks_] {
    if (*alive && call->ended) call->ended();
  });
}

void Connection::update_watches() {
  unsigned client = Watch::kNone;
  unsigned plain = Watch::kNone;
  switch (state_) {
    case State::kHandshake: client = read_wants_; break;
    case State::kOpen:
      if (!client_ended_ && up_.room() >= kChunk) client |= read_wants_;
      if (!down_.empty()) client |= write_wants_;
      if (!plain_ended_ && down_.room() >= kChunk) plain |= Watch::kRead;
      if (!up_.empty()) plain |= Watch::kWrite;
      break;
    case State::kClosing: client = write_wants_; break;
    case State::kLingering: client = Watch::kRead; break;
    case State::kEnded: break;
  }
  client_watch_.want(client);
  plain_watch_.want(plain);
}

}  // namespace mailkeep::tls
