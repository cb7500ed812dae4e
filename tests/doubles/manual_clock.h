#pragma once

#include "relay/base/clock.h"

namespace xylem::testing {

// Time that moves only when the test moves it. One thread.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] std::int64_t wall_us() const override { return wall_us_; }

  void advance(Duration by) {
    now_ = now_ + by;
    wall_us_ += std::chrono::duration_cast<std::chrono::microseconds>(by).count();
  }
  // Somebody sets the wall clock.
  void set_wall(std::chrono::microseconds by) { wall_us_ += by.count(); }

 private:
  Instant now_{std::chrono::hours(1)};
  std::int64_t wall_us_ = 1'700'000'000'000'000;
};

}  // namespace xylem::testing
