#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "relay/cluster/state_agent.h"
#include "relay/filter/filter.h"

namespace xylem::cluster {

// Which tasks to show, and in which order: as Flower's lists have it.
struct TaskRanking {
  // The time of what a task is; its name; its state; when it was last received, or started.
  enum class Key : std::uint8_t { timestamp, name, state, received, started };
  Filter filter;
  Key key = Key::timestamp;
  bool descending = true;  // tasks without that value are the least of all
  std::size_t offset = 0;
  std::size_t limit = 100;
};

// Their uuids, of the kSearchMax tasks that are looked at; equals by uuid. Any thread; takes the
// state's lock for a slice at a time. Cost: a look at each task, and `offset + limit` of memory.
[[nodiscard]] std::vector<std::string> ranked_tasks(const SharedState& shared,
                                                    const TaskRanking& ranking);

}  // namespace xylem::cluster
