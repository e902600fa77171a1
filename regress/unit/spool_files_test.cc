// The spool's large files under power cuts and failing calls. Before every call that changes them, and before every
// sync of the database, the spool is copied as a power cut may leave it there: of what was not synced the bytes are
// gone, cut short or zeros, a name that was not synced is there or not, a removal that was not synced has happened or
// not. (What the database itself survives is its own and the running server's test, fault/powercut.) Then every call
// fails once.
// SPDX-License-Identifier: ISC
#include <map>
#include <random>
#include <set>

#include "lib/base/text.h"
#include "regress/fault/disk.h"
#include "regress/unit/spool_fixture.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::queue;

namespace {

constexpr uint64_t kMessages = 18;
bool is_large(uint64_t id) { return id % 3 != 0; }
std::string body_of(uint64_t id) { return std::string(70000 + id * 1111, static_cast<char>('a' + id % 26)); }

void write_file(const std::string& path, const std::string& text) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600));
  assert_int_equal(::pwrite(fd.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
}

std::string read_file(int fd) {
  std::string text(200000, '\0');
  const ssize_t n = ::pread(fd, text.data(), text.size(), 0);
  assert_true(n >= 0);
  text.resize(static_cast<size_t>(n));
  return text;
}

// The kernel's files, of which is known what is durable. on_call is told before each changing call; fail_at fails one.
class WatchedIo : public os::RealIo {
 public:
  struct File {
    std::optional<std::string> durable;  // bytes, once synced
    bool is_named = false;               // its name is durable
    bool is_gone = false;                // removed, not durably
  };
  std::map<std::string, File> files;
  std::function<void()> on_call = [] {};
  uint64_t calls = 0;
  uint64_t fail_at = UINT64_MAX;
  int fail_code = EIO;

  Result<int> openat(int dir, const std::string& name, int flags, mode_t mode) override {
    const bool makes = (flags & O_CREAT) != 0;
    if (makes && is_failing()) return Error("open", fail_code);
    auto fd = RealIo::openat(dir, name, flags, mode);
    if (fd && makes) {
      files[name] = {};
      names_[*fd] = name;
    }
    return fd;
  }
  Status fdatasync(int fd) override {
    if (is_failing()) return Error("fdatasync", EIO);
    if (auto synced = RealIo::fdatasync(fd); !synced) return synced;
    files[names_[fd]].durable = read_file(fd);
    return {};
  }
  Status fsync(int fd) override {  // of the directory: nothing else is synced so
    if (is_failing()) return Error("fsync", EIO);
    std::erase_if(files, [](const auto& entry) { return entry.second.is_gone; });
    for (auto& [name, file] : files) file.is_named = true;
    return RealIo::fsync(fd);
  }
  Status unlinkat(int dir, const std::string& name) override {
    if (is_failing()) return Error("unlink", EIO);
    const auto it = files.find(name);
    if (it != files.end()) it->second.is_gone = true;
    return RealIo::unlinkat(dir, name);
  }

 private:
  bool is_failing() {
    on_call();
    return calls++ == fail_at;
  }
  std::map<int, std::string> names_;
};

// In memory where that is possible: what a sync does is modelled here.
std::string place() { return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; }

enum class Fate { kAccepted, kRemoving, kGone };
std::map<uint64_t, Fate> fates;

SpoolOptions options_in(const std::string& path) {
  SpoolOptions options;
  options.directory = path;
  options.log_file_bytes = 2 * 1024 * 1024;
  options.cache_bytes = 1024 * 1024;
  options.zero_log_files = false;
  options.reserve_bytes = 0;
  return options;
}

void expect_sound(Spool& spool, const std::string& path) {
  for (uint64_t id = 1; id <= kMessages; ++id) {
    const auto message = spool.message(id);
    assert_true(message);
    const auto fate = fates.find(id);
    if (fate != fates.end() && fate->second == Fate::kAccepted) assert_true(message->has_value());
    if (fate != fates.end() && fate->second == Fate::kGone) assert_false(message->has_value());
    const bool has_file = ::access((path + "/large/" + hex64(id)).c_str(), F_OK) == 0;
    if (!message->has_value()) {
      assert_false(has_file);
      continue;
    }
    assert_int_equal((*message)->in_file, is_large(id));
    if (!is_large(id)) {
      assert_true(spool.body(id)->value() == body_of(id).substr(0, 900));
      continue;
    }
    auto file = spool.open_file(id);
    if (!file) fail_msg("message %lu has no file", id);
    if (read_file(file->get()) != body_of(id)) fail_msg("message %lu: its file is not what was accepted", id);
  }
  assert_int_equal(spool.set_aside(), 0);
}

// A copy as the cut leaves it, opened.
void look_at_copy(const SpoolDirectory& directory, const WatchedIo& io, const fault::Pick& pick) {
  SpoolDirectory copy(place());
  if (system(("cp -r " + directory.path + "/db " + copy.path + "/db && mkdir -p " + copy.path + "/large").c_str()) != 0)
    fatal("cp");
  for (const auto& [name, file] : io.files) {
    const std::string to = copy.path + "/large/" + name;
    if (!file.is_named && pick(2) == 0) continue;
    if (file.is_gone && pick(2) == 0) continue;
    const Fd now(::open((directory.path + "/large/" + name).c_str(), O_RDONLY));
    const std::string seen = now ? read_file(now.get()) : "";
    if (file.durable && (!now || *file.durable == seen)) {
      write_file(to, *file.durable);
      continue;
    }
    const size_t way = pick(4);
    write_file(to, way == 0   ? ""
                   : way == 1 ? seen.substr(0, seen.size() / 2)
                   : way == 2 ? std::string(seen.size(), '\0')
                              : seen);
  }
  auto spool = Spool::open(options_in(copy.path));
  if (!spool) fail_msg("cannot be opened: %s", spool.error().text.c_str());
  expect_sound(**spool, copy.path);
}

// Three messages a commit; older ones are removed. Refused ones are noted as gone once the spool has said so.
void work(Spool& spool) {
  for (uint64_t first = 1; first <= kMessages; first += 3) {
    std::vector<std::pair<uint64_t, size_t>> staged;
    for (uint64_t id = first; id < first + 3; ++id) {
      const std::string body = is_large(id) ? body_of(id) : body_of(id).substr(0, 900);
      Change change = make_change(id, body, {"alice"}, 1);
      if (is_large(id)) {
        auto file = spool.create_file(id);
        if (!file) continue;
        assert_int_equal(::pwrite(file->get(), body.data(), body.size(), 0), static_cast<ssize_t>(body.size()));
        change.body.clear();
        change.message->in_file = true;
      }
      staged.emplace_back(id, spool.stage(std::move(change)));
    }
    const uint64_t old = first > 6 ? first - 6 : 0;
    if (old != 0 && fates.contains(old) && fates[old] == Fate::kAccepted) {
      fates[old] = Fate::kRemoving;
      spool.stage(removal({old, 0}));
    }
    const auto results = spool.commit();
    for (const auto& [id, place] : staged) {
      if (results[place])
        fates[id] = Fate::kAccepted;
      else if (is_large(id))
        spool.drop_file(id);
    }
    if (spool.settle()) {
      for (auto& [id, fate] : fates) fate = fate == Fate::kRemoving ? Fate::kGone : fate;
    }
  }
}

std::function<void()> before_database_sync;
int sync_database(int fd) {
  if (before_database_sync) before_database_sync();
  return ::fsync(fd);
}

uint64_t count_calls() {
  fates.clear();
  SpoolDirectory directory(place());
  WatchedIo io;
  SpoolOptions options = options_in(directory.path);
  options.io = &io;
  auto spool = Spool::open(options);
  assert_true(spool);
  work(**spool);
  assert_int_equal(fates.size(), kMessages);
  return io.calls;
}

}  // namespace

static void power_cuts(void**) {
  fates.clear();
  SpoolDirectory directory(place());
  WatchedIo io;
  SpoolOptions options = options_in(directory.path);
  options.io = &io;
  auto spool = Spool::open(options);
  assert_true(spool);
  std::mt19937_64 random(1);
  uint64_t states = 0, cuts = 0, database_syncs = 0;
  bool is_looking = false;
  const auto cut = [&] {
    if (std::exchange(is_looking, true)) return;  // the copy's own calls
    ++cuts;
    fault::Odometer odometer;
    bool has_more = true;
    for (int i = 0; i < 6 && has_more; ++i, ++states) {
      look_at_copy(directory, io, [&](size_t n) { return odometer.pick(n); });
      has_more = odometer.next();
    }
    for (int i = 0; i < 3 && has_more; ++i, ++states)
      look_at_copy(directory, io, [&](size_t n) { return random() % n; });
    is_looking = false;
  };
  io.on_call = cut;
  before_database_sync = [&] {
    database_syncs += is_looking ? 0 : 1;
    cut();
  };
  work(**spool);
  io.on_call = [] {};
  before_database_sync = {};
  print_message("%lu states at %lu calls, %lu of them syncs of the database\n", states, cuts, database_syncs);
  assert_true(database_syncs >= kMessages / 3 && cuts > database_syncs + kMessages && states > 2 * cuts);
}

static void failing_calls(void**) {
  const uint64_t calls = count_calls();
  assert_true(calls > 30);
  for (uint64_t call = 0; call < calls; ++call) {
    for (const int code : {ENOSPC, EIO}) {
      fates.clear();
      SpoolDirectory directory(place());
      WatchedIo io;
      SpoolOptions options = options_in(directory.path);
      options.io = &io;
      io.fail_at = call;
      io.fail_code = code;
      auto spool = Spool::open(options);
      if (!spool) spool = Spool::open(options);
      assert_true(spool);
      work(**spool);
      // One call costs at most what was committed together with it.
      assert_true(fates.size() >= kMessages - 3);
      spool->reset();
      auto again = Spool::open(options_in(directory.path));
      assert_true(again);
      expect_sound(**again, directory.path);
    }
  }
  print_message("%lu calls failed in two ways\n", calls);
}

int main() {
  db::FileCalls file_calls;
  file_calls.sync = sync_database;
  db::set_file_calls(file_calls);
  const CMUnitTest tests[] = {unit_test(power_cuts), unit_test(failing_calls)};
  return run_unit_tests(tests);
}
