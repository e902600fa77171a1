// lib/rfc5322: a header's fields, then every parser of field values on every value.
// SPDX-License-Identifier: ISC
#include <cstdint>
#include <cstdlib>

#include "lib/rfc5322/address.h"
#include "lib/rfc5322/date.h"
#include "lib/rfc5322/header.h"
#include "lib/rfc5322/header_writer.h"
#include "lib/rfc5322/msgid.h"
#include "lib/rfc5322/subject.h"

using namespace mailkeep::rfc5322;

static void must(bool holds) {
  if (!holds) abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const Header header = parse_header(input);
  must(header.size <= size);
  size_t covered = 0;
  for (const Field& field : header.fields) {
    must(field.raw.data() == input.data() + covered || header.is_truncated);
    covered += field.raw.size();
    int open = 0;
    for (const Address& address : parse_address_list(field.value)) {
      open += address.kind == AddressKind::group_start ? 1 : address.kind == AddressKind::group_end ? -1 : 0;
      must(open == 0 || open == 1);
      format_address(address);
    }
    must(open == 0);
    if (const auto date = parse_date(field.value)) {
      const auto again = parse_date(format_date(date->unix_seconds, date->zone_minutes));
      must(!again || again->unix_seconds == date->unix_seconds);
    }
    for (const std::string& id : parse_message_ids(field.value)) must(id.find('@') != std::string::npos);
    base_subject(unfold(field.value));
    if (!field.name.empty()) {
      const std::string written = format_field(field.name, field.value);
      must(parse_header(written).fields.size() == 1);
    }
  }
  must(covered <= header.size);
  return 0;
}
