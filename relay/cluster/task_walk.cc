#include "relay/cluster/task_walk.h"

#include <algorithm>

namespace xylem::cluster {

TaskNumber TaskWalk::next(const TaskStore& tasks) {
  Lane* newest = nullptr;
  for (Lane& lane : lanes_) {
    if (!lane.has_begun) lane.ahead = tasks.ends(TaskList::age, lane.group).newest;
    lane.has_begun = true;
    if (lane.ahead == kNoTask) continue;
    if (newest == nullptr || tasks.at(lane.ahead).changed_us > tasks.at(newest->ahead).changed_us) {
      newest = &lane;
    }
  }
  if (newest == nullptr) return kNoTask;
  const TaskNumber number = newest->ahead;
  const Task& task = tasks.at(number);
  newest->tracks[newest->given++ % kTracks] = {number, task.hash, task.changed_us};
  newest->ahead = tasks.older(number, TaskList::age);
  return number;
}

void TaskWalk::resume(const TaskStore& tasks) {
  for (Lane& lane : lanes_) {
    if (!lane.has_begun || lane.ahead == kNoTask) continue;
    lane.ahead = tasks.ends(TaskList::age, lane.group).newest;
    for (std::size_t back = 1; back <= std::min(lane.given, kTracks); ++back) {
      const Track& track = lane.tracks[(lane.given - back) % kTracks];
      const Task& task = tasks.at(track.number);
      if (task.in_use && task.hash == track.hash && task.changed_us == track.changed_us &&
          task.group(TaskList::age).value == lane.group) {
        lane.ahead = tasks.older(track.number, TaskList::age);
        break;
      }
    }
  }
}

}  // namespace xylem::cluster
