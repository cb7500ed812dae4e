#pragma once

#include <compare>
#include <cstdint>

namespace xylem {

// One life of a relay: the wall clock in microseconds when it started, so that later is larger.
struct Epoch {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(Epoch, Epoch) = default;
};

// An event's position in one epoch's order, from 1; never reused. 0 is "none".
struct Sequence {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(Sequence, Sequence) = default;
  [[nodiscard]] constexpr Sequence after(std::uint64_t events) const { return {value + events}; }
};

// Who numbers the batches of an acked link: random, one for each life of a numbering. 0 is "none".
// Who knows it can speak in its name, so it is in no log and no metric.
struct SourceId {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(SourceId, SourceId) = default;
};

// A batch's position among those of one source over an acked link, from 1, without holes; never
// used for another batch. 0 is "none".
struct BatchNumber {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(BatchNumber, BatchNumber) = default;
  [[nodiscard]] constexpr BatchNumber after(std::uint64_t batches) const {
    return {value + batches};
  }
};

// One life of a relay, to relays that send it events: random. 0 is "none".
struct RelayId {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(RelayId, RelayId) = default;
};

}  // namespace xylem
