#include "relay/cluster/celery_state.h"

#include <algorithm>
#include <cmath>

#include "relay/cluster/life.h"

namespace xylem::cluster {
namespace {

constexpr std::size_t kHeartbeatsMax = 4;
constexpr double kExpireWindow = 2;
constexpr int kCustomPrecedence = 2;
constexpr EventField kKeptOfReceived[] = {
    EventField::name,    EventField::args,    EventField::kwargs, EventField::parent_id,
    EventField::root_id, EventField::retries, EventField::eta,    EventField::expires};

// Celery's PRECEDENCE (celery/states.py): lower is higher. A state that it does not know is None.
int precedence(std::string_view state) {
  constexpr std::string_view kOrder[] = {R"("SUCCESS")",  R"("FAILURE")", "",
                                         R"("REVOKED")",  R"("STARTED")", R"("RECEIVED")",
                                         R"("REJECTED")", R"("RETRY")",   R"("PENDING")"};
  for (int i = 0; i < 9; ++i) {
    if (kOrder[i] == state) return i;
  }
  return kCustomPrecedence;
}

std::string state_json(std::string_view subject) {
  const Kind kind = kind_of(subject);
  std::string state(kind == Kind::custom ? subject : state_of(kind));
  for (char& c : state) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  std::string json;
  append_json_text(json, state);
  return json;
}

// null is None; whatever is neither that nor a number Python would stumble over.
bool is_number_or_null(std::string_view json) { return json == "null" || json_number(json); }
double number_or_zero(std::string_view json) { return json_number(json).value_or(0); }

void set_all(CeleryState::Fields& fields, const EventView& event) {
  for (std::size_t i = 0; i < kEventFieldCount; ++i) {
    const auto field = static_cast<EventField>(i);
    if (event.has(field)) fields[i] = std::string(event.json(field));
  }
}

std::optional<std::string>& field_in(CeleryState::Fields& fields, EventField field) {
  return fields[static_cast<std::size_t>(field)];
}

void add_weak(CeleryState::WeakTasks& tasks, const std::shared_ptr<CeleryState::Task>& task) {
  std::weak_ptr<CeleryState::Task>& held = tasks[task->uuid];
  if (held.expired()) held = task;
}

// str() of it, as in an f-string.
std::string python_text(std::string_view json) {
  std::string scratch;
  if (is_json_text(json)) return std::string(json_text(json, scratch));
  return json == "null" ? "None" : std::string(json);
}

bool is_false(std::string_view json) {
  return json.empty() || json == "null" || json == "\"\"" || json == "false" || json == "[]" ||
         json == "{}" || json_number(json) == 0.0;
}

}  // namespace

std::string CeleryState::Worker::id() const {
  const auto& pid = fields[static_cast<std::size_t>(EventField::pid)];
  return python_text(hostname) + "." + (pid ? python_text(*pid) : "None");
}

bool CeleryState::Worker::alive(double now) const {
  if (heartbeats.empty()) return false;
  const auto& freq = fields[static_cast<std::size_t>(EventField::freq)];
  return now < heartbeats.back() + (freq ? number_or_zero(*freq) : 60) * kExpireWindow;
}

std::string_view CeleryState::Task::json(EventField field) const {
  const auto& value = fields[static_cast<std::size_t>(field)];
  return value ? std::string_view(*value) : std::string_view();
}

template <class Value>
std::shared_ptr<Value> CeleryState::Cache<Value>::find(const std::string& key) const {
  const auto at = places.find(key);
  return at == places.end() ? nullptr : at->second->second;
}

// What is the same key stays where it was, as in an OrderedDict, but the first still leaves.
template <class Value>
void CeleryState::Cache<Value>::put(const std::string& key, std::shared_ptr<Value> value) {
  if (limit != 0 && order.size() >= limit) {
    places.erase(order.front().first);
    order.pop_front();
  }
  order.emplace_back(key, std::move(value));
  places[key] = std::prev(order.end());
}

template <class Value>
void CeleryState::Cache<Value>::touch(const std::string& key) {
  order.splice(order.end(), order, places.find(key)->second);
}

CeleryState::CeleryState(const Options& options) : options_(options) {
  tasks_.limit = options.tasks_max;
  workers_.limit = options.workers_max;
}

bool CeleryState::apply(const EventView& event) {
  ++event_count_;
  std::string scratch;
  const std::string_view type_json = event.json(EventField::type);
  if (!is_json_text(type_json)) return false;
  const std::string_view type = json_text(type_json, scratch);
  const std::size_t dash = type.find('-');
  const std::string_view group = type.substr(0, dash);
  const std::string_view subject =
      dash == std::string_view::npos ? std::string_view() : type.substr(dash + 1);
  if (group != "task" && group != "worker") return true;
  for (const EventField field :
       {EventField::hostname, EventField::timestamp, EventField::local_received}) {
    // Celery passes over a worker's event then, and raises for a task's.
    if (!event.has(field)) return group == "worker";
  }
  if (!is_number_or_null(event.json(EventField::timestamp)) ||
      !is_number_or_null(event.json(EventField::local_received))) {
    return false;
  }
  if (group == "task") return apply_task(event, subject);
  apply_worker(event, subject);
  return true;
}

std::shared_ptr<CeleryState::Worker> CeleryState::worker_of(const std::string& hostname) {
  std::shared_ptr<Worker> worker = workers_.find(hostname);
  if (worker == nullptr) {
    worker = std::make_shared<Worker>();
    worker->hostname = hostname;
    workers_.put(hostname, worker);
  }
  return worker;
}

void CeleryState::apply_worker(const EventView& event, std::string_view subject) {
  const std::string hostname(event.json(EventField::hostname));
  const bool is_offline = subject == "offline";
  // One that is not known is not kept either.
  if (is_offline && workers_.find(hostname) == nullptr) return;
  Worker& worker = *worker_of(hostname);
  set_all(worker.fields, event);
  if (is_offline) return worker.heartbeats.clear();
  beat(worker, number_or_zero(event.json(EventField::timestamp)),
       number_or_zero(event.json(EventField::local_received)));
}

// The oldest leaves before it is known whether the new one is newer.
void CeleryState::beat(Worker& worker, double timestamp, double local_received) {
  if (local_received == 0 || timestamp == 0) return;
  std::vector<double>& beats = worker.heartbeats;
  const bool had_any = !beats.empty();
  if (beats.size() >= kHeartbeatsMax) beats.erase(beats.begin());
  if (had_any && local_received > beats.back()) {
    beats.push_back(local_received);
  } else {
    beats.insert(std::upper_bound(beats.begin(), beats.end(), local_received), local_received);
  }
}

bool CeleryState::apply_task(const EventView& event, std::string_view subject) {
  const std::string_view clock = event.json(EventField::clock);
  if (!event.has(EventField::uuid) || !is_number_or_null(clock)) return false;
  const std::string uuid(event.json(EventField::uuid));
  const std::string hostname(event.json(EventField::hostname));
  std::shared_ptr<Task> task = tasks_.find(uuid);
  const bool created = task == nullptr;
  if (created) {
    task = std::make_shared<Task>();
    task->uuid = uuid;
    field_in(task->fields, EventField::state) = R"("PENDING")";
    tasks_.put(uuid, task);
  }
  const double timestamp = number_or_zero(event.json(EventField::timestamp));
  const double local_received = number_or_zero(event.json(EventField::local_received));
  const bool from_client = subject == "sent";
  if (from_client) {
    field_in(task->fields, EventField::client) = hostname;
  } else {
    task->worker = worker_of(hostname);
    // The two times are the other way round, as in Celery.
    if (local_received != 0) beat(*task->worker, local_received, timestamp);
  }
  add_to_heap({number_or_zero(clock), timestamp,
               from_client ? python_text(hostname) : task->worker->id(), task});
  if (subject == "received") ++task_count_;
  merge(*task, event, subject);
  add_to_indexes(task, created, hostname);
  resolve_family(task);
  return true;
}

// timetuple.__lt__ of kombu/clocks.py; not transitive.
bool CeleryState::less(const HeapEntry& a, const HeapEntry& b) {
  if (a.clock != 0 && b.clock != 0) {
    return a.clock == b.clock ? a.origin < b.origin : a.clock < b.clock;
  }
  return a.timestamp < b.timestamp;
}

void CeleryState::add_to_heap(HeapEntry entry) {
  const bool had_any = !heap_.empty();
  if (heap_.size() + 1 > options_.tasks_max * Options::kHeapMultiplier) heap_.pop_front();
  if (had_any && less(heap_.back(), entry)) {
    heap_.push_back(std::move(entry));
  } else {
    const auto place = std::upper_bound(heap_.begin(), heap_.end(), entry, less);
    heap_.insert(place, std::move(entry));
  }
}

void CeleryState::merge(Task& task, const EventView& event, std::string_view subject) {
  const Kind kind = kind_of(subject);
  const std::string state = state_json(subject);
  const std::string timestamp(event.json(EventField::timestamp));
  if (kind != Kind::custom) {
    // Its own time, under the event's own name.
    field_in(task.fields, *event_field(subject)) = timestamp;
  }
  const std::string_view held = task.json(EventField::state);
  constexpr std::string_view kRetry = R"("RETRY")";
  if (state != kRetry && held != kRetry && precedence(state) > precedence(held)) {
    if (kind != Kind::received) return set_all(task.fields, event);
    for (const EventField field : kKeptOfReceived) {
      if (event.has(field)) field_in(task.fields, field) = std::string(event.json(field));
    }
    return;
  }
  set_all(task.fields, event);
  field_in(task.fields, EventField::state) = state;
  field_in(task.fields, EventField::timestamp) = timestamp;
}

void CeleryState::add_to_indexes(const std::shared_ptr<Task>& task, bool created,
                                 const std::string& host) {
  const std::string_view name = task->json(EventField::name);
  if (name.empty() || name == "null") return;
  seen_types_.emplace(name);
  if (!created) return;
  add_weak(by_type_[std::string(name)], task);
  add_weak(by_worker_[host], task);
}

void CeleryState::resolve_family(const std::shared_ptr<Task>& task) {
  const std::string parent(task->json(EventField::parent_id));
  if (!is_false(parent)) {
    if (const std::shared_ptr<Task> known = tasks_.find(parent)) {
      tasks_.touch(parent);
      add_weak(known->children, task);
    } else {
      add_weak(to_resolve_[parent], task);
    }
  }
  const auto waiting = to_resolve_.find(task->uuid);
  if (waiting == to_resolve_.end()) return;
  for (const auto& [uuid, child] : waiting->second) {
    if (const std::shared_ptr<Task> alive = child.lock()) add_weak(task->children, alive);
  }
  to_resolve_.erase(waiting);
}

std::vector<std::shared_ptr<const CeleryState::Task>> CeleryState::tasks() const {
  std::vector<std::shared_ptr<const Task>> all;
  for (const auto& [uuid, task] : tasks_.order) all.push_back(task);
  return all;
}

std::vector<std::shared_ptr<const CeleryState::Worker>> CeleryState::workers() const {
  std::vector<std::shared_ptr<const Worker>> all;
  for (const auto& [hostname, worker] : workers_.order) all.push_back(worker);
  return all;
}

const CeleryState::Task* CeleryState::find(std::string_view uuid) const {
  return tasks_.find(std::string(uuid)).get();
}

std::vector<std::string> CeleryState::tasks_by_time() const {
  std::vector<std::string> uuids;
  std::set<std::string> seen;
  for (auto entry = heap_.rbegin(); entry != heap_.rend(); ++entry) {
    const std::shared_ptr<Task> task = entry->task.lock();
    if (task && seen.insert(task->uuid).second) uuids.push_back(task->uuid);
  }
  return uuids;
}

}  // namespace xylem::cluster
