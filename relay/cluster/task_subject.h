#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "relay/cluster/state.h"
#include "relay/filter/filter.h"
#include "relay/filter/filter_key.h"

namespace xylem::cluster {

// A task as filters see it: what of it is current, and of each kind of event the last one's time.
class TaskSubject final : public FilterSubject {
 public:
  // `state` must outlive it, unchanged.
  TaskSubject(const State& state, TaskNumber number);
  [[nodiscard]] std::string_view json(FilterKey key) const override;

 private:
  [[nodiscard]] std::string_view named(TaskList list, const Names& names) const;
  [[nodiscard]] std::string_view time_of(Kind kind) const;
  [[nodiscard]] const Life& life() const;

  const State& state_;
  const Task& task_;
  // Made when it is first asked for: what lists go by needs none.
  mutable std::optional<Life> life_;
  mutable std::string text_;
};

// Whether the filter takes the task. What takes everything looks at nothing.
[[nodiscard]] bool takes(const Filter& filter, const State& state, TaskNumber number,
                         std::int64_t now_us);

}  // namespace xylem::cluster
