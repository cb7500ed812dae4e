#include "relay/base/clock.h"

#include <algorithm>

namespace xylem {
namespace {

// A file may say anything; beyond the year 9999 it is damaged, and no time.
constexpr std::int64_t kLeastUsMax = 253'402'300'800'000'000;

std::int64_t monotonic_us(const Clock& clock) {
  return std::chrono::duration_cast<std::chrono::microseconds>(clock.now().since_boot).count();
}

}  // namespace

Instant SystemClock::now() const {
  return {
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

std::int64_t SystemClock::wall_us() const {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
}

AscendingClock::AscendingClock(const Clock& clock, std::int64_t least_us)
    : clock_(clock),
      ahead_us_((least_us > kLeastUsMax ? 0 : std::max<std::int64_t>(least_us, 0)) -
                monotonic_us(clock)) {}

// The wall is read first: should this thread lose its core in between, the difference is too small,
// and the next call mends it. Too large it would stay.
std::int64_t AscendingClock::wall_us() const {
  const std::int64_t wall_us = clock_.wall_us();
  const std::int64_t now_us = monotonic_us(clock_);
  std::int64_t ahead_us = ahead_us_.load(std::memory_order_relaxed);
  while (ahead_us < wall_us - now_us &&
         !ahead_us_.compare_exchange_weak(ahead_us, wall_us - now_us, std::memory_order_relaxed)) {
  }
  return now_us + std::max(ahead_us, wall_us - now_us);
}

}  // namespace xylem
