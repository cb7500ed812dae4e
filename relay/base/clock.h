#pragma once

#include <chrono>
#include <cstdint>

namespace xylem {

using Duration = std::chrono::nanoseconds;

// A moment on the monotonic clock; only differences mean anything.
struct Instant {
  Duration since_boot{0};
  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant at, Duration by) { return {at.since_boot + by}; }
  friend constexpr Duration operator-(Instant a, Instant b) { return a.since_boot - b.since_boot; }
};

// Where time comes from. Passed by reference, so that tests own it; nothing else in the tree asks
// the operating system for the time. Any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;
  // Microseconds since the Unix epoch, UTC.
  [[nodiscard]] virtual std::int64_t wall_us() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override;
  [[nodiscard]] std::int64_t wall_us() const override;
};

}  // namespace xylem
