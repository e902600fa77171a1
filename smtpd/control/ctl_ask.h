// How a verb of mailkeepctl asks its question and ends: one request, one answer, or a reason why there is none.
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "smtpd/control/ctl.h"

namespace mailkeep::ctl {

using Arguments = std::span<const std::string_view>;

// Each says what it must on standard output or error, and gives the exit code.
void out(const std::string& text);
int unreachable(std::string_view why);
int refused(Session& s, std::string_view why);

template <class M>
Status send(Session& s, const M& message) {
  imsg::Encoder e;
  M::fields(e, message);
  return imsg::write_frame(s.fd, M::kType, e.bytes(), e.fds());
}

// The answer A to what was sent; when there is none, `code` is how the program ends and all has been said.
template <class A>
std::optional<A> receive(Session& s, int& code) {
  auto frame = imsg::read_frame(s.fd);
  if (!frame) {
    code = unreachable(frame.error().text);
    return {};
  }
  if (frame->type == control::client::Refused::kType) {
    control::client::Refused r;
    code = imsg::decode(frame->body, frame->fds, r) ? refused(s, r.text) : unreachable("a malformed answer");
    return {};
  }
  A answer;
  if (frame->type != A::kType || !imsg::decode(frame->body, frame->fds, answer)) {
    code = unreachable("an answer of another version?");
    return {};
  }
  return answer;
}

// The answer A to `request`, as receive() says.
template <class A, class M>
std::optional<A> ask(Session& s, const M& request, int& code) {
  if (auto sent = send(s, request); !sent) {
    code = unreachable(sent.error().text);
    return {};
  }
  return receive<A>(s, code);
}

// ctl_table.cc
int table_reload(Session& s, Arguments arguments);
int table_show(Session& s, Arguments arguments);
int table_lookup(Session& s, Arguments arguments);
int table_compile(Session& s, Arguments arguments);
// ctl_queue.cc
int queue_list(Session& s, Arguments arguments);
int queue_show(Session& s, Arguments arguments);
int queue_cat(Session& s, Arguments arguments);
int queue_hold(Session& s, Arguments arguments);
int queue_release(Session& s, Arguments arguments);
int queue_retry(Session& s, Arguments arguments);
int queue_fail(Session& s, Arguments arguments);
int queue_drop(Session& s, Arguments arguments);
int queue_reroute(Session& s, Arguments arguments);
// ctl_history.cc
// All of the past that is asked for, part by part. False: `code` is how the program ends, and all has been said.
bool ask_past(Session& s, queue::FindLives find, int& code, const std::function<void(queue::Lives&&)>& each);
void out_quickly(const std::string& text);  // without a flush
int queue_history(Session& s, Arguments arguments);
int queue_stats(Session& s, Arguments arguments);
// ctl_trace.cc
int trace(Session& s, Arguments arguments);

}  // namespace mailkeep::ctl
