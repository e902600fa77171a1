// One client's session of SMTP (RFC 5321) or LMTP (RFC 2033) as a pure machine: a server's bytes in, commands out. No
// socket, no clock.
//
//   greeting ─▶ EHLO ─▶ [STARTTLS ─▶ EHLO] ─▶ [AUTH] ─▶ ready ◀──────────────────────────────┐
//                 └─ refused ─▶ HELO ───────────────────▶ │ begin()                          │ done
//                                          [RSET] MAIL RCPT… DATA ─▶ content ─▶ final reply ─┤
//                                          one write where the server takes pipelines (RFC 2920)
//                                          [RSET] MAIL RCPT… ─▶ BDAT … LAST, content ─▶ final reply ─┘ where it takes chunks
//
// LMTP says LHLO, which has no HELO to fall back on, and has a final reply for each recipient that was accepted, in
// their order. After kFailed the connection is of no use; what then holds of a transaction is in results() and
// undecided(). Run by relay. Trusts nothing of the server; what it may send before it is waited for is an error.
// SPDX-License-Identifier: ISC
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/smtp/reply_reader.h"
#include "smtpd/relay/content.h"
#include "smtpd/relay/messages.h"
#include "smtpd/relay/offers.h"

namespace mailkeep::relay {

using smtp::Reply;
using smtp::ReplyReader;

// RFC 5321 4.5.3.2.
constexpr Seconds kGreetingPatience(300);
constexpr Seconds kCommandPatience(300);
constexpr Seconds kDataPatience(120);
constexpr Seconds kBlockPatience(180);
constexpr Seconds kFinalPatience(600);

struct Failure {
  std::string enhanced = "4.4.2";
  std::string text;
  uint16_t code = 0;   // of the reply that said so; 0: none did
  bool final = false;  // for this message: this host will never do
};

class Dialog {
 public:
  struct Settings {
    std::string helo = {};
    bool lmtp = false;
    Tls tls = Tls::kMay;
    std::string tls_reason = {};  // who asks for that, and why
    bool encrypted = false;       // from the first byte
    bool tls_failed = false;      // a handshake with this host has failed: kMay goes on without
    bool loopback = false;        // no wire between: a password may go without TLS
    std::string user = {};        // empty: no AUTH
    std::string password = {};
  };
  // kStartTls: hand the connection over, then tls_up(). kReady: begin() may be called. kDone: results() are all there,
  // and begin() may be called again if is_reusable().
  enum class Step { kWait, kStartTls, kReady, kDone, kFailed };

  explicit Dialog(Settings settings) : settings_(std::move(settings)), encrypted_(settings_.encrypted) {}

  // Takes replies from the front of `input` until something comes of it.
  Step advance(std::string_view& input);
  void tls_up();
  // A transaction. kDone at once: this server cannot take this message.
  Step begin(const Transfer& transfer, const Survey& survey);
  // While the server waits for it: the next part of the content, the last time with the final dot.
  bool wants_content() const { return state_ == State::kContent; }
  Step send_content();
  Step fail(Failure failure);
  Step hung_up();
  Step timed_out();
  void quit();

  std::string take_output() { return std::exchange(out_, {}); }
  Seconds patience() const;
  bool is_reusable() const { return state_ == State::kReady && !closing_; }
  bool is_ready() const { return state_ == State::kReady; }
  bool is_encrypted() const { return encrypted_; }
  // In a transaction, the final dot gone and no answer yet: the server may have taken the message.
  bool is_undecided() const { return undecided_; }
  bool tls_failed() const { return tls_failed_; }  // what followed the answer to STARTTLS was no TLS
  bool awaits_final() const { return state_ == State::kFinal; }
  const Failure& failure() const { return failure_; }
  const Offers& offers() const { return offers_; }
  // By the transfer's recipients; nothing where none is known.
  const std::vector<std::optional<Result>>& results() const { return results_; }

 private:
  enum class State {
    kGreeting,
    kEhlo,
    kHelo,
    kStartTls,
    kTls,
    kAuth,
    kAuthUser,
    kAuthPassword,
    kReady,
    kEnvelope,
    kContent,
    kFinal,
    kEmpty,
    kQuit,
    kFailed
  };
  enum class Verb { kRset, kMail, kRcpt, kData };
  struct Command {
    Verb verb;
    size_t recipient;
    std::string line;
  };

  Step on_reply(const Reply& reply);
  Step greeting(const Reply& reply);
  Step hello(const Reply& reply);
  void say_hello();
  Step secure();
  Step authenticate();
  Step auth_reply(const Reply& reply);
  Step envelope_reply(const Reply& reply);
  Step send_chunk();
  Step data_reply(const Reply& reply);
  Step final_reply(const Reply& reply);
  Step next_final_reply(const Reply& reply);
  Step ready();
  Step refuse(const std::string& what, const Reply& reply);
  std::optional<Result> objection(const Transfer& transfer, const Survey& survey) const;
  std::string mail_line(const Transfer& transfer, const Survey& survey) const;
  std::string rcpt_line(const queue::Recipient& recipient) const;
  void send(std::string line);
  void send_commands();
  void decide(size_t recipient, const Reply& reply);
  void decide_accepted(const Reply& reply);
  std::string_view awaited() const;

  Settings settings_;
  bool encrypted_;
  State state_ = State::kGreeting;
  ReplyReader reader_;
  Offers offers_;
  std::string out_;
  Failure failure_;
  bool extended_ = true;      // EHLO was taken
  bool closing_ = false;      // 421, or an answer before its time: no further transaction
  bool needs_reset_ = false;  // the last one was left open
  bool authenticated_ = false;
  // of the transaction
  std::deque<Command> commands_;  // not yet sent
  std::deque<Command> expected_;  // sent, not yet answered
  std::vector<uint32_t> numbers_;
  std::vector<std::optional<Result>> results_;
  std::vector<size_t> accepted_;
  size_t answered_ = 0;  // of them, with LMTP
  bool mail_taken_ = false;
  bool undecided_ = false;
  bool tls_failed_ = false;
  Content content_;
  std::optional<uint64_t> chunk_;  // sent by BDAT, with so many octets
  std::optional<mime::SevenBit::Plan>
      seven_bit_;  // the message has 8-bit parts that this server does not take as they are
};

}  // namespace mailkeep::relay
