// Boost.Lockfree copies items; what owns something would be freed twice.
#include <memory>

#include "relay/ring/spsc_ring.h"

std::size_t capacity() {
#ifdef XYLEM_MISUSE
  xylem::SpscRing<std::shared_ptr<int>> ring(1);
#else
  xylem::SpscRing<int*> ring(1);
#endif
  return ring.split().second.capacity();
}
