#pragma once

#include <cstdint>
#include <string>

#include "relay/base/clock.h"
#include "relay/transport/address.h"

namespace xylem::simulation {

// A process's own view of time: everybody's monotonic clock, and a wall clock that may be wrong.
class ProcessClock final : public Clock {
 public:
  explicit ProcessClock(const Instant& now) : now_(now) {}
  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] std::int64_t wall_us() const override {
    constexpr std::int64_t kBegin = 1'700'000'000'000'000;
    const auto since = std::chrono::duration_cast<std::chrono::microseconds>(now_.since_boot);
    return kBegin + since.count() + wrong_us_;
  }
  void jump(std::chrono::microseconds by) { wrong_us_ += by.count(); }

 private:
  const Instant& now_;
  std::int64_t wrong_us_ = 0;
};

[[nodiscard]] inline Address address_of(const std::string& text) {
  return Address::parse(text).value();
}

}  // namespace xylem::simulation
