// Feeds events, one a line, to the celery rules and prints what they made of them, for
// celery_rules.py, which holds it against the real thing.
//   !reset WORKERS TASKS      begins anew with these bounds
//   !dump NOW                 prints the state as one line of JSON, alive as of NOW
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>

#include "relay/cluster/celery_state.h"
#include "relay/event/batch.h"

namespace {

using namespace xylem;
using cluster::CeleryState;

void print_fields(std::ostream& out, const CeleryState::Fields& fields) {
  const char* comma = "";
  out << '{';
  for (std::size_t i = 0; i < kEventFieldCount; ++i) {
    if (!fields[i]) continue;
    out << comma << '"' << name_of(static_cast<EventField>(i)) << "\":" << *fields[i];
    comma = ",";
  }
  out << '}';
}

void print_tasks(std::ostream& out, const CeleryState::WeakTasks& tasks) {
  const char* comma = "";
  out << '[';
  for (const auto& [uuid, task] : tasks) {
    if (task.expired()) continue;
    out << comma << uuid;
    comma = ",";
  }
  out << ']';
}

void print_index(std::ostream& out, const char* name,
                 const std::map<std::string, CeleryState::WeakTasks>& index) {
  const char* comma = "";
  out << ",\"" << name << "\":[";
  for (const auto& [key, tasks] : index) {
    out << comma << '[' << key << ',';
    print_tasks(out, tasks);
    out << ']';
    comma = ",";
  }
  out << ']';
}

std::string_view uuid_or_null(const CeleryState& state, std::string_view uuid) {
  const CeleryState::Task* const task = state.find(uuid);
  return task == nullptr ? "null" : std::string_view(task->uuid);
}

void dump(const CeleryState& state, double now) {
  std::ostringstream out;
  out.precision(17);
  out << "{\"event_count\":" << state.event_count() << ",\"task_count\":" << state.task_count()
      << ",\"tasks\":[";
  const char* comma = "";
  for (const auto& task : state.tasks()) {
    out << comma << '[' << task->uuid << ',';
    print_fields(out, task->fields);
    out << ',' << (task->worker ? task->worker->hostname : "null") << ',';
    print_tasks(out, task->children);
    out << ',' << uuid_or_null(state, task->json(EventField::parent_id)) << ','
        << uuid_or_null(state, task->json(EventField::root_id)) << ']';
    comma = ",";
  }
  out << "],\"workers\":[";
  comma = "";
  for (const auto& worker : state.workers()) {
    out << comma << '[' << worker->hostname << ',';
    print_fields(out, worker->fields);
    out << ",[";
    for (std::size_t i = 0; i < worker->heartbeats.size(); ++i) {
      out << (i == 0 ? "" : ",") << worker->heartbeats[i];
    }
    out << "]," << (worker->alive(now) ? "true" : "false") << ']';
    comma = ",";
  }
  out << "],\"by_time\":[";
  comma = "";
  for (const std::string& uuid : state.tasks_by_time()) {
    out << comma << uuid;
    comma = ",";
  }
  out << "],\"types\":[";
  comma = "";
  for (const std::string& type : state.task_types()) {
    out << comma << type;
    comma = ",";
  }
  out << ']';
  print_index(out, "by_type", state.tasks_by_type());
  print_index(out, "by_worker", state.tasks_by_worker());
  std::cout << out.str() << "}\n";
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  auto state = std::make_unique<CeleryState>(CeleryState::Options{});
  EventView fields;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "!reset") {
      CeleryState::Options options;
      words >> options.workers_max >> options.tasks_max;
      state = std::make_unique<CeleryState>(options);
    } else if (word == "!dump") {
      double now = 0;
      words >> now;
      dump(*state, now);
    } else {
      const std::size_t bytes = line.size();
      line.resize(bytes + Slab::kSlack);
      static_cast<void>(fields.open(std::string_view(line).substr(0, bytes)));
      static_cast<void>(state->apply(fields));
    }
  }
  return 0;
}
