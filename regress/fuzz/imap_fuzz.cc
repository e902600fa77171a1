// The command reader and the grammar of lib/imap on arbitrary bytes: the same commands come out however the bytes are
// cut, and what parses can be echoed.
// SPDX-License-Identifier: ISC
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/imap/command.h"
#include "lib/imap/list_pattern.h"
#include "lib/imap/reader.h"

using namespace mailkeep::imap;
using Event = CommandReader::Event;

static std::string told(std::string_view input, size_t piece) {
  CommandReader reader(CommandReader::Limits{200, 100, 500});
  std::string out;
  while (!input.empty()) {
    std::string_view part = input.substr(0, piece);
    input.remove_prefix(part.size());
    for (Event event = reader.next(part); event != Event::kNone; event = reader.next(part)) {
      if (event == Event::kData) {
        out += reader.data();
        continue;
      }
      out += static_cast<char>('0' + static_cast<int>(event));
      if (event == Event::kRefused) out += reader.refusal();
      if (event == Event::kAppend) {
        const auto append = parse_command(reader.command());
        if (!append) abort();
        if (std::get<Append>(*append).size % 2 == 0)
          reader.accept();
        else
          reader.refuse();
      }
      if (event != Event::kCommand) continue;
      out += reader.command();
      const auto command = parse_command(reader.command());
      if (!command) continue;
      if (std::get_if<Idle>(&*command) != nullptr) reader.expect_line();
      if (const Fetch* fetch = std::get_if<Fetch>(&*command))
        for (const FetchItem& item : fetch->items) out += format_body_section(item);
      if (const Lsub* lsub = std::get_if<Lsub>(&*command))
        out += matches_pattern(lsub->pattern, lsub->reference) ? 'y' : 'n';
    }
    if (!part.empty()) abort();
  }
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (told(input, size + 1) != told(input, 1)) abort();
  return 0;
}
