// lib/store under power cuts and failing calls: a random workload on the disk of regress/fault/disk.h. What is found
// afterwards must be exactly what the store was after one of its changes, and not before the last one reported durable.
//
//   every_crash_state   before every changing call: every state that a cut may leave there (where those are too many, the first
//                       of them and some by chance), opened and looked at
//   power_cuts          cut at some call, opened, worked with, cut again: several lives on one disk
//   failing_calls       every changing call fails once, with ENOSPC and with EIO; every reading call with EIO
//
// With MAILKEEP_SOAK set, many more workloads. At the end it is counted that the workloads did what is to be covered.
// SPDX-License-Identifier: ISC
#include <stdlib.h>

#include <map>
#include <random>
#include <set>

#include "lib/store/store.h"
#include "regress/fault/disk.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::store;

namespace {

class Trial {
 public:
  explicit Trial(uint64_t seed) : disk(seed), random_(seed * 7919 + 1), seed_(seed) {
    options_.segment_size = 6000;
    options_.preallocate = 4096;
    options_.checkpoint_every = 8000;
    options_.big_message = 1500;
    options_.checkpoint_at_end = 4000;
    options_.small_cache = 1000;
    options_.clock = [this] { return ++clock_; };
    options_.summarize = [](std::string_view) { return Summary{}; };
    options_.report = [this](const std::string& line) {
      if (line.find("damaged record") != std::string::npos)
        fail_msg("seed %lu: a torn record is taken for damaged: %s", seed_, line.c_str());
    };
    disk.on_call = [this](const char* call, const std::string& name) {
      note_covered(call, name);
      if (at_each_call) at_each_call();
    };
  }

  fault::Disk disk;
  std::function<void()> at_each_call = {};

  // Opens; what is there must be one of the states that may be. False: it cannot be opened.
  bool open() {
    store_.reset();
    auto opened = Store::open(disk, disk.root(), options_);
    if (!opened) return false;
    store_ = std::move(*opened);
    expect_allowed(*store_);
    // After a cut only what was found is left; after the end of a process more may still be lost.
    if (was_cut_) allowed_.clear();
    durable_ = std::max(was_cut_ ? 0 : durable_, store_->durable_seq());
    was_cut_ = false;
    allow();
    if (durable_ == store_->last_seq()) remember_uids();
    return true;
  }

  void power_cut() {
    store_.reset();
    disk.power_cut();
    was_cut_ = true;
  }

  // A copy of the disk, cut: what a start there finds.
  void look_at(const fault::Pick& pick, const std::string& whole) {
    fault::Disk copy = disk;
    copy.on_call = {};
    copy.power_cut(pick, whole);
    Options options = options_;
    options.clock = [this] { return clock_; };
    auto opened = Store::open(copy, copy.root(), options);
    if (!opened) fail_msg("seed %lu call %lu: cannot be opened: %s", seed_, disk.calls, opened.error().text.c_str());
    expect_allowed(**opened);
    for (const Mailbox* box : (*opened)->mailboxes()) {
      for (const Message& m : box->messages) {
        const auto it = seen_.find({box->uidvalidity, m.uid});
        if (it != seen_.end() && it->second != text_of(**opened, m))
          fail_msg("seed %lu: uid %u was used twice", seed_, m.uid);
      }
    }
  }

  // `steps` random changes; false as soon as the store is broken.
  bool work(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      if (store_->is_broken()) return false;
      allow();
    }
    return true;
  }

  bool sync() {
    if (!store_->sync()) return false;
    note_durable();
    return true;
  }
  void close() { store_.reset(); }
  bool settle() {
    const bool done = store_->settle().has_value();
    if (done) note_durable();
    return done;
  }
  bool append_one() {
    const Mailbox* inbox = store_->find_mailbox("INBOX");
    if (!add(inbox->id, 700)) return false;
    allow();
    return sync();
  }
  bool is_broken() const { return store_->is_broken(); }

 private:
  uint64_t pick(uint64_t n) { return random_() % n; }

  MailboxId some_mailbox() {
    const auto all = store_->mailboxes();
    return all[pick(all.size())]->id;
  }
  UidSet some_uids(MailboxId id) {
    const Uid next = store_->mailbox(id)->uidnext;
    const Uid first = static_cast<Uid>(1 + pick(next));
    return {{first, static_cast<Uid>(first + pick(4))}};
  }

  bool add(MailboxId id, size_t size) {
    std::string text = "#" + std::to_string(++messages_) + "\r\n";
    text.resize(text.size() + pick(size), 'x');
    Append what;
    what.message = text;
    what.flags = static_cast<uint8_t>(pick(32));
    if (pick(2) == 0) what.delivery = DeliveryId{++deliveries_, 1};
    return store_->append(id, what).has_value();
  }

  // Failures of single changes are fine: then nothing has changed, and allow() sees to that.
  void step() {
    const MailboxId id = some_mailbox();
    const MailboxId other = some_mailbox();
    static const std::vector<std::string> kWords = {"a", "b", "c", "d"};
    const std::vector<std::string> words = {kWords[pick(4)]};
    bool done = true;
    switch (pick(15)) {
      case 0:
      case 1:
      case 2:
      case 3: done = add(id, 900); break;
      case 4: done = add(id, 4000); break;
      case 5:
        done = store_
                   ->store_flags(id, some_uids(id),
                                 {static_cast<FlagOp>(pick(3)), static_cast<uint8_t>(pick(32)), words, {}})
                   .has_value();
        break;
      case 6: done = store_->expunge(id, some_uids(id)).has_value(); break;
      case 7: done = store_->copy(id, some_uids(id), other).has_value(); break;
      case 8: done = store_->move(id, some_uids(id), other).has_value(); break;
      case 9:
        done = store_->create_mailbox("m" + std::to_string(pick(4)) + "/n" + std::to_string(pick(3))).has_value();
        break;
      case 10:
        done = store_->rename_mailbox(store_->mailbox(id)->name, "r" + std::to_string(pick(5)) + "/s").has_value();
        break;
      case 11:
        done = pick(4) == 0 ? store_->delete_mailbox(store_->mailbox(id)->name).has_value()
                            : store_->subscribe(words[0], pick(2) == 0).has_value();
        break;
      case 12:
        if (store_->begin_group()) {
          add(id, 900);
          add(other, 900);
          store_->end_group();
        }
        break;
      default:
        for (auto more = store_->idle_step(); more && *more && pick(3) != 0;) more = store_->idle_step();
        break;
    }
    failures += done ? 0 : 1;
    allow();
    if (pick(3) == 0) failures += store_->flush() ? 0 : 1;
    if (pick(4) == 0) failures += sync() ? 0 : 1;
    note_durable();
  }

  void expect_allowed(Store& store) {
    const std::string found = describe(store);
    if (allowed_.empty() || (durable_ == 0 && found.find('#') == std::string::npos)) return;
    auto first = allowed_.upper_bound(durable_);
    if (first != allowed_.begin()) --first;
    std::string states;
    for (auto it = first; it != allowed_.end(); ++it) {
      if (it->second.contains(found)) return;
      for (const std::string& s : it->second) states += std::to_string(it->first) + ": " + s + "\n";
    }
    fail_msg("seed %lu call %lu durable %lu: found\n%s\nallowed\n%s", seed_, disk.calls, durable_, found.c_str(),
             states.c_str());
  }

  void note_covered(const std::string& call, const std::string& name) {
    if (call == "create" && name.size() == 6 && name > "000001") ++covered["segment begun"];
    if (call == "unlink" && name.size() == 6) ++covered["segment compacted away"];
    if (call == "create" && name.size() == 16) ++covered["big message written"];
    if (call == "unlink" && name.size() == 16) ++covered["big message removed"];
    if (call == "rename" && name == "checkpoint") ++covered["checkpoint"];
    if (call == "rename" && name == "cache") ++covered["header cache compacted"];
  }

  // The present state is one that a cut may leave. States after it were taken back.
  void allow() {
    if (!store_->is_broken()) allowed_[store_->last_seq()].insert(describe());
  }

  void note_durable() {
    if (store_->is_broken()) return;
    if (store_->durable_seq() < durable_) fail_msg("seed %lu: durable went back", seed_);
    durable_ = store_->durable_seq();
    if (durable_ == store_->last_seq()) remember_uids();
  }

  // No uid of a mailbox that was ever durable stands for another message later.
  void remember_uids() {
    for (const Mailbox* box : store_->mailboxes()) {
      for (const Message& m : box->messages) {
        const std::string text = text_of(m);
        const auto [it, is_new] = seen_.emplace(std::pair(box->uidvalidity, m.uid), text);
        if (!is_new && it->second != text) fail_msg("seed %lu: uid %u was used twice", seed_, m.uid);
      }
    }
  }

  std::string text_of(const Message& m) { return text_of(*store_, m); }
  std::string text_of(Store& store, const Message& m) {
    const uint64_t fail_read_at =
        std::exchange(disk.fail_read_at, fault::Disk::kNever);  // the test's own reads are not meant
    const uint64_t reads = disk.reads;
    auto bytes = store.read_all(m);
    disk.fail_read_at = fail_read_at;
    disk.reads = reads;
    if (!bytes) fail_msg("seed %lu: uid %u cannot be read: %s", seed_, m.uid, bytes.error().text.c_str());
    return bytes->substr(0, bytes->find('\r')) + "/" + std::to_string(bytes->size());
  }

  std::string describe() { return describe(*store_); }
  std::string describe(Store& store) {
    std::string out;
    for (const Mailbox* box : store.mailboxes()) {
      out += box->name + "=" + std::to_string(box->uidvalidity) + "," + std::to_string(box->uidnext) + "," +
             std::to_string(box->unseen) + (box->is_selectable ? "" : "!") + "{";
      for (const Message& m : box->messages) {
        out += std::to_string(m.uid) + ":" + text_of(store, m) + ":" + std::to_string(m.flags) + ":" +
               std::to_string(m.modseq);
        for (size_t i = 0; i < box->keywords.size(); ++i) out += (m.keywords >> i & 1) != 0 ? box->keywords[i] : "";
        out += " ";
      }
      out += "}";
    }
    for (const std::string& name : store.subscriptions()) out += " " + name;
    for (uint64_t i = 1; i <= deliveries_; ++i) {
      if (store.is_known({i, 1})) out += " d" + std::to_string(i);
    }
    return out;
  }

  std::mt19937_64 random_;
  uint64_t seed_;
  Options options_;
  int64_t clock_ = 1000;
  std::unique_ptr<Store> store_;
  std::map<Seq, std::set<std::string>> allowed_;
  std::map<std::pair<uint32_t, Uid>, std::string> seen_;
  Seq durable_ = 0;
  bool was_cut_ = false;
  uint64_t messages_ = 0;
  uint64_t deliveries_ = 0;

 public:
  uint64_t failures = 0;
  static inline std::map<std::string, uint64_t> covered;
};

constexpr int kSteps = 40;
bool is_soak() {
  const char* soak = getenv("MAILKEEP_SOAK");
  return soak != nullptr && *soak != '\0';
}

struct Counts {
  uint64_t calls = 0, reads = 0;
};
Counts calls_of(uint64_t seed) {
  Trial trial(seed);
  assert_true(trial.open() && trial.work(kSteps) && trial.sync() && trial.settle());
  return {trial.disk.calls, trial.disk.reads};
}

void cut_at(uint64_t seed, uint64_t call) {
  Trial trial(seed);
  trial.disk.dead_at = call;
  if (trial.open()) trial.work(kSteps);
  // Several lives on the same disk: what a recovery made must survive the next cut too.
  for (uint64_t life = 0; life < 3; ++life) {
    trial.power_cut();
    trial.disk.dead_at = life == 2 ? fault::Disk::kNever : trial.disk.calls + (call * 31 + life * 17) % 60;
    if (trial.open()) trial.work(kSteps / 2);
  }
  assert_true(trial.append_one());
  trial.power_cut();
  assert_true(trial.open());
}

void prepare_failure(Trial& trial, uint64_t call, int code) {
  if (code == 0) {
    trial.disk.fail_read_at = call;
  } else {
    trial.disk.fail_at = call;
    trial.disk.fail_code = code;
  }
}

// code 0: a reading call.
void fail_once(uint64_t seed, uint64_t call, int code) {
  Trial trial(seed);
  prepare_failure(trial, call, code);
  bool is_good = trial.open();
  if (!is_good) is_good = trial.open();  // it failed at the start: the next one works
  assert_true(is_good);
  if (!trial.work(kSteps)) {
    trial.close();
    assert_true(trial.open());  // the next process
  }
  if (!trial.append_one()) {  // that call was the one
    if (trial.is_broken()) {
      trial.close();
      assert_true(trial.open());
    }
    assert_true(trial.append_one());
  }
  trial.power_cut();
  assert_true(trial.open());
}

}  // namespace

static void every_crash_state(void**) {
  const uint64_t seeds = is_soak() ? 150 : 3;
  constexpr int kAll = 300, kByChance = 60;
  uint64_t calls = 0, complete = 0, states = 0;
  for (uint64_t seed = 500; seed < 500 + seeds; ++seed) {
    Trial trial(seed);
    std::mt19937_64 random(seed);
    trial.at_each_call = [&] {
      ++calls;
      fault::Odometer odometer;
      const auto in_order = [&](size_t n) { return odometer.pick(n); };
      int tried = 0;
      bool has_more = true;
      for (; has_more && tried < kAll; ++tried) {
        trial.look_at(in_order, "cache");
        has_more = odometer.next();
      }
      complete += has_more ? 0 : 1;
      for (int i = 0; has_more && i < kByChance; ++i, ++tried)
        trial.look_at([&](size_t n) { return random() % n; }, "");
      states += static_cast<uint64_t>(tried);
    };
    assert_true(trial.open() && trial.work(kSteps) && trial.settle());
  }
  print_message("%lu states before %lu calls; at %lu of them every state\n", states, calls, complete);
  assert_true(calls > 100 && states > 10 * calls && complete * 2 > calls);
}

static void power_cuts(void**) {
  const uint64_t seeds = is_soak() ? 200 : 25;
  uint64_t cuts = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const uint64_t calls = calls_of(seed).calls;
    for (uint64_t call = seed % 5; call < calls; call += is_soak() ? 1 : 5) {
      cut_at(seed, call);
      ++cuts;
    }
  }
  print_message("%lu cuts\n", cuts);
  assert_true(cuts > 200);
}

static void failing_calls(void**) {
  const uint64_t seeds = is_soak() ? 200 : 6;
  uint64_t failures = 0;
  for (uint64_t seed = 1000; seed < 1000 + seeds; ++seed) {
    const Counts counts = calls_of(seed);
    for (uint64_t call = 0; call < counts.calls; ++call) {
      for (int code : {ENOSPC, EIO}) fail_once(seed, call, code);
    }
    for (uint64_t call = 0; call < counts.reads; ++call) fail_once(seed, call, 0);
    failures += 2 * counts.calls + counts.reads;
  }
  print_message("%lu failures\n", failures);
  assert_true(failures > 500);
}

// A sync fails: the kernel takes for written what is not. The next process must write all of that again, a proof that
// nothing else proves as well: else what it makes durable stands behind a hole. The proof ends where a sector ends, so
// that what follows does not bring it along.
static void a_proof_is_written_again(void**) {
  fault::Disk disk(1);
  Options options;
  const auto open = [&] {
    auto opened = Store::open(disk, disk.root(), options);
    assert_true(opened.has_value());
    return std::move(*opened);
  };
  const auto add = [](Store& store, size_t size) {
    const std::string text(size, 'x');
    Append what;
    what.message = text;
    assert_true(store.append(store.find_mailbox("INBOX")->id, what).has_value());
  };
  auto store = open();
  add(*store, 100);
  assert_true(store->sync().has_value());
  const uint64_t before = store->usage().journal_bytes;
  add(*store, 100);
  assert_true(store->sync().has_value());
  const uint64_t used = store->usage().journal_bytes;
  constexpr uint64_t kProof = 48, kSector = 512;
  const uint64_t overhead = used - before - 100;
  add(*store, 2 * kSector - (used + overhead + kProof) % kSector);
  assert_true(store->sync().has_value());
  assert_false(*store->idle_step());
  assert_int_equal(store->usage().journal_bytes % kSector, 0);
  add(*store, 50);
  assert_true(store->flush().has_value());
  disk.fail_at = disk.calls;
  assert_false(store->sync().has_value());
  store = open();
  assert_true(store->sync().has_value());
  store.reset();
  disk.power_cut([](size_t) { return size_t{0}; });
  store = open();
  assert_int_equal(store->find_mailbox("INBOX")->messages.size(), 4);
}

static void it_was_all_covered(void**) {
  for (const char* what : {"segment begun", "segment compacted away", "big message written", "big message removed",
                           "checkpoint", "header cache compacted"}) {
    print_message("%s: %lu times\n", what, Trial::covered[what]);
    assert_true(Trial::covered[what] > 20);
  }
}

int main() {
  const CMUnitTest tests[] = {unit_test(every_crash_state), unit_test(power_cuts), unit_test(failing_calls),
                              unit_test(a_proof_is_written_again), unit_test(it_was_all_covered)};
  return run_unit_tests(tests);
}
