// command = tag SP (command-any / command-auth / command-nonauth / command-select) CRLF (RFC 3501 9).
// Pure; runs in imapd before login and in `user` after it; trusts nothing.
// SPDX-License-Identifier: ISC
#include "lib/imap/command.h"

#include <array>

#include "lib/base/text.h"

namespace mailkeep::imap {
namespace {

using Parsed = std::optional<Command>;

template <class T>
Parsed bare(Lexer&) {
  return T{};
}

Parsed id(Lexer& in) {
  Id out;
  if (!in.sp()) return std::nullopt;
  if (in.keyword("NIL")) return out;
  if (!in.eat('(')) return std::nullopt;
  if (in.eat(')')) return out;
  do {
    auto name = in.string();
    bool nil = false;
    if (!name || !in.sp()) return std::nullopt;
    auto value = in.nstring(&nil);
    if (!value) return std::nullopt;
    if (out.fields.size() == kMaxIdFields && !in.fail("fewer fields")) return std::nullopt;
    out.fields.emplace_back(std::move(*name), std::move(*value));
  } while (in.sp());
  if (!in.eat(')')) return std::nullopt;
  return out;
}

Parsed authenticate(Lexer& in) {
  if (!in.sp()) return std::nullopt;
  const auto mechanism = in.atom();
  if (!mechanism) return std::nullopt;
  Authenticate out{upper(*mechanism), std::nullopt};
  if (!in.sp()) return out;
  out.initial = in.atom();  // base64 and "=" are atoms
  if (!out.initial) return std::nullopt;
  return out;
}

Parsed login(Lexer& in) {
  if (!in.sp()) return std::nullopt;
  auto user = in.astring();
  if (!user || !in.sp()) return std::nullopt;
  auto password = in.astring();
  if (!password) return std::nullopt;
  return Login{std::move(*user), std::move(*password)};
}

Parsed enable(Lexer& in) {
  Enable out;
  if (!in.sp()) return std::nullopt;
  do {
    auto word = in.atom();
    if (!word) return std::nullopt;
    if (out.capabilities.size() == kMaxEnable && !in.fail("fewer capabilities")) return std::nullopt;
    out.capabilities.push_back(std::move(*word));
  } while (in.sp());
  return out;
}

std::optional<std::string> sp_mailbox(Lexer& in) {
  if (!in.sp()) return std::nullopt;
  return in.mailbox();
}

Parsed select_or_examine(Lexer& in, bool examine) {
  auto name = sp_mailbox(in);
  if (!name) return std::nullopt;
  return Select{std::move(*name), examine};
}
Parsed select(Lexer& in) { return select_or_examine(in, false); }
Parsed examine(Lexer& in) { return select_or_examine(in, true); }

// create = "CREATE" SP mailbox [SP "(" "USE" SP "(" [use-attr *(SP use-attr)] ")" ")"]  (RFC 6154 6)
Parsed create(Lexer& in) {
  auto name = sp_mailbox(in);
  if (!name) return std::nullopt;
  Create out{std::move(*name), {}};
  if (!in.sp()) return out;
  if (!in.eat('(') || !in.keyword("USE") || !in.sp() || !in.eat('(')) return std::nullopt;
  if (!in.eat(')')) {
    do {
      if (!in.eat('\\')) return std::nullopt;
      auto use = in.atom();
      if (!use) return std::nullopt;
      if (out.use.size() == kMaxFlags && !in.fail("fewer attributes")) return std::nullopt;
      out.use.push_back('\\' + *use);
    } while (in.sp());
    if (!in.eat(')')) return std::nullopt;
  }
  if (!in.eat(')')) return std::nullopt;
  return out;
}

Parsed delete_mailbox(Lexer& in) {
  auto name = sp_mailbox(in);
  if (!name) return std::nullopt;
  return Delete{std::move(*name)};
}

Parsed rename(Lexer& in) {
  auto from = sp_mailbox(in);
  if (!from) return std::nullopt;
  auto to = sp_mailbox(in);
  if (!to) return std::nullopt;
  return Rename{std::move(*from), std::move(*to)};
}

Parsed subscribe_or_not(Lexer& in, bool subscribe) {
  auto name = sp_mailbox(in);
  if (!name) return std::nullopt;
  return Subscribe{std::move(*name), subscribe};
}
Parsed subscribe(Lexer& in) { return subscribe_or_not(in, true); }
Parsed unsubscribe(Lexer& in) { return subscribe_or_not(in, false); }

Parsed list(Lexer& in) {
  if (!in.sp()) return std::nullopt;
  auto out = list_arguments(in);
  if (!out) return std::nullopt;
  return std::move(*out);
}

Parsed lsub(Lexer& in) {
  auto reference = sp_mailbox(in);
  if (!reference || !in.sp()) return std::nullopt;
  auto pattern = in.list_mailbox();
  if (!pattern) return std::nullopt;
  return Lsub{std::move(*reference), std::move(*pattern)};
}

Parsed status(Lexer& in) {
  auto name = sp_mailbox(in);
  if (!name || !in.sp() || !in.eat('(')) return std::nullopt;
  StatusItems items;
  do {
    if (in.keyword("MESSAGES"))
      items.messages = true;
    else if (in.keyword("RECENT"))
      items.recent = true;
    else if (in.keyword("UIDNEXT"))
      items.uidnext = true;
    else if (in.keyword("UIDVALIDITY"))
      items.uidvalidity = true;
    else if (in.keyword("UNSEEN"))
      items.unseen = true;
    else if (!in.fail("status-att"))
      return std::nullopt;
  } while (in.sp());
  if (!in.eat(')')) return std::nullopt;
  return StatusCommand{std::move(*name), items};
}

// append = "APPEND" SP mailbox [SP flag-list] [SP date-time] SP literal, up to the literal's CRLF.
std::optional<Append> append_head(Lexer& in) {
  auto name = sp_mailbox(in);
  if (!name || !in.sp()) return std::nullopt;
  Append out{std::move(*name), {}, std::nullopt, 0, true};
  if (in.peek() == '(') {
    auto flags = in.flag_list();
    if (!flags || !in.sp()) return std::nullopt;
    out.flags = std::move(*flags);
  }
  if (in.peek() == '"') {
    out.date = in.date_time();
    if (!out.date || !in.sp()) return std::nullopt;
  }
  std::string_view rest = in.rest();
  if (!rest.ends_with("\r\n")) return in.fail("literal"), std::nullopt;
  rest.remove_suffix(2);
  const auto header = literal_header(rest);
  if (!header || header->position != 0) return in.fail("literal"), std::nullopt;
  out.size = header->size;
  out.synchronizing = header->synchronizing;
  return out;
}

std::optional<std::pair<SequenceSet, std::string>> set_and_mailbox(Lexer& in) {
  if (!in.sp()) return std::nullopt;
  auto set = in.sequence_set();
  if (!set) return std::nullopt;
  auto name = sp_mailbox(in);
  if (!name) return std::nullopt;
  return std::pair(std::move(*set), std::move(*name));
}

Parsed copy_or_move(Lexer& in, bool uid, bool move) {
  auto arguments = set_and_mailbox(in);
  if (!arguments) return std::nullopt;
  return Copy{uid, move, std::move(arguments->first), std::move(arguments->second)};
}

Parsed fetch(Lexer& in, bool uid) {
  if (!in.sp()) return std::nullopt;
  auto set = in.sequence_set();
  if (!set || !in.sp()) return std::nullopt;
  auto items = fetch_items(in);
  if (!items) return std::nullopt;
  return Fetch{uid, std::move(*set), std::move(*items)};
}

// store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
Parsed store(Lexer& in, bool uid) {
  if (!in.sp()) return std::nullopt;
  auto set = in.sequence_set();
  if (!set || !in.sp()) return std::nullopt;
  Store out{uid, std::move(*set), Store::Mode::kReplace, false, {}};
  if (in.eat('+'))
    out.mode = Store::Mode::kAdd;
  else if (in.eat('-'))
    out.mode = Store::Mode::kRemove;
  out.silent = in.keyword("FLAGS.SILENT");
  if (!out.silent && !in.keyword("FLAGS")) return std::nullopt;
  if (!in.sp()) return std::nullopt;
  if (in.peek() == '(') {
    auto flags = in.flag_list();
    if (!flags) return std::nullopt;
    out.flags = std::move(*flags);
    return out;
  }
  do {
    if (!in.flag(out.flags)) return std::nullopt;
  } while (in.sp());
  return out;
}

Parsed search(Lexer& in, bool uid) {
  if (!in.sp()) return std::nullopt;
  auto out = search_program(in);
  if (!out) return std::nullopt;
  out->uid = uid;
  return std::move(*out);
}

// uid = "UID" SP (copy / fetch / search / store), with RFC 4315's EXPUNGE and RFC 6851's MOVE.
Parsed uid(Lexer& in) {
  if (!in.sp()) return std::nullopt;
  if (in.keyword("FETCH")) return fetch(in, true);
  if (in.keyword("STORE")) return store(in, true);
  if (in.keyword("SEARCH")) return search(in, true);
  if (in.keyword("COPY")) return copy_or_move(in, true, false);
  if (in.keyword("MOVE")) return copy_or_move(in, true, true);
  if (!in.keyword("EXPUNGE")) return in.fail("COPY, EXPUNGE, FETCH, MOVE, SEARCH or STORE"), std::nullopt;
  if (!in.sp()) return std::nullopt;
  auto set = in.sequence_set();
  if (!set) return std::nullopt;
  return Expunge{std::move(set)};
}

struct Rule {
  std::string_view name;
  Parsed (*arguments)(Lexer&);
};
constexpr std::array kRules = {
    Rule{"CAPABILITY", bare<Capability>},
    Rule{"NOOP", bare<Noop>},
    Rule{"LOGOUT", bare<Logout>},
    Rule{"ID", id},
    Rule{"STARTTLS", bare<Starttls>},
    Rule{"AUTHENTICATE", authenticate},
    Rule{"LOGIN", login},
    Rule{"ENABLE", enable},
    Rule{"SELECT", select},
    Rule{"EXAMINE", examine},
    Rule{"CREATE", create},
    Rule{"DELETE", delete_mailbox},
    Rule{"RENAME", rename},
    Rule{"SUBSCRIBE", subscribe},
    Rule{"UNSUBSCRIBE", unsubscribe},
    Rule{"LIST", list},
    Rule{"LSUB", lsub},
    Rule{"STATUS", status},
    Rule{"IDLE", bare<Idle>},
    Rule{"NAMESPACE", bare<Namespace>},
    Rule{"CHECK", bare<Check>},
    Rule{"CLOSE", bare<Close>},
    Rule{"UNSELECT", bare<Unselect>},
    Rule{"EXPUNGE", bare<Expunge>},
    Rule{"SEARCH", [](Lexer& in) { return search(in, false); }},
    Rule{"FETCH", [](Lexer& in) { return fetch(in, false); }},
    Rule{"STORE", [](Lexer& in) { return store(in, false); }},
    Rule{"COPY", [](Lexer& in) { return copy_or_move(in, false, false); }},
    Rule{"MOVE", [](Lexer& in) { return copy_or_move(in, false, true); }},
    Rule{"UID", uid},
};

Error syntax_error(std::string_view command, const Lexer& in) {
  return Error(std::string(command) + ": expected " + printable(in.expected(), 60) + " at byte " +
               std::to_string(in.position() + 1));
}

}  // namespace

std::string command_tag(std::string_view text) {
  Lexer in(text.substr(0, kMaxTagLength + 1));
  auto tag = in.tag();
  if (!tag || tag->size() > kMaxTagLength || !(in.at_end() || in.peek() == ' ' || in.peek() == '\r')) return "*";
  return std::move(*tag);
}

bool is_append_head(std::string_view text) {
  Lexer in(text);
  return in.tag() && in.sp() && in.keyword("APPEND") && append_head(in).has_value();
}

Result<Command> parse_command(std::string_view text) {
  Lexer in(text);
  if (command_tag(text) == "*" || !in.tag()) return Error("expected a tag");
  if (!in.sp()) return Error("expected a command after the tag");
  const auto word = in.atom();
  if (!word) return Error("expected a command after the tag");
  if (equals_nocase(*word, "APPEND")) {
    auto append = append_head(in);
    if (!append) return syntax_error("APPEND", in);
    return Command(std::move(*append));
  }
  for (const Rule& rule : kRules) {
    if (!equals_nocase(*word, rule.name)) continue;
    auto command = rule.arguments(in);
    if (!command || !in.crlf()) return syntax_error(rule.name, in);
    return std::move(*command);
  }
  return Error("unknown command " + printable(*word, 30));
}

}  // namespace mailkeep::imap
