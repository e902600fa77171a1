// lib/conf/aliases.h: aliases(5).
// SPDX-License-Identifier: ISC
#include "lib/conf/aliases.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::conf;

namespace {

Result<std::string> read_test(const std::string& path) {
  if (path == "/l/list") return std::string("# the list\nann, ben@x.test\n\n  carl # last\n:include:/l/more\n");
  if (path == "/l/more") return std::string("dora");
  if (path == "/l/self") return std::string(":include:/l/self");
  if (path == "/l/bad") return std::string("ann\n|rm\n");
  return Error("no such file");
}

Result<Aliases> parse(std::string_view text) { return parse_aliases(text, "a", read_test); }

std::string errors_of(std::string_view text) {
  const auto all = parse(text);
  return all ? "" : all.error().text;
}

// "local@domain local \account"
std::string members_of(const Aliases& all, const std::string& key) {
  std::string out;
  const auto it = all.find(key);
  if (it == all.end()) return "none";
  for (const auto& m : it->second) {
    out += (out.empty() ? "" : " ") + std::string(m.is_account ? "\\" : "") + m.local +
           (m.domain.empty() ? "" : "@" + m.domain);
  }
  return out;
}

}  // namespace

static void entries(void**) {
  const auto all = parse(
      "# comment\n"
      "Root: ann,\tBen@X.Test\n"
      "list : ann,\n"
      "\tben, # why\n"
      "# a comment in between\n"
      "\n"
      "   carl\n"
      "folded:\n  dora\r\n"
      "\"odd name\": \"other odd\"@y.test\n"
      "self: \\self, self\n"
      "@v.test: all\n"
      "who@v.test: one\n"
      "@: rest");
  assert_true(all.has_value());
  assert_text(members_of(*all, "root"), "ann Ben@x.test");
  assert_text(members_of(*all, "list"), "ann ben carl");
  assert_text(members_of(*all, "folded"), "dora");
  assert_text(members_of(*all, "odd name"), "other odd@y.test");
  assert_text(members_of(*all, "self"), "\\self self");
  assert_text(members_of(*all, "@v.test"), "all");
  assert_text(members_of(*all, "who@v.test"), "one");
  assert_text(members_of(*all, "@"), "rest");
  assert_int_equal(all->size(), 8);
}

static void includes(void**) {
  const auto all = parse("list: x, :include:/l/list, y\n");
  assert_true(all.has_value());
  assert_text(members_of(*all, "list"), "x ann ben@x.test carl dora y");
  assert_text(errors_of("l: :include:/l/none"),
              "a:1:4: found :include:/l/none, expected a file that can be read (no such file)");
  assert_text(errors_of("l: :include:rel"), "a:1:4: found 'rel', expected an absolute path after :include:");
  assert_text(errors_of("l: :include:/l/self"), "/l/self:1:1: found :include:, expected files included at most 4 deep");
  assert_text(errors_of("l: :include:/l/bad"),
              "/l/bad:2:1: found a command, expected a name or address: mail is never given to commands");
}

static void refused(void**) {
  const char* const kCommand = "expected a name or address: mail is never given to commands";
  const char* const kFile = "expected a name or address: mail is never written to files named here";
  assert_text(errors_of("a: |/bin/sh"), std::string("a:1:4: found a command, ") + kCommand);
  assert_text(errors_of("a: b, \"|/bin/sh -c x\""), std::string("a:1:7: found a command, ") + kCommand);
  assert_text(errors_of("a: /var/mail/x"), std::string("a:1:4: found a file, ") + kFile);
  assert_text(errors_of("a: \"/var/x\""), std::string("a:1:4: found a file, ") + kFile);
  assert_text(errors_of("a: \\|x"), std::string("a:1:4: found a command, ") + kCommand);
  assert_text(errors_of("a: b c"), "a:1:6: found 'c', expected ',' or end of line");
  assert_text(errors_of("a b: c"), "a:1:3: found 'b:', expected ':' after the name");
  assert_text(errors_of("a:\nb: c"), "a:2:1: found end of line, expected a name or address");
  assert_text(errors_of("a: b,\n"), "a:2:1: found end of file, expected a name or address");
  assert_text(errors_of(" a: b"), "a:1:2: found a line that goes on with nothing, expected a name in the first column");
  assert_text(errors_of("a: b\nA: c"), "a:2:1: found 'a' a second time, expected each name once");
  assert_text(errors_of("a: x@"), "a:1:6: found '', expected a domain name");
  assert_text(errors_of("a: \"x"), "a:1:4: found a quote, expected its closing '\"' in the same line");
  assert_text(errors_of("a: \":include:/x\""),
              "a:1:4: found \":include:\" in quotes, expected :include: and a path without");
  assert_text(errors_of("a: |x\nb: |y\nc: d\ne"), "a:1:4: found a command, " + std::string(kCommand) +
                                                      "\na:2:4: found a command, " + kCommand +
                                                      "\na:4:2: found end of file, expected ':' after the name");
}

static void inline_table(void**) {
  Table table;
  table.name = "t";
  table.position = {"c", 3, 7};
  table.entries = {{"Root", "ann, b@x.test"}, {"@v.test", "carl"}};
  const auto all = parse_aliases(table, read_test);
  assert_true(all.has_value());
  assert_text(members_of(*all, "root"), "ann b@x.test");
  assert_text(members_of(*all, "@v.test"), "carl");
  table.entries = {{"a", "|x"}};
  assert_text(parse_aliases(table, read_test).error().text,
              "c:3:7: found a command, expected a name or address: mail is never given to commands");
}

static void cut_at_every_byte(void**) {
  const std::string text = "# c\na: b, \"c d\"@e.test,\n  \\f # g\n@x.test: :include:/l/list\n@: z\n";
  assert_true(parse(text).has_value());
  for (size_t i = 0; i < text.size(); i++) {
    const auto all = parse(std::string_view(text).substr(0, i));
    if (!all) assert_text(all.error().text.substr(0, 2), "a:");
  }
}

int main() {
  const CMUnitTest tests[] = {unit_test(entries), unit_test(includes), unit_test(refused), unit_test(inline_table),
                              unit_test(cut_at_every_byte)};
  return run_unit_tests(tests);
}
