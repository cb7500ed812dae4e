#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "relay/cluster/task_store.h"

namespace xylem::cluster {

// Which tasks changed last, and by which event: bounded in number, the oldest leave. Changes have
// places that count from the first of all, so that who comes back knows how many it missed. One
// owner thread.
class ChangeLog {
 public:
  using Place = std::uint64_t;
  static constexpr std::size_t kChangesMax = std::size_t{1} << 16;
  struct Change {
    std::uint64_t sequence = 0;  // of the event
    TaskNumber task = kNoTask;
    std::uint32_t hash = 0;  // of its uuid, cut off: its place may be another's by now
  };
  explicit ChangeLog(std::size_t changes_max = kChangesMax) : changes_max_(changes_max) {}

  void add(const Change& change) {
    if (changes_.size() < changes_max_) {
      changes_.push_back(change);
    } else {
      changes_[end_ % changes_max_] = change;
    }
    ++end_;
  }
  [[nodiscard]] Place begin() const { return end_ - changes_.size(); }
  [[nodiscard]] Place end() const { return end_; }
  // REQUIRES begin() <= place < end().
  [[nodiscard]] const Change& at(Place place) const { return changes_[place % changes_max_]; }
  // The first change by an event behind this one.
  [[nodiscard]] Place after(std::uint64_t sequence) const {
    Place first = begin();
    for (Place last = end_; first < last;) {
      const Place middle = first + (last - first) / 2;
      at(middle).sequence <= sequence ? first = middle + 1 : last = middle;
    }
    return first;
  }

 private:
  std::size_t changes_max_;
  std::vector<Change> changes_;
  Place end_ = 0;
};

}  // namespace xylem::cluster
