#pragma once

#include <array>
#include <cstdint>

#include "relay/cluster/task_store.h"

namespace xylem::cluster {

// Tasks from the one that changed last to older ones, finished and unfinished together, across
// turns of a lock. What changes in such a pause moves to the front, where the walk does not come by
// again. One owner thread; the store may differ between calls of next() only if resume() is called
// first.
class TaskWalk {
 public:
  // kNoTask at the end. After a pause it may come by tasks again whose changed_us is not before
  // that of the one given last: who counts steps over them.
  [[nodiscard]] TaskNumber next(const TaskStore& tasks);
  // Finds its place again.
  void resume(const TaskStore& tasks);

 private:
  // So many of those last given may have moved in a pause, or have left, and the place is kept.
  static constexpr std::size_t kTracks = 16;
  struct Track {
    TaskNumber number = kNoTask;
    std::uint64_t hash = 0;
    std::int64_t changed_us = 0;
  };
  struct Lane {
    std::uint32_t group;
    TaskNumber ahead = kNoTask;
    bool has_begun = false;
    std::array<Track, kTracks> tracks{};
    std::size_t given = 0;
  };
  std::array<Lane, 2> lanes_{Lane{kFinishedTasks}, Lane{kUnfinishedTasks}};
};

}  // namespace xylem::cluster
