#pragma once

#include <array>
#include <cstdint>
#include <deque>

#include "relay/cluster/life.h"
#include "relay/cluster/sketch.h"

namespace xylem::cluster {

// Events a second over the last minute, in steps of five seconds by the arrival clock.
class Rate {
 public:
  void add(std::int64_t now_us);
  [[nodiscard]] double per_second(std::int64_t now_us) const;

 private:
  static constexpr std::int64_t kStepUs = 5'000'000;
  static constexpr std::size_t kSteps = 12;
  std::array<std::uint32_t, kSteps> counts_{};
  std::int64_t step_ = 0;  // of the newest count
};

// What was counted for one name, one queue or one worker.
struct Tally {
  std::array<std::uint64_t, kKindCount> events{};  // by kind; those of one event once
  Rate ends;                                       // attempts that ended
  Sketch wait;  // from sent, its eta or received, whichever is last, to started
  Sketch run;   // as the worker measured it
};

// Tallies by the number of a name; each is made when something is counted for it.
class Tallies {
 public:
  [[nodiscard]] Tally& of(NameId id) {
    while (all_.size() <= id.value) all_.emplace_back();
    return all_[id.value];
  }
  [[nodiscard]] const Tally* find(NameId id) const {
    return id.value < all_.size() ? &all_[id.value] : nullptr;
  }

 private:
  std::deque<Tally> all_;
};

}  // namespace xylem::cluster
