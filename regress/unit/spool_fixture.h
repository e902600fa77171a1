// A spool in a temporary directory, for tests.
// SPDX-License-Identifier: ISC
#pragma once

#include <unistd.h>

#include <cstdlib>

#include "lib/base/clock.h"
#include "queue/spool.h"

namespace mailkeep::queue {

struct SpoolDirectory {
  explicit SpoolDirectory(const std::string& under = "/tmp") : path(under + "/spool_test.XXXXXX") {
    if (mkdtemp(path.data()) == nullptr) fatal("mkdtemp");
  }
  ~SpoolDirectory() {
    if (system(("rm -rf " + path).c_str()) != 0) fatal("rm");
  }
  SpoolDirectory(const SpoolDirectory&) = delete;
  SpoolDirectory& operator=(const SpoolDirectory&) = delete;

  SpoolOptions options() const {
    SpoolOptions o;
    o.directory = path;
    o.log_file_bytes = 4 * 1024 * 1024;
    return o;
  }
  std::unique_ptr<Spool> open() const {
    auto spool = Spool::open(options());
    if (!spool) fatal(spool.error().text);
    return std::move(spool).value();
  }
  std::string path;
};

inline Change make_change(uint64_t id, const std::string& body, std::initializer_list<const char*> accounts,
                          int64_t next_try) {
  Change change;
  change.message.emplace();
  change.message->id = id;
  change.message->sender = "sender@example.net";
  change.message->size = body.size();
  change.body = body;
  uint32_t number = 0;
  for (const char* account : accounts) {
    Envelope& e = change.put.emplace_back();
    e.id = {id, number++};
    e.account = account;
    e.recipient = e.original = std::string(account) + "@mk.test";
    e.next_try = next_try;
  }
  change.message->recipients = number;
  return change;
}

inline Status commit_one(Spool& spool, Change change) {
  const size_t place = spool.stage(std::move(change));
  return spool.commit()[place];
}

inline Change removal(EnvelopeId id) {
  Change change;
  change.removed.push_back(id);
  return change;
}

}  // namespace mailkeep::queue
