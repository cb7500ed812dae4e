#include "relay/egress/block_budget.h"

#include <algorithm>

#include "relay/base/log.h"

namespace xylem {
namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

void BlockBudget::note(Endpoint endpoint, bool holds_up, Instant now) {
  const Duration passed = now - noted_at_;
  noted_at_ = now;
  const bool held_up = std::find(holds_up_.begin(), holds_up_.end(), true) != holds_up_.end();
  holds_up_[static_cast<std::size_t>(endpoint)] = holds_up;
  if (held_up) {
    total_ += passed;
    total_ns_.store(total_.count(), std::memory_order_relaxed);
  }
  if (budget_ == Duration(0)) return;
  if (held_up) {
    spent_ = std::min(spent_ + passed, budget_);
  } else {
    const double back = seconds(passed) * seconds(budget_) / seconds(kWindow);
    const auto came_back =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(back));
    spent_ = std::max(spent_ - came_back, Duration(0));
  }
  if (allows() && spent_ >= budget_) {
    XYLEM_LOG(warning,
              "subscribers with the policy block have held everything up for {:g} s within {:g} "
              "minutes (pipeline.block_budget): until half of that has come back nobody is waited "
              "for, and block means drop_oldest on stream, drop_newest on publish",
              seconds(budget_), seconds(kWindow) / 60);
    times_used_up_.fetch_add(1, std::memory_order_relaxed);
    used_up_.store(true, std::memory_order_relaxed);
  } else if (!allows() && spent_ <= budget_ / 2) {
    XYLEM_LOG(info, "subscribers with the policy block are waited for again");
    used_up_.store(false, std::memory_order_relaxed);
  }
}

void BlockBudget::sample(Samples& samples) const {
  samples.push_back({Metric::block_held_up,
                     static_cast<double>(total_ns_.load(std::memory_order_relaxed)) / 1e9,
                     {}});
  samples.push_back({Metric::block_used_up,
                     static_cast<double>(times_used_up_.load(std::memory_order_relaxed)),
                     {}});
}

}  // namespace xylem
