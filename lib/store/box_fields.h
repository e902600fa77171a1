// What the index (heads.cc) and the journal's snapshots (snapshot.cc) both write of a mailbox, each in its own order.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/store/bytes.h"
#include "lib/store/state.h"

namespace mailkeep::store {

// id, name, role, is_selectable, uidvalidity, uidnext, recent_from, highest_modseq, created
void put_identity(Writer& w, const State::Box& box);
// False: no mailbox has such an id or role. That the bytes were there at all is for r.ok() to say.
bool get_identity(Reader& r, State::Box& box);

// count, then each name
void put_keywords(Writer& w, const State::Box& box);
// False: more than a mailbox may have.
bool get_keywords(Reader& r, State::Box& box);

// count, then of each: seq, first and last UID
void put_expunged(Writer& w, const State::Box& box);
void get_expunged(Reader& r, State::Box& box);

}  // namespace mailkeep::store
