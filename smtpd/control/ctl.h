// mailkeepctl: a table of verbs, each one request to the control process, printed for people or as JSON.
// Runs as whoever calls it; trusts neither its arguments nor what the log and the queue show of other people's mail.
// SPDX-License-Identifier: ISC
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/fd.h"
#include "smtpd/control/client_messages.h"

namespace mailkeep::ctl {

// Exit codes; an interface (CONTRACT).
enum Exit : int { kDone = 0, kRefused = 1, kUsage = 2, kUnreachable = 3 };

struct Session {
  int fd = -1;  // to the control socket
  bool json = false;
};

struct Verb {
  std::string_view name;  // words parted by one space
  std::string_view arguments;
  size_t least;
  size_t most;
  int (*run)(Session&, std::span<const std::string_view> arguments);
  std::string_view help;
  bool is_local = false;  // needs no server
};

std::span<const Verb> all_verbs();

// "0123456789abcdef" or "0123456789abcdef.2"; UINT32_MAX: no number was given.
struct MessageName {
  uint64_t message = 0;
  uint32_t number = UINT32_MAX;
};
std::optional<MessageName> parse_message_name(std::string_view text);
std::string message_name(const queue::EnvelopeId& id);

// Texts that end in a newline. The columns of the plain ones are for people; scripts read the JSON.
std::string status_text(const control::client::Status& s, int64_t now);
std::string status_json(const control::client::Status& s);
std::string queue_text_head();
std::string queue_text(const queue::QueueItem& item, int64_t now);
std::string item_json_text(const queue::QueueItem& item);  // an object, no newline
std::string shown_json(const std::vector<queue::QueueItem>& items, std::string_view content);
std::string life_text(const queue::Life& life);
std::string life_json(const queue::Life& life);
std::string destination_json(const queue::DestinationStat& d);
std::string time_text(int64_t unix_seconds);  // "2026-11-26 04:40:00", UTC; "-": none
// "mx.x.test [192.0.2.1]:25, TLSv1.3 …: 450 4.7.1 later [greylisted]"
std::string attempt_words(const queue::Attempt& attempt);

// One step of a message's life.
struct Moment {
  std::string id;  // of the envelope or message; empty: it had none
  int64_t at = 0;
  std::string process;
  uint32_t uid = queue::kNoUid;
  std::string decision;
  std::string reason;
};
std::string moment_json(const Moment& moment);
std::string moment_text(const Moment& moment);
std::string hops_text(std::string_view name, const lookup::Hops& hops);
std::string hops_json(std::string_view name, const lookup::Hops& hops);
std::string delivery_text(const relay::DeliveryShown& shown);
std::string delivery_json(const relay::DeliveryShown& shown);
std::string tls_policy_text(std::string_view domain, const relay::TlsPolicyShown& shown);
std::string tls_policy_json(std::string_view domain, const relay::TlsPolicyShown& shown);
std::string done_json(bool ok, std::string_view text);
// A line of the log as an object of its keys, on one line; keys that come again are kept as a list.
std::string event_json(std::string_view line);
// key=value pairs of a log line, unescaped. What is not such a pair is kept under "text".
std::vector<std::pair<std::string, std::string>> parse_log_line(std::string_view line);

std::string duration_text(int64_t seconds);
// For a terminal: control characters but newline and tab are shown as \xNN.
std::string safe_for_terminal(std::string_view text);

}  // namespace mailkeep::ctl
