// The spool under damage on disk: bytes flipped in the log, in tables' pages, in large files, after an orderly end and
// after a crash. It opens each time, what is lost is what was hit, and the old database is kept.
// SPDX-License-Identifier: ISC
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <map>
#include <set>

#include "lib/base/text.h"
#include "queue/selection.h"
#include "regress/unit/spool_fixture.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

constexpr uint64_t kMessages = 40;
constexpr uint64_t kEnded = 60;  // before those: they are remembered, as are as many refusals

// Some on overflow pages.
std::string body_of(uint64_t id) {
  return "body " + std::to_string(id) + " " +
         std::string(id % 7 == 0 ? 40000 : 500 + id * 17, static_cast<char>('a' + id % 26)) + "\r\n";
}

enum class End { kOrderly, kCrash };

void work(const SpoolDirectory& directory, End end) {
  auto spool = directory.open();
  for (uint64_t id = 1000; id < 1000 + kEnded; ++id) {
    if (!commit_one(*spool, make_change(id, "ended", {"alice"}, 1))) _exit(7);
    Change change;
    change.ended.push_back({{id, 0}, {static_cast<int64_t>(id), How::kStored, kNoUid, "", "", "in the mailbox"}});
    change.refusals.emplace_back().at = static_cast<int64_t>(id);
    if (!commit_one(*spool, std::move(change))) _exit(8);
  }
  for (uint64_t id = 1; id <= kMessages; ++id) {
    if (!commit_one(*spool, make_change(id, body_of(id), {"alice"}, 1))) _exit(2);
  }
  if (!spool->index_on(Spool::kSettles)) _exit(9);
  // One is gone, one is put off.
  if (!commit_one(*spool, removal({3, 0})) || !spool->settle()) _exit(3);
  auto envelope = spool->envelope({4, 0});
  Change change;
  change.put.push_back(**envelope);
  change.put[0].next_try = 100;
  change.put[0].attempts = 1;
  change.attempt = Attempt{50, How::kDeferred, kNoUid, "", "", "later"};
  if (!commit_one(*spool, std::move(change)) || !spool->settle()) _exit(4);
  if (!commit_one(*spool, make_change(kMessages + 1, "the last one", {"alice"}, 1))) _exit(5);
  if (end == End::kOrderly && !spool->close()) _exit(6);
  _exit(0);
}

void in_child(const SpoolDirectory& directory, End end) {
  const pid_t child = fork();
  if (child == 0) work(directory, end);
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

std::string load(const std::string& path) {
  const Fd file(open(path.c_str(), O_RDONLY));
  struct stat st = {};
  assert_int_equal(fstat(file.get(), &st), 0);
  std::string out(static_cast<size_t>(st.st_size), '\0');
  assert_int_equal(pread(file.get(), out.data(), out.size(), 0), out.size());
  return out;
}

void flip(const std::string& path, size_t at, size_t count = 4) {
  const Fd file(open(path.c_str(), O_RDWR));
  std::string bytes(count, '\0');
  assert_int_equal(pread(file.get(), bytes.data(), count, static_cast<off_t>(at)), count);
  for (char& c : bytes) c = static_cast<char>(c ^ 0xff);
  assert_int_equal(pwrite(file.get(), bytes.data(), count, static_cast<off_t>(at)), count);
}

struct Found {
  std::set<uint64_t> whole;    // envelope, message and body
  std::set<uint64_t> partial;  // an envelope that lacks another
};

Found look(Spool& spool) {
  Found found;
  EnvelopeId after;
  for (;;) {
    const auto some = spool.list(after, 100);
    assert_true(some);
    if (some->empty()) return found;
    for (const Envelope& e : *some) {
      after = e.id;
      const uint64_t id = e.id.message;
      const auto message = spool.message(id);
      const auto body = spool.body(id);
      assert_true(message && body);
      const bool is_whole = message->has_value() && body->has_value();
      if (is_whole && id <= kMessages) assert_true(**body == body_of(id));
      (is_whole ? found.whole : found.partial).insert(id);
      if (id == 4) assert_true(e.next_try == 100 || e.next_try == 1);
    }
  }
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

size_t kept(const SpoolDirectory& directory) {
  size_t count = 0;
  const std::unique_ptr<DIR, CloseDirectory> dir(opendir(directory.path.c_str()));
  while (const struct dirent* entry = readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    count += name.starts_with("db.damaged-") ? 1U : 0U;
    assert_false(name == "db.new");
  }
  return count;
}

std::string log_of(const SpoolDirectory& directory) { return directory.path + "/db/log.0000000001"; }

size_t log_end(const std::string& log) { return log.find_last_not_of('\0'); }

// Nothing is damaged: nothing is made anew.
void whole_is_left_alone(void**) {
  for (const End end : {End::kOrderly, End::kCrash}) {
    SpoolDirectory directory;
    in_child(directory, end);
    for (int round = 0; round < 3; ++round) {
      auto spool = directory.open();
      assert_int_equal(spool->salvages(), 0);
      assert_int_equal(look(*spool).whole.size(), kMessages);
      assert_true(commit_one(*spool, make_change(100 + static_cast<uint64_t>(round), "x", {"bob"}, 1)));
      assert_true(commit_one(*spool, removal({100 + static_cast<uint64_t>(round), 0})));
      assert_true(spool->settle());
    }
    assert_int_equal(kept(directory), 0);
  }
}

// The log is not needed after an orderly end, so nothing is lost, wherever it is hit.
void log_after_an_orderly_end(void**) {
  SpoolDirectory model;
  in_child(model, End::kOrderly);
  const size_t end = log_end(load(log_of(model)));
  size_t salvaged = 0;
  for (size_t at = 30; at < end; at += end / 12 + 1) {
    SpoolDirectory directory;
    assert_int_equal(system(("cp -a " + model.path + "/. " + directory.path).c_str()), 0);
    flip(log_of(directory), at);
    auto spool = directory.open();
    const Found found = look(*spool);
    assert_int_equal(found.whole.size(), kMessages);
    assert_true(found.partial.empty() && !found.whole.contains(3) && found.whole.contains(kMessages + 1));
    assert_int_equal(spool->counts().local, kMessages);
    salvaged += spool->salvages();
    assert_int_equal(kept(directory), spool->salvages());
    assert_true(spool->due(Kind::kLocal, {}, 1, 1000)->size() == kMessages - 1);
    assert_true(commit_one(*spool, make_change(99, "goes on", {"bob"}, 1)));
    assert_true(spool->close());
    spool.reset();
    spool = directory.open();
    assert_int_equal(spool->salvages(), 0);
    assert_int_equal(look(*spool).whole.size(), kMessages + 1);
  }
  assert_true(salvaged >= 10);
}

// After a crash all that is in the log alone: each damaged place costs at most the message that it is of.
void log_after_a_crash(void**) {
  SpoolDirectory model;
  in_child(model, End::kCrash);
  const size_t end = load(log_of(model)).rfind("mailkeep: all before") - 80;  // what the last mark says is of the end
  size_t lost = 0, untouched = 0;
  for (size_t at = load(log_of(model)).find("body 1 ") - 600; at < end; at += end / 50 + 1) {
    SpoolDirectory directory;
    assert_int_equal(system(("cp -a " + model.path + "/. " + directory.path).c_str()), 0);
    flip(log_of(directory), at);
    auto spool = directory.open();
    assert_int_equal(spool->salvages(), 1);
    Found found = look(*spool);
    const bool again = found.whole.erase(3) != 0;  // its removal was hit
    assert_true(found.whole.contains(kMessages + 1));
    assert_true(found.whole.size() + 1 >= kMessages);
    assert_true(found.partial.size() <= 1);
    lost += kMessages - found.whole.size();
    untouched += found.whole.size() == kMessages && !again ? 1U : 0U;
    assert_true(spool->close());
    spool.reset();
    assert_int_equal(directory.open()->salvages(), 0);
  }
  printf("log of a crash: %zu messages lost, %zu times none\n", lost, untouched);
  assert_true(lost > 5 && untouched > 0);
}

// What a power cut tears was never acknowledged: no damage, nothing made anew.
void torn_end(void**) {
  SpoolDirectory model;
  in_child(model, End::kCrash);
  const std::string log = load(log_of(model));
  const size_t mark = log.rfind("mailkeep: all before");
  for (size_t at = mark + 40; at < log_end(log); at += 150) {
    SpoolDirectory directory;
    assert_int_equal(system(("cp -a " + model.path + "/. " + directory.path).c_str()), 0);
    flip(log_of(directory), at);
    auto spool = directory.open();
    assert_int_equal(spool->salvages(), 0);
    assert_true(look(*spool).whole.size() >= kMessages - 1);
  }
}

// Those that are found by their account: by the index as far as it goes. None: it cannot be read.
std::optional<std::set<uint64_t>> found_by_account(Spool& spool) {
  std::set<uint64_t> out;
  Selection selection;
  selection.account = "alice";
  for (EnvelopeId at;;) {
    const auto part = spool.look_through(at, 30, wanted_of(selection));
    if (!part) return std::nullopt;
    for (const Envelope& e : part->envelopes) out.insert(e.id.message);
    if (!part->more) return out;
    at = part->last;
  }
}

// How much of the past can be read.
bool past(Spool& spool, size_t& count) {
  const auto history = spool.history();
  uint64_t from = 0, from_refused = 0;
  if (!history) return false;
  const auto lives = (*history)->lives(from, 1000, 0);
  const auto refusals = (*history)->refusals(from_refused, 1000, 0);
  if (!lives || !refusals) return false;
  const auto attempts = (*history)->attempts({4, 0}).size();
  count = lives->size() + refusals->size() + attempts;
  return true;
}

// Every table, at many places: page heads, item tables, records, free space, the first page.
void pages(void**) {
  SpoolDirectory model;
  in_child(model, End::kOrderly);
  for (const char* table :
       {"message", "body", "envelope", "due", "destination", "search", "aside", "history", "refused", "attempt"}) {
    const std::string name = std::string("/db/") + table;
    const size_t size = load(model.path + name).size();
    const size_t page = std::string_view(table) == "body" ? 32768 : 8192;
    std::set<size_t> places;
    for (size_t at = 0; at < size; at += size / 8 + 1) places.insert(at);
    for (size_t head = 0; head + page <= size && places.size() < 30; head += page * 2) {
      for (const size_t in : {8U, 16U, 20U, 22U, 25U, 32U}) places.insert(head + in);
    }
    size_t lost = 0, salvaged = 0, forgotten = 0;
    for (const size_t at : places) {
      SpoolDirectory directory;
      assert_int_equal(system(("cp -a " + model.path + "/. " + directory.path).c_str()), 0);
      flip(directory.path + name, at);
      auto spool = directory.open();
      for (int round = 0; round < 3; ++round) {  // the engine gives up where it meets the page; then it opens anew
        const auto all = spool->list({}, 1000);
        bool failed = !all;
        for (uint64_t id = 1; id <= kMessages + 1; ++id) failed = !spool->message(id) || !spool->body(id) || failed;
        if (!spool->due(Kind::kLocal, {}, 1000, 1000) || !spool->due_at(Kind::kLocal, "alice", {}, 1000, 1000))
          failed = true;
        failed = !past(*spool, forgotten) || !found_by_account(*spool) || failed;
        if (!failed) break;
        assert_true(round < 2);
      }
      size_t ended = 0;
      assert_true(past(*spool, ended));
      assert_in_range(ended, kEnded, 2 * kEnded + 1);  // the half of them at most is lost
      forgotten = 2 * kEnded + 1 - ended;
      const Found found = look(*spool);
      assert_true(!found.whole.contains(3) && found.whole.size() + 1 >= kMessages);
      for (int round = 0; round < 2; ++round) {  // also when all has been indexed anew
        std::set<uint64_t> all = found.whole;
        all.insert(found.partial.begin(), found.partial.end());
        assert_true(found_by_account(*spool) == all);
        assert_true(spool->index_on(Spool::kSettles));
      }
      lost += kMessages - found.whole.size();
      salvaged += spool->salvages();
      assert_true(spool->salvages() <= 1);
      assert_true(spool->close());
      spool.reset();
      assert_int_equal(directory.open()->salvages(), 0);
    }
    printf("%s: %zu places, %zu made anew, %zu messages lost, %zu of the past at the last\n", table, places.size(),
           salvaged, lost, forgotten);
    const bool holds_mail = std::string_view("message body envelope").find(table) != std::string_view::npos;
    assert_true(holds_mail || lost == 0);
  }
}

void large_file(void**) {
  SpoolDirectory directory;
  auto spool = directory.open();
  for (uint64_t id = 1; id <= 2; ++id) {
    Change change = make_change(id, std::string(700000, 'x'), {"alice"}, 1);
    auto file = spool->create_file(id);
    assert_int_equal(write(file->get(), change.body.data(), change.body.size()), change.body.size());
    change.body.clear();
    change.message->in_file = true;
    assert_true(commit_one(*spool, std::move(change)));
  }
  assert_true(spool->open_file(1) && spool->open_file(2));
  flip(directory.path + "/large/" + hex64(1), 600000, 1);
  assert_int_equal(spool->open_file(1).error().code, EBADMSG);
  assert_int_equal(spool->set_aside(), 1);
  assert_int_equal(access((directory.path + "/large/" + hex64(1) + ".aside").c_str(), F_OK), 0);
  assert_int_equal(spool->open_file(1).error().code, ENOENT);
  assert_true(spool->open_file(2));
  assert_int_equal(truncate((directory.path + "/large/" + hex64(2)).c_str(), 1000), 0);
  assert_int_equal(spool->open_file(2).error().code, EBADMSG);
}

// A salvage that was cut off is done again, or is finished.
void cut_off(void**) {
  SpoolDirectory directory;
  in_child(directory, End::kOrderly);
  assert_int_equal(system(("cp -a " + directory.path + "/db " + directory.path + "/db.new").c_str()), 0);
  directory.open().reset();
  assert_int_equal(kept(directory), 0);
  assert_int_equal(rename((directory.path + "/db").c_str(), (directory.path + "/db.new").c_str()), 0);
  auto spool = directory.open();
  assert_int_equal(look(*spool).whole.size(), kMessages);
}

}  // namespace

int main() {
  const struct CMUnitTest tests[] = {
      unit_test(whole_is_left_alone),
      unit_test(log_after_an_orderly_end),
      unit_test(log_after_a_crash),
      unit_test(torn_end),
      unit_test(pages),
      unit_test(large_file),
      unit_test(cut_off),
  };
  return run_unit_tests(tests);
}
