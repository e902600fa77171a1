// The tables of the spool's database. See spool.h for what is in them. Process: queue.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/db/db.h"
#include "queue/envelope.h"

namespace mailkeep::queue {

constexpr uint32_t kRecordPage = 8 * 1024;
constexpr uint32_t kBodyPage = 32 * 1024;  // a 4 KiB message is an ordinary item, not an overflow chain

struct Tables {
  db::Database message, body, envelope, due, destination, aside, note;
};

Result<Tables> open_tables(db::Environment& environment);
// The two rows by which an envelope is found.
Status put_indexes(Tables& tables, db::Transaction& txn, const Envelope& envelope);

}  // namespace mailkeep::queue
