// One SMTP, submission or LMTP connection (RFC 5321, RFC 6409, RFC 2033): lines in, replies out, at most one
// transaction.
//
//   local: auth says who is at the other end of the socket, then the greeting; from then on as a submission
//   submission: a handshake, then AUTH (RFC 4954), before any transaction; its header waits for lookup's word on the senders
//   command phase → RCPTs may wait for lookup (replies stay in order) → DATA: content → Enqueue → wait for the queue
// What a client pipelines behind something that waits stays in the stream (RFC 2920). Any failure of a transaction
// destroys the Transaction object; nothing in it is reset field by field. Owned by Server's table; answers from other
// processes come by the session's id.
// SPDX-License-Identifier: ISC
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/conf/config.h"
#include "lib/event/stream.h"
#include "lib/receive/chunk_reader.h"
#include "lib/receive/content.h"
#include "lib/receive/data_reader.h"
#include "lib/receive/extensions.h"
#include "lib/sasl/exchange.h"
#include "lib/smtp/command.h"
#include "queue/messages.h"
#include "smtpd/auth/messages.h"
#include "smtpd/listen/messages.h"
#include "smtpd/lookup/messages.h"
#include "smtpd/tls/messages.h"

namespace mailkeep::receive {

class Server;
struct Xclient;

struct Transaction {
  uint64_t message = 0;  // id: seconds << 32 | random
  std::string sender;    // without brackets; empty: <>
  queue::MailOptions options;
  std::vector<queue::Recipient> recipients;  // accepted
  Content content;
  std::optional<DataReader> reader;   // of DATA, from 354 on
  std::optional<ChunkReader> chunks;  // of BDAT, from the first chunk on
  bool header_is_done = true;         // of a submission: false until it is whole and completed
  size_t header_start = 0;            // of a submission: behind our Received field
  size_t header_size = 0;
  std::vector<std::string> authors;  // of a submission: what lookup was asked about
  size_t header_seen = 0;            // of the content, when looking for the header's end
  bool spool_asked = false;
  bool is_binary = false;  // RFC 3030: BDAT alone carries it, and what goes to the queue is text
  bool ended = false;      // the end of data has been seen
  bool is_junk = false;    // a filter says so
  bool is_chunk = false;   // what is answered is a chunk, not the message: one reply, in LMTP too
  int trouble = 0;         // 0, or the reply code that the end of data gets, with the next two
  std::string trouble_enhanced;
  std::string trouble_text;

  bool has_content() const { return reader || chunks; }
  DataReader::Fault fault() const {
    return reader ? reader->fault() : chunks ? chunks->fault() : DataReader::Fault::kNone;
  }
  uint64_t size() const { return reader ? reader->size() : chunks ? chunks->size() : 0; }
};

// Who has logged in: what auth gave, to present to the queue.
struct Login {
  std::string account;  // may be empty for a local user
  std::string user;     // of a local submission, the system user
  std::string address;  // of a local submission, what it sends as unless it says otherwise
  std::string origin;   // of a local submission, the domain of names without one
  bool any_sender = false;
  uint64_t ticket_high = 0;
  uint64_t ticket_low = 0;
  Micros since{0};
  bool is_lost = false;  // the queue that knew the ticket is gone
};

class Session {
 public:
  struct Peer {
    std::string address;       // "192.0.2.1", "2001:db8::1" or "local"
    std::string literal;       // "[192.0.2.1]", "[IPv6:2001:db8::1]" or "local"
    bool is_ours = false;      // local, or loopback
    bool is_trusted = false;   // named so, by the listener
    bool may_xclient = false;  // of the connection itself, whoever it speaks for
    std::string user;          // of a local socket: "uid 1000"
  };

  Session(Server& server, uint64_t id, const smtpd::Listener& listener, Peer peer, Fd connection);
  ~Session();
  void start();                                                   // the greeting, or the handshake before it
  void refuse(std::string_view enhanced, std::string_view text);  // 421, then the connection ends

  // Answers from other processes.
  void on_verdict(lookup::RcptVerdict&& m);
  void on_phase_verdict(lookup::PhaseVerdict&& m);
  void on_sender_verdict(lookup::SenderVerdict&& m);
  void on_client_name(lookup::ClientName&& m);
  void on_checked(auth::Checked&& m);
  void on_identified(auth::Identified&& m);
  void on_auth_down();
  void on_enqueued(queue::Enqueued&& m);
  void on_spool_file(queue::SpoolFile&& m);
  void on_established(tls::Established&& m);
  void on_tls_failed(const std::string& text);
  void on_lookup_down();
  void on_queue_down();
  // The process ends: 421 now, or after the queue's answer if a message is with it.
  void shut_down();
  void on_alarm();
  void tick(Micros now, Micros idle_limit);

  bool is_over() const { return over_; }
  bool waits_for_queue() const { return !over_ && waiting_ == Waiting::kQueue; }
  uint64_t id() const { return id_; }
  uint32_t listener() const { return listener_; }
  bool is_local() const { return protocol_ == smtpd::Protocol::kLocal; }
  const std::string& source() const { return peer_.address; }
  const std::string& user() const { return peer_.user; }
  // Whether it may have to go when others find no room, and since when it has done nothing.
  bool is_idle() const { return !over_ && waiting_ != Waiting::kQueue && !login_ && !peer_.is_trusted; }
  Micros last_progress() const { return last_; }

 private:
  enum class Waiting : uint8_t {
    kNothing,
    kSpoolFile,
    kQueue,
    kTls,
    kAuth,
    kSender,
    kGreeting,
    kTarpit,
    kName,
    kFilter
  };
  struct PendingRcpt {
    uint32_t query = 0;
    queue::Recipient recipient;
    std::string reply;  // empty: no verdict yet
    bool accepted = false;
    bool is_error = false;  // counts towards kMaxErrors
    bool disconnects = false;
  };

  // BDAT under way (RFC 3030).
  struct Chunk {
    uint64_t left = 0;
    bool is_last = false;
    std::optional<Refusal> refusal;  // its octets are read, and then this is the answer
    bool is_finished = false;
  };

  void attach(Fd connection);
  void greet();
  void welcome();  // asks the filters, then greets
  void greet_too_late();
  bool pauses_greeting() const;
  bool is_limited() const { return !peer_.is_ours && !peer_.is_trusted && !is_lmtp(); }
  void send(std::string_view text);
  void count_error();
  void ask_client_name();
  bool needs_client_name(std::string_view line) const;
  bool hand_to_tls();
  size_t max_line(std::string_view in) const;
  // `answered`: not because the client has sent something, which alone is no progress.
  void work(bool answered = true);
  void note_progress();
  bool next_line(std::string_view& line, size_t& taken);
  void on_line(std::string_view line);
  void run(const smtp::Command& command);
  bool may_start(smtp::Verb verb);
  bool may_submit(smtp::Verb verb);
  void reply(int code, std::string_view enhanced, std::string_view text);
  // RCPT's: behind the replies of the RCPTs that still wait for their verdict.
  void reply_in_order(int code, std::string_view enhanced, std::string_view text);
  void too_many_errors();
  void bad(int code, std::string_view enhanced, std::string_view text);  // counts towards kMaxErrors
  void end();
  void flush_verdicts();
  void reset();
  bool is_lmtp() const { return protocol_ == smtpd::Protocol::kLmtp; }
  bool is_implicit_tls() const { return protocol_ == smtpd::Protocol::kSubmissions; }
  bool is_submission() const { return protocol_ == smtpd::Protocol::kSubmission || is_implicit_tls() || is_local(); }
  bool offers_tls() const;

  // commands.cc
  void cmd_helo(const smtp::Command& c);
  void cmd_ehlo(const smtp::Command& c);
  void cmd_mail(const smtp::Command& c);
  void cmd_rcpt(const smtp::Command& c);
  void cmd_data(const smtp::Command& c);
  void cmd_rset(const smtp::Command& c);
  void cmd_vrfy(const smtp::Command& c);
  void cmd_help(const smtp::Command& c);
  void cmd_starttls(const smtp::Command& c);
  void say_hello();
  void accept_sender();
  void begin_data();
  Terms terms() const;
  lookup::SessionFacts facts() const;

  // front_end.cc
  void cmd_xclient(const smtp::Command& c);
  void note_front_end(const Xclient& args) const;
  bool speak_for(const std::string& address, bool asks_name);
  void believe(const Xclient& args);
  void start_anew();
  // Of the client, which need not be what the front end says of itself.
  const std::string& client_helo() const { return named_helo_ ? *named_helo_ : helo_; }
  bool client_is_extended() const { return named_extended_.value_or(extended_); }

  // filters.cc
  bool ask_filters(conf::Phase phase);
  void send_phase();
  void go_on_after(conf::Phase phase);
  void refuse_in(conf::Phase phase, const lookup::Filtered& f);
  static std::string filter_rule(const lookup::Filtered& f);
  void note_filtered(std::string_view phase, const lookup::Filtered& f) const;
  bool is_junk() const { return connect_is_junk_ || hello_is_junk_ || transaction_->is_junk; }

  // auth.cc
  void cmd_auth(const smtp::Command& c);
  void take_step(sasl::Exchange::Step step);
  void ask_auth();
  void denied();

  // local.cc
  void ask_who();
  std::string who() const { return is_local() && login_ ? login_->user : ""; }
  bool mark_sender(const std::string& text);

  // submission.cc
  void ask_senders(std::vector<std::string> addresses);
  bool take_header();
  bool login_counts();
  void rewrite_senders(const std::vector<std::string>& as);

  // bdat.cc
  void cmd_bdat(const smtp::Command& c);
  void begin_chunk();
  std::optional<Refusal> refuse_chunk() const;
  bool take_chunk();
  void end_chunk();

  // data.cc
  void begin_content();
  bool is_at_end() const;
  void note_fault();
  void keep_content();
  std::string received_field() const;
  std::string with_protocol() const;
  bool take_content();
  void go_on_with_content();
  void check_loop();
  void need_spool_file();
  void finish_data();
  void submit();
  void hand_over();
  void answer_data(int code, std::string_view enhanced, std::string_view text);
  void set_trouble(int code, std::string_view enhanced, std::string_view text);
  // Tells the queue for `trace`: of a sender, of recipients or of a message that is not taken.
  void note_refusal(queue::Judge by, std::string sender, std::vector<std::string> recipients, const Refusal& why,
                    std::string rule = {});
  std::vector<std::string> recipients_named() const;
  std::string tls_text() const;
  queue::Judge itself() const;
  void refuse_data();

  Server& server_;
  uint64_t id_;
  uint32_t listener_;
  smtpd::Protocol protocol_;
  std::vector<std::string> pki_;
  std::string tag_;
  Peer peer_;
  lookup::NameState name_state_ = lookup::NameState::kUnasked;
  bool name_asked_ = false;                   // and not answered
  std::string client_name_;                   // lower case, when kConfirmed
  uint16_t phases_;                           // in which the listener has filters, bits
  conf::Phase phase_ = conf::Phase::connect;  // while kFilter
  uint32_t phase_query_ = 0;                  // 0: not asked yet, the client's name comes first
  bool connect_is_junk_ = false;
  bool hello_is_junk_ = false;
  std::unique_ptr<event::Stream> stream_;
  std::string helo_;
  bool extended_ = false;                  // EHLO or LHLO
  std::optional<std::string> named_helo_;  // by a front end
  std::optional<bool> named_extended_;
  std::optional<tls::Established> tls_;
  std::unique_ptr<sasl::Exchange> exchange_;  // AUTH under way
  std::optional<Login> login_;
  unsigned failed_logins_ = 0;
  std::unique_ptr<Transaction> transaction_;
  std::optional<Chunk> chunk_;
  uint64_t chunk_begins_at_ = 0;
  std::deque<PendingRcpt> verdicts_;
  uint32_t next_query_ = 1;
  Waiting waiting_ = Waiting::kNothing;
  unsigned errors_ = 0;
  unsigned messages_ = 0;
  uint64_t recipients_ = 0;
  uint64_t heard_ = 0;  // bytes since the last progress
  std::string held_;    // replies that wait for the end of kTarpit
  bool skipping_line_ = false;
  bool over_ = false;
  bool working_ = false;
  bool shutting_down_ = false;
  Micros last_;
};

}  // namespace mailkeep::receive
