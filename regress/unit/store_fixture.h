// A store in a temporary directory, for tests.
// SPDX-License-Identifier: ISC
#pragma once

#include <ftw.h>
#include <stdlib.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/base/fd.h"
#include "lib/store/store.h"
#include "regress/unit/unit.h"

namespace mailkeep::store {

class TestStore {
 public:
  TestStore() {
    // In memory where that is possible: what is tested here does not need a disk to be slow.
    path_ = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm/mailkeep-store-XXXXXX" : "/tmp/mailkeep-store-XXXXXX";
    assert_non_null(mkdtemp(path_.data()));
    dir_ = Fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY));
    options.report = [this](const std::string& line) { reports.push_back(line); };
    options.clock = [this] { return clock; };
  }
  ~TestStore() {
    store.reset();
    const auto remove_one = [](const char* path, const struct stat*, int, FTW*) { return ::remove(path); };
    ::nftw(path_.c_str(), remove_one, 16, FTW_DEPTH | FTW_PHYS);
  }
  TestStore(const TestStore&) = delete;
  TestStore& operator=(const TestStore&) = delete;

  Store& reopen() {
    store.reset();
    auto opened = Store::open(io, dir_.get(), options);
    if (!opened) fail_msg("open: %s", opened.error().text.c_str());
    store = std::move(*opened);
    return *store;
  }
  const Mailbox& box(const std::string& name) {
    const Mailbox* found = store->find_mailbox(name);
    if (found == nullptr) fail_msg("no mailbox %s", name.c_str());
    return *found;
  }
  Uid append(const std::string& mailbox, const std::string& text, uint8_t flags = 0) {
    Append what;
    what.message = text;
    what.flags = flags;
    auto appended = store->append(box(mailbox).id, what);
    if (!appended) fail_msg("append: %s", appended.error().text.c_str());
    return appended->uid;
  }
  std::string text(const std::string& mailbox, Uid uid) {
    const Message* message = box(mailbox).find(uid);
    if (message == nullptr) return "(none)";
    auto bytes = store->read_all(*message);
    return bytes ? *bytes : "(" + bytes.error().text + ")";
  }
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  int dir() const { return dir_.get(); }

  os::RealIo io;
  Options options;
  int64_t clock = 1700000000;
  std::vector<std::string> reports;
  std::unique_ptr<Store> store;

 private:
  std::string path_;
  Fd dir_;
};

inline std::string mail(const std::string& subject, size_t size = 0) {
  std::string text = "From: a@example.org\r\nSubject: " + subject + "\r\nMessage-ID: <" + subject +
                     "@x>\r\n\r\nbody of " + subject + "\r\n";
  while (text.size() < size) text += "0123456789012345678901234567890123456789012345678901234567890123456\r\n";
  return text;
}

inline void must(const Status& status) {
  if (!status) fail_msg("%s", status.error().text.c_str());
}
template <class T>
T must(Result<T> result) {
  if (!result) fail_msg("%s", result.error().text.c_str());
  return std::move(*result);
}

}  // namespace mailkeep::store
