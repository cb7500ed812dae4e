#include "relay/cluster/task_index.h"

#include "relay/base/check.h"

namespace xylem::cluster {

void TaskIndex::put(std::uint64_t hash, std::uint32_t task) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].task != kNone) at = (at + 1) & mask;
  slots_[at] = {hash, task};
}

void TaskIndex::add(std::uint64_t hash, std::uint32_t task) {
  if ((size_ + 1) * 4 > slots_.size() * 3) {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.task != kNone) put(slot.hash, slot.task);
    }
  }
  put(hash, task);
  ++size_;
}

std::size_t TaskIndex::slot_of(std::uint64_t hash, std::uint32_t task) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].task != task) {
    XYLEM_CHECK(slots_[at].task != kNone, "what is removed was added");
    at = (at + 1) & mask;
  }
  return at;
}

void TaskIndex::replace(std::uint64_t hash, std::uint32_t task, std::uint32_t by) {
  slots_[slot_of(hash, task)].task = by;
}

void TaskIndex::remove(std::uint64_t hash, std::uint32_t task) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = slot_of(hash, task);
  --size_;
  for (std::size_t at = (hole + 1) & mask; slots_[at].task != kNone; at = (at + 1) & mask) {
    // May it stand in the hole? Not if its own place lies behind that.
    if (((at - (slots_[at].hash & mask)) & mask) >= ((at - hole) & mask)) {
      slots_[hole] = slots_[at];
      hole = at;
    }
  }
  slots_[hole].task = kNone;
}

}  // namespace xylem::cluster
