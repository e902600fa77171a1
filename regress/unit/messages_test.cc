// Every message of every channel: each has a type of its own, what is encoded decodes, what is damaged does not, and
// the largest that its fields' caps allow can be sent (or its sender keeps it smaller: those are named here).
// SPDX-License-Identifier: ISC
#include <stdio.h>
#include <sys/eventfd.h>

#include <map>
#include <set>

#include "regress/fuzz/messages.h"
#include "regress/unit/hostile.h"

using namespace mailkeep;

namespace {

// A codec that adds up the most bytes that a message may have.
class Most {
 public:
  template <std::unsigned_integral T>
  void num(T&) {
    total += sizeof(T);
  }
  void i64(int64_t&) { total += 8; }
  void flag(bool&) { total++; }
  template <class E>
  void choice(E&, E) {
    total++;
  }
  void text(std::string&, size_t max) { total += 4 + max; }
  template <class T>
  void list(std::vector<T>&, size_t max) {
    Most one;
    T item;
    T::fields(one, item);
    total += 4 + max * one.total;
  }
  void texts(std::vector<std::string>&, size_t max, size_t max_each) { total += 4 + max * (4 + max_each); }
  template <class T>
  void part(T& v) {
    T::fields(*this, v);
  }
  void fd(Fd&) { total++, fds++; }
  size_t total = 0;
  size_t fds = 0;
};

// Whose sender counts bytes beside items.
const std::set<uint16_t> kBoundedBySender = {
    lookup::Config::kType,       auth::Config::kType,  // lib/conf caps the bytes of all `domain`s
    queue::Routed::kType,                              // lookup.cc: kMaxRoutedBytes
    queue::MessageShown::kType,                        // verbs.cc: kMaxShownBytes
    queue::Lives::kType,                               // lives.cc: kMostBytes
    queue::QueueSelected::kType,                       // operate.cc: kMostItemBytes
};

void largest_fit(void**) {
  for_each_message([]<class M>(M m, size_t) {
    Most most;
    M::fields(most, m);
    if (kBoundedBySender.count(M::kType) != 0) {
      assert_true(most.total + 8 > imsg::kMaxMessage);  // or its place is not in the list above
      return;
    }
    if (most.total + 8 > imsg::kMaxMessage)
      print_error("type %d may have %zu bytes\n", static_cast<int>(M::kType), most.total);
    assert_true(most.total + 8 <= imsg::kMaxMessage);
    assert_true(most.fds <= imsg::kMaxFds);
  });
}

void types_are_unique_and_complete(void**) {
  std::set<uint16_t> seen;
  for_each_message([&seen]<class M>(M, size_t) { assert_true(seen.insert(M::kType).second); });
  FILE* found =
      popen("cat lib/worker/messages.h */*/*messages*.h queue/messages*.h | sort -u | grep -c 'uint16_t kType ='", "r");
  assert_non_null(found);
  unsigned count = 0;
  assert_int_equal(fscanf(found, "%u", &count), 1);
  pclose(found);
  assert_int_equal(count, kMessages);
}

void whole_and_damaged(void**) {
  hostile::Random random;
  const std::vector<uint64_t> numbers;
  const std::vector<std::string> words = {"alice", "alice@mk.test"};
  const char* corpus = getenv("MAILKEEP_IMSG_CORPUS");  // where to leave seeds for regress/fuzz/imsg_fuzz
  for_each_message([&]<class M>(M, size_t at) {
    for (int round = 0; round < 40; round++) {
      M m;
      hostile::Filler filler(random, numbers, words);
      M::fields(filler, m);
      imsg::Encoder e;
      M::fields(e, m);
      const std::string good = e.bytes();
      const size_t count = e.fds().size();
      if (corpus != nullptr && round < 3 && good.size() < 1000) {
        FILE* f =
            fopen((std::string(corpus) + "/" + std::to_string(M::kType) + "-" + std::to_string(round)).c_str(), "w");
        assert_non_null(f);
        fputc(static_cast<int>(at), f);
        fputc(static_cast<int>(count), f);
        fwrite(good.data(), 1, good.size(), f);
        fclose(f);
      }
      const auto takes = [&](const std::string& body, size_t descriptors) {
        std::deque<Fd> fds;
        for (size_t i = 0; i < descriptors; i++) fds.emplace_back(eventfd(0, EFD_CLOEXEC));
        M out;
        if (!imsg::decode(body, fds, out) || !fds.empty()) return false;
        imsg::Encoder again;
        M::fields(again, out);
        assert_true(again.bytes() == body);
        assert_int_equal(again.fds().size(), count);
        return true;
      };
      assert_true(takes(good, count));
      assert_false(takes(good + '\0', count));
      assert_false(takes(good, count + 1));
      if (count > 0) assert_false(takes(good, count - 1));
      for (size_t cut = 0; cut < good.size() && cut < 200; cut++) assert_false(takes(good.substr(0, cut), count));
      for (int n = 0; n < 20 && !good.empty(); n++) {
        std::string bad = good;
        bad[random.below(bad.size())] = static_cast<char>(random.any());
        takes(bad, count);
      }
    }
  });
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(largest_fit), unit_test(types_are_unique_and_complete),
                              unit_test(whole_and_damaged)};
  return run_unit_tests(tests);
}
