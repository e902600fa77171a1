// The engine of an IMAP session: what may run now, in which order, and how a command ends.
//
//        feed            reader            clean?           step()            durable?
//   input ──▶ waiting ──▶ command ──▶ pending_ ──▶ on(…) ──┬─▶ work_ ──▶ … ──┬─▶ complete()
//                                                          └─▶ waiting_ ─────┘
//
// Run by `user`; trusts nothing that the client sends.
// SPDX-License-Identifier: ISC
#include "imapd/session/session.h"

#include <cerrno>
#include <type_traits>
#include <utility>

#include "lib/imap/capability.h"
#include "lib/imap/writer.h"

namespace mailkeep::imapd {
namespace {

constexpr int kStepsARun = 200;  // pieces of work in one turn of the event loop

template <class T, class... Among>
constexpr bool kIsOneOf = (std::is_same_v<T, Among> || ...);

template <class T>
constexpr bool kNeedsSelected = kIsOneOf<T, imap::Check, imap::Close, imap::Unselect, imap::Expunge, imap::Search,
                                         imap::Fetch, imap::Store, imap::Copy>;
// Commands that change the store and show nothing of it before their sync.
template <class T>
constexpr bool kChanges = kIsOneOf<T, imap::Select, imap::Create, imap::Delete, imap::Rename, imap::Subscribe,
                                   imap::Append, imap::Close, imap::Expunge, imap::Store, imap::Copy>;

std::string_view error_code(int code) {
  switch (code) {
    case ENOENT: return "[NONEXISTENT] ";
    case EEXIST: return "[ALREADYEXISTS] ";
    case EINVAL:
    case EPERM: return "[CANNOT] ";
    case EMFILE: return "[LIMIT] ";
    case EFBIG: return "[TOOBIG] ";
    case EDQUOT: return "[OVERQUOTA] ";
    case ENOSPC: return "[UNAVAILABLE] Disk full: ";
    default: return "[UNAVAILABLE] ";
  }
}

}  // namespace

Session::Session(store::Store& store, SessionOptions options, Micros now)
    : store_(store), options_(std::move(options)), last_input_(now) {
  store_.add_observer(this);
  out_ = options_.login_tag + " OK [CAPABILITY " + std::string(imap::kCapability) + "] Logged in\r\n";
}

Session::~Session() { store_.remove_observer(this); }

std::string Session::take_output() { return std::exchange(out_, std::string()); }

void Session::feed(std::string_view bytes, Micros now) {
  last_input_ = now;
  if (!is_finished_) input_.append(bytes);
}

void Session::tick(Micros now) {
  if (!is_finished_ && now - last_input_ >= options_.idle_timeout) bye("Autologout: no command for too long");
}

void Session::bye(std::string_view text) {
  if (is_finished_) return;
  line("BYE " + std::string(text));
  is_finished_ = true;
  work_.reset();
  waiting_.reset();
  view_.reset();
}

bool Session::wants_input() const {
  return !is_finished_ && input_.size() < kMaxWaitingInput && out_.size() < kHighWater;
}

bool Session::wants_sync() const {
  if (is_finished_) return false;
  return waiting_.has_value() || (is_dirty() && (pending_ || work_ || (is_idle_ && view_ && view_->has_news())));
}

bool Session::wants_run() const {
  if (is_finished_ || waiting_) return false;
  if (wants_claim_) return true;
  if (out_.size() >= kHighWater) return false;
  if (work_ || pending_) return !is_dirty();
  if (may_announce_idle()) return true;
  return !input_.empty();
}

bool Session::run() {
  work_done_ = 0;
  if (wants_claim_ && !only_reads_ && !is_finished_ && !waiting_) claim_recent();
  for (int i = 0; i < kStepsARun && !is_finished_; ++i) {
    if (step() != Blocked::no) return false;
    if (work_done_ >= kWorkARun) return true;
  }
  return false;
}

void Session::on_durable() {
  only_reads_ = true;
  run();
  only_reads_ = false;
}

// A write failed. The number that it waits for will be another change's: waiting on would end in an OK for what is not
// there.
void Session::on_taken_back(store::Seq last, const Error& cause) {
  quiet_seq_ = 0;
  if (!waiting_ || waiting_->seq <= last) return;
  const auto failed = std::move(waiting_->failed);
  waiting_.reset();
  if (failed)
    failed(cause);
  else
    no(cause);
}

Session::Blocked Session::step() {
  if (waiting_) {
    if (store_.durable_seq() < waiting_->seq || is_dirty()) return Blocked::on_sync;
    const auto then = std::move(waiting_->then);
    waiting_.reset();
    then();
    return Blocked::no;
  }
  if (out_.size() >= kHighWater) return Blocked::on_output;
  if (work_) {
    if (is_dirty()) return Blocked::on_sync;
    if (only_reads_) return Blocked::on_turn;
    if (work_->step()) work_.reset();
    return Blocked::no;
  }
  if (pending_) {
    const bool changes = std::visit([](const auto& c) { return kChanges<std::decay_t<decltype(c)>>; }, *pending_);
    if (changes ? only_reads_ : is_dirty()) return Blocked::on_sync;
    imap::Command command = std::move(*pending_);
    pending_.reset();
    std::visit([this](auto& c) { dispatch(std::move(c)); }, command);
    return Blocked::no;
  }
  if (may_announce_idle()) announce(true);
  return read_input();
}

Session::Blocked Session::read_input() {
  using Event = imap::CommandReader::Event;
  std::string_view rest = input_;
  const Event event = reader_.next(rest);
  Blocked blocked = Blocked::no;
  switch (event) {
    case Event::kNone: blocked = Blocked::on_input; break;
    case Event::kGoAhead: out_ += "+ OK\r\n"; break;
    case Event::kCommand:
    case Event::kAppend: blocked = start_command(reader_.command()); break;
    case Event::kData:
      if (append_) append_data_.append(reader_.data());
      break;
    case Event::kAppendEnd: finish_append(); break;
    case Event::kLine: end_idle(reader_.command()); break;
    case Event::kRefused:
      if (is_idle_) {
        end_idle({});
        break;
      }
      // Also ends an APPEND whose line goes on behind the message.
      append_.reset();
      append_data_ = std::string();
      is_running_ = false;
      out_ += reader_.refusal();
      if (++bad_commands_ >= kMaxBadCommands) bye("Too many bad commands");
      break;
  }
  input_.erase(0, input_.size() - rest.size());
  return blocked;
}

Session::Blocked Session::start_command(std::string_view text) {
  tag_ = imap::command_tag(text);
  is_running_ = true;
  may_expunge_ = true;
  auto command = imap::parse_command(text);
  if (!command) {
    may_expunge_ = false;  // it may have been meant to be a FETCH
    bad(command.error().text);
    return Blocked::no;
  }
  pending_ = std::move(*command);
  return Blocked::no;
}

template <class T>
void Session::dispatch(T command) {
  if constexpr (kNeedsSelected<T>) {
    if (!view_) return bad("Select a mailbox first");
  }
  on(std::move(command));
}

void Session::after_sync(store::Seq seq, std::function<void()> then, std::function<void(const Error&)> failed) {
  waiting_ = Waiting{seq, std::move(then), std::move(failed)};
}

// --- answers -----------------------------------------------------------------------------------------

void Session::line(std::string_view text) {
  out_ += "* ";
  out_ += text;
  out_ += "\r\n";
}

void Session::no(const Error& error) {
  if (options_.report && error.code != ENOENT && error.code != EEXIST && error.code != EINVAL && error.code != EPERM)
    options_.report("command failed: " + error.text);
  no(std::string(error_code(error.code)) + error.text);
}

// Ends the running command: the news that may be told now, then the tagged line. Never before what led to it is
// durable.
void Session::complete(std::string_view status, std::string_view text) {
  if (is_dirty()) {
    auto again = [this, status = std::string(status), text = std::string(text)] { complete(status, text); };
    return after_sync(store_.last_seq(), again, [again](const Error&) { again(); });
  }
  if (view_) announce(may_expunge_);
  out_ += tag_;
  out_ += ' ';
  out_ += status;
  imap::write_text(out_, text);
  out_ += "\r\n";
  is_running_ = false;
  bad_commands_ = status == "BAD " ? bad_commands_ + 1 : 0;
  if (bad_commands_ >= kMaxBadCommands) bye("Too many bad commands");
}

}  // namespace mailkeep::imapd
