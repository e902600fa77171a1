// The first pass: actions, and what one that delivers says; parser_relay.cc has what goes by connections.
// SPDX-License-Identifier: ISC
#include "lib/conf/accounts.h"
#include "lib/conf/parser.h"
#include "lib/conf/path_template.h"

namespace mailkeep::conf {
namespace {

constexpr uint64_t kMaxTtl = 30 * 86400;

std::optional<ActionKind> kind_of(const Token& word) {
  if (word.is("deliver") || word.is("expand-only") || word.is("forward-only")) return ActionKind::deliver;
  if (word.is("maildir")) return ActionKind::maildir;
  if (word.is("mbox")) return ActionKind::mbox;
  if (word.is("lmtp")) return ActionKind::lmtp;
  if (word.is("relay")) return ActionKind::relay;
  if (word.is("discard")) return ActionKind::discard;
  return {};
}

}  // namespace

bool Parser::parse_action() {
  Action action;
  const Token at = peek();
  action.position = position(at);
  if (!expect_name(action.name, "the action's name")) return false;
  if (draft_.config.action(action.name) != nullptr) return fail(at, "a name that no other action has");
  const Token kind = peek();
  const auto found = kind_of(kind);
  if (!found) return fail_here("deliver, maildir, mbox, lmtp, relay, discard, expand-only or forward-only");
  take();
  action.kind = *found;
  if (kind.is("expand-only")) action.only = Only::expanded;
  if (kind.is("forward-only")) action.only = Only::forwarded;
  if (action.kind == ActionKind::lmtp && !parse_lmtp(action)) return false;
  if (is_place(action.kind) && !parse_place(action)) return false;
  if (delivers(action.kind) && !parse_deliver(action)) return false;
  if (kind.is("relay") && !parse_relay(action)) return false;
  draft_.config.actions.push_back(std::move(action));
  return true;
}

bool Parser::parse_deliver(Action& out) {
  std::set<std::string> had;
  while (!peek().ends_statement()) {
    const Token word = peek();
    const bool is_own =
        (out.kind == ActionKind::lmtp && word.is("rcpt-to")) || (out.kind == ActionKind::maildir && word.is("junk"));
    const bool known = is_own || (out.kind != ActionKind::lmtp && word.is("forward-file")) || word.is("alias") ||
                       word.is("virtual") || word.is("userbase") || word.is("user") || word.is("ttl");
    if (!known || !had.insert(word.text).second) {
      const std::string own = out.kind == ActionKind::lmtp      ? "rcpt-to, "
                              : out.kind == ActionKind::maildir ? "junk, forward-file, "
                                                                : "forward-file, ";
      return fail_here(own + "alias, virtual, userbase, user, ttl (each once) or end of line");
    }
    take();
    if (word.is("rcpt-to")) out.rcpt_to = true;
    if (word.is("junk")) out.junk = true;
    if (word.is("forward-file")) out.forward_file = true;
    if (word.is("alias") && !expect_table(out.alias_table, RefKind::alias_table)) return false;
    if (word.is("virtual") && !expect_table(out.virtual_table, RefKind::alias_table)) return false;
    if (word.is("userbase") && !expect_table(out.userbase, RefKind::table)) return false;
    if (word.is("ttl") && !expect_ttl(out.ttl)) return false;
    if (word.is("user")) {
      if (!peek().is_value() || !is_account_name(peek().text)) return fail_here("an account");
      out.user = take().text;
    }
  }
  return true;
}

// Its path, where the next word is one.
bool Parser::parse_place(Action& out) {
  out.path = out.kind == ActionKind::maildir ? "~/Maildir" : "/var/mail/%{user.username}";
  const Token at = peek();
  if (!at.is_value() || (at.kind == TokenKind::word && at.text.find_first_of("/~%") == at.text.npos)) return true;
  const std::string expected = check_path_template(at.text);
  if (!expected.empty()) return fail_here(expected);
  out.path = take().text;
  return true;
}

bool Parser::parse_srs() {
  constexpr size_t kLeast = 8, kMost = 200;
  Srs& srs = draft_.config.srs;
  const Token what = peek();
  if (!what.is("key") && !what.is("ttl")) return fail_here("key or ttl");
  take();
  if (what.is("ttl")) return once("srs ttl", what) && expect_ttl(srs.ttl);
  const bool is_backup = peek().is("backup");
  if (is_backup) take();
  if (srs.keys.size() >= kMaxSrsKeys) return fail_here("at most " + std::to_string(kMaxSrsKeys) + " keys");
  if (!is_backup && !once("srs key", what)) return false;
  if (!peek().is_value() || peek().text.size() < kLeast || peek().text.size() > kMost) {
    return fail_here("a secret of " + std::to_string(kLeast) + " to " + std::to_string(kMost) + " bytes");
  }
  srs.keys.insert(is_backup ? srs.keys.end() : srs.keys.begin(), take().text);
  return true;
}

bool Parser::expect_ttl(Seconds& out) {
  const auto time = peek().is_value() ? parse_duration(peek().text) : std::nullopt;
  if (!time || *time == 0 || *time > kMaxTtl) return fail_here("a time from 1s to 30d, such as 4d");
  take();
  out = Seconds(static_cast<int64_t>(*time));
  return true;
}

}  // namespace mailkeep::conf
