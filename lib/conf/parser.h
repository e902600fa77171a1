// The first pass over mailkeep.conf(5): statements into a Config, names not yet looked up. Internal to lib/conf.
//
//   file      = *( [ statement ] newline )
//   statement = macro / include / domain / pki / table / listen / auth / resolver / uid-range / action / match / tls-policy /
//               provider / filter / canonical / masquerade / option
//   macro     = name "=" 1*value                      ; "$name" later stands for its words
//   include   = "include" value                       ; a relative path starts at this file's directory
//   domain    = "domain" ( 1*value / list ) [ "alias-of" name ]
//   pki       = "pki" name 1*( ( "cert" / "key" ) value )
//   table     = "table" name ( ( "file:" / "db:" ) path / entries )
//   entries   = "{" [ entry *( "," entry ) ] "}"      ; newlines count for nothing inside
//   entry     = value [ "=" value ]
//   list      = "{" value *( "," value ) "}"
//   listen    = "listen" "on" ( "all" / "socket" value / address / interface ) *( "port" number / protocol /
//               "pki" ( name / list ) / "tag" name / "filter" ( name / list ) / "plaintext-ok" )     ; protocol once
//   auth      = "auth" ( "system" / "table" tableref )
//   resolver  = "resolver" address [ "port" number ]
//   srs       = "srs" ( "key" [ "backup" ] value / "ttl" time )     ; keys may be several, the first not backup signs
//   uid-range = "uid-range" number "-" number
//   action    = "action" name ( ( "deliver" / "expand-only" / "forward-only" / "lmtp" server / ( "maildir" / "mbox" ) [ path ] )
//               *deliver-part / "relay" *relay-part / "discard" )
//   deliver-part = ( "alias" / "virtual" / "userbase" ) tableref / "user" account / "ttl" time / "forward-file" /
//               "rcpt-to" / "junk"    ; each once, the last two with lmtp (but no forward-file) and maildir
//   server    = ( name / address / "[" address "]" ) ":" port / path
//   relay-part = "host" ( relay-url / list ) / "auth" tableref / "tls" ( "none" / "may" / "encrypt" / "verify" ) /
//               "helo" name / ( "source" / "src" ) ( address / list ) / "backup" [ "mx" name ] / "warm-up" number / "srs" / "ttl" time   ; each once
//   relay-url = ( "smtp://" / "smtp+tls://" / "smtps://" ) [ label "@" ] ( name / address / "[" address "]" ) [ ":" port ]
//   match     = "match" *test ( "action" name / "reject" [ string ] )     ; from and for once each
//   test      = [ "!" ] ( "from" source / "for" target / test-of )
//   tls-policy = "tls-policy" ( tableref / entries )       ; values: tls_policy.h
//   provider  = "provider" name *( "mx" ( suffix / list ) / "connections" number / "rate" number )   ; each once
//   filter    = "filter" name ( "chain" list / "phase" phase "match" 1*( [ "!" ] test-of ) decision )
//   phase     = "connect" / "helo" / "ehlo" / "mail-from" / "rcpt-to" / "data" / "commit"
//   decision  = ( "reject" / "disconnect" ) string / "junk" / "bypass"
//   canonical = "canonical" ( tableref / entries )         ; values: addresses, or @ and a domain
//   masquerade = "masquerade" ( domain / list ) [ "except" ( local-part / list ) ]
//   source    = "any" / "local" / "socket" / test-of
//   target    = "any" / "local" / "domain" operand / "rcpt-to" operand
//   test-of   = "tls" / "fcrdns" / "tag" operand / "rdns" [ operand ] / "auth" [ operand ] /
//               ( "src" / "mail-from" / "helo" / "rcpt-to" ) operand      ; after from, neither tls nor rcpt-to
//   operand   = [ "regex" ] ( value / tableref / list )   ; where it may be missing, a value is a string
//   option    = option-name value
//
// SPDX-License-Identifier: ISC
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/conf/lex.h"
#include "lib/conf/options.h"
#include "lib/conf/parse.h"

namespace mailkeep::conf {

// A name that the second pass looks up, and what a table's keys must be there.
enum class RefKind : uint8_t {
  table,
  network_table,
  domain_table,
  address_table,
  pattern_table,
  alias_table,
  credential_table,
  tls_policy_table,
  canonical_table,
  pki,
  action,
  filter
};
struct Reference {
  RefKind kind = RefKind::table;
  std::string name;
  Position position;
};

// What the first pass leaves to the second.
struct Draft {
  Config config;
  std::vector<Reference> references;
  std::vector<std::string> errors;
};

// Looks every name up and checks what needs the whole file; appends to draft.errors.
void resolve(Draft& draft);

// "name", or "*.name" or ".name" for what is below it.
bool is_domain_pattern(std::string_view text);
// "local@" or "@", and a domain pattern; or "<>".
bool is_address_pattern(std::string_view text);

// What a reject says: [ code [ status ] ] text.
struct Refusal {
  uint16_t code = 550;
  std::string status = "5.7.1";
  std::string text;
};
// The Error's text is what was expected.
Result<Refusal> parse_refusal(std::string_view text);

std::string complaint(const Position& at, const std::string& found, const std::string& expected);

class Parser {
 public:
  Parser(Draft& draft, const ReadFile& read) : draft_(draft), read_(read) {}
  void parse(std::string_view text, const std::string& name, int depth);

 private:
  using Operand = bool (*)(std::string_view);

  const Token& peek();
  Token take();
  bool expand(const Token& macro);
  void read_token();
  Position position(const Token& token) const { return {file_, token.line, token.column}; }

  // Notes the error; always false, for `return fail(...)`.
  bool fail(const Token& token, const std::string& expected);
  bool fail_here(const std::string& expected);
  void skip_statement();

  bool parse_statement();
  bool parse_macro(const Token& name);
  bool parse_include(const Token& keyword);
  bool parse_domain();
  bool parse_pki();
  bool parse_table();
  bool parse_listen();
  bool parse_sources(Sources& out);
  bool parse_listen_where(Listener& out);
  bool parse_names(std::vector<std::string>& out, RefKind kind, const std::string& what, size_t most);
  bool parse_auth(const Token& keyword);
  bool parse_resolver();
  bool parse_srs();
  bool parse_uid_range(const Token& keyword);
  bool parse_action();
  bool parse_deliver(Action& out);
  bool parse_relay(Action& out);
  bool parse_lmtp(Action& out);
  bool parse_place(Action& out);
  bool parse_relay_hosts(Action& out);
  bool parse_relay_sources(Action& out);
  bool parse_provider();
  bool parse_number(uint32_t& out, uint32_t least, uint32_t most, const std::string& what);
  bool parse_tls_policy(const Token& keyword);
  bool parse_canonical(const Token& keyword);
  bool parse_masquerade(const Token& keyword);
  bool parse_mapping(std::string& table, RefKind kind, const Token& keyword);
  bool parse_texts(std::vector<std::string>& out, Operand is_valid, const std::string& expected);
  bool parse_match(const Token& keyword);
  bool parse_reject(Match& match);
  bool parse_reply(const Token& at, Refusal& out);
  bool parse_filter();
  bool parse_filter_test(Filter& out);
  bool parse_decision(Filter& out);
  bool parse_source(Condition& out);
  bool parse_target(Condition& out);
  bool parse_condition(Condition& out, std::string_view expected);
  bool parse_operand(Condition& out, RefKind kind, Operand is_valid, const std::string& expected);
  Table anonymous_table(const Token& at) const;
  bool parse_option(const Token& name, const Option& option);

  bool expect_word(std::string_view word);
  bool expect_value(std::string& out, const std::string& expected);
  bool expect_name(std::string& out, const std::string& what);
  bool expect_path(std::string& out);
  bool expect_table(std::string& out, RefKind kind);
  bool expect_port(uint16_t& out);
  bool expect_ttl(Seconds& out);
  bool expect_host(std::string& out);
  bool expect_operand(std::string& value, std::string& table, RefKind kind, Operand is_valid,
                      const std::string& expected);
  // The entries of "{ … }"; with `is_valid`, a list of such values only.
  bool parse_entries(std::vector<TableEntry>& out, Operand is_valid, const std::string& expected);
  void refer(RefKind kind, const std::string& name, const Token& token);
  bool once(const std::string& what, const Token& token);

  Draft& draft_;
  const ReadFile& read_;
  std::map<std::string, std::vector<Token>> macros_;
  size_t domain_bytes_ = 0;
  std::set<std::string> seen_;  // statements and options that may stand only once
  size_t statements_ = 0, includes_ = 0, expanded_ = 0, entries_ = 0;

  // The file in work; saved and put back around an include.
  std::string file_;
  Lexer* lexer_ = nullptr;
  std::deque<Token> pending_;
  int depth_ = 0;
  int braces_ = 0;
};

}  // namespace mailkeep::conf
