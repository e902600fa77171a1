// Measures the mail store alone. Times are of this process, memory is what it holds more than before.
//   store_bench DIR fill N [SIZE]   N messages into INBOX, 100 a sync, then a checkpoint
//   store_bench DIR open            opens it; the counts of STATUS, the uids of SELECT, the summaries of the last 50 messages
//   store_bench DIR sync N [SIZE]   N messages, a sync each
// SPDX-License-Identifier: ISC
#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/store/store.h"

using namespace mailkeep;

namespace {

std::unique_ptr<store::Store> open_store(os::Io& io, int dir) {
  auto opened = store::Store::open(io, dir, {});
  if (!opened) fatal(opened.error().text);
  return std::move(*opened);
}

std::string make_message(uint64_t number, uint64_t size) {
  std::string text = "From: Somebody <somebody@example.org>\r\nTo: <alice@mk.test>\r\nSubject: message number " +
                     std::to_string(number) + "\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <" +
                     std::to_string(number) + "@example.org>\r\n\r\n";
  while (text.size() < size) text += "The quick brown fox jumps over the lazy dog and goes on its way.\r\n";
  return text;
}

struct Memory {
  long resident = 0;  // KiB: all pages, and those of this process alone
  long own = 0;
};
Memory memory() {
  Memory m;
  std::ifstream file("/proc/self/smaps_rollup");
  std::string word;
  for (long n = 0; file >> word;) {
    if (word == "Rss:" && file >> n) m.resident = n;
    if ((word == "Private_Dirty:" || word == "Private_Clean:") && file >> n) m.own += word == "Private_Dirty:" ? n : 0;
  }
  return m;
}

double since(Micros start) { return static_cast<double>((now_monotonic() - start).count()) / 1e3; }

// Of this process, in ms.
double processor_time() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

void put(store::Store& store, uint64_t number, uint64_t size) {
  const std::string text = make_message(number, size);
  store::Append what;
  what.message = text;
  what.delivery = store::DeliveryId{number, 0};
  if (auto done = store.append(store.find_mailbox("INBOX")->id, what); !done) fatal(done.error().text);
}

void sync(store::Store& store) {
  if (auto synced = store.sync(); !synced) fatal(synced.error().text);
}

int fill(store::Store& store, uint64_t messages, uint64_t size, uint64_t group) {
  const Micros start = now_monotonic();
  for (uint64_t i = 1; i <= messages; ++i) {
    put(store, static_cast<uint64_t>(now_unix()) << 32 | i, size);
    if (i % group == 0 || i == messages) sync(store);
  }
  const double taken = since(start);
  std::printf("%llu messages of %llu bytes, %llu a sync: %.0f/s\n", static_cast<unsigned long long>(messages),
              static_cast<unsigned long long>(size), static_cast<unsigned long long>(group),
              static_cast<double>(messages) / taken * 1e3);
  if (group == 1) return 0;
  const Micros before = now_monotonic();
  if (auto saved = store.checkpoint(); !saved) fatal(saved.error().text);
  std::printf("checkpoint %.1f ms\n", since(before));
  return 0;
}

int measure_open(os::Io& io, int dir) {
  const Memory before = memory();
  const Micros start = now_monotonic();
  const double used = processor_time();
  auto store = open_store(io, dir);
  const double opened = since(start);
  const store::Mailbox* inbox = store->find_mailbox("INBOX");
  const unsigned long long count = inbox->messages.size();
  std::printf("%llu messages: open %.2f ms", count, opened);
  std::printf(", STATUS at %.2f ms (%u unseen)", since(start), inbox->unseen);
  std::vector<store::Uid> uids;
  uids.reserve(inbox->messages.size());
  for (const store::Message& message : inbox->messages) uids.push_back(message.uid);
  std::printf(", SELECT at %.2f ms", since(start));
  for (size_t i = uids.size() - std::min<size_t>(uids.size(), 50); i < uids.size(); ++i) {
    if (auto summary = store->summary(*inbox->find(uids[i])); !summary) fatal(summary.error().text);
  }
  std::printf(", 50 summaries at %.2f ms; processor time %.2f ms\n", since(start), processor_time() - used);
  const Memory after = memory();
  std::printf("memory: %ld KiB more resident, %ld KiB of it its own", after.resident - before.resident,
              after.own - before.own);
  if (count > 0)
    std::printf(": %.1f and %.1f bytes a message",
                static_cast<double>(after.resident - before.resident) * 1024 / static_cast<double>(count),
                static_cast<double>(after.own - before.own) * 1024 / static_cast<double>(count));
  std::printf("\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 2 ? argv[2] : "";
  if (verb != "open" && argc < 4) {
    std::fputs("usage: store_bench DIR open | fill N [SIZE] | sync N [SIZE]\n", stderr);
    return 2;
  }
  ::mkdir(argv[1], 0700);
  const Fd dir(::open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir) fatal(std::string(argv[1]) + ": " + std::strerror(errno));
  os::RealIo io;
  if (verb == "open") return measure_open(io, dir.get());
  auto store = open_store(io, dir.get());
  const uint64_t size = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 600;
  return fill(*store, std::strtoull(argv[3], nullptr, 10), size, verb == "sync" ? 1 : 100);
}
