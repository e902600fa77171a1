// One TLS connection: the handshake of a server or a client (RFC 8446, RFC 5246), then bytes between the peer, which is
// called client here whichever it is, and a plaintext socket.
//
//   handshake ──▶ open ──(plain ends, all sent)──▶ closing ──(close_notify sent)──▶ lingering ──▶ ended
//       └──▶ failed
//
//   client ──tls_read──▶ up ──▶ plain            each buffer is bounded: a side is read only while
//   client ◀─tls_write── down ◀── plain          there is room for what it says
//
// A client that ends (close_notify or not) half-closes the plain side: the session still answers. Run by tls; trusts
// nothing of the client, and of the plain side nothing but that it is there.
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lib/base/fd.h"
#include "lib/event/loop.h"
#include "smtpd/tls/keys.h"

namespace mailkeep::tls {

constexpr size_t kBuffer = 32 * 1024;  // each way; a TLS record holds 16 KiB
constexpr Seconds kHandshakeTimeout{30};
constexpr Seconds kDrainTimeout{60};  // the session has ended: what it said last must leave within this time
constexpr Seconds kLingerTimeout{2};  // for the client to end too, so that its last bytes cause no reset

// Bytes on their way from one side to the other.
class Buffer {
 public:
  std::string_view waiting() const { return std::string_view(bytes_).substr(at_); }
  bool empty() const { return at_ == bytes_.size(); }
  size_t room() const { return kBuffer - std::min(kBuffer, bytes_.size() - at_); }
  void add(std::string_view more);
  void take(size_t n);
  void drop() { take(waiting().size()); }

 private:
  std::string bytes_;
  size_t at_ = 0;
};

class Connection {
 public:
  struct Handshake {
    std::string version;
    std::string cipher;
    std::string servername;
  };
  // Called from the loop. After failed() and ended() the owner destroys the connection, there or later.
  struct Callbacks {
    // After a client's handshake: whether the server may be talked to. Unset: it may. No failed() follows; end it
    // there.
    std::function<bool(::tls*)> accepts = {};
    std::function<void(const Handshake&)> established;
    std::function<void(const std::string& why)> failed;
    std::function<void()> ended;
  };

  Connection(event::Loop& loop, Context context, Fd client, Fd plain, Callbacks callbacks);
  // The client's side: `tls` is configured, and the handshake is with `servername`.
  Connection(event::Loop& loop, TlsHandle tls, const std::string& servername, Fd server, Fd plain, Callbacks callbacks);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int client() const { return client_.get(); }
  uint64_t bytes_in() const { return bytes_in_; }
  uint64_t bytes_out() const { return bytes_out_; }

 private:
  enum class State { kHandshake, kOpen, kClosing, kLingering, kEnded };

  Connection(event::Loop& loop, Fd client, Fd plain, Callbacks callbacks);
  void work();
  void shake();
  void pump();
  bool read_client();
  bool write_plain();
  bool read_plain();
  bool write_client();
  void close_tls();
  void linger();
  void on_timeout();
  void fail(const std::string& why);
  void end();
  void update_watches();

  event::Loop& loop_;
  Context context_;  // before tls_: it must outlive it
  Fd client_;
  Fd plain_;
  TlsHandle tls_;
  std::shared_ptr<Callbacks> callbacks_;  // shared: a callback may destroy the connection while it runs
  event::Watch client_watch_;
  event::Watch plain_watch_;
  event::Timer timer_;
  Buffer up_;
  Buffer down_;
  State state_ = State::kHandshake;
  unsigned read_wants_ = event::Watch::kRead;    // what the next tls_read or handshake waits for
  unsigned write_wants_ = event::Watch::kWrite;  // what the next tls_write waits for
  bool client_ended_ = false;                    // nothing more comes from it
  bool client_dead_ = false;                     // and nothing reaches it
  bool plain_ended_ = false;
  bool plain_shut_ = false;  // our half towards the session is closed
  uint64_t bytes_in_ = 0;
  uint64_t bytes_out_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace mailkeep::tls
