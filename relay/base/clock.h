#pragma once

#include <atomic>
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

// a - b, as near to it as there is a number: one of them may be anybody's.
[[nodiscard]] constexpr std::int64_t clipped_difference(std::int64_t a, std::int64_t b) {
  std::int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return a < 0 ? INT64_MIN : INT64_MAX;
}

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

// The wall clock as a relay stores it: it never goes back. When the clock beneath it is set back it
// goes on at the pace of the monotonic clock, so that what comes later never bears an earlier time,
// and an age is what has passed. Any thread.
class AscendingClock final : public Clock {
 public:
  // `clock` must outlive it. It tells `least_us` or later: what an earlier life has stored.
  explicit AscendingClock(const Clock& clock, std::int64_t least_us = 0);
  [[nodiscard]] Instant now() const override { return clock_.now(); }
  [[nodiscard]] std::int64_t wall_us() const override;

 private:
  const Clock& clock_;
  mutable std::atomic<std::int64_t> ahead_us_;  // of the monotonic clock; only grows
};

}  // namespace xylem
