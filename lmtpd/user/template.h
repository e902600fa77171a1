// The template of `user` processes: one that has been loaded and has no account. The parent asks it for a process
// (Start), it forks one with the parent as its father and says its number (Forked): what exec and the loading of
// libraries cost is spent once.
//
//   parent ── Start{Boot, channel} ──▶ template ── fork ──▶ the account's process: goes on as after an exec
//          ◀── Forked{pid} ──────────
//
// It holds no secret and reads nothing but what the parent sends; of root it keeps what becoming an account takes. Its
// children share its layout of memory: who has taken over one of them knows where things lie in the others.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/worker/worker.h"

namespace mailkeep::user {

// Serves the parent until that closes the channel. Returns in each forked process, with its account's Boot.
worker::Boot serve_template(worker::Boot boot);

}  // namespace mailkeep::user
