#pragma once

#include <cstdint>
#include <deque>

#include "relay/base/clock.h"
#include "relay/base/ids.h"
#include "relay/event/batch.h"

namespace xylem {

// The newest batches of this epoch, kept in memory for subscribers that come back, bounded in bytes
// and age. Batches are shared, so what is kept also costs nothing twice. One owner thread.
class Retention {
 public:
  struct Options {
    std::uint64_t bytes_max = std::uint64_t{64} << 20;  // of memory; 0 keeps nothing
    Duration age_max = std::chrono::minutes(10);
  };
  explicit Retention(const Options& options) : options_(options) {}

  // REQUIRES the batch that follows the one added before.
  void add(const BatchRef& batch);
  // Lets go of what is too old. `now_us` is the wall clock.
  void trim(std::int64_t now_us);

  // The first sequence that is kept; next() if nothing is.
  [[nodiscard]] Sequence first() const { return first_; }
  // The sequence that the next batch will begin with.
  [[nodiscard]] Sequence next() const { return next_; }
  // The batch that has this event. REQUIRES first() <= sequence < next(). Cost: a binary search.
  [[nodiscard]] const BatchRef& at(Sequence sequence) const;
  // The first sequence kept of what was taken in at `since_us` or later; next() if nothing was.
  [[nodiscard]] Sequence since(std::int64_t since_us) const;

  // Something of what was taken in at `since_us` or later is no longer kept.
  [[nodiscard]] bool let_go_since(std::int64_t since_us) const { return let_go_us_ >= since_us; }

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] const Options& options() const { return options_; }

 private:
  void let_go_of_oldest();

  Options options_;
  std::deque<BatchRef> batches_;  // bounded by options_
  std::uint64_t bytes_ = 0;
  Sequence first_{1};
  Sequence next_{1};
  std::int64_t let_go_us_ = INT64_MIN;  // when the newest of what was let go of was taken in
};

}  // namespace xylem
