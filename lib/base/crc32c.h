// CRC-32C (Castagnoli, RFC 3720 appendix B.4): the checksum of every record that Mailkeep keeps on disk.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string_view>

namespace mailkeep {

// Of `bytes`, going on from `crc`, the value of what came before (0 at the start).
uint32_t crc32c(std::string_view bytes, uint32_t crc = 0);
// The same without the processor's own instruction; for machines that lack it, and for tests.
uint32_t crc32c_by_table(std::string_view bytes, uint32_t crc = 0);

}  // namespace mailkeep
