// The queue's verbs of mailkeepctl. Each is asked in parts, at our pace, until there is no next one; what is listed is
// printed as it comes, so that a million envelopes need no more memory than one part.
// SPDX-License-Identifier: ISC
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "smtpd/control/ctl_ask.h"
#include "smtpd/control/ctl_select.h"

namespace mailkeep::ctl {

namespace {

struct Sum {
  uint64_t total = 0, matched = 0, changed = 0, busy = 0;
  std::string error;
};

struct Command {
  queue::QueueVerb verb;
  std::string_view done;  // "held"
};

int wrong(std::string_view why) {
  fprintf(stderr, "mailkeepctl: %s\n", safe_for_terminal(why).c_str());
  return kUsage;
}

// All parts of one request. While one is shown, the next is on its way. False: `code` is how the program ends.
template <class Each>
bool ask_all(Session& s, queue::SelectQueue request, Sum& sum, int& code, Each each) {
  control::client::AskQueueSelect m;
  m.ask = std::move(request);
  auto answer = ask<queue::QueueSelected>(s, m, code);
  while (answer) {
    const queue::QueueSelected part = *std::move(answer);
    if (!part.next.empty() && part.next == m.ask.after) {
      code = unreachable("the listing does not advance");
      return false;
    }
    sum.total = part.total;
    sum.matched += part.matched;
    sum.changed += part.changed;
    sum.busy += part.busy;
    sum.error = part.error;
    m.ask.after = part.next;
    const bool goes_on = part.error.empty() && !part.next.empty();
    if (const auto sent = goes_on ? send(s, m) : Status(); !sent) {
      code = unreachable(sent.error().text);
      return false;
    }
    for (const auto& item : part.items) each(item);
    if (!goes_on) return true;
    answer = receive<queue::QueueSelected>(s, code);
    if (answer && ferror(stdout) != 0) return true;  // whoever read has left
  }
  return false;
}

int bad_name(std::string_view text) {
  return wrong(printable(text) + " is no message id: 16 hexadecimal digits, then perhaps .NUMBER");
}

// The whole of a descriptor that can be read from 0.
Result<std::string> read_all(int fd) {
  std::string text;
  char chunk[64 * 1024];
  for (;;) {
    const ssize_t n = ::pread(fd, chunk, sizeof chunk, static_cast<off_t>(text.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("read the message");
    if (n == 0) return text;
    text.append(chunk, static_cast<size_t>(n));
  }
}

std::optional<queue::MessageShown> show(Session& s, std::string_view id, std::string& content, int& code) {
  const auto name = parse_message_name(id);
  if (!name) {
    code = bad_name(id);
    return {};
  }
  control::client::AskQueueShow request;
  request.message = name->message;
  auto answer = ask<queue::MessageShown>(s, request, code);
  if (!answer) return {};
  if (!answer->found) {
    code = refused(s, "not in the queue: " + std::string(id));
    return {};
  }
  if (!answer->content) return answer;
  auto read = read_all(answer->content.get());
  if (!read) {
    code = refused(s, read.error().text);
    return {};
  }
  content = std::move(*read);
  return answer;
}

void put_content(std::string content) {
  if (isatty(STDOUT_FILENO) == 1) {
    std::erase(content, '\r');
    content = safe_for_terminal(content);
  }
  out(content);
}

// The lines of a listing, in text or JSON.
class Listing {
 public:
  Listing(Session& s, std::string_view before) : s_(s), before_(before) {}
  void add(const queue::QueueItem& item) {
    if (s_.json) return out_quickly((count_++ == 0 ? before_ + "\"items\":[" : ",") + item_json_text(item));
    if (count_++ == 0) out_quickly(queue_text_head());
    out_quickly(queue_text(item, now_));
  }
  // After the last one, in JSON.
  void end(const std::string& rest) {
    if (s_.json) out_quickly((count_ == 0 ? before_ + "\"items\":[" : "") + "]" + rest + "}\n");
    fflush(stdout);
  }

 private:
  static void out_quickly(const std::string& text) { fwrite(text.data(), 1, text.size(), stdout); }
  Session& s_;
  std::string before_;
  size_t count_ = 0;
  int64_t now_ = now_unix();
};

std::string count_json(const Sum& sum) {
  return "\"total\":" + std::to_string(sum.total) + ",\"matched\":" + std::to_string(sum.matched) +
         ",\"changed\":" + std::to_string(sum.changed) + ",\"busy\":" + std::to_string(sum.busy);
}

std::string count_text(const Sum& sum, bool dry_run, std::string_view done) {
  std::string text = std::string(dry_run ? "would be " : "") + std::string(done) + " " + std::to_string(sum.changed);
  if (sum.matched != sum.changed) text += " of " + std::to_string(sum.matched) + " selected";
  if (sum.busy != 0) text += ", " + std::to_string(sum.busy) + " of them being delivered now";
  return text + "\n";
}

int run(Session& s, const Command& command, Arguments words, queue::SelectQueue request) {
  request.verb = command.verb;
  request.dry_run = !words.empty() && words[0] == "-n";
  if (request.dry_run) words = words.subspan(1);
  if (command.verb == queue::QueueVerb::kReroute) {
    if (words.empty() || words[0].size() > kMaxTag) return wrong("the relay action is missing");
    request.action = words[0];
    words = words.subspan(1);
  }
  const auto selections = parse_selections(words, now_unix());
  if (!selections) return wrong(selections.error().text);
  Sum sum;
  Listing listing(s, "{");
  for (const queue::Selection& selection : *selections) {
    request.selection = selection;
    int code = kDone;
    if (!ask_all(s, request, sum, code, [&](const auto& item) { listing.add(item); })) return code;
    if (!sum.error.empty()) break;
  }
  if (s.json) listing.end("," + count_json(sum));
  fflush(stdout);
  if (!s.json && (sum.changed > 0 || sum.error.empty())) out(count_text(sum, request.dry_run, command.done));
  if (!sum.error.empty()) {
    fprintf(stderr, "mailkeepctl: %s\n", safe_for_terminal(sum.error).c_str());
    return kRefused;
  }
  if (sum.changed > 0) return kDone;
  fprintf(stderr, "mailkeepctl: %s\n",
          sum.matched == 0 ? "nothing in the queue is selected" : "nothing was to be done");
  return kRefused;
}

}  // namespace

int queue_list(Session& s, Arguments words) {
  std::vector<queue::Selection> selections(1);
  if (!words.empty()) {
    auto parsed = parse_selections(words, now_unix());
    if (!parsed) return wrong(parsed.error().text);
    selections = std::move(parsed).value();
  }
  Sum sum;
  Listing listing(s, "{");
  for (const queue::Selection& selection : selections) {
    queue::SelectQueue request;
    request.selection = selection;
    int code = kDone;
    if (!ask_all(s, request, sum, code, [&](const auto& item) { listing.add(item); })) return code;
    if (!sum.error.empty()) return refused(s, sum.error);
  }
  listing.end(",\"total\":" + std::to_string(sum.total) + ",\"matched\":" + std::to_string(sum.matched));
  if (s.json) return kDone;
  out(words.empty() ? std::to_string(sum.total) + " in the queue\n"
                    : std::to_string(sum.matched) + " of " + std::to_string(sum.total) + " in the queue\n");
  return kDone;
}

int queue_show(Session& s, Arguments arguments) {
  std::string content;
  int code = kDone;
  const auto shown = show(s, arguments[0], content, code);
  if (!shown) return code;
  if (s.json) {
    out(shown_json(shown->items, content));
    return kDone;
  }
  std::string text = queue_text_head();
  for (const auto& item : shown->items) text += queue_text(item, now_unix());
  out(text + "\n");
  put_content(std::move(content));
  return kDone;
}

int queue_cat(Session& s, Arguments arguments) {
  std::string content;
  int code = kDone;
  if (!show(s, arguments[0], content, code)) return code;
  put_content(std::move(content));
  return kDone;
}

int queue_hold(Session& s, Arguments words) { return run(s, {queue::QueueVerb::kHold, "held"}, words, {}); }
int queue_release(Session& s, Arguments words) { return run(s, {queue::QueueVerb::kRelease, "released"}, words, {}); }
int queue_retry(Session& s, Arguments words) { return run(s, {queue::QueueVerb::kRetry, "tried again"}, words, {}); }
int queue_fail(Session& s, Arguments words) { return run(s, {queue::QueueVerb::kFail, "given up"}, words, {}); }
int queue_drop(Session& s, Arguments words) { return run(s, {queue::QueueVerb::kDrop, "dropped"}, words, {}); }
int queue_reroute(Session& s, Arguments words) { return run(s, {queue::QueueVerb::kReroute, "rerouted"}, words, {}); }

}  // namespace mailkeep::ctl
