// The tables of the spool's database. See tables.h.
// SPDX-License-Identifier: ISC
#include "queue/tables.h"

namespace mailkeep::queue {

Result<Tables> open_tables(db::Environment& environment) {
  const auto table = [&environment](const char* name, uint32_t page) { return environment.table(name, page); };
  auto message = table("message", kRecordPage);
  if (!message) return message.error();
  auto body = table("body", kBodyPage);
  if (!body) return body.error();
  auto envelope = table("envelope", kRecordPage);
  if (!envelope) return envelope.error();
  auto due = table("due", kRecordPage);
  if (!due) return due.error();
  auto destination = table("destination", kRecordPage);
  if (!destination) return destination.error();
  auto aside = table("aside", kRecordPage);
  if (!aside) return aside.error();
  auto note = table("note", kRecordPage);
  if (!note) return note.error();
  return Tables{std::move(message).value(), std::move(body).value(),        std::move(envelope).value(),
                std::move(due).value(),     std::move(destination).value(), std::move(aside).value(),
                std::move(note).value()};
}

Status put_indexes(Tables& tables, db::Transaction& txn, const Envelope& envelope) {
  if (Status s = tables.due.put(txn, due_key(envelope), ""); !s) return s;
  return tables.destination.put(txn, destination_key(envelope), "");
}

}  // namespace mailkeep::queue
