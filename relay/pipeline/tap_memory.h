#pragma once

#include <cstdint>

#include "relay/event/batch.h"

namespace xylem {

// The memory of what all taps of one sink hold together: a batch that several of them hold counts
// once, and so does a thinned copy. One owner thread, the sink's.
class TapMemory {
 public:
  explicit TapMemory(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  void hold(const Batch& batch) {
    if (batch.hold()) bytes_ += batch.footprint();
  }
  void let_go(const Batch& batch) {
    if (batch.let_go()) bytes_ -= batch.footprint();
  }
  // Somebody has to let go of something.
  [[nodiscard]] bool over() const { return bytes_ > bytes_max_; }
  // Who was told to take no more may not begin again yet.
  [[nodiscard]] bool tight() const { return bytes_ > bytes_max_ - bytes_max_ / 8; }

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t bytes_max() const { return bytes_max_; }

 private:
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
};

}  // namespace xylem
