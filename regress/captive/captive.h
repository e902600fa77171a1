// The captive build: worker programs that play the taken-over process, as regress/e2e/16-captive and 17-hostile tell
// them.
//
//   make captive: build/VARIANT/captive/libexec/mailkeep/ROLE = the worker's own objects, with lib/worker/worker,
//   lib/os/seccomp and lib/imsg/channel compiled once more with -DMAILKEEP_CAPTIVE, and this folder's
//
//   boot() ─▶ arm(): as root still, connects to `captive.sock` beside the program (no socket there: nothing more happens)
//   confined, in its loop ─▶ serve(): a line in, an act, a line out
//
// Seccomp's default is then SIGSYS to the process instead of its end, so that each act can be reported: the list of
// what is allowed is the same. That the real default ends the process is shown by regress/unit/sandbox_test.
// SPDX-License-Identifier: ISC
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "lib/base/fd.h"
#include "lib/worker/worker.h"

namespace mailkeep::captive {

using Words = std::vector<std::string>;

// What an act came to, for the test: "denied seccomp", "denied EPERM", "allowed 0", "allowed 3 more words".
using Outcome = std::string;

// From here on a system call that seccomp does not allow fails with ENOSYS, and was_trapped() tells so, once.
void catch_traps();
bool was_trapped();

// The outcome of a call that has just returned `result` (with errno).
Outcome outcome(long result);

// acts.cc: `words` is the act's name and its arguments.
Outcome act(const Words& words);
// frames.cc: what is sent to a peer: "peers", "frame …", "raw …", "recorded …", "flood …".
Outcome peers_command(worker::Peers& peers, const Words& words);
void record(const imsg::Channel* channel, uint16_t type, const std::string& body);

// Descriptors to send where none, or others, are expected, one a letter: see frames.cc.
std::deque<Fd> make_descriptors(const std::string& kinds);

Words split_words(const std::string& line);

}  // namespace mailkeep::captive
