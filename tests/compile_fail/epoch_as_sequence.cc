// Both are 64 bits that only grow, and mixing them up would be silent.
#include "relay/base/ids.h"

xylem::Sequence first_of(xylem::Epoch epoch) {
#ifdef XYLEM_MISUSE
  return epoch;
#else
  return epoch.value != 0 ? xylem::Sequence{1} : xylem::Sequence{};
#endif
}
