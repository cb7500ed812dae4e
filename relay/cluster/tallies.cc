#include "relay/cluster/tallies.h"

#include <algorithm>

namespace xylem::cluster {
void Rate::add(std::int64_t now_us) {
  const std::int64_t step = now_us / kStepUs;
  if (step > step_) {
    const std::int64_t passed = std::min<std::int64_t>(step - step_, kSteps);
    for (std::int64_t i = 0; i < passed; ++i) {
      counts_[static_cast<std::size_t>(step - i) % kSteps] = 0;
    }
    step_ = step;
  }
  ++counts_[static_cast<std::size_t>(step_) % kSteps];
}

double Rate::per_second(std::int64_t now_us) const {
  const std::int64_t step = now_us / kStepUs;
  std::uint64_t total = 0;
  // The newest step is not over yet, so those before it are asked.
  for (std::int64_t back = 1; back < static_cast<std::int64_t>(kSteps); ++back) {
    const std::int64_t at = step - back;
    if (at <= step_ && at > step_ - static_cast<std::int64_t>(kSteps) && at >= 0) {
      total += counts_[static_cast<std::size_t>(at) % kSteps];
    }
  }
  return static_cast<double>(total) / (static_cast<double>(kSteps - 1) * kStepUs / 1e6);
}

}  // namespace xylem::cluster
