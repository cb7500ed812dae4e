#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "relay/base/limits.h"
#include "relay/event/batch.h"

namespace xylem {

// Some events of `batch`, in order, as batches of their own within `limits`; what is shaped stays
// shaped. Each has the batch's stamp and says `replayed` as it does. Pure; any thread. Cost: one
// look at each body up to the last that is wanted, and one copy of what is wanted.
enum class Positions : std::uint8_t {
  kept,    // an event's sequence stays what it was
  counted  // from 0 in each batch, as a sender's are
};
struct Split {
  std::vector<std::unique_ptr<Batch>> batches;
  // Events that are in none: each alone would make a frame above the limit.
  std::uint64_t too_large = 0;
};
// `wanted` has one element per entry. REQUIRES a batch that was admitted or made here.
[[nodiscard]] Split split(const Batch& batch, const std::vector<bool>& wanted,
                          const FrameLimits& limits, Positions positions);

// Whether the batch as it is keeps to `limits`, and needs no split(). Cost: one look at each body
// that is shaped.
[[nodiscard]] bool fits(const Batch& batch, const FrameLimits& limits);

// The events of `batch` from this sequence on, as one batch, positions kept; nullptr if there are
// none. Likewise.
[[nodiscard]] std::unique_ptr<Batch> events_from(const Batch& batch, Sequence first);

}  // namespace xylem
