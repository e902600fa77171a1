// Session: one IMAP client after login (RFC 3501 3.2 to 3.4), over the account's Store. No sockets here: bytes in by
// feed(), bytes out by take_output().
//
// The store's rule (lib/store/store.h) is kept like this:
//   - a command that reads starts only while the store is clean (all that it holds is durable), so what it shows is;
//   - a command that changes something may start at any time, shows nothing, and waits for the sync that covers its change;
//     then it answers. What the client has sent meanwhile waits behind it.
// The owner, the event loop of `user`, does this in each turn:
//     session.feed(…) and session.run() for all that have something to do
//     if any session.wants_sync(): store.sync();  then on_durable() of every session
//     take_output() of each whose stream has room
//     input is read while wants_input(); run() is called again while wants_run()
// Several sessions share a store. The numbers of messages are each session's own (View).
// Run by `user`; trusts nothing that the client sends.
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "imapd/session/view.h"
#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/imap/command.h"
#include "lib/imap/reader.h"
#include "lib/mime/structure.h"
#include "lib/store/store.h"

namespace mailkeep::imapd {

constexpr size_t kHighWater = 256 * 1024;        // of output that waits: no command goes on above it
constexpr size_t kMaxWaitingInput = 128 * 1024;  // of input that waits behind a running command
constexpr size_t kWorkARun = 256 * 1024;         // bytes of messages read in one run(): a few milliseconds
constexpr Seconds kIdleTimeout{30 * 60};         // RFC 3501 5.4: at least 30 minutes; where nothing else is said
constexpr unsigned kMaxBadCommands = 100;        // in a row, then BYE

struct SessionOptions {
  std::string login_tag;                           // of the LOGIN or AUTHENTICATE that is still to be answered
  uint64_t max_message = 50U << 20;                // of an APPEND
  Seconds idle_timeout = kIdleTimeout;             // without a byte from the client
  std::function<void(const std::string&)> report;  // told of the store's errors, for the log
};

class Session : public store::Observer {
 public:
  // Answers the login. `store` outlives the session.
  Session(store::Store& store, SessionOptions options, Micros now);
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void feed(std::string_view bytes, Micros now);
  // Does what can be done now, in one bounded slice. True: it has had its share, others first.
  bool run();
  // The store has synced. Answers what waited for that; starts nothing that changes the store and no long work.
  void on_durable();
  // Ends the session when the client has been silent for too long.
  void tick(Micros now);

  bool wants_sync() const;
  bool wants_run() const;
  bool wants_input() const;
  // Nothing more will come: send what is left and close.
  bool is_finished() const { return is_finished_; }
  // In the middle of a command, IDLE aside: the store's upkeep must wait.
  bool is_working() const { return !is_finished_ && (work_ || pending_ || waiting_); }
  bool has_output() const { return !out_.empty(); }
  std::string take_output();
  // Ends it from outside (shutdown): "* BYE" text.
  void bye(std::string_view text);
  // Name of the selected mailbox's id, 0 when none: whether a delivery concerns this session.
  store::MailboxId selected() const { return view_ ? view_->id : 0; }

 private:
  friend class FetchWork;
  friend class SearchWork;

  // A command that runs in slices. step() does one piece; true when it has answered.
  class Work {
   public:
    virtual ~Work() = default;
    virtual bool step() = 0;
  };
  enum class Blocked { no, on_sync, on_input, on_output, on_turn };

  // store::Observer
  void on_durable(store::Seq durable, std::span<const store::Change> changes) override;
  void on_taken_back(store::Seq last, const Error& cause) override;

  // --- the engine: session.cc ---
  Blocked step();
  Blocked read_input();
  Blocked start_command(std::string_view text);
  template <class T>
  void dispatch(T command);
  bool is_dirty() const { return store_.last_seq() > store_.durable_seq(); }
  // Runs `then` when `seq` is durable; when it is taken back, `failed`, or else a NO.
  void after_sync(store::Seq seq, std::function<void()> then, std::function<void(const Error&)> failed = {});

  // --- answers: session.cc ---
  void line(std::string_view text);  // untagged: "* " text
  void ok(std::string_view text) { complete("OK ", text); }
  void no(std::string_view text) { complete("NO ", text); }
  void bad(std::string_view text) { complete("BAD ", text); }
  void no(const Error& error);  // of the store, with RFC 5530's code
  void complete(std::string_view status, std::string_view text);

  // --- what changed: updates.cc ---
  void announce(bool may_expunge);
  bool may_announce_idle() const;
  void announce_expunged();
  void announce_added();
  void announce_flags();
  void write_flags(const store::Mailbox& mailbox, const store::Message& message);
  void write_flags_response(const store::Mailbox& mailbox);
  void claim_recent();
  void quiet(store::Seq seq) { quiet_seq_ = seq; }

  // --- commands, a file each ---
  void on(imap::Capability);
  void on(imap::Noop);
  void on(imap::Logout);
  void on(imap::Id);
  void on(imap::Starttls);
  void on(imap::Authenticate);
  void on(imap::Login);
  void on(imap::Enable);
  void on(imap::Select);
  void on(imap::Create);
  void on(imap::Delete);
  void on(imap::Rename);
  void on(imap::Subscribe);
  void on(imap::List);
  void on(imap::Lsub);
  void on(imap::StatusCommand);
  void on(imap::Append);
  void on(imap::Idle);
  void on(imap::Namespace);
  void on(imap::Check);
  void on(imap::Close);
  void on(imap::Unselect);
  void on(imap::Expunge);
  void on(imap::Search);
  void on(imap::Fetch);
  void on(imap::Store);
  void on(imap::Copy);

  void show_selected(store::MailboxId id, bool examine, store::Uid recent_from);
  void finish_append();
  void end_idle(std::string_view text);
  // The selected mailbox in the store; nullptr when it was deleted.
  const store::Mailbox* mailbox() const { return store_.mailbox(view_->id); }
  // A selectable mailbox by its name as sent. Answers NO, with `code` when it does not exist, and gives nullptr.
  const store::Mailbox* find_selectable(const std::string& name, std::string_view code);
  // A name as sent in UTF-8. Answers NO and gives nothing when it is none.
  std::optional<std::string> decode_name(const std::string& name);
  // The uids of a command's set. Answers BAD and gives nothing when it names messages that do not exist.
  std::optional<std::vector<store::Uid>> select_uids(const imap::SequenceSet& set, bool by_uid);
  // Some of `uids` are gone from the store (another session expunged them).
  bool lacks_any(const std::vector<store::Uid>& uids) const;
  // False, with a NO, when the mailbox is open read-only.
  bool may_write();

  store::Store& store_;
  SessionOptions options_;
  imap::CommandReader reader_;
  std::string input_;
  std::string out_;
  Micros last_input_;
  bool is_finished_ = false;
  bool only_reads_ = false;  // inside on_durable()
  size_t work_done_ = 0;     // bytes of messages read in this run()
  unsigned bad_commands_ = 0;

  // The command that runs, if any.
  bool is_running_ = false;
  std::string tag_;
  bool may_expunge_ = true;               // EXPUNGE responses may come before its end
  std::optional<imap::Command> pending_;  // parsed, waits for a clean store
  std::unique_ptr<Work> work_;
  // The structure of the message that was last asked for by parts: clients ask again and again, for pieces of one part.
  struct Parsed {
    store::ObjectId object = 0;
    mime::Part root;
  };
  Parsed parsed_;
  bool is_idle_ = false;
  struct Waiting {
    store::Seq seq;
    std::function<void()> then;
    std::function<void(const Error&)> failed;
  };
  std::optional<Waiting> waiting_;
  bool wants_claim_ = false;  // claim_recent() is due
  store::Seq quiet_seq_ = 0;  // this record's flag changes are told by the command itself
  std::optional<imap::Append> append_;
  store::MailboxId append_to_ = 0;
  std::string append_data_;

  std::optional<View> view_;
};

// As lib/store's bits.
uint8_t flag_bits(const imap::FlagList& flags);

}  // namespace mailkeep::imapd
