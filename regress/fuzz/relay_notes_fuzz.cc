// smtpd/relay: the notes that queue keeps for it, which come back from disk. Byte 0 says of what kind; for TLS reports,
// bytes 1 and 2 how many of the others are the first of two notes. What is taken keeps its limits, can be written
// again, and is the same then.
// SPDX-License-Identifier: ISC
#include <cstdint>
#include <cstdlib>

#include "lib/imsg/codec.h"
#include "queue/messages_notes.h"
#include "smtpd/relay/learned.h"
#include "smtpd/relay/report_book.h"
#include "smtpd/relay/scores.h"
#include "smtpd/relay/sts.h"

using namespace mailkeep;
using namespace mailkeep::relay;

static constexpr int64_t kDay = 86400;
static constexpr int64_t kNow = 1'700'006'400;

static void must(bool holds) {
  if (!holds) abort();
}

template <class M>
static std::optional<M> decoded(std::string_view body) {
  M out;
  std::deque<Fd> none;
  if (!imsg::decode(body, none, out)) return {};
  return out;
}

// A process that has counted as much of a domain as there may be, before it hears what the one before it had.
static void count_much(ReportBook& book) {
  for (size_t i = 0; i < 2 * kMaxFailureKinds; i++)
    count_bad(*book.count("a.test", kNow), {}, nullptr,
              {"validation-failure", std::string(200, 'h') + std::to_string(i), std::string(200, 't')});
}

static void try_due(ReportBook& book, int64_t now) {
  for (int i = 0; i < 4; i++) {
    const auto key = book.begin(now);
    if (!key) return;
    const ReportBook::Entry& entry = *book.find(*key);
    const ReportFacts facts{"mx.mk.test", key->first, entry.until};
    (void)report_mail(facts, key->second, "r@a.test", report_json(facts, key->second, entry.report));
    book.served(*key, "mailto:r@a.test");
    book.put_off(*key, now);
  }
}

static void reports(std::string_view first, std::string_view second, bool has_counted) {
  ReportBook book;
  book.set_interval(kDay);
  if (has_counted) count_much(book);
  book.restore(0, std::string(first), kNow);
  book.restore(1, std::string(second), kNow);
  try_due(book, kNow + 2 * kDay);
  book.change_all();
  ReportBook again;
  again.set_interval(kDay);
  for (const auto& [slot, value] : book.changed()) {
    must(slot < kReportSlots && value.size() <= queue::kMaxNoteValue);
    again.restore(slot, value, kNow);
  }
  must(again.size() == book.size() && book.size() <= kMaxReported);
}

static void policies(std::string_view in) {
  auto record = decoded<StsRecord>(in);
  if (!record) return;
  const std::string domain = record->domain, id = record->id;
  StsBook book({[](const auto&) {}, [](const auto&) {}, [](const auto&) {}, [](const auto&) {}, [](const auto&) {}});
  must(!book.ready(domain, kNow));
  book.recalled(domain, std::move(record), kNow);
  book.looked(domain, false, {"v=STSv1; id=" + id}, kNow + 1);
  book.refresh(kNow + kRefetch);
  (void)book.ready(domain, kNow + 2 * kRefetch);
  book.fetched(domain, std::string("version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 100\n"), kNow + 2 * kRefetch);
  (void)book.describe(domain, kNow);
  (void)book.identity(domain, kNow);
}

static void learned(std::string_view in) {
  auto kept = decoded<Learned>(in);
  if (!kept) return;
  const std::string domain = kept->domain;
  LearnedBook book;
  book.note("a.test", true, kNow);
  book.recalled(domain, std::move(kept));
  (void)book.describe(domain);
  book.note(domain, true, kNow);
  must(book.is_learned(domain) == (book.describe(domain).find("fit for") != std::string::npos));
  must(!book.take_changed().empty());
}

static void scores(std::string_view in) {
  Scores book;
  book.count("p", {}, kNow);
  if (auto kept = decoded<KeptScore>(in)) book.restore(std::move(*kept));
  if (auto kept = decoded<WarmUp>(in)) {
    const WarmUp w = *kept;
    book.restore(std::move(*kept));
    book.use(w.source, w.provider, 1);
    (void)book.room(w.source, w.provider, 100, kNow);
    book.put_off(w.source, w.provider, 1);
    (void)book.room(w.source, w.provider, 100, kNow + kDay);
    (void)book.describe(w.source, w.provider);
  }
  (void)book.report(kNow);
  for (const KeptScore& s : book.take_scores()) must(s.days.size() <= kScoreDays);
  (void)book.take_warm_ups();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const std::string_view in(reinterpret_cast<const char*>(data) + 3, std::min(size - 3, queue::kMaxNoteValue));
  const size_t cut = std::min<size_t>(in.size(), data[1] * 256U + data[2]);
  switch (data[0] % 5) {
    case 0: reports(in.substr(0, cut), in.substr(cut), false); break;
    case 1: reports(in.substr(0, cut), in.substr(cut), true); break;
    case 2: policies(in); break;
    case 3: learned(in); break;
    default: scores(in);
  }
  return 0;
}
