#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xylem::cluster {

// Which task has a hash: open addressing, 16 bytes a slot, at most three quarters full. Who asks
// compares the text itself. Removal moves what is behind, so that nothing is left to step over.
// One owner thread.
class TaskIndex {
 public:
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

  TaskIndex() : slots_(64) {}

  // The first task with this hash for which `is_it(task)`, or kNone.
  template <class IsIt>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, IsIt is_it) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash & mask; slots_[at].task != kNone; at = (at + 1) & mask) {
      if (slots_[at].hash == hash && is_it(slots_[at].task)) return slots_[at].task;
    }
    return kNone;
  }
  void add(std::uint64_t hash, std::uint32_t task);
  void remove(std::uint64_t hash, std::uint32_t task);
  // In place of another task with the same hash.
  void replace(std::uint64_t hash, std::uint32_t task, std::uint32_t by);
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return slots_.size() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t task = kNone;
    std::uint32_t unused = 0;
  };
  [[nodiscard]] std::size_t slot_of(std::uint64_t hash, std::uint32_t task) const;
  void put(std::uint64_t hash, std::uint32_t task);

  std::vector<Slot> slots_;  // a power of two
  std::size_t size_ = 0;
};

}  // namespace xylem::cluster
