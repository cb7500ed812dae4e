#include "relay/cli/startup_memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace xylem::cli {
namespace {

// Segments that cannot be written have nothing that is not in the file.
int forget_segments(dl_phdr_info* object, std::size_t, void* page_bytes) {
  const auto page = *static_cast<const std::uintptr_t*>(page_bytes);
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
    const std::uintptr_t from = (begin + page - 1) / page * page;
    const std::uintptr_t to = (begin + segment.p_memsz) / page * page;
    if (from < to) ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void forget_startup_memory() {
  ::malloc_trim(0);
  auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  ::dl_iterate_phdr(forget_segments, &page);
}

}  // namespace xylem::cli
