// IMAP commands as values: what a client asked for, by RFC 3501 6 and the extensions named beside each.
// parse_command() turns one whole command (from CommandReader) into one of them.
//
// Mailbox names and patterns are as sent (modified UTF-7); strings are what stood between the quotes or in
// the literal.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "lib/base/result.h"
#include "lib/imap/lexer.h"
#include "lib/imap/sequence_set.h"

namespace mailkeep::imap {

constexpr size_t kMaxTagLength = 200;     // bytes; RFC 3501 sets none
constexpr unsigned kMaxSearchDepth = 32;  // NOT, OR and parentheses inside one another
constexpr size_t kMaxSearchKeys = 2000;   // in one SEARCH
constexpr size_t kMaxFetchItems = 200;    // in one FETCH
constexpr size_t kMaxHeaderFields = 200;  // in one HEADER.FIELDS
constexpr size_t kMaxPartDepth = 100;     // numbers in one section-part
constexpr size_t kMaxListPatterns = 50;   // in one LIST (RFC 5258)
constexpr size_t kMaxIdFields = 30;       // RFC 2971 3.3
constexpr size_t kMaxEnable = 50;

// Any state.
struct Capability {};
struct Noop {};
struct Logout {};
struct Id {  // RFC 2971
  std::vector<std::pair<std::string, std::string>> fields;
};

// Not authenticated.
struct Starttls {};
struct Authenticate {
  std::string mechanism;               // upper case
  std::optional<std::string> initial;  // SASL-IR (RFC 4959), base64, or "=" for an empty one
};
struct Login {
  std::string user, password;
};

// Authenticated.
struct Enable {  // RFC 5161
  std::vector<std::string> capabilities;
};
struct Select {
  std::string mailbox;
  bool examine;
};
struct Create {
  std::string mailbox;
  std::vector<std::string> use;  // RFC 6154 3: attributes with their backslash
};
struct Delete {
  std::string mailbox;
};
struct Rename {
  std::string from, to;
};
struct Subscribe {
  std::string mailbox;
  bool subscribe;
};
struct List {
  std::string reference;
  std::vector<std::string> patterns;
  bool extended = false;                                    // RFC 5258 syntax was used
  bool select_subscribed = false, recursive_match = false;  // selection options
  bool select_special_use = false;
  bool return_subscribed = false, return_children = false;  // return options
  bool return_special_use = false;
};
struct Lsub {
  std::string reference, pattern;
};
struct StatusItems {
  bool messages = false, recent = false, uidnext = false, uidvalidity = false, unseen = false;
};
struct StatusCommand {
  std::string mailbox;
  StatusItems items;
};
struct Append {
  std::string mailbox;
  FlagList flags;
  std::optional<int64_t> date;  // seconds since 1970
  uint64_t size;                // of the message
  bool synchronizing;           // the client waits for a go-ahead before it sends the message
};
struct Idle {};       // RFC 2177
struct Namespace {};  // RFC 2342

// Selected.
struct Check {};
struct Close {};
struct Unselect {};  // RFC 3691
struct Expunge {
  std::optional<SequenceSet> uids;  // RFC 4315: UID EXPUNGE
};

struct SearchKey {
  enum class Type {
    kAll,
    kAnswered,
    kDeleted,
    kDraft,
    kFlagged,
    kNew,
    kOld,
    kRecent,
    kSeen,
    kUnanswered,
    kUndeleted,
    kUndraft,
    kUnflagged,
    kUnseen,
    kKeyword,
    kUnkeyword,  // text
    kBcc,
    kBody,
    kCc,
    kFrom,
    kSubject,
    kText,
    kTo,      // text
    kHeader,  // field, text
    kBefore,
    kOn,
    kSince,
    kSentBefore,
    kSentOn,
    kSentSince,  // days
    kLarger,
    kSmaller,  // number
    kSequence,
    kUid,  // set
    kNot,
    kOr,
    kAnd,  // children: one, two, any
  };
  Type type = Type::kAll;
  std::string field, text;
  int64_t days = 0;
  uint32_t number = 0;
  SequenceSet set;
  std::vector<SearchKey> children;
};
struct Search {
  bool uid;
  std::optional<std::string> charset;
  SearchKey key;  // a kAnd of the keys given
};

// "[" section "]"
struct Section {
  enum class Text { kNone, kHeader, kHeaderFields, kHeaderFieldsNot, kText, kMime };
  std::vector<uint32_t> part;
  Text text = Text::kNone;
  std::vector<std::string> fields;
};
struct FetchItem {
  enum class Type {
    kEnvelope,
    kFlags,
    kInternalDate,
    kRfc822,
    kRfc822Header,
    kRfc822Size,
    kRfc822Text,
    kBodyStructure,
    kBody,
    kUid,
    kBodySection,
  };
  Type type;
  Section section{};  // of kBodySection
  bool peek = false;
  std::optional<std::pair<uint32_t, uint32_t>> partial{};  // first octet, count (never 0)
};
struct Fetch {
  bool uid;
  SequenceSet set;
  std::vector<FetchItem> items;
};
struct Store {
  enum class Mode { kReplace, kAdd, kRemove };
  bool uid;
  SequenceSet set;
  Mode mode;
  bool silent;
  FlagList flags;
};
struct Copy {  // and MOVE (RFC 6851)
  bool uid;
  bool move;
  SequenceSet set;
  std::string mailbox;
};

using Command = std::variant<Capability, Noop, Logout, Id, Starttls, Authenticate, Login, Enable, Select, Create,
                             Delete, Rename, Subscribe, List, Lsub, StatusCommand, Append, Idle, Namespace, Check,
                             Close, Unselect, Expunge, Search, Fetch, Store, Copy>;

// The command's tag, or "*" when there is none: what a tagged BAD starts with.
std::string command_tag(std::string_view text);

// One whole command with its CRLF and literals. Of APPEND the message is not in `text`: its literal's header and
// CRLF end it. An Error's text is for the BAD.
Result<Command> parse_command(std::string_view text);

// `text` is an APPEND up to the header of its message's literal, which a CRLF ends.
bool is_append_head(std::string_view text);

// Parts of the grammar with a file of their own.
std::optional<std::vector<FetchItem>> fetch_items(Lexer& in);
std::optional<Search> search_program(Lexer& in);
std::optional<List> list_arguments(Lexer& in);

// A section as it is echoed in FETCH: "BODY[1.HEADER.FIELDS (TO)]<0>".
std::string format_body_section(const FetchItem& item);

}  // namespace mailkeep::imap
