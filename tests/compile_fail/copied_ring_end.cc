// Two producers of one ring would overwrite each other's items.
#include "relay/ring/spsc_ring.h"

xylem::SpscRing<int>::Producer moved(xylem::SpscRing<int>::Producer& end) {
#ifdef XYLEM_MISUSE
  return end;
#else
  return std::move(end);
#endif
}
