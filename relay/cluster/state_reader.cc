#include "relay/cluster/state_reader.h"

#include <algorithm>
#include <functional>

#include "relay/cluster/task_subject.h"
#include "relay/cluster/task_walk.h"

namespace xylem::cluster {
namespace {

constexpr EventField kValues[] = {
    EventField::args,     EventField::kwargs,      EventField::eta,       EventField::expires,
    EventField::result,   EventField::runtime,     EventField::exception, EventField::traceback,
    EventField::exchange, EventField::routing_key, EventField::root_id,   EventField::parent_id,
    EventField::signum};

std::string type_of(const Sighting& sighting) {
  std::string scratch;
  const std::string_view subject = sighting.kind == Kind::custom
                                       ? json_text(sighting.value(EventField::state), scratch)
                                       : name_of(sighting.kind);
  return "task-" + std::string(subject);
}

std::optional<std::int64_t> time_of(const Sighting* sighting) {
  return sighting == nullptr ? std::nullopt : std::optional(sighting->timestamp_us);
}

double seconds_between(std::int64_t from_us, std::int64_t to_us) {
  return static_cast<double>(std::max<std::int64_t>(0, clipped_difference(to_us, from_us))) / 1e6;
}

std::optional<double> elapsed_of(const Life& life, std::int64_t now_us) {
  const Sighting& now = *life.current()->sighting;
  if (now.kind == Kind::succeeded) {
    const auto runtime = json_number(life.value(EventField::runtime));
    if (runtime && *runtime >= 0) return runtime;
  }
  const Placed* const started = life.last_of_attempt(Kind::started);
  if (started == nullptr) return std::nullopt;
  if (!ends_attempt(now.kind)) return seconds_between(started->sighting->arrived_us, now_us);
  return seconds_between(started->sighting->timestamp_us, now.timestamp_us);
}

}  // namespace

std::string_view name_of(TaskOrder order) {
  constexpr std::array<std::string_view, kTaskOrders> kNames{"place", "changed", "elapsed"};
  return kNames[static_cast<std::size_t>(order)];
}

TaskRow StateReader::row_of(TaskNumber number) const {
  const State& state = shared_.state;
  const Task& task = state.tasks().at(number);
  const Life life(task.newest);
  TaskRow row;
  row.uuid = task.uuid();
  row.name = state.names().text(task.group(TaskList::name));
  row.state = state.states().text(task.group(TaskList::state));
  row.worker = state.hosts().text(task.group(TaskList::worker));
  row.queue = state.queues().text(task.group(TaskList::queue));
  row.attempts = life.attempts();
  row.changed_us = task.changed_us;
  row.elapsed = elapsed_of(life, shared_.now_us);
  row.orphaned = task.orphaned;
  row.stuck = state.is_stuck(task, shared_.now_us);
  for (const EventField field : kValues) {
    const Placed* const origin = life.origin_of(field);
    if (origin == nullptr) continue;
    row.values.push_back({std::string(name_of(field)), std::string(origin->sighting->value(field)),
                          type_of(*origin->sighting),
                          std::string(state.hosts().text(origin->sighting->host))});
  }
  for (const Placed& each : life.placed()) {
    const Sighting& s = *each.sighting;
    row.sightings.push_back({type_of(s), std::string(state.hosts().text(s.host)), s.pid, s.clock,
                             s.timestamp_us, s.arrived_us, each.attempt, each.delivery});
  }
  row.revoke_asked_us = time_of(life.revoke_asked());
  row.revoke_done_us = time_of(life.revoke_done());
  return row;
}

TaskPage StateReader::tasks(const TaskQuery& query) const {
  return query.order == TaskOrder::place ? tasks_in_place(query) : tasks_in_order(query);
}

TaskPage StateReader::tasks_in_place(const TaskQuery& query) const {
  TaskPage page;
  const std::size_t limit = std::min(query.limit, kRowsMax);
  TaskNumber number = query.cursor;
  for (bool is_first = true;; is_first = false) {
    const std::lock_guard lock(shared_.mutex);
    const TaskStore& tasks = shared_.state.tasks();
    if (is_first) page.as_of = shared_.as_of;
    for (std::size_t looked = 0; looked < kSlice; ++number) {
      if (number >= tasks.numbers_end()) return page;
      ++looked;
      if (!tasks.at(number).in_use) continue;
      if (page.rows.size() == limit || page.searched == kSearchMax) {
        page.cursor = number;
        return page;
      }
      ++page.searched;
      if (takes(query.filter, shared_.state, number, shared_.now_us)) {
        page.rows.push_back(row_of(number));
        looked += 16;  // copying takes longer than looking
      }
    }
  }
}

// A task that is to be shown, if it is still there then.
struct StateReader::Found {
  double rank = 0;  // what is greater comes first
  TaskNumber number = kNoTask;
  std::uint64_t hash = 0;
  friend bool operator>(const Found& a, const Found& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.number > b.number;
  }
};

std::vector<StateReader::Found> StateReader::first_of(const TaskQuery& query,
                                                      TaskPage& page) const {
  const std::size_t limit = std::min(query.limit, kRowsMax);
  std::vector<Found> best;  // a heap, the last of them on top
  TaskWalk walk;
  std::int64_t given_us = INT64_MAX;
  for (bool is_first = true;; is_first = false) {
    const std::lock_guard lock(shared_.mutex);
    const TaskStore& tasks = shared_.state.tasks();
    if (is_first) page.as_of = shared_.as_of;
    walk.resume(tasks);
    for (std::size_t looked = 0; looked < kSlice; ++looked) {
      const TaskNumber number = walk.next(tasks);
      const bool is_full = query.order == TaskOrder::changed && best.size() == limit;
      if (number == kNoTask || page.searched == kSearchMax || is_full) return best;
      ++page.searched;
      const Task& task = tasks.at(number);
      if (task.changed_us > given_us) continue;
      given_us = task.changed_us;
      const auto rank = query.order == TaskOrder::changed
                            ? std::optional(static_cast<double>(task.changed_us))
                            : elapsed_of(Life(task.newest), shared_.now_us);
      if (!rank || (best.size() == limit && *rank <= best.front().rank)) continue;
      if (!takes(query.filter, shared_.state, number, shared_.now_us)) continue;
      best.push_back({*rank, number, task.hash});
      std::push_heap(best.begin(), best.end(), std::greater<>());
      if (best.size() <= limit) continue;
      std::pop_heap(best.begin(), best.end(), std::greater<>());
      best.pop_back();
    }
  }
}

TaskPage StateReader::tasks_in_order(const TaskQuery& query) const {
  TaskPage page;
  std::vector<Found> found = first_of(query, page);
  std::sort(found.begin(), found.end(), std::greater<>());
  const auto same = [](const Found& a, const Found& b) { return a.number == b.number; };
  found.erase(std::unique(found.begin(), found.end(), same), found.end());
  for (std::size_t next = 0; next < found.size();) {
    const std::lock_guard lock(shared_.mutex);
    const TaskStore& tasks = shared_.state.tasks();
    for (std::size_t copied = 0; copied < kSlice / 16 && next < found.size(); ++copied, ++next) {
      const Task& task = tasks.at(found[next].number);
      if (task.in_use && task.hash == found[next].hash) {
        page.rows.push_back(row_of(found[next].number));
      }
    }
  }
  return page;
}

TaskRow::Relative StateReader::relative(std::string_view relation, std::string_view uuid) const {
  const State& state = shared_.state;
  TaskRow::Relative relative{std::string(relation), std::string(uuid), "", ""};
  if (const TaskNumber number = state.tasks().find(uuid); number != kNoTask) {
    const Task& task = state.tasks().at(number);
    relative.name = state.names().text(task.group(TaskList::name));
    relative.state = state.states().text(task.group(TaskList::state));
  }
  return relative;
}

std::optional<TaskRow> StateReader::task(std::string_view uuid) const {
  const std::lock_guard lock(shared_.mutex);
  const TaskStore& tasks = shared_.state.tasks();
  const TaskNumber number = tasks.find(uuid);
  if (number == kNoTask) return std::nullopt;
  TaskRow row = row_of(number);
  const Life life(tasks.at(number).newest);
  std::string scratch;
  for (const auto& [relation, field] :
       {std::pair("root", EventField::root_id), std::pair("parent", EventField::parent_id)}) {
    const std::string_view other = json_text(life.value(field), scratch);
    if (!other.empty() && other != uuid) row.family.push_back(relative(relation, other));
  }
  TaskNumber child = tasks.first_of_family(TaskList::parent, uuid);
  for (; child != kNoTask && row.children.size() < kFamilyMax;
       child = tasks.older(child, TaskList::parent)) {
    row.children.emplace_back(tasks.at(child).uuid());
    row.family.push_back(relative("child", row.children.back()));
  }
  return row;
}

WorkerRow StateReader::row_of(const Worker& worker) const {
  const State& state = shared_.state;
  WorkerRow row;
  row.worker = worker;
  row.hostname = state.hosts().text(worker.hostname);
  row.verdict = state.verdict(worker, shared_.now_us);
  row.flapping = state.workers().is_flapping(worker, shared_.now_us);
  row.tasks = state.tasks().ends(TaskList::worker, worker.hostname.value).count;
  const Tally* const tally = state.by_worker().find(worker.hostname);
  row.rate = tally == nullptr ? 0 : tally->ends.per_second(shared_.now_us);
  return row;
}

std::vector<WorkerRow> StateReader::workers() const {
  std::vector<WorkerRow> rows;
  const std::lock_guard lock(shared_.mutex);
  for (const Worker& worker : shared_.state.workers().all()) {
    if (worker.hostname && rows.size() < kRowsMax) rows.push_back(row_of(worker));
  }
  return rows;
}

std::optional<WorkerRow> StateReader::worker(std::string_view hostname) const {
  const std::lock_guard lock(shared_.mutex);
  const NameId id = shared_.state.hosts().find(hostname);
  const Worker* const worker = id ? shared_.state.workers().find(id) : nullptr;
  return worker == nullptr ? std::nullopt : std::optional(row_of(*worker));
}

std::vector<TallyRow> StateReader::tallies(const Names& names, const Tallies& tallies,
                                           TaskList list) const {
  std::vector<TallyRow> rows;
  const std::lock_guard lock(shared_.mutex);
  for (std::uint32_t id = 1; id <= names.size() && rows.size() < kRowsMax; ++id) {
    const Tally* const tally = tallies.find({id});
    if (tally == nullptr) continue;
    rows.push_back({std::string(names.text({id})), shared_.state.tasks().ends(list, id).count,
                    *tally, tally->ends.per_second(shared_.now_us)});
  }
  return rows;
}

std::vector<TallyRow> StateReader::names() const {
  return tallies(shared_.state.names(), shared_.state.by_name(), TaskList::name);
}

std::vector<TallyRow> StateReader::queues() const {
  return tallies(shared_.state.queues(), shared_.state.by_queue(), TaskList::queue);
}

std::vector<FailureRow> StateReader::failures() const {
  std::vector<FailureRow> rows;
  const std::lock_guard lock(shared_.mutex);
  for (const auto& [key, group] : shared_.state.failures().groups()) {
    if (rows.size() < kRowsMax) rows.push_back({key, group});
  }
  return rows;
}

std::vector<Blindness> StateReader::blindnesses() const {
  const std::lock_guard lock(shared_.mutex);
  const auto& all = shared_.state.blindnesses();
  return {all.begin(), all.end()};
}

std::string StateReader::compat_text() const {
  std::string text;
  for (const MetricFamily* const family : shared_.compat.families()) {
    family->append_head(text);
    LabelSets::Number end = 1;
    for (LabelSets::Number first = 0; first < end; first += kLabelSetsAtOnce) {
      const std::lock_guard lock(shared_.mutex);
      family->append_series(text, first, first + kLabelSetsAtOnce);
      end = family->sets().end();
    }
  }
  return text;
}

StateStatus StateReader::status() const {
  const std::lock_guard lock(shared_.mutex);
  const State& state = shared_.state;
  StateStatus status{
      state.tasks().size(), 0,  state.bytes(),   shared_.now_us, shared_.known_since_us,
      shared_.as_of,        {}, state.counters()};
  for (const Worker& worker : state.workers().all()) {
    if (!worker.hostname) continue;
    ++status.workers;
    ++status.verdicts[static_cast<std::size_t>(state.verdict(worker, shared_.now_us))];
  }
  return status;
}

}  // namespace xylem::cluster
