// The `user` process: see mailbox_process.h.
// SPDX-License-Identifier: ISC
#include "lmtpd/user/mailbox_process.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "lib/base/text.h"
#include "lib/log/log.h"
#include "lib/os/peer.h"

namespace mailkeep::user {

namespace {
constexpr Micros kSyncDelay = Millis(500);  // DESIGN section 4: durable within a second
constexpr Micros kIdleAfter = Seconds(1);   // without work: tell the parent, which decides
constexpr Micros kTick = Seconds(20);
constexpr Micros kUpkeepPause = Millis(50);
constexpr size_t kMaxInput = 64 * 1024;
constexpr size_t kMaxClients = 200;  // of one account
constexpr int kSlicesPerTurn = 8;
constexpr Micros kEndTimeout = Seconds(10);  // for the client to read its last words and to end too

imsg::Routes<MailboxProcess> routes() {
  imsg::Routes<MailboxProcess> r;
  r.add(imsg::Role::kParent, &MailboxProcess::on_config);
  r.add(imsg::Role::kParent, &MailboxProcess::on_attach);
  r.add(imsg::Role::kParent, &MailboxProcess::on_may_end);
  r.add(imsg::Role::kQueue, &MailboxProcess::on_deliver);
  return r;
}
}  // namespace

// One IMAP connection.
struct MailboxProcess::Client {
  uint64_t id = 0;
  std::string session_name;  // imapd's session, for the log
  std::string source;
  bool gone = false;                        // the connection has ended
  bool said_all = false;                    // the last words have left
  std::unique_ptr<event::Timer> end_timer;  // runs since the session is over
  std::unique_ptr<event::Stream> stream;
  std::unique_ptr<imapd::Session> session;
};

MailboxProcess::MailboxProcess(event::Loop& loop, std::unique_ptr<store::Store> store, std::string account)
    : loop_(loop),
      store_(std::move(store)),
      account_(std::move(account)),
      peers_(loop, *this, routes()),
      sync_timer_(loop, [this] { sync_now(); }),
      again_(loop, [this] { run_clients(); }),
      idle_timer_(loop, [this] { upkeep(); }),
      tick_timer_(loop, [this] {
        for (auto& [id, c] : clients_) c->session->tick(now_monotonic());
        tick_timer_.set(kTick);
      }) {
  told_durable_ = store_->durable_seq();
  store_->add_observer(this);
  loop_.at_turn_end(event::Loop::Stage::kCommit, [this] { commit_turn(); });
  idle_timer_.set(kIdleAfter);
  tick_timer_.set(kTick);
}

MailboxProcess::~MailboxProcess() = default;

void MailboxProcess::on_config(imsg::PeerId, Config&& m) { config_ = std::move(m); }

void MailboxProcess::on_peer_up(imsg::PeerId peer, const std::string&) {
  if (peer.role == imsg::Role::kQueue) queue_ = peer;
}

// The queue delivers again what was not durable when it or we went away.
void MailboxProcess::on_peer_down(imsg::PeerId peer) {
  if (queue_ == peer) queue_.reset();
}

bool MailboxProcess::is_busy() const { return !clients_.empty() || promised_ > told_durable_ || !delivered_.empty(); }

void MailboxProcess::on_deliver(imsg::PeerId from, Deliver&& m) {
  note_work();
  if (places_ && !m.action.empty()) {  // without places there are none but mailboxes
    if (forward(from, m)) return;
    if (!places_->is_mailbox(m.action)) return deliver_to_place(from, m);
  }
  auto outcome = deliver(*store_, m, config_.message_size);
  std::visit([](auto& o) { o.uid = ::getuid(); }, outcome);
  auto line = log::info("deliver");
  line.kv("msg", hex64(m.envelope.message)).kv("envelope", std::to_string(m.envelope.number)).kv("account", account_);
  line.kv("size", std::to_string(m.size));
  if (const auto* rejected = std::get_if<queue::Rejected>(&outcome)) {
    line.kv("result", rejected->temporary ? "deferred" : "rejected").kv("reason", rejected->text);
    peers_.send(from, *rejected);
    return;
  }
  const auto& stored = std::get<queue::Stored>(outcome);
  line.kv("result", stored.duplicate ? "known" : "stored").kv("seq", std::to_string(stored.sequence));
  delivered_.push_back(stored);
}

// True: the queue has been told whereto, or will ask the next process. Whatever is wrong with the file, the mail is
// kept here.
bool MailboxProcess::forward(imsg::PeerId from, const Deliver& m) {
  constexpr size_t kHead = 64 * 1024;
  const ForwardFile* file = places_->forward_of(m.action);
  const bool has_passed =
      std::any_of(m.via.begin(), m.via.end(), [&](const std::string& via) { return via.starts_with(account_ + " "); });
  if (file == nullptr || has_passed || m.via.size() >= queue::kMaxForwards) return false;
  const auto complain = [&](std::string_view event, const std::string& text) {
    log::warn(event)
        .kv("msg", hex64(m.envelope.message))
        .kv("envelope", m.envelope.number)
        .kv("account", account_)
        .kv("text", text);
  };
  const auto reading = file->read();
  if (reading.state == ForwardFile::State::kNone) return false;
  if (reading.state == ForwardFile::State::kChanged) {
    log::info("forward-changed").kv("account", account_).kv("text", reading.text);
    end(0);  // the next process may read it
  }
  if (reading.state == ForwardFile::State::kFailed) {
    peers_.send(from, rejection(m.envelope, Error(reading.text)));
    return true;
  }
  if (reading.state == ForwardFile::State::kRefused) return complain("forward-refused", reading.text), false;
  ForwardList list = parse_forward(reading.text, account_, m.recipient);
  for (const auto& entry : list.refused)
    complain("forward-refused",
             "'" + entry + "' is no address; commands and files are not run or written; kept in the mailbox");
  if (list.addresses.empty()) return false;
  const auto head = read_head(m, kHead);
  if (head && has_been_at(*head, m.recipient))
    return complain("forward-loop", "it has been forwarded from here before; kept in the mailbox"), false;
  queue::Forwarded out;
  out.envelope = m.envelope;
  out.addresses = std::move(list.addresses);
  out.keep = list.keep || !list.refused.empty();
  log::info("forward")
      .kv("msg", hex64(m.envelope.message))
      .kv("envelope", m.envelope.number)
      .kv("account", account_)
      .kv("addresses", out.addresses.size())
      .kv("kept", out.keep ? 1 : 0);
  peers_.send(from, out);
  return true;
}

// A Maildir or an mbox file: what is said to be stored is on the disk already.
void MailboxProcess::deliver_to_place(imsg::PeerId from, const Deliver& m) {
  const auto done = [&]() -> Result<bool> {
    auto text = read_message(m, config_.message_size);
    if (!text) return text.error();
    return places_->deliver(m, *text, config_.hostname);
  }();
  auto line = log::info("deliver");
  line.kv("msg", hex64(m.envelope.message)).kv("envelope", std::to_string(m.envelope.number)).kv("account", account_);
  line.kv("size", std::to_string(m.size)).kv("action", m.action);
  if (!done) {
    auto rejected = rejection(m.envelope, done.error());
    rejected.uid = ::getuid();
    line.kv("result", rejected.temporary ? "deferred" : "rejected").kv("reason", done.error().text);
    peers_.send(from, rejected);
    return;
  }
  line.kv("result", *done ? "known" : "stored");
  queue::Stored stored;
  stored.envelope = m.envelope;
  stored.sequence = told_durable_;
  stored.duplicate = *done;
  stored.uid = ::getuid();
  peers_.send(from, stored);
  queue::Durable durable;
  durable.sequence = told_durable_;
  peers_.send(from, durable);
}

void MailboxProcess::on_attach(imsg::PeerId, Attach&& m) {
  attached_++;
  note_work();
  if (!os::is_stream_socket(m.connection.get())) {
    log::error("session-refused")
        .kv("account", account_)
        .kv("session", hex64(m.session))
        .kv("text", "what came is no connection");
    return;
  }
  auto client = std::make_unique<Client>();
  Client& c = *client;
  c.id = next_client_++;
  c.session_name = hex64(m.session);
  c.source = m.source;
  if (!m.connection) {
    log::warn("session-refused").kv("session", c.session_name).kv("account", account_).kv("text", "no descriptor left");
    return;
  }
  if (clients_.size() >= kMaxClients) {
    static constexpr std::string_view kText = " NO [LIMIT] Too many sessions of this account\r\n";
    const std::string answer = m.tag + std::string(kText);
    if (send(m.connection.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
      log::info("session-refused").kv("account", account_);
    return report_sessions();
  }
  imapd::SessionOptions options;
  options.login_tag = m.tag;
  options.max_message = config_.message_size;
  if (config_.imap_idle != 0) options.idle_timeout = Seconds(config_.imap_idle);
  options.report = [name = c.session_name, this](const std::string& text) {
    log::error("store").kv("session", name).kv("account", account_).kv("text", text);
  };
  c.session = std::make_unique<imapd::Session>(*store_, std::move(options), now_monotonic());
  const uint64_t id = c.id;
  const auto of = [this, id](auto act) {
    const auto it = clients_.find(id);
    if (it != clients_.end()) act(*it->second);
  };
  c.stream = std::make_unique<event::Stream>(
      loop_, std::move(m.connection), kMaxInput,
      event::Stream::Callbacks{.readable = [this, of] { of([this](Client& found) { run_client(found); }); },
                               .drained = [this, of] { of([this](Client& found) { run_client(found); }); },
                               .closed = [of](int) { of([](Client& found) { found.gone = true; }); }});
  log::info("session")
      .kv("session", c.session_name)
      .kv("account", account_)
      .kv("src", c.source)
      .kv("tls", m.tls ? 1 : 0);
  clients_[id] = std::move(client);
  c.session->feed(m.pending, now_monotonic());
  run_client(c);
  report_sessions();
}

void MailboxProcess::run_client(Client& c) {
  if (c.gone) return;
  for (int slice = 0; slice < kSlicesPerTurn; slice++) {
    if (c.session->wants_input() && !c.stream->input().empty()) {
      const auto in = c.stream->input().substr(0, 16 * 1024);
      c.session->feed(in, now_monotonic());
      c.stream->consume(in.size());
      note_work();
    }
    const bool had_its_share = c.session->run();
    send_output(c);
    if (had_its_share || !c.session->wants_run() || c.stream->congested()) break;
  }
  if (c.session->is_finished()) c.stream->consume(c.stream->input().size());
  c.stream->pause(!c.session->wants_input() && !c.session->is_finished());
  if (c.session->wants_sync() || (c.session->wants_run() && !c.stream->congested())) again_.set(Micros(0));
}

void MailboxProcess::run_clients() {
  for (auto& [id, c] : clients_) run_client(*c);
}

void MailboxProcess::send_output(Client& c) {
  if (!c.gone && c.session->has_output() && !c.stream->congested()) c.stream->write(c.session->take_output());
}

// A write failed, in whatever call it was made: what was delivered since the one before is not there.
void MailboxProcess::on_taken_back(store::Seq last, const Error& cause) {
  std::erase_if(delivered_, [&](const queue::Stored& stored) {
    if (stored.sequence <= last) return false;
    if (queue_) peers_.send(*queue_, rejection(stored.envelope, cause));
    return true;
  });
}

// At the end of a turn: what was delivered is written and answered; what somebody waits for is synced.
void MailboxProcess::commit_turn() {
  if (!delivered_.empty()) answer_deliveries();
  const bool watched = !clients_.empty() && store_->last_seq() > store_->durable_seq();
  const bool wanted =
      std::any_of(clients_.begin(), clients_.end(), [](const auto& c) { return c.second->session->wants_sync(); });
  if (watched || wanted) sync_now();
  if (promised_ > told_durable_ && !sync_timer_.pending()) sync_timer_.set(kSyncDelay);
  finish_clients();
}

void MailboxProcess::answer_deliveries() {
  if (const auto flushed = store_->flush(); !flushed) {
    log::error("store-write").kv("account", account_).kv("text", flushed.error().text);
    if (store_->is_broken()) end(1);
  }
  // Those that were taken back have been answered and are no longer here.
  bool said_before = false;
  for (const auto& stored : delivered_) {
    if (queue_) peers_.send(*queue_, stored);
    promised_ = std::max(promised_, stored.sequence);
    said_before = said_before || stored.sequence <= told_durable_;
  }
  // A queue that has been started again delivers what it had not heard to be durable: it must hear it again.
  if (said_before && queue_) {
    queue::Durable d;
    d.sequence = told_durable_;
    peers_.send(*queue_, d);
  }
  delivered_.clear();
}

void MailboxProcess::sync_now() {
  const auto synced = store_->sync();
  if (!synced) {
    log::error("store-sync").kv("account", account_).kv("text", synced.error().text);
    // What could not be written was taken back, and who waited for it has been told. Else nobody knows what the disk
    // has.
    if (store_->is_broken()) end(1);  // the next process replays what is really there
  } else {
    for (auto& [id, c] : clients_) {
      c->session->on_durable();
      send_output(*c);
    }
  }
  if (promised_ > told_durable_ && store_->durable_seq() > told_durable_) {
    told_durable_ = store_->durable_seq();
    queue::Durable d;
    d.sequence = told_durable_;
    if (queue_) peers_.send(*queue_, d);
  }
  loop_.defer([this] { run_clients(); });  // behind the streams' flushes: the news leave before long work goes on
}

// The session is over: its last words leave, then the client has a moment to end too. Were the connection closed at
// once, what the client sends meanwhile would be answered by a reset, which may overtake them.
void MailboxProcess::see_off(Client& c) {
  if (!c.end_timer) {
    c.end_timer = std::make_unique<event::Timer>(loop_, [&c] { c.gone = true; });
    c.end_timer->set(kEndTimeout);
  }
  if (c.said_all || c.session->has_output()) return;
  if (c.stream->unsent() > 0) c.stream->flush();
  if (c.stream->unsent() > 0) return;
  c.said_all = true;
  if (shutdown(c.stream->fd(), SHUT_WR) != 0) c.gone = true;
  c.stream->pause(false);
}

void MailboxProcess::finish_clients() {
  for (auto it = clients_.begin(); it != clients_.end();) {
    Client& c = *it->second;
    send_output(c);
    if (c.session->is_finished() && !c.gone) see_off(c);
    if (!c.gone) {
      ++it;
      continue;
    }
    log::info("session-end").kv("session", c.session_name).kv("account", account_);
    it = clients_.erase(it);
  }
  report_sessions();
}

void MailboxProcess::report_sessions() {
  const auto now = static_cast<uint32_t>(clients_.size());
  if (now == told_sessions_) return;
  told_sessions_ = now;
  Sessions s;
  s.count = now;
  peers_.send_parent(s);
  note_work();
}

// In quiet moments, also while sessions wait in IDLE for days: checkpoint and compaction, one bounded step at a time;
// then the parent hears that we idle, if we do.
void MailboxProcess::upkeep() {
  const bool has_work =
      std::any_of(clients_.begin(), clients_.end(), [](const auto& c) { return c.second->session->is_working(); });
  if (has_work || !delivered_.empty() || promised_ > told_durable_ || now_monotonic() < last_work_ + kIdleAfter) {
    return idle_timer_.set(kIdleAfter);
  }
  const auto more = store_->idle_step();
  if (!more) log::error("store-upkeep").kv("account", account_).kv("text", more.error().text);
  if (more && *more) return idle_timer_.set(kUpkeepPause);
  if (is_busy()) return;
  Idle idle;
  idle.received = attached_;
  peers_.send_parent(idle);
}

void MailboxProcess::note_work() {
  last_work_ = now_monotonic();
  if (!idle_timer_.pending()) idle_timer_.set(kIdleAfter);
}

void MailboxProcess::on_may_end(imsg::PeerId, MayEnd&& m) {
  if (m.received == attached_ && !is_busy()) end(0);
  Sessions s;  // any word from us says that we stay
  s.count = told_sessions_;
  peers_.send_parent(s);
  note_work();
}

void MailboxProcess::on_quit() {
  for (auto& [id, c] : clients_) {
    c->session->bye("Server is shutting down");
    send_output(*c);
    c->stream->flush();
  }
  end(0);
}

void MailboxProcess::end(int status) {
  // After a failure the next process finds out what the disk has.
  if (status == 0) {
    if (auto settled = store_->settle(); !settled)
      log::error("store-sync").kv("account", account_).kv("text", settled.error().text);
  }
  log::flush();
  _exit(status);
}

}  // namespace mailkeep::user
