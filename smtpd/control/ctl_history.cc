// The verbs of mailkeepctl about the past: queue history and queue stats.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <cstdio>
#include <map>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "smtpd/control/ctl_ask.h"
#include "smtpd/control/ctl_select.h"

namespace mailkeep::ctl {

void out_quickly(const std::string& text) { fwrite(text.data(), 1, text.size(), stdout); }

bool ask_past(Session& s, queue::FindLives find, int& code, const std::function<void(queue::Lives&&)>& each) {
  do {
    control::client::AskLives m;
    m.ask = find;
    auto answer = ask<queue::Lives>(s, m, code);
    if (!answer) return false;
    if (!answer->error.empty()) {
      code = refused(s, answer->error);
      return false;
    }
    if (!answer->next.empty() && answer->next == find.after) {
      code = unreachable("the listing does not advance");
      return false;
    }
    find.after = answer->next;
    each(std::move(*answer));
  } while (!find.after.empty() && ferror(stdout) == 0);
  return true;
}

int queue_history(Session& s, Arguments words) {
  std::vector<queue::Selection> selections(1);
  const auto wrong = [](std::string_view why) {
    fprintf(stderr, "mailkeepctl: %s\n", safe_for_terminal(why).c_str());
    return kUsage;
  };
  if (!words.empty()) {
    auto parsed = parse_selections(words, now_unix());
    if (!parsed) return wrong(parsed.error().text);
    selections = std::move(parsed).value();
  }
  size_t count = 0;
  for (const queue::Selection& selection : selections) {
    if (!selection.subject.empty()) return wrong("of finished mail no subject is kept");
    queue::FindLives find;
    find.selection = selection;
    int code = kDone;
    const bool is_good = ask_past(s, find, code, [&](queue::Lives&& some) {
      count += some.lives.size();
      for (const queue::Life& life : some.lives) out_quickly(s.json ? life_json(life) : life_text(life));
    });
    if (!is_good) return code;
  }
  if (!s.json) out_quickly(std::to_string(count) + " finished\n");
  fflush(stdout);
  return kDone;
}

int queue_stats(Session& s, Arguments) {
  std::map<std::pair<bool, std::string>, queue::DestinationStat> all;
  queue::ListDestinations list;
  do {
    control::client::AskDestinations m;
    m.ask = list;
    int code = kDone;
    const auto answer = ask<queue::Destinations>(s, m, code);
    if (!answer) return code;
    if (!answer->next.empty() && answer->next == list.after) return unreachable("the listing does not advance");
    for (const auto& d : answer->destinations) {
      queue::DestinationStat& sum = all[{d.relay, d.name}];
      sum.name = d.name;
      sum.relay = d.relay;
      sum.waiting += d.waiting;
      sum.held += d.held;
      if (d.oldest != 0 && (sum.oldest == 0 || d.oldest < sum.oldest)) sum.oldest = d.oldest;
      sum.accepted += d.accepted;
      sum.deferred += d.deferred;
      sum.failed += d.failed;
      sum.paused_until = std::max(sum.paused_until, d.paused_until);
      if (!d.last_reply.empty()) sum.last_reply = d.last_reply;
    }
    list.after = answer->next;
  } while (!list.after.empty());
  if (!s.json) out_quickly("destination                    waiting   held  accepted  deferred  failed  oldest\n");
  for (const auto& [key, d] : all) {
    if (s.json) {
      out_quickly(destination_json(d));
      continue;
    }
    char line[400];
    snprintf(line, sizeof line, "%-29s %8llu %6llu %9llu %9llu %7llu  %s\n",
             safe_for_terminal(d.name.empty() ? "-" : d.name).c_str(), static_cast<unsigned long long>(d.waiting),
             static_cast<unsigned long long>(d.held), static_cast<unsigned long long>(d.accepted),
             static_cast<unsigned long long>(d.deferred), static_cast<unsigned long long>(d.failed),
             d.oldest == 0 ? "-" : duration_text(now_unix() - d.oldest).c_str());
    out_quickly(line);
    if (d.paused_until != 0)
      out_quickly("    does not answer; tried again " +
                  (d.paused_until > now_unix() ? "in " + duration_text(d.paused_until - now_unix()) : "now") + "\n");
    if (!d.last_reply.empty()) out_quickly("    " + safe_for_terminal(d.last_reply) + "\n");
  }
  fflush(stdout);
  return kDone;
}

}  // namespace mailkeep::ctl
