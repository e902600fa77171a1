// Makes a new database of the spool from what can still be read of a damaged one, without the engine that refuses it.
//
//   db.damaged-DATE/   the old one, as it was found; nothing removes it
//   db.new/            the new one while it is made; becomes db at the end, or is removed at the next start
//
// What a record's last state is: the last thing that the log's readable part says of it, else what is on the tables'
// pages. Every record is taken by its own checksum and says itself where it belongs, so that damage costs that record
// alone:
// - a damaged record of the log: what it put is lost, unless its page had been written; what it removed is there again
//   (and delivered again, which a local account's process recognises);
// - a damaged page: the records whose own bytes are damaged; these are in the table `aside` of the new database;
// - a message none of whose envelopes is left, or a body without a message, goes to `aside` too, its file by another name.
// DESIGN section 4. Process: queue, at its start or when it opens its database anew.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

#include "queue/files.h"
#include "queue/spool.h"

namespace mailkeep::queue {

// Ends or undoes what a salvage that was interrupted has left. Before anything else is done with the directory.
Status settle_salvage(const std::string& directory);
// `directory`/db is another one afterwards. After an error all is as it was.
Status salvage(const SpoolOptions& options, LargeFiles& files, std::string_view why);

}  // namespace mailkeep::queue
