// lib/sasl: exchanges of PLAIN and LOGIN, with and without an initial response, and the ways they fail.
// SPDX-License-Identifier: ISC
#include "lib/sasl/exchange.h"

#include <vector>

#include "lib/base/limits.h"
#include "lib/sasl/plain.h"
#include "lib/text/base64.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace std::string_literals;
using sasl::Exchange;
using Step = Exchange::Step;

namespace {

std::string b64(const std::string& text) { return text::base64_encode(text); }

// The steps of an exchange as letters; "-" as the first line: no initial response.
std::string run(const std::string& mechanism, const std::vector<std::string>& lines, std::string* who = nullptr) {
  auto exchange = Exchange::make(mechanism);
  if (!exchange) return "none";
  std::string out;
  Step step = Step::kChallenge;
  for (size_t i = 0; i < lines.size(); i++) {
    assert_true(step == Step::kChallenge);
    step = i > 0 ? exchange->next(lines[i])
                 : exchange->begin(lines[i] == "-" ? std::nullopt : std::optional<std::string_view>(lines[i]));
    out += "cdxba"[static_cast<int>(step)];
    if (step == Step::kChallenge) out += "<" + *text::base64_decode(exchange->challenge()) + ">";
  }
  if (who != nullptr) *who = exchange->user() + " " + exchange->password();
  return out;
}

}  // namespace

static void exchanges(void**) {
  const struct {
    const char* mechanism;
    std::vector<std::string> lines;
    const char* steps;
    const char* who;
  } rows[] = {
      {"PLAIN", {b64("\0tim\0pw"s)}, "d", "tim pw"},
      {"plain", {"-", b64("\0tim\0pw"s)}, "c<>d", "tim pw"},
      {"PLAIN", {b64("tim\0tim\0pw"s)}, "d", "tim pw"},
      {"PLAIN", {b64("bob\0tim\0pw"s)}, "a", nullptr},
      {"PLAIN", {"="}, "b", nullptr},
      {"PLAIN", {"-", ""}, "c<>b", nullptr},
      {"PLAIN", {"-", "*"}, "c<>x", nullptr},
      {"PLAIN", {"*"}, "b", nullptr},  // a cancel is a line of its own
      {"PLAIN", {"AHRpbQB0YW5"}, "b", nullptr},
      {"PLAIN", {b64("tim")}, "b", nullptr},
      {"PLAIN", {"-", std::string(sasl::kMaxPlain + 4, 'A')}, "c<>b", nullptr},
      {"LOGIN", {"-", b64("tim"), b64("p w")}, "c<Username:>c<Password:>d", "tim p w"},
      {"login", {b64("tim"), b64("pw")}, "c<Password:>d", "tim pw"},
      {"LOGIN", {"="}, "b", nullptr},
      {"LOGIN", {"-", ""}, "c<Username:>b", nullptr},
      {"LOGIN", {"-", "*"}, "c<Username:>x", nullptr},
      {"LOGIN", {b64("tim"), "*"}, "c<Password:>x", nullptr},
      {"LOGIN", {b64("tim"), ""}, "c<Password:>b", nullptr},
      {"LOGIN", {b64("t\0m"s)}, "b", nullptr},
      {"LOGIN", {b64(std::string(kMaxAddress + 1, 'u'))}, "b", nullptr},
      {"LOGIN", {b64(std::string(kMaxAddress, 'u'))}, "c<Password:>", nullptr},
      {"LOGIN", {b64("tim"), b64(std::string(kMaxPassword + 1, 'p'))}, "c<Password:>b", nullptr},
      {"CRAM-MD5", {"-"}, "none", nullptr},
      {"", {"-"}, "none", nullptr},
      {"PLAINER", {"-"}, "none", nullptr},
  };
  for (const auto& row : rows) {
    std::string who;
    assert_text(run(row.mechanism, row.lines, &who), row.steps);
    if (row.who != nullptr) assert_text(who, row.who);
  }
}

static void an_error_tells_no_secret(void**) {
  for (const char* mechanism : {"PLAIN", "LOGIN"}) {
    auto exchange = Exchange::make(mechanism);
    assert_true(exchange->begin(b64("\0u\0hunter2\0"s)) == Step::kBad);
    assert_true(exchange->error().find("hunter2") == std::string::npos);
    assert_false(exchange->error().empty());
  }
}

int main() {
  const CMUnitTest tests[] = {unit_test(exchanges), unit_test(an_error_tells_no_secret)};
  return run_unit_tests(tests);
}
