#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "relay/codec/event_view.h"
#include "relay/filter/filter_key.h"

namespace xylem {

// What only the first events of a task say, its name above all, so that later ones are selected by
// it as well. Bounded: the task that came first is forgotten first. One owner thread.
class TaskMemory {
 public:
  static constexpr std::size_t kValueBytesMax = 1024;  // larger ones are not remembered

  explicit TaskMemory(std::size_t tasks_max = 65'536) : tasks_max_(tasks_max) {}

  // Remembers what an event brings.
  void see(const EventView& fields);
  // JSON; "" for what is not remembered, or is not of those that are.
  [[nodiscard]] std::string_view json(std::string_view uuid, FilterKey key) const;
  [[nodiscard]] std::size_t size() const { return tasks_.size(); }

 private:
  static constexpr std::array kKept{FilterKey::name, FilterKey::args,   FilterKey::kwargs,
                                    FilterKey::root, FilterKey::parent, FilterKey::queue};
  using Values = std::array<std::string, kKept.size()>;

  std::size_t tasks_max_;
  std::unordered_map<std::string, Values> tasks_;
  std::deque<std::string> order_;
};

}  // namespace xylem
