#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "relay/base/clock.h"
#include "relay/metrics/metric_table.h"

namespace xylem {

// How long those who want the policy `block` may hold the whole relay up: all of them together,
// whoever they are and however often they come back. It is spent while something waits for one of
// them, and comes back over kWindow. Once it is used up nobody is waited for until half of it has
// come back. One owner thread, on which stream and publish both run; no clock.
class BlockBudget {
 public:
  static constexpr Duration kWindow = std::chrono::minutes(10);
  enum class Endpoint : std::uint8_t { stream, publish };

  // 0: no bound.
  explicit BlockBudget(Duration budget) : budget_(budget) {}

  // Whether something waits for a subscriber of this endpoint from now on.
  void note(Endpoint endpoint, bool holds_up, Instant now);
  // Whether one may be waited for.
  [[nodiscard]] bool allows() const { return !used_up_.load(std::memory_order_relaxed); }

  [[nodiscard]] Duration budget() const { return budget_; }
  // Any thread.
  void sample(Samples& samples) const;

 private:
  Duration budget_;
  Duration spent_{0};
  Duration total_{0};
  Instant noted_at_;
  std::array<bool, 2> holds_up_{};
  // As others may see them.
  std::atomic<bool> used_up_{false};
  std::atomic<std::uint64_t> times_used_up_{0};
  std::atomic<std::int64_t> total_ns_{0};
};

}  // namespace xylem
