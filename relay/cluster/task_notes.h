#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "relay/cluster/life.h"
#include "relay/cluster/task_index.h"
#include "relay/codec/event_view.h"

namespace xylem::cluster {

// One event, opened, for those who count. Views, valid for a call.
struct CountedEvent {
  std::string_view type;     // "task-started"
  std::string_view subject;  // "started"
  bool of_task = false;      // else of a worker
  std::string_view hostname;
  std::string_view uuid;  // of a task
  double timestamp = 0;   // its own, seconds
  std::int64_t arrived_us = 0;
  const EventView* fields = nullptr;
};

// What Celery's State says of a task (celery/events/state.py, 5.2.6), as far as metrics ask for it:
// flaws included, since those who read the metrics know them.
struct TaskNote {
  std::string uuid;
  std::optional<std::string> name;   // nothing: None
  std::optional<std::string> queue;  // likewise
  bool has_queue = false;            // some event said one, if only None
  std::string hostname;
  std::optional<double> sent;  // seconds; of the last to arrive
  std::optional<double> received;
  std::optional<double> started;
  std::string eta;  // ISO 8601, or ""
  std::uint8_t precedence = 0;
  std::uint64_t hash = 0;
};

// The latest tasks by uuid, bounded in number: the one that came first makes room, as in Celery.
// One owner thread.
class TaskNotes {
 public:
  static constexpr std::size_t kTextBytesMax = 512;  // of one; the rest is cut off

  TaskNotes(std::size_t tasks_max, std::uint64_t seed) : tasks_max_(tasks_max), seed_(seed) {}

  // The task, with this event of it.
  const TaskNote& note(const CountedEvent& event);
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

 private:
  [[nodiscard]] TaskNote& task_of(std::string_view uuid);

  std::size_t tasks_max_;
  std::uint64_t seed_;
  std::deque<TaskNote> notes_;
  std::size_t oldest_ = 0;  // once there are tasks_max_
  TaskIndex index_;
  std::uint64_t forgotten_ = 0;
  std::string scratch_;
};

}  // namespace xylem::cluster
