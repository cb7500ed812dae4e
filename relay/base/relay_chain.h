#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "relay/base/ids.h"

namespace xylem {

// The relays that events come to from here on: a relay itself, then those upstream of it, as far as
// it has heard (docs/protocol.md §7). A relay that finds itself in what one upstream says would get
// its own events back. Beyond kRelaysMax none is added, so a longer loop is not seen. Plain value.
class RelayChain {
 public:
  static constexpr std::size_t kRelaysMax = 16;

  void add(RelayId relay) {
    if (relay == RelayId{} || contains(relay)) return;
    const auto free = std::find(relays_.begin(), relays_.end(), RelayId{});
    if (free != relays_.end()) *free = relay;
  }
  void add(const RelayChain& others) {
    for (const RelayId relay : others.relays_) add(relay);
  }
  [[nodiscard]] bool contains(RelayId relay) const {
    return relay != RelayId{} && std::find(relays_.begin(), relays_.end(), relay) != relays_.end();
  }
  [[nodiscard]] bool empty() const { return relays_.front() == RelayId{}; }
  [[nodiscard]] auto begin() const { return relays_.begin(); }
  [[nodiscard]] auto end() const { return std::find(relays_.begin(), relays_.end(), RelayId{}); }

  friend bool operator==(const RelayChain&, const RelayChain&) = default;

 private:
  std::array<RelayId, kRelaysMax> relays_{};  // RelayId{} behind the last
};

}  // namespace xylem
