// A count is not a position, whatever both are made of.
#include "relay/base/ids.h"

std::uint64_t value_of(xylem::Sequence sequence) { return sequence.value; }

std::uint64_t third() {
#ifdef XYLEM_MISUSE
  return value_of(3);
#else
  return value_of(xylem::Sequence{3});
#endif
}
