// lib/db: tables that are made whole and then read.
// SPDX-License-Identifier: ISC
#include "lib/db/constant_table.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::db;

namespace {

struct Directory {
  Directory() { assert_non_null(mkdtemp(path)); }
  ~Directory() {
    for (const char* name : {"/t", "/t.new", "/DB_CONFIG"}) unlink((std::string(path) + name).c_str());
    rmdir(path);
  }
  std::string operator/(const std::string& name) const { return std::string(path) + "/" + name; }
  char path[32] = "/tmp/mk-table-XXXXXX";
};

}  // namespace

static void made_and_read(void**) {
  Directory d;
  std::vector<std::pair<std::string, std::string>> many;
  for (int i = 0; i < 20000; i++) many.emplace_back("key" + std::to_string(i), "value of " + std::to_string(i));
  assert_true(ConstantTable::build(d / "t", "list", many));
  const auto table = ConstantTable::open(d / "t", "list");
  assert_true(table.has_value());
  assert_int_equal((*table)->size(), 20000);
  assert_text(**(*table)->get("key777"), "value of 777");
  assert_false((*table)->get("key")->has_value());
  assert_int_equal((*table)->first(10)->size(), 10);
  // Another takes its place; who has the old one goes on with it.
  assert_true(ConstantTable::build(d / "t", "list", {{"a", "b"}}));
  assert_text(**(*table)->get("key19999"), "value of 19999");
  assert_text(**(*ConstantTable::open(d / "t", "list"))->get("a"), "b");
}

static void refused(void**) {
  Directory d;
  assert_false(ConstantTable::open(d / "t", "list").has_value());
  assert_false(ConstantTable::build(d / "t", "list", {{"a", "1"}, {"a", "2"}}));
  assert_false(ConstantTable::open(d / "t", "list").has_value());
  assert_true(ConstantTable::build(d / "t", "list", {{"a", "1"}}));
  assert_true(
      ConstantTable::open(d / "t", "aliases").error().text.find("found a table of list, expected one of aliases") !=
      std::string::npos);
  { Fd settings(open((d / "DB_CONFIG").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)); }
  assert_false(ConstantTable::open(d / "t", "list").has_value());
  unlink((d / "DB_CONFIG").c_str());
  Fd file(open((d / "t").c_str(), O_RDWR | O_CLOEXEC));
  const std::string junk(4096, 'x');
  assert_int_equal(pwrite(file.get(), junk.data(), junk.size(), 4096), 4096);
  assert_false(ConstantTable::open(d / "t", "list").has_value());  // the page has a checksum
}

int main() {
  const CMUnitTest tests[] = {unit_test(made_and_read), unit_test(refused)};
  return run_unit_tests(tests);
}
