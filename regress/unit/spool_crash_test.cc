// The spool killed with SIGKILL in the middle of commits, again and again: every message that was reported durable is
// there, whole, exactly once; whatever else is there is whole too, and found by its account; what was removed and
// settled does not come back.
// MAILKEEP_CRASHES sets the number of kills (default 30).
// SPDX-License-Identifier: ISC
#include <signal.h>
#include <sys/wait.h>

#include <cstdio>
#include <map>
#include <set>

#include "lib/base/text.h"
#include "queue/selection.h"
#include "regress/unit/spool_fixture.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

// What the child tells of a message: removal may have happened from the moment it says so.
enum class Fate : uint64_t { kCommitted, kRemoving, kRemoved };
struct Report {
  uint64_t id;
  Fate fate;
};

std::string body_of(uint64_t id) { return std::string(100 + id * 37 % 9000, static_cast<char>('a' + id % 26)); }
bool is_large(uint64_t id) { return id % 40 == 0; }

// Commits groups of one to five messages and removes some of the older ones, until it is killed.
[[noreturn]] void work(const SpoolDirectory& directory, int out, uint64_t first) {
  auto spool = directory.open();
  std::vector<uint64_t> kept;
  for (uint64_t id = first;;) {
    std::vector<Report> reports;
    for (uint64_t n = 1 + id % 5; n > 0; --n, ++id) {
      Change change = make_change(id, body_of(id), {"alice", "bob"}, 1);
      if (is_large(id)) {
        auto file = spool->create_file(id);
        if (!file || write(file->get(), change.body.data(), change.body.size()) < 0) _exit(2);
        change.body.clear();
        change.message->in_file = true;
      }
      spool->stage(std::move(change));
      reports.push_back({id, Fate::kCommitted});
      kept.push_back(id);
    }
    if (kept.size() > 50) {
      const uint64_t oldest = kept.front();
      kept.erase(kept.begin());
      spool->stage(removal({oldest, 0}));
      spool->stage(removal({oldest, 1}));
      reports.push_back({oldest, Fate::kRemoved});
      const Report before{oldest, Fate::kRemoving};
      if (write(out, &before, sizeof before) != sizeof before) _exit(4);
    }
    for (const Status& s : spool->commit()) {
      if (!s) _exit(3);
    }
    if (const auto more = spool->index_on(Spool::kSettles); !more) _exit(5);
    for (const Report& r : reports) {
      if (write(out, &r, sizeof r) != sizeof r) _exit(4);
    }
  }
}

std::set<EnvelopeId> found(Spool& spool, const char* account) {
  std::set<EnvelopeId> out;
  Selection selection;
  selection.account = account;
  for (EnvelopeId at;;) {
    const auto part = spool.look_through(at, 100, wanted_of(selection));
    assert_true(part);
    for (const Envelope& e : part->envelopes) {
      if (e.account == account) out.insert(e.id);
    }
    if (!part->more) return out;
    at = part->last;
  }
}

void check(const SpoolDirectory& directory, const std::map<uint64_t, Fate>& reported, std::set<uint64_t>& gone) {
  auto spool = directory.open();
  for (const auto& [id, fate] : reported) {
    const auto message = spool->message(id);
    assert_true(message);
    if (fate == Fate::kCommitted) assert_true(message->has_value());
    if (fate == Fate::kRemoved) assert_false(message->has_value());
    if (!message->has_value()) gone.insert(id);
  }
  EnvelopeId after;
  uint64_t envelopes = 0;
  std::map<std::string, std::set<EnvelopeId>> of_account;
  for (;;) {
    const auto some = spool->list(after, 200);
    assert_true(some);
    if (some->empty()) break;
    for (const Envelope& e : *some) {
      after = e.id;
      ++envelopes;
      of_account[e.account].insert(e.id);
      assert_false(gone.contains(e.id.message));
      const auto message = spool->message(e.id.message);
      assert_true(message->has_value());
      if (message->value().in_file) {
        auto file = spool->open_file(e.id.message);
        assert_true(file);
        std::string text(message->value().size + 1, '\0');
        const ssize_t n = read(file->get(), text.data(), text.size());
        assert_true(text.substr(0, static_cast<size_t>(n)) == body_of(e.id.message));
      } else {
        assert_true(spool->body(e.id.message)->value() == body_of(e.id.message));
      }
    }
  }
  assert_int_equal(spool->counts().local, envelopes);
  for (const char* account : {"alice", "bob"}) assert_true(found(*spool, account) == of_account[account]);
  assert_int_equal(spool->set_aside(), 0);
}

void killed_in_the_middle(void**) {
  const char* wanted = getenv("MAILKEEP_CRASHES");
  const uint64_t crashes = parse_u64(wanted != nullptr ? wanted : "30").value_or(30);
  SpoolDirectory directory;
  std::map<uint64_t, Fate> reported;
  std::set<uint64_t> gone;
  srandom(static_cast<unsigned>(getpid()));
  for (uint64_t round = 1; round <= crashes; ++round) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      work(directory, ends[1], round << 24);
    }
    close(ends[1]);
    const auto kills_after = static_cast<size_t>(random() % 200);
    Report r;
    size_t n = 0;
    while (read(ends[0], &r, sizeof r) == sizeof r) {
      reported[r.id] = r.fate;
      if (n++ == kills_after) {
        usleep(static_cast<useconds_t>(random() % 2000));
        kill(child, SIGKILL);
      }
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(ends[0]);
    check(directory, reported, gone);
  }
  size_t removed = 0;
  for (const auto& [id, fate] : reported) removed += fate == Fate::kRemoved ? 1U : 0U;
  printf("%llu kills, %zu messages acknowledged, %zu removed, none lost\n", static_cast<unsigned long long>(crashes),
         reported.size(), removed);
  assert_true(reported.size() > crashes);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(killed_in_the_middle)};
  return run_unit_tests(tests);
}
