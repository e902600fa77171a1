// A store in a temporary directory with IMAP sessions over it, driven as the event loop of `user` does.
// SPDX-License-Identifier: ISC
#pragma once

#include <stdlib.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "imapd/session/session.h"
#include "lib/base/fd.h"
#include "lib/os/io.h"
#include "regress/unit/unit.h"

namespace mailkeep {

// A disk that refuses to write for as long as it is told to.
class RefusingIo : public os::RealIo {
 public:
  int refuses = 0;  // errno
  Status pwritev(int fd, std::span<const std::string_view> parts, uint64_t offset) override {
    if (refuses != 0) return Error("pwritev", refuses);
    return RealIo::pwritev(fd, parts, offset);
  }
};

class Account {
 public:
  Account() {
    assert_non_null(mkdtemp(directory_.data()));
    dir_ = Fd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    store::Options options;
    options.clock = [] { return int64_t{837596665}; };  // 17-Jul-1996 09:44:25 UTC
    auto opened = store::Store::open(io_, dir_.get(), options);
    assert_true(opened);
    store_ = std::move(opened).value();
    assert_true(store_->sync());
  }
  ~Account() {
    clients_.clear();
    store_.reset();
    if (system(("rm -rf " + directory_).c_str()) != 0) abort();
  }

  store::Store& store() { return *store_; }
  RefusingIo& disk() { return io_; }

  // A new session; its number. The answer to its login is dropped.
  size_t login(uint64_t max_message = 1 << 20) {
    imapd::SessionOptions options;
    options.login_tag = "L";
    options.max_message = max_message;
    clients_.push_back(std::make_unique<imapd::Session>(*store_, options, Micros(0)));
    clients_.back()->take_output();
    return clients_.size() - 1;
  }
  imapd::Session& session(size_t client = 0) { return *clients_[client]; }

  // Turns of the event loop until nobody has anything to do.
  void turn() {
    for (bool again = true; again;) {
      again = false;
      for (auto& client : clients_) client->run();
      for (auto& client : clients_) again |= client->wants_sync();
      if (again) {
        ++syncs_;
        const Status synced = store_->sync();
        if (synced)
          for (auto& client : clients_) client->on_durable();
        else
          assert_false(store_->is_broken());  // who waited has been told by the store
      }
      for (auto& client : clients_) again |= client->wants_run() && !client->has_output();
    }
  }
  int syncs() const { return syncs_; }

  // Sends `input` from one client and gives all that it is told.
  std::string send(std::string_view input, size_t client = 0) {
    session(client).feed(input, Micros(0));
    return told(client);
  }
  std::string told(size_t client = 0) {
    std::string out;
    size_t before = 0;
    do {
      before = out.size();
      turn();
      out += session(client).take_output();
    } while (out.size() != before);
    return out;
  }

  // A delivery, as the queue makes it: durable at once.
  store::Uid deliver(std::string_view message, std::string_view mailbox = "INBOX", uint8_t flags = 0) {
    store::Append what;
    what.message = message;
    what.flags = flags;
    auto added = store_->append(store_->find_mailbox(mailbox)->id, what);
    assert_true(added);
    assert_true(store_->sync());
    for (auto& c : clients_) c->on_durable();
    return added->uid;
  }

 private:
  std::string directory_ = "/tmp/mailkeep-session-XXXXXX";
  Fd dir_;
  RefusingIo io_;
  std::unique_ptr<store::Store> store_;
  std::vector<std::unique_ptr<imapd::Session>> clients_;
  int syncs_ = 0;
};

}  // namespace mailkeep
