#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "relay/cluster/state_agent.h"
#include "relay/filter/filter.h"

namespace xylem::cluster {

// Copies of what the state knows, for people and programs: each is a value that nobody changes any
// more. Texts are as the events said them, without JSON's escapes; values() are JSON.

// One event of a task's life.
struct SightingRow {
  std::string type;  // "task-started"
  std::string host;
  std::uint32_t pid = 0;
  std::uint64_t clock = 0;
  std::int64_t timestamp_us = 0;
  std::int64_t arrived_us = 0;
  std::uint32_t attempt = 0;
  std::uint32_t delivery = 0;
};

struct TaskRow {
  std::string uuid;
  std::string name;
  std::string state;
  std::string worker;
  std::string queue;
  std::uint32_t attempts = 0;
  std::int64_t changed_us = 0;
  // How long the current attempt ran, or has run so far: as its worker measured it, or from started
  // to its end, or to now. Nothing if it was never started. Seconds.
  std::optional<double> elapsed;
  bool orphaned = false;
  bool stuck = false;
  // What of it is current, as JSON, and of which event it came: "args", "(1,)", "task-received".
  struct Value {
    std::string field;
    std::string json;
    std::string type;
    std::string host;
  };
  std::vector<Value> values;
  std::vector<SightingRow> sightings;  // in the order that counts
  std::optional<std::int64_t> revoke_asked_us;
  std::optional<std::int64_t> revoke_done_us;
  std::vector<std::string> children;  // of one task alone
  // Root, parent and children, as far as they are known; of one task alone.
  struct Relative {
    std::string relation;  // "root", "parent" or "child"
    std::string uuid;
    std::string name;
    std::string state;  // "" for one that is not known, or no longer
  };
  std::vector<Relative> family;
};

// `place`: that of the store, for pages that follow each other. The others show the first alone:
// changed: what changed last comes first; elapsed: what runs, or ran, longest.
enum class TaskOrder : std::uint8_t { place, changed, elapsed };
inline constexpr std::size_t kTaskOrders = 3;
[[nodiscard]] std::string_view name_of(TaskOrder order);

struct TaskQuery {
  Filter filter;
  std::size_t limit = 100;
  TaskOrder order = TaskOrder::place;
  TaskNumber cursor = 0;  // in the order of places: where the page before ended
};

struct TaskPage {
  std::vector<TaskRow> rows;
  std::optional<TaskNumber> cursor;  // of the next page, if there may be more
  std::size_t searched = 0;
  std::uint64_t as_of = 0;
};

struct WorkerRow {
  Worker worker;
  std::string hostname;
  Verdict verdict{};
  bool flapping = false;
  std::uint32_t tasks = 0;  // that are kept and were last seen there
  double rate = 0;
};

struct TallyRow {
  std::string name;
  std::uint32_t tasks = 0;
  Tally tally;
  double rate = 0;
};

struct FailureRow {
  Failures::Key key;
  Failures::Group group;
};

struct StateStatus {
  std::size_t tasks = 0;
  std::size_t workers = 0;
  std::size_t bytes = 0;
  std::int64_t now_us = 0;
  std::int64_t known_since_us = 0;
  std::uint64_t as_of = 0;
  std::array<std::uint64_t, kVerdicts> verdicts{};  // workers by theirs
  State::Counters counters;
};

// Reads the state in slices, so that its agent never waits for more than one. Any thread; every
// call may take as long as there are tasks.
class StateReader {
 public:
  static constexpr std::size_t kSlice = 2048;         // tasks that are looked at under one lock
  static constexpr std::size_t kRowsMax = 1000;       // of one answer
  static constexpr std::size_t kSearchMax = 100'000;  // tasks; the next page goes on behind
  static constexpr std::size_t kFamilyMax = 1000;
  static constexpr LabelSets::Number kLabelSetsAtOnce = 128;

  // `shared` must outlive it.
  explicit StateReader(const SharedState& shared) : shared_(shared) {}

  // In the order of their places, which none leaves, pages neither miss nor repeat a task that
  // stays. In another order those that changed last are looked at, kSearchMax of them.
  [[nodiscard]] TaskPage tasks(const TaskQuery& query) const;
  [[nodiscard]] std::optional<TaskRow> task(std::string_view uuid) const;
  [[nodiscard]] std::vector<WorkerRow> workers() const;
  [[nodiscard]] std::optional<WorkerRow> worker(std::string_view hostname) const;
  [[nodiscard]] std::vector<TallyRow> names() const;
  [[nodiscard]] std::vector<TallyRow> queues() const;
  [[nodiscard]] std::vector<FailureRow> failures() const;
  [[nodiscard]] std::vector<Blindness> blindnesses() const;
  [[nodiscard]] StateStatus status() const;
  // The metrics of other programs that are kept, as Prometheus text; "" if none are.
  [[nodiscard]] std::string compat_text() const;

 private:
  struct Found;
  [[nodiscard]] TaskPage tasks_in_place(const TaskQuery& query) const;
  [[nodiscard]] TaskPage tasks_in_order(const TaskQuery& query) const;
  [[nodiscard]] std::vector<Found> first_of(const TaskQuery& query, TaskPage& page) const;
  [[nodiscard]] TaskRow row_of(TaskNumber number) const;
  [[nodiscard]] TaskRow::Relative relative(std::string_view relation, std::string_view uuid) const;
  [[nodiscard]] WorkerRow row_of(const Worker& worker) const;
  [[nodiscard]] std::vector<TallyRow> tallies(const Names& names, const Tallies& tallies,
                                              TaskList list) const;
  const SharedState& shared_;
};

}  // namespace xylem::cluster
