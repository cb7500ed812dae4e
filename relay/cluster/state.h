#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "relay/cluster/failures.h"
#include "relay/cluster/names.h"
#include "relay/cluster/tallies.h"
#include "relay/cluster/task_store.h"
#include "relay/cluster/worker_table.h"
#include "relay/codec/event_view.h"

namespace xylem::cluster {

// Why the state took nothing from an event, or not all of it. Closed list: each is a label of
// xylem_state_refused_total.
enum class StateRefusal : std::uint8_t {
  no_type,       // or one that is no text
  no_uuid,       // of a task event; or no text, or empty
  long_uuid,     // above kUuidBytesMax
  no_hostname,   // of a worker event
  no_timestamp,  // or none that is a number
  far_time,      // before 1970, or more than a day ahead of the relay's clock
};
inline constexpr std::size_t kStateRefusals = 6;
[[nodiscard]] std::string_view name_of(StateRefusal refusal);

// Why a task left.
enum class Eviction : std::uint8_t {
  finished_for_number,
  running_for_number,
  finished_for_bytes,
  running_for_bytes
};
inline constexpr std::size_t kEvictions = 4;
[[nodiscard]] std::string_view name_of(Eviction why);

// What every worker and task is doing, by the rules of docs/cluster.md ("logical"): whatever order
// the same events arrive in, each task's record is the same. Pure: no thread, no clock, no I/O.
// Bounded: finished tasks leave before running ones, those first that changed longest ago. One
// owner thread.
class State {
 public:
  static constexpr std::size_t kUuidBytesMax = 255;  // Celery's result backends take as many
  static constexpr std::size_t kBlindnessesMax = 64;

  struct Options {
    std::size_t tasks_max = 100'000;
    std::size_t bytes_max = std::size_t{256} << 20;
    std::size_t value_bytes_max = std::size_t{8} << 10;  // of one field; the rest is cut off
    std::size_t names_max = 10'000;  // task names, queues and states, each; the rest is "(other)"
    std::size_t failures_max = 1000;
    WorkerTable::Options workers = {};
    std::uint64_t seed = 0;  // of the hashes
  };
  struct Counters {
    std::uint64_t events = 0;
    std::uint64_t task_events = 0;
    std::uint64_t worker_events = 0;
    std::uint64_t other_events = 0;  // of other groups: counted, and left alone
    std::uint64_t repeated = 0;      // that were there before
    std::uint64_t sightings_dropped = 0;
    std::uint64_t values_cut = 0;
    std::uint64_t orphaned = 0;
    std::uint64_t buried = 0;  // workers whose heartbeats stayed away
    std::array<std::uint64_t, kStateRefusals> refused{};
    std::array<std::uint64_t, kEvictions> evicted{};
  };

  explicit State(const Options& options);

  // Opened fields of one event, and when it arrived. `is_past`: of a recording, so that it tells
  // of tasks but gives no sign of life.
  void apply(const EventView& fields, std::int64_t arrived_us, bool is_past = false);
  // Between these times something is missing.
  void note_blindness(const Blindness& blindness);
  // What only time brings: workers that have been silent for too long, and their tasks. Cost: one
  // look at each worker, and at the tasks of those that are lost.
  void pass_time(std::int64_t now_us);

  // The task that the last event changed; kNoTask if it changed none.
  [[nodiscard]] TaskNumber changed() const { return changed_; }
  [[nodiscard]] const TaskStore& tasks() const { return tasks_; }
  [[nodiscard]] const WorkerTable& workers() const { return workers_; }
  [[nodiscard]] const Names& hosts() const { return hosts_; }
  [[nodiscard]] const Names& names() const { return names_; }
  [[nodiscard]] const Names& queues() const { return queues_; }
  [[nodiscard]] const Names& states() const { return states_; }
  [[nodiscard]] const Tallies& by_name() const { return by_name_; }
  [[nodiscard]] const Tallies& by_queue() const { return by_queue_; }
  [[nodiscard]] const Tallies& by_worker() const { return by_worker_; }
  [[nodiscard]] const Failures& failures() const { return failures_; }
  [[nodiscard]] const std::deque<Blindness>& blindnesses() const { return blindnesses_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] Verdict verdict(const Worker& worker, std::int64_t now_us) const {
    return workers_.verdict(worker, now_us, blind_until_us_);
  }
  // It runs for longer than ten times what 99 of 100 of its name take, and at least a minute; its
  // worker is alive, and the relay has missed nothing since.
  [[nodiscard]] bool is_stuck(const Task& task, std::int64_t now_us) const;
  [[nodiscard]] std::size_t bytes() const;

 private:
  void apply_task(const EventView& fields, std::string_view subject, const WorkerTable::Sign& sign,
                  bool is_past);
  void apply_worker(const EventView& fields, std::string_view subject,
                    const WorkerTable::Sign& sign, bool is_past);
  [[nodiscard]] Sighting* sighting_of(const EventView& fields, std::string_view subject,
                                      const WorkerTable::Sign& sign);
  // Names alone change nothing but by who brings some; see Task::is_odd.
  void summarise(TaskNumber number, bool with_names);
  void list_by_names(TaskNumber number, const Life& life);
  // What was known of a task before an event.
  struct Known {
    bool name;
    bool queue;
  };
  void count(const Task& task, const Known& before, const Sighting& newest);
  void count_durations(Task& task, const Life& life);
  void count_failure(const Task& task, const Life& life, Kind kind, std::int64_t arrived_us);
  template <class Visit>
  void for_each_tally(const Task& task, Visit visit);
  void make_room(TaskNumber newcomer);
  void orphan_tasks_of(const Worker& worker);
  void refuse(StateRefusal why) { ++counters_.refused[static_cast<std::size_t>(why)]; }

  Options options_;
  Names hosts_;
  Names names_;
  Names queues_;
  Names states_;
  TaskStore tasks_;
  WorkerTable workers_;
  Tallies by_name_;
  Tallies by_queue_;
  Tallies by_worker_;
  Failures failures_;
  std::deque<Blindness> blindnesses_;
  std::int64_t blind_until_us_ = 0;
  Counters counters_;
  TaskNumber changed_ = kNoTask;
  std::string scratch_;
};

}  // namespace xylem::cluster
