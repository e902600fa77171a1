// Memory that start-up needed: see memory.h.
// SPDX-License-Identifier: ISC
#include "lib/os/memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

namespace mailkeep::os {
namespace {

// PF_W is set of segments with relocations (also of those that are read-only afterwards): those pages are the process'
// own.
int let_go(dl_phdr_info* object, size_t, void* total) {
  if (object->dlpi_addr == getauxval(AT_SYSINFO_EHDR)) return 0;  // the vDSO: no file
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  for (size_t i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
    const uintptr_t first = begin & ~(page - 1);
    const uintptr_t last = (begin + segment.p_memsz + page - 1) & ~(page - 1);
    if (madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED) != 0)
      continue;  // NOLINT(performance-no-int-to-ptr)
    *static_cast<size_t*>(total) += last - first;
  }
  return 0;
}

}  // namespace

size_t release_start_up_memory() {
  malloc_trim(0);
  size_t total = 0;
  dl_iterate_phdr(let_go, &total);
  return total;
}

}  // namespace mailkeep::os
