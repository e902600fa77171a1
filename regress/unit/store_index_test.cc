// lib/store: the mapped index and the header cache change nothing of what a store says, whatever happens to their
// files.
// SPDX-License-Identifier: ISC
#include <sys/stat.h>
#include <unistd.h>

#include <random>

#include "regress/unit/store_fixture.h"

using namespace mailkeep;
using namespace mailkeep::store;

namespace {

std::string describe(Store& store) {
  std::string out;
  for (const Mailbox* box : store.mailboxes()) {
    out += box->name + "=" + std::to_string(box->uidnext) + "," + std::to_string(box->highest_modseq) + "," +
           std::to_string(box->unseen) + "," + std::to_string(box->deleted) + "," + std::to_string(box->bytes) + "," +
           std::to_string(box->recent()) + "{";
    for (const Message& m : box->messages) {
      auto bytes = store.read_all(m);
      out += std::to_string(m.uid) + ":" + std::to_string(m.flags) + ":" + std::to_string(m.keywords) + ":" +
             std::to_string(m.modseq) + ":" + (bytes ? bytes->substr(0, 40) : bytes.error().text) + " ";
    }
    out += "}";
    const auto gone = store.expunged_since(box->id, 0);
    for (const UidRange& r : gone.value_or(UidSet()))
      out += "-" + std::to_string(r.first) + ":" + std::to_string(r.last);
  }
  for (uint64_t d = 1; d < 200; ++d) out += store.is_known({d, 1}) ? "d" + std::to_string(d) : "";
  const Usage usage = store.usage();
  return out + " " + std::to_string(usage.messages) + "/" + std::to_string(usage.bytes);
}

// The same change in each.
void change(std::mt19937& random, std::initializer_list<TestStore*> all) {
  const auto pick = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  static const std::string kNames[] = {"INBOX", "Sent", "Archive"};
  const std::string& name = kNames[pick(3)];
  const std::string& other = kNames[pick(3)];
  const uint32_t kind = pick(8);
  const uint32_t first = 1 + pick((*all.begin())->box(name).uidnext);
  const UidSet uids = {{first, first + pick(6)}};
  const auto flags = static_cast<uint8_t>(pick(32));
  const auto op = static_cast<FlagOp>(pick(3));
  const std::vector<std::string> words = {std::string(1, static_cast<char>('a' + pick(5)))};
  const std::string text = mail(std::to_string(random()), pick(3000));
  const uint64_t delivery = pick(150);
  for (TestStore* t : all) {
    Append what;
    what.message = text;
    what.flags = flags;
    what.delivery = DeliveryId{delivery, 1};
    const MailboxId id = t->box(name).id;
    switch (kind) {
      case 0:
      case 1:
      case 2: must(t->store->append(id, what)); break;
      case 3: t->append(name, text, flags); break;
      case 4: must(t->store->store_flags(id, uids, {op, flags, words, {}})); break;
      case 5: must(t->store->expunge(id, uids)); break;
      case 6: must(t->store->copy(id, uids, t->box(other).id)); break;
      default: must(t->store->move(id, uids, t->box(other).id)); break;
    }
  }
}

void copy_file(const std::string& from, const std::string& to) {
  Fd in(::open(from.c_str(), O_RDONLY)), out(::open(to.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600));
  os::RealIo io;
  std::string bytes(must(io.file_size(in.get())), '\0');
  assert_int_equal(must(io.pread(in.get(), bytes.data(), bytes.size(), 0)), bytes.size());
  const std::string_view parts[] = {bytes};
  must(io.pwritev(out.get(), parts, 0));
}

}  // namespace

// One store writes its index again and again and goes on with it, starts from it, or is without; the other has none.
static void an_index_changes_nothing(void**) {
  std::mt19937 random(42);
  TestStore with, without;
  with.options.big_message = without.options.big_message = 2000;
  with.reopen();
  without.reopen();
  for (int step = 0; step < 1500; ++step) {
    change(random, {&with, &without});
    switch (random() % 20) {
      case 0: must(with.store->checkpoint()); break;
      case 1:
        must(with.store->settle());
        with.reopen();
        break;
      case 2:
        must(with.store->flush());
        with.reopen();
        break;
      case 3: must(with.store->sync()); break;
      default: break;
    }
    if (step % 25 == 0) assert_text(describe(*with.store), describe(*without.store));
  }
  must(without.store->sync());
  without.reopen();
  assert_text(describe(*with.store), describe(*without.store));
  assert_true(::access(without.path("checkpoint").c_str(), F_OK) != 0 && with.reports.empty());
}

static void a_damaged_index_is_made_again(void**) {
  TestStore t;
  std::mt19937 random(7);
  t.reopen();
  for (int i = 0; i < 60; ++i) change(random, {&t});
  must(t.store->checkpoint());
  for (int i = 0; i < 10; ++i) change(random, {&t});
  must(t.store->sync());
  const std::string expected = describe(*t.store);
  copy_file(t.path("checkpoint"), t.path("good"));
  struct stat st {};
  assert_int_equal(::stat(t.path("good").c_str(), &st), 0);
  for (off_t at = 0; at < st.st_size; at += at < 120 ? 1 : 97) {
    for (const bool cuts : {false, true}) {
      copy_file(t.path("good"), t.path("checkpoint"));
      Fd fd(::open(t.path("checkpoint").c_str(), O_RDWR));
      char byte = 0;
      assert_int_equal(::pread(fd.get(), &byte, 1, at), 1);
      byte = static_cast<char>(byte ^ 0x10);
      if (cuts)
        assert_int_equal(::ftruncate(fd.get(), at), 0);
      else
        assert_int_equal(::pwrite(fd.get(), &byte, 1, at), 1);
      t.reports.clear();
      t.reopen();
      assert_text(describe(*t.store), expected);
      assert_int_equal(t.reports.size(), 1);
    }
  }
}

static void a_good_end_leaves_nothing_to_do(void**) {
  TestStore t;
  int names = 0;
  const auto reopen = [&] {
    t.options.sync_name = [&]() -> Status {
      ++names;
      return {};
    };
    t.reopen();
  };
  reopen();
  t.append("INBOX", "a");
  must(t.store->flush());
  assert_int_equal(names, 0);
  reopen();  // as after kill -9: what is there may be in the page cache only
  assert_true(t.store->durable_seq() < t.store->last_seq());
  must(t.store->sync());
  assert_int_equal(names, 1);
  assert_true(t.store->durable_seq() == t.store->last_seq());
  t.append("INBOX", "b");
  must(t.store->settle());
  assert_true(::access(t.path("checkpoint").c_str(), F_OK) != 0);
  reopen();
  assert_true(t.store->durable_seq() == t.store->last_seq());
  t.append("INBOX", "c");
  must(t.store->sync());
  assert_int_equal(names, 1);
  t.append("INBOX", mail("large", 70000));
  must(t.store->settle());
  assert_true(::access(t.path("checkpoint").c_str(), F_OK) == 0);
  reopen();
  assert_int_equal(t.box("INBOX").messages.size(), 4);
  assert_true(t.store->durable_seq() == t.store->last_seq());
}

// Summaries count how often they are made.
static void the_header_cache_is_compacted(void**) {
  TestStore t;
  uint64_t made = 0;
  t.options.small_cache = 10000;
  t.options.summarize = [&](std::string_view message) {
    ++made;
    return mime::summarize(message);
  };
  t.reopen();
  for (int i = 1; i <= 300; ++i) t.append("INBOX", mail(std::to_string(i)));
  must(t.store->sync());
  struct stat before {
  }, after{};
  assert_int_equal(::stat(t.path("cache").c_str(), &before), 0);
  const auto compact = [&] {
    while (must(t.store->idle_step())) {
    }
  };
  compact();
  assert_int_equal(::stat(t.path("cache").c_str(), &after), 0);
  assert_int_equal(before.st_ino, after.st_ino);  // nothing is dead
  UidSet gone;
  for (Uid uid = 1; uid <= 300; ++uid) {
    if (uid % 3 != 0) gone.push_back({uid, uid});
  }
  must(t.store->expunge(t.box("INBOX").id, gone));
  must(t.store->checkpoint());
  copy_file(t.path("checkpoint"), t.path("old"));
  compact();
  assert_int_equal(::stat(t.path("cache").c_str(), &after), 0);
  assert_true(after.st_size < before.st_size / 2);
  made = 0;
  const auto check = [&] {
    for (const Message& m : t.box("INBOX").messages)
      assert_text(must(t.store->summary(m)).message_id, std::to_string(m.uid) + "@x");
  };
  check();
  t.append("INBOX", mail("301"));
  assert_int_equal(made, 1);
  must(t.store->settle());
  t.reopen();
  check();
  copy_file(t.path("old"), t.path("checkpoint"));  // as if power had gone before the index was written
  t.reopen();
  check();
  assert_int_equal(made, 1);
  assert_int_equal(t.reports.size(), 0);
  // And bounded for good: as much again and again, of which everything goes.
  for (int round = 0; round < 10; ++round) {
    for (int i = 1; i <= 100; ++i) t.append("Trash", mail(std::to_string(i)));
    must(t.store->expunge(t.box("Trash").id, {{1, UINT32_MAX}}));
    must(t.store->sync());
    compact();
    assert_int_equal(::stat(t.path("cache").c_str(), &after), 0);
    assert_true(after.st_size < before.st_size);
  }
}

int main() {
  const CMUnitTest tests[] = {unit_test(an_index_changes_nothing), unit_test(a_damaged_index_is_made_again),
                              unit_test(a_good_end_leaves_nothing_to_do), unit_test(the_header_cache_is_compacted)};
  return run_unit_tests(tests);
}
