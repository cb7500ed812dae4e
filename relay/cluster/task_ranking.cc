#include "relay/cluster/task_ranking.h"

#include <algorithm>
#include <tuple>

#include "relay/cluster/state_reader.h"
#include "relay/cluster/task_subject.h"

namespace xylem::cluster {
namespace {

struct Ranked {
  std::int64_t time_us = INT64_MIN;
  std::string text;
  std::string uuid;
  friend bool operator<(const Ranked& a, const Ranked& b) {
    return std::tie(a.time_us, a.text, a.uuid) < std::tie(b.time_us, b.text, b.uuid);
  }
};

Ranked ranked(const State& state, TaskNumber number, TaskRanking::Key key) {
  const Task& task = state.tasks().at(number);
  Ranked each;
  each.uuid = task.uuid();
  const auto time_of_last = [&](Kind kind) {
    const Life life(task.newest);
    if (const Placed* const last = life.last(kind)) each.time_us = last->sighting->timestamp_us;
  };
  switch (key) {
    case TaskRanking::Key::timestamp:
      each.time_us = Life(task.newest).current()->sighting->timestamp_us;
      break;
    case TaskRanking::Key::name: each.text = state.names().text(task.group(TaskList::name)); break;
    case TaskRanking::Key::state:
      each.text = state.states().text(task.group(TaskList::state));
      break;
    case TaskRanking::Key::received: time_of_last(Kind::received); break;
    case TaskRanking::Key::started: time_of_last(Kind::started); break;
  }
  return each;
}

}  // namespace

std::vector<std::string> ranked_tasks(const SharedState& shared, const TaskRanking& ranking) {
  const auto before = [&](const Ranked& a, const Ranked& b) {
    return ranking.descending ? b < a : a < b;
  };
  const std::size_t wanted = ranking.offset + ranking.limit;
  std::vector<Ranked> best;  // a heap, its last on top
  std::size_t searched = 0;
  for (TaskNumber number = 0, end = 1; number < end && searched < StateReader::kSearchMax;) {
    const std::lock_guard lock(shared.mutex);
    const TaskStore& tasks = shared.state.tasks();
    end = tasks.numbers_end();
    const TaskNumber stop = std::min<TaskNumber>(end, number + StateReader::kSlice);
    for (; number < stop && searched < StateReader::kSearchMax; ++number) {
      if (!tasks.at(number).in_use) continue;
      ++searched;
      if (!takes(ranking.filter, shared.state, number, shared.now_us)) continue;
      best.push_back(ranked(shared.state, number, ranking.key));
      std::push_heap(best.begin(), best.end(), before);
      if (best.size() <= wanted) continue;
      std::pop_heap(best.begin(), best.end(), before);
      best.pop_back();
    }
  }
  std::sort_heap(best.begin(), best.end(), before);
  std::vector<std::string> uuids;
  for (std::size_t i = ranking.offset; i < best.size(); ++i) {
    uuids.push_back(std::move(best[i].uuid));
  }
  return uuids;
}

}  // namespace xylem::cluster
