#pragma once

#include <cstdint>
#include <map>

#include "relay/base/ids.h"

namespace xylem {

// How far a source of the acked endpoint had come, as the log remembers it.
struct SourcePlace {
  BatchNumber newest;
  std::int64_t heard_us = 0;  // when the log last had a batch of it, wall clock
  friend bool operator==(const SourcePlace&, const SourcePlace&) = default;
};
using SourcePlaces = std::map<std::uint64_t, SourcePlace>;  // by SourceId

}  // namespace xylem
