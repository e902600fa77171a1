// The command line, letter by letter. See arguments.h.
// SPDX-License-Identifier: ISC
#include "smtpd/sendmail/arguments.h"

#include <algorithm>
#include <optional>

#include "lib/base/text.h"

namespace mailkeep::sendmail {

namespace {

// Letters whose value may stand in the next word, and those whose value stands behind them or nowhere.
constexpr std::string_view kValued = "BCDFLMNORVXbfhopr";
constexpr std::string_view kAttached = "AUQdeqs";
constexpr std::string_view kPlain = "GITimntvx";
constexpr size_t kMaxEnvelopeId = 100;  // RFC 3461 4.4

Error usage(const std::string& text) { return Error(text); }

Status set_mode(Arguments& a, std::string_view value) {
  if (value == "m") {
    a.mode = Mode::kSend;
  } else if (value == "s") {
    a.mode = Mode::kSmtp;
  } else if (value == "p") {
    a.mode = Mode::kQueue;
  } else if (value == "i") {
    a.mode = Mode::kAliases;
  } else if (value == "d" || value == "D" || value == "l") {
    return usage("-b" + std::string(value) + ": the server is mailkeepd; start it with: systemctl start mailkeep");
  } else {
    return usage("-b" + printable(value, 20) + ": expected -bm, -bs, -bp or -bi");
  }
  return {};
}

Status set_notify(Arguments& a, std::string_view value) {
  a.notify = upper(value);
  const auto words = split(a.notify, ',');
  const bool good = std::all_of(words.begin(), words.end(), [&](std::string_view w) {
    return w == "SUCCESS" || w == "FAILURE" || w == "DELAY" || (w == "NEVER" && words.size() == 1);
  });
  if (!good)
    return usage("-N " + printable(value, 60) + ": expected never, or of success, failure and delay, with commas");
  return {};
}

// -oi and its like; most of them tell the old sendmail how to work.
void set_old_option(Arguments& a, std::string_view value) {
  if (value == "i" || value == "I") a.dots = false;
  if (value == "eq") a.is_quiet = true;
  if (value == "v") a.is_verbose = true;
}

Status take(Arguments& a, char letter, std::string_view value) {
  switch (letter) {
    case 'b': return set_mode(a, value);
    case 'C': a.config = value; break;
    case 'F': a.full_name = value; break;
    case 'f':
    case 'r':
      a.has_sender = true;
      a.sender = value;
      break;
    case 'I': a.mode = Mode::kAliases; break;
    case 'i': a.dots = false; break;
    case 'N': return set_notify(a, value);
    case 'O':
      if (equals_nocase(value, "IgnoreDots") || equals_nocase(value, "IgnoreDots=True")) a.dots = false;
      break;
    case 'o': set_old_option(a, value); break;
    case 'e': set_old_option(a, "e" + std::string(value)); break;
    case 'q': a.mode = Mode::kRunQueue; break;
    case 'R':
      a.ret = upper(value);
      if (a.ret != "FULL" && a.ret != "HDRS") return usage("-R " + printable(value, 20) + ": expected full or hdrs");
      break;
    case 't': a.from_header = true; break;
    case 'V':
      if (value.size() > kMaxEnvelopeId) return usage("-V: expected an envelope id of at most 100 characters");
      a.envelope_id = value;
      break;
    case 'v': a.is_verbose = true; break;
    default: break;
  }
  return {};
}

bool has(std::string_view letters, char letter) { return letters.find(letter) != std::string_view::npos; }

}  // namespace

Result<Arguments> parse_arguments(std::string_view program, std::span<const std::string_view> words) {
  Arguments a;
  a.name = program.substr(program.rfind('/') + 1);
  if (a.name == "mailq") a.mode = Mode::kQueue;
  if (a.name == "newaliases") a.mode = Mode::kAliases;
  size_t i = 0;
  for (; i < words.size(); i++) {
    const std::string_view word = words[i];
    if (word == "--") {
      i++;
      break;
    }
    if (word.size() < 2 || word[0] != '-') break;
    for (size_t at = 1; at < word.size(); at++) {
      const char letter = word[at];
      std::string_view value;
      if (has(kValued, letter)) {
        value = word.substr(at + 1);
        if (value.empty() && i + 1 == words.size()) return usage("-" + std::string(1, letter) + ": expected a value");
        if (value.empty()) value = words[++i];
        at = word.size();
      } else if (has(kAttached, letter)) {
        value = word.substr(at + 1);
        at = word.size();
      } else if (!has(kPlain, letter)) {
        return usage("-" + printable(std::string(1, letter), 4) + ": no such option; see sendmail(8)");
      }
      if (auto taken = take(a, letter, value); !taken) return taken.error();
    }
  }
  a.recipients.assign(words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
  return a;
}

}  // namespace mailkeep::sendmail
