// Measures the spool alone: messages a second at so many messages a commit, each delivered when it is 1000 old, and
// remembered in the history unless that is 0; and the processor's time for each. With INDEX 1 each goes into the index
// of what waits before it is delivered, as one that is not delivered at once.
//   spool_bench DIR MESSAGES PER-COMMIT [SIZE [ZERO [HISTORY [INDEX]]]]
// SPDX-License-Identifier: ISC
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>

#include "lib/base/clock.h"
#include "queue/spool.h"

using namespace mailkeep;

namespace {

uint64_t number_at(int argc, char** argv, int index, uint64_t otherwise) {
  return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
}

queue::Change make_change(queue::Spool& spool, const std::string& body) {
  const auto id = spool.new_id();
  if (!id) fatal(id.error().text);
  queue::Change change;
  change.message.emplace();
  change.message->id = *id;
  change.message->sender = "someone@example.net";
  change.message->size = body.size();
  change.message->received = now_unix();
  change.body = body;
  queue::Envelope& envelope = change.put.emplace_back();
  envelope.id = {*id, 0};
  envelope.recipient = envelope.original = "alice@mk.test";
  envelope.account = "alice";
  envelope.next_try = now_unix();
  return change;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: spool_bench DIR MESSAGES PER-COMMIT [SIZE [ZERO [HISTORY [INDEX]]]]\n", stderr);
    return 2;
  }
  queue::SpoolOptions options;
  options.directory = argv[1];
  options.zero_log_files = number_at(argc, argv, 5, 1) != 0;
  auto spool = queue::Spool::open(options);
  if (!spool) fatal(spool.error().text);
  (*spool)->keep_history(number_at(argc, argv, 6, 1) != 0);
  const uint64_t messages = number_at(argc, argv, 2, 0);
  const uint64_t group = number_at(argc, argv, 3, 1);
  const std::string body(number_at(argc, argv, 4, 4096), 'x');
  const bool indexes = number_at(argc, argv, 7, 0) != 0;
  std::deque<queue::EnvelopeId> old;
  Micros worst{0};
  const Micros start = now_monotonic();
  for (uint64_t done = 0; done < messages; done += group) {
    const Micros before = now_monotonic();
    for (uint64_t i = 0; i < group; ++i) {
      queue::Change change = make_change(**spool, body);
      old.push_back(change.put[0].id);
      (*spool)->stage(std::move(change));
    }
    for (; old.size() > 1000; old.pop_front()) {
      queue::Change removal;
      removal.ended.push_back({old.front(), {now_unix(), queue::How::kStored, 1000, "", "", "in the mailbox"}});
      (*spool)->stage(std::move(removal));
    }
    for (const Status& s : (*spool)->commit()) {
      if (!s) fatal(s.error().text);
    }
    for (Result<bool> more = indexes; more && *more;) {
      more = (*spool)->index_on(now_unix() + 3600);
      if (!more) fatal(more.error().text);
    }
    worst = std::max(worst, now_monotonic() - before);
  }
  const auto taken = static_cast<double>((now_monotonic() - start).count()) / 1e6;
  std::printf("%llu messages, %llu a commit: %.0f messages/s, %.1f us of the processor each, longest commit %.1f ms\n",
              static_cast<unsigned long long>(messages), static_cast<unsigned long long>(group),
              static_cast<double>(messages) / taken,
              static_cast<double>(std::clock()) / CLOCKS_PER_SEC * 1e6 / static_cast<double>(messages),
              static_cast<double>(worst.count()) / 1e3);
  return 0;
}
